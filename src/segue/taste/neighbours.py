"""What the neighbour models share: the tracks heard last, and how often one of them comes again.

Neighbours of a session hold, before all, the very tracks they were found by. Whether such a track comes again is no
question of neighbours but of habit, and other in a playlist (hardly ever) than in listening (one listen in six). So
it is counted at fit, by how far back the track lies, and a score is a probability:

    P(next = i) = r_l                                    for i = x_l, heard l tracks ago,
                  (1 − Σ_l r_l) · mass(i) / Σ_k mass(k)  for i and k not heard of late.

Measured on real listens this is worth more than any of the neighbours' own weights.

A track that was learned of and is no longer served keeps its mass, in one row behind the others, so that what else
is served keeps its probability.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events, Items
from segue.taste.contract import TasteModel
from segue.taste.files import positions

__all__ = [
    "CONTEXT",
    "POPULARITY",
    "Neighbours",
    "Recent",
    "Sharing",
    "answer",
    "gather",
    "heaviest",
    "returns",
    "served_rows",
]

CONTEXT = 20
"""The tracks heard last from which neighbours are sought. They reach back over pauses: a new session's first track is
like those of the last one, and asking for nothing would answer with popularity."""

POPULARITY = 1e-6
"""What the most popular track weighs against the whole of the probability."""


@runtime_checkable
class Sharing(Protocol):
    """A model that can say through which of the tracks heard last it knows another track."""

    def shared(self, state: Any, tracks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 (n,): the row of the heard track that speaks most for each of these tracks, -1 where none does."""


class Recent(NamedTuple):
    """The tracks heard last, the latest at the end, and when that one began (unix seconds, 0 if unknown)."""

    tracks: tuple[int, ...] = ()
    started_at: int = 0

    def after(self, event: Event) -> "Recent":
        """One track later; at most ``CONTEXT`` are kept."""
        return Recent((*self.tracks, event.track)[-CONTEXT:], event.started_at)

    @property
    def back(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """int64 (n,) twice: each track once, and how many events ago it was last heard (from 0), farthest first.

        Examples
        --------
        >>> tracks, ago = Recent((7, 3, 7, 5)).back
        >>> tracks.tolist(), ago.tolist()
        ([3, 7, 5], [2, 1, 0])
        """
        last = {track: place for place, track in enumerate(self.tracks)}
        place = np.array(sorted(last.values()), dtype=np.int64)
        tracks = np.array(self.tracks, dtype=np.int64)
        return tracks[place], len(tracks) - 1 - place


class Neighbours(TasteModel[Recent]):
    """A model that starts from the tracks heard last."""

    def start(self) -> Recent:
        """Nothing heard."""
        return Recent()

    def step(self, state: Recent, event: Event) -> Recent:
        """One track later."""
        return state.after(event)

    def lasting(self, events: Events) -> int:
        """Only the tracks heard last count."""
        return max(0, len(events) - CONTEXT)


def returns(events: Events) -> npt.NDArray[np.float32]:
    """float32 (``CONTEXT``,): the share of events whose track was last heard l events before them, l from 0.

    Examples
    --------
    >>> returns(Events.make(["ada"], [0, 0, 0, 0], [7, 7, 3, 7], range(4)))[:3].tolist()
    [0.25, 0.25, 0.0]
    """
    count = len(events)
    share = np.zeros(CONTEXT, dtype=np.float32)
    found = np.zeros(count, dtype=bool)
    for back in range(1, min(CONTEXT, count - 1) + 1):
        same = (events.track[back:] == events.track[:-back]) & (events.listener[back:] == events.listener[:-back])
        same &= ~found[back:]
        found[back:] |= same
        share[back - 1] = np.count_nonzero(same) / count
    return share


def answer(
    mass: npt.NDArray[np.float64],
    recent: Recent,
    share: npt.NDArray[np.float32],
    popularity: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """float32 (tracks,): the probability of each track to come next, and far below it the popularity.

    Parameters
    ----------
    mass
        float64 (tracks + 1,), none below zero: what the neighbours say, last of all tracks that are no longer
        served; written over.
    recent
        The tracks heard last.
    share
        What ``returns`` counted.
    popularity
        float32 (tracks,), 0 to 1.
    """
    tracks, ago = recent.back
    again = share[ago]
    mass[tracks] = 0
    total = mass.sum()
    if total > 0:
        mass *= (1 - again.sum()) / total
    mass[tracks] = again
    return np.asarray(mass[:-1] + np.float32(POPULARITY) * popularity, dtype=np.float32)


def gather(
    starts: npt.NDArray[np.intp], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 (n,) twice: the places of all that stands in these rows, and which of ``rows`` each belongs to.

    Row i of a sparse table stands at places starts[i] to starts[i + 1].

    Examples
    --------
    >>> places, part = gather(np.array([0, 2, 2, 5]), np.array([2, 0]))
    >>> places.tolist(), part.tolist()
    ([2, 3, 4, 0, 1], [0, 0, 0, 1, 1])
    """
    first = starts[rows]
    counts = starts[rows + 1] - first
    part = np.repeat(np.arange(len(rows)), counts)
    before = np.cumsum(counts) - counts
    return np.arange(len(part)) + (first - before)[part], part


def served_rows(ids: tuple[str, ...], items: Items) -> npt.NDArray[np.int64]:
    """int64 (len(ids) + 1,): the row of each saved track among these items; the row after the last where it is gone."""
    row = np.append(positions(ids, items.ids), -1)
    row[row < 0] = len(items)
    return row


def heaviest(
    found: npt.NDArray[np.integer[Any]],
    through: npt.NDArray[np.integer[Any]],
    weight: npt.NDArray[np.floating[Any]],
    tracks: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """int64 (n,): through which of some tracks each of ``tracks`` was found with the most weight; -1 for not at all.

    Parameters
    ----------
    found, through, weight
        (m,): a track that was found, the number of the one it was found through, and the weight of it.
    tracks
        int64 (n,): those asked for, each once.

    Examples
    --------
    >>> heaviest(np.array([5, 5, 9]), np.array([0, 1, 1]), np.array([1.0, 2.0, 1.0]), np.array([9, 5, 7])).tolist()
    [1, 1, -1]
    """
    if not len(found) or not len(tracks):
        return np.full(len(tracks), -1, dtype=np.int64)
    order = np.argsort(tracks)
    place = np.minimum(np.searchsorted(tracks[order], found), len(tracks) - 1)
    hit = tracks[order[place]] == found
    numbers = int(through.max()) + 1
    key = order[place[hit]] * numbers + through[hit]
    total = np.bincount(key, weight[hit], minlength=len(tracks) * numbers).reshape(len(tracks), numbers)
    return np.where(total.max(axis=1) > 0, total.argmax(axis=1), -1)
