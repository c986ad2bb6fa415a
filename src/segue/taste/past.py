"""A listener's events as models that read the past itself need them: appended to in place, shared by all states.

In: events of one listener. Out: columns with an index of where each track stood. A state is a past and how much of it
has been lived; going on from an older state copies, so that every state stays what it was.
"""

from threading import Lock
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events

__all__ = ["Lived", "Past"]

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
    places
        Track to the places of its events, rising.
    """

    def __init__(
        self, tracks: npt.NDArray[np.int32], outcomes: npt.NDArray[np.int8], started_at: npt.NDArray[np.int64]
    ) -> None:
        self.length = len(tracks)
        self.tracks, self.outcomes, self.started_at = tracks, outcomes, started_at
        self.places: dict[int, list[int]] = {}
        self.own = np.zeros(len(tracks), dtype=np.int32)
        self.met = np.zeros(len(tracks), dtype=np.int32)
        self._number: dict[int, int] = {}
        for place, track in enumerate(tracks.tolist()):
            self.places.setdefault(track, []).append(place)
            self.own[place] = self._number.setdefault(track, len(self._number))
            self.met[place] = len(self._number)
        self.distinct = np.fromiter(self._number, dtype=np.int32, count=len(self._number))
        self._lock = Lock()

    def append(self, length: int, event: Event) -> "Past":
        """This past with an event behind its first ``length``; a copy when others have gone on from there."""
        with self._lock:
            if length == self.length:
                self._make_room()
                number = self._number.setdefault(event.track, len(self._number))
                self.tracks[length], self.outcomes[length] = event.track, event.outcome
                self.started_at[length], self.own[length] = event.started_at, number
                self.distinct[number], self.met[length] = event.track, len(self._number)
                self.places.setdefault(event.track, []).append(length)
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


def _longer(column: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    longer = np.zeros(length, dtype=column.dtype)
    longer[: len(column)] = column
    return longer
