"""In which order a session model is shown the events: pieces side by side, or sessions in parallel.

In: where each history begins and ends. Out: an epoch's batches, as rows of events and places of carried states.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segue.taste.gru_inputs import Order

__all__ = ["Batch", "Batches", "Pieces", "Sessions", "batches_of"]

Rows = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """Some events of some pieces.

    Attributes
    ----------
    heard, asked
        int64 (pieces, length): rows of the events that the core is told, and of those it is asked for.
    inside
        bool (pieces, length): which are within their piece; the others are row 0.
    ahead
        Whether an event is asked for before it is told (both are the same rows); else each is asked for after the one
        told at its place.
    starts_from
        int64 (pieces,): whose states to begin with.
    carries_on, ends_in
        Which of the pieces carry their state on, and to where.
    """

    heard: Tensor
    asked: Tensor
    inside: Tensor
    ahead: bool
    starts_from: Tensor
    carries_on: Tensor
    ends_in: Tensor


class Batches(Protocol):
    """An epoch. ``states`` are kept from batch to batch, and from epoch to epoch unless each begins ``afresh``."""

    states: int
    afresh: bool

    def __call__(self, chance: np.random.Generator) -> Iterator[Batch]:
        """Every event once, in an order drawn by chance."""
        ...


class _Cut:
    """Where the pieces of all histories lie: rows of their first events, and their lengths."""

    def __init__(self, offsets: Rows, piece: int) -> None:
        counts = -(-np.diff(offsets) // piece)
        self.number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        self.start = np.repeat(offsets[:-1], counts) + self.number * piece
        self.length = np.minimum(np.repeat(offsets[1:], counts) - self.start, piece)
        self.goes_on = self.number + 1 < np.repeat(counts, counts)
        self.states = len(self.start)


class Pieces(_Cut):
    """Pieces of like length side by side in random order, each from the state its predecessor last ended with."""

    afresh = False

    def __init__(self, offsets: Rows, piece: int, batch_events: int) -> None:
        super().__init__(offsets, piece)
        self._batch_events = batch_events

    def __call__(self, chance: np.random.Generator) -> Iterator[Batch]:
        """Every piece in one batch."""
        order = chance.permutation(len(self.start))
        order = order[np.argsort(-self.length[order], kind="stable")]
        batches, first = [], 0
        while first < len(order):
            batches.append(order[first : first + max(1, self._batch_events // int(self.length[order[first]]))])
            first += len(batches[-1])
        for place in chance.permutation(len(batches)):
            yield self.batch(batches[place])

    def batch(self, pieces: Rows) -> Batch:
        """The batch of these pieces."""
        offset = np.arange(self.length[pieces].max())
        inside = offset < self.length[pieces][:, None]
        rows = torch.from_numpy(np.where(inside, self.start[pieces][:, None] + offset, 0))
        # A piece that goes on has the full length, so its end is the batch's end.
        on = np.flatnonzero(self.goes_on[pieces])
        return Batch(
            heard=rows,
            asked=rows,
            inside=torch.from_numpy(inside),
            ahead=True,
            starts_from=torch.from_numpy(pieces),
            carries_on=torch.from_numpy(on),
            ends_in=torch.from_numpy(pieces[on] + 1),
        )


class Sessions(_Cut):
    """One event each of many pieces at a time; where a piece ends, the next one takes its lane, from zero.

    Hidasi et al. 2016, "Session-based recommendations with recurrent neural networks", figure 2.
    """

    afresh = True

    def __init__(self, offsets: Rows, piece: int, batch_events: int) -> None:
        super().__init__(offsets, piece)
        self._lanes = batch_events

    def __call__(self, chance: np.random.Generator) -> Iterator[Batch]:
        """Every step of every piece, in the order of the piece."""
        queue = chance.permutation(np.flatnonzero(self.length > 1))
        lane, queue = queue[: self._lanes], queue[self._lanes :]
        place = np.zeros(len(lane), dtype=np.int64)
        while len(lane):
            row, piece = torch.from_numpy((self.start[lane] + place)[:, None]), torch.from_numpy(lane)
            every, inside = torch.arange(len(lane)), torch.ones(len(lane), 1, dtype=torch.bool)
            yield Batch(row, row + 1, inside, False, starts_from=piece, carries_on=every, ends_in=piece)
            place += 1
            ended = np.flatnonzero(place + 1 >= self.length[lane])
            if len(ended):
                new, queue = queue[: len(ended)], queue[len(ended) :]
                lane, place = lane.copy(), place.copy()
                lane[ended[: len(new)]], place[ended[: len(new)]] = new, 0
                lane, place = np.delete(lane, ended[len(new) :]), np.delete(place, ended[len(new) :])


def batches_of(order: Order) -> type[Pieces] | type[Sessions]:
    """The class of an order.

    Examples
    --------
    >>> batches_of("sessions").afresh
    True
    """
    return Pieces if order == "pieces" else Sessions
