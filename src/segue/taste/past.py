"""A listener's events as models that read the past itself need them: appended to in place, shared by all states.

In: events of one listener. Out: columns, with an index of where each track stood: sorted for what was there at first,
lists for what came since. A state is a past and how much of it
has been lived; going on from an older state copies, so that every state stays what it was.
"""

from bisect import bisect_left
from threading import Lock
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events
from segue.taste.contract import TasteModel

__all__ = ["Lived", "Past", "Remembering"]

GROWTH = 1.5


class Past:
    """Columns of events, each at least ``length`` long.

    Attributes
    ----------
    tracks, outcomes, started_at
        int32, int8, int64: as in ``Events``.
    own
        int32: the place of the event's track in ``distinct``.
    distinct
        int32: every track that was met, in order of its first event.
    met
        int32: how many tracks had been met after this event.
    """

    def __init__(
        self, tracks: npt.NDArray[np.int32], outcomes: npt.NDArray[np.int8], started_at: npt.NDArray[np.int64]
    ) -> None:
        self.length = len(tracks)
        self.tracks, self.outcomes, self.started_at = tracks, outcomes, started_at
        # One stable sort tells all: the places of a track stand together and rise, the first being its first event.
        order = np.argsort(tracks, kind="stable").astype(np.int32)
        starts = np.flatnonzero(np.diff(tracks[order], prepend=np.int32(-1)))
        first = order[starts]
        by_first = np.argsort(first)
        number = np.empty(len(first), dtype=np.int32)
        number[by_first] = np.arange(len(first))
        ends = np.append(starts[1:], len(order))
        self.own = np.empty(len(tracks), dtype=np.int32)
        self.own[order] = np.repeat(number, ends - starts)
        self.met = np.cumsum(np.bincount(first, minlength=len(tracks)), dtype=np.int32)
        self.distinct = tracks[first[by_first]]
        self._number = {track: own for own, track in enumerate(self.distinct.tolist())}
        self._order, self._starts, self._ends = order, starts[by_first], ends[by_first]
        self._appended: dict[int, list[int]] = {}
        self._lock = Lock()

    def before(self, track: int, place: int, most: int | None = None) -> npt.NDArray[np.int64]:
        """int64 (n,): the places of a track before a place, rising; the latest ``most`` of them, or all.

        Examples
        --------
        >>> Lived.of(Events.make(["ada"], [0] * 5, [7, 3, 7, 7, 7], range(5))).past.before(7, 4, 2).tolist()
        [2, 3]
        """
        appended = self._appended.get(track, [])
        last = bisect_left(appended, place)
        late = np.array(appended[0 if most is None else max(0, last - most) : last], dtype=np.int64)
        own = self._number.get(track, len(self._starts))
        if own >= len(self._starts) or (most is not None and len(late) == most):
            return late
        early = self._order[self._starts[own] : self._ends[own]]
        last = int(np.searchsorted(early, place))
        early = early[0 if most is None else max(0, last - most + len(late)) : last]
        return np.concatenate([early, late])

    def append(self, length: int, event: Event) -> "Past":
        """This past with an event behind its first ``length``; a copy when others have gone on from there."""
        with self._lock:
            if length == self.length:
                self._make_room()
                number = self._number.setdefault(event.track, len(self._number))
                self.tracks[length], self.outcomes[length] = event.track, event.outcome
                self.started_at[length], self.own[length] = event.started_at, number
                self.distinct[number], self.met[length] = event.track, len(self._number)
                self._appended.setdefault(event.track, []).append(length)
                self.length += 1
                return self
        lived = slice(0, length)
        copy = Past(self.tracks[lived].copy(), self.outcomes[lived].copy(), self.started_at[lived].copy())
        return copy.append(length, event)

    def _make_room(self) -> None:
        if self.length == len(self.tracks):
            more = int(GROWTH * self.length) + 64
            for name in ("tracks", "outcomes", "started_at", "own", "met"):
                setattr(self, name, _longer(getattr(self, name), more))
        if len(self._number) == len(self.distinct):
            self.distinct = _longer(self.distinct, int(GROWTH * len(self.distinct)) + 64)


class Lived(NamedTuple):
    """A past and how much of it this state has lived."""

    past: Past
    length: int

    @classmethod
    def nothing(cls) -> Self:
        """No event yet."""
        return cls(Past(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int8), np.zeros(0, dtype=np.int64)), 0)

    @classmethod
    def of(cls, events: Events) -> Self:
        """All of one listener's events."""
        return cls(Past(events.track.copy(), events.outcome.copy(), events.started_at.copy()), len(events))

    def after(self, event: Event) -> "Lived":
        """One event later."""
        return Lived(self.past.append(self.length, event), self.length + 1)

    @property
    def met(self) -> int:
        """How many distinct tracks have been heard."""
        return int(self.past.met[self.length - 1]) if self.length else 0


class Remembering(TasteModel[Lived]):
    """A model whose state is the past itself."""

    def start(self) -> Lived:
        """No event yet."""
        return Lived.nothing()

    def step(self, state: Lived, event: Event) -> Lived:
        """The past with one more event."""
        return state.after(event)

    def follow(self, events: Events) -> Lived:
        """The state after all of one listener's events."""
        return Lived.of(events)


def _longer(column: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    longer = np.zeros(length, dtype=column.dtype)
    longer[: len(column)] = column
    return longer
