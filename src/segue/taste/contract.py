"""The one contract of every model of choice.

A model is fitted on ``Events`` over ``Items``, then follows a listener event by event: ``start`` gives the state of
somebody unknown, ``step`` moves it by one event, ``score`` ranks every track from it. ``along`` does the same for a
whole history at once; a contract test holds it to the single steps. Weights never move while serving; states do.

Scores are float32, higher is better, never NaN; ``-inf`` means "this model can say nothing of this track".
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent

__all__ = ["TasteModel", "Voice", "top_k"]

Scores = npt.NDArray[np.float32]
State = TypeVar("State")

CHUNK = 64
"""Rows of scores that ``along`` hands out at once: 64 × 200,000 tracks are 51 MB."""


class Voice(NamedTuple):
    """What one kind of evidence says of some tracks.

    Attributes
    ----------
    adds
        float32 (n,): how much it adds to each track's score against the average candidate's; below 0 it speaks against.
    more
        bool (n,): whether there is more of this evidence than on average. Where there is less and it speaks for a track
        nevertheless, its lack does: an artist who was not just heard, a track that few play.
    cause
        int64 (n,): the row of the heard track that is most responsible, -1 where none can be named.
    """

    adds: Scores
    more: npt.NDArray[np.bool_]
    cause: npt.NDArray[np.int64]


class TasteModel(ABC, Generic[State]):
    """A model of choice. ``State`` is its own type: immutable, so that a station can go back to an earlier one."""

    name: ClassVar[str]
    logits: ClassVar[bool] = False
    """Whether scores are logits, which softmax makes probabilities; else they are masses, 0 for nothing to say."""
    items: Items

    @abstractmethod
    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Learn from events; return what the model's card should hold (curves, sizes, settings)."""

    @abstractmethod
    def start(self) -> State:
        """The state of a listener of whom nothing is known."""

    @abstractmethod
    def step(self, state: State, event: Event) -> State:
        """The state after one more event; ``state`` itself stays as it is."""

    @abstractmethod
    def score(self, state: State, at: int = 0) -> Scores:
        """float32 (tracks,): how fit each track is to come next, at this unix time (0: no time is known)."""

    def skip_chances(self, state: State, at: int, tracks: npt.NDArray[np.int64]) -> Scores:
        """float32 (n,): how likely each of these tracks is skipped if it comes next; NaN where the model can't tell.

        ``state`` and ``at`` as for ``score``, which tells whether a track comes at all: people pass through many that
        they skip.
        """
        del state, at
        return np.full(len(tracks), np.nan, dtype=np.float32)

    def voices(self, state: State, at: int, tracks: npt.NDArray[np.int64]) -> Mapping[str, Voice]:
        """Which kinds of evidence moved these tracks' scores, for reasons; empty where the model can't tell.

        Parameters
        ----------
        state, at
            As for ``score``; a model may keep what it found for the latest question, so ask right after ``score``.
        tracks
            int64 (n,): rows of items.
        """
        del state, at, tracks
        return {}

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write the weights into an existing folder (safetensors and JSON, never pickle)."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read what ``save`` wrote and serve these items, matched by id.

        Items the model was not fitted on are scored by their sound where the model can, else ``-inf`` or its
        lowest score; items that have gone are forgotten.
        """

    def lasting(self, events: Events) -> int:
        """The first of one listener's events that the state after all of them still holds something of.

        Where a model forgets, ``follow`` need not go through a whole life.
        """
        del events
        return 0

    def along(self, events: Events, targets: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Scores]]:
        """Score the next track at positions of one listener's history, each from what came before it.

        Parameters
        ----------
        events
            One listener's events in order.
        targets
            Sorted positions in ``events``. Position p is scored from ``events[:p]`` at ``started_at[p]``.

        Yields
        ------
        positions, scores
            int64 (n,) and float32 (n, tracks), n at most ``CHUNK``; together they cover ``targets`` in order.
        """
        reached = int(targets[0]) if len(targets) else 0
        state = self.follow(events.rows(slice(0, reached)))
        for first in range(0, len(targets), CHUNK):
            chunk = targets[first : first + CHUNK]
            scores = np.empty((len(chunk), len(self.items)), dtype=np.float32)
            for row, target in enumerate(chunk):
                while reached < target:
                    state = self.step(state, events.event(reached))
                    reached += 1
                scores[row] = self.score(state, int(events.started_at[target]))
            yield chunk, scores

    def follow(self, events: Events) -> State:
        """The state after all of one listener's events."""
        state = self.start()
        for row in range(self.lasting(events), len(events)):
            state = self.step(state, events.event(row))
        return state

    def recommend(
        self, state: State, k: int, *, at: int = 0, without: npt.NDArray[np.int64] | None = None
    ) -> tuple[npt.NDArray[np.int64], Scores]:
        """The k best tracks and their scores, best first; ``without`` are rows to leave out."""
        scores = self.score(state, at).copy()
        if without is not None:
            scores[without] = -np.inf
        best = top_k(scores, k)
        best = best[np.isfinite(scores[best])]
        return best, scores[best]


def top_k(scores: Scores, k: int) -> npt.NDArray[np.int64]:
    """Positions of the k highest scores, best first; equal scores in order of position.

    Examples
    --------
    >>> top_k(np.array([0.1, 0.9, 0.9, 0.3], dtype=np.float32), 2).tolist()
    [1, 2]
    """
    k = min(k, len(scores))
    if k <= 0:
        return np.zeros(0, dtype=np.int64)
    columns = max(1_024, 4 * k)
    height = len(scores) // columns
    if height < 2:
        return np.argsort(-scores, kind="stable")[:k].astype(np.int64)
    # The k-th highest of the columns' maxima is at most the k-th highest of all, and close below it: two passes over
    # the scores leave little to sort, also where most of them are equal (which np.partition is slow at).
    maxima = scores[: height * columns].reshape(height, columns).max(axis=0)
    bound = np.partition(maxima, columns - k)[columns - k]
    above = np.flatnonzero(scores > bound)
    above = above[np.argsort(-scores[above], kind="stable")[:k]]
    return np.concatenate([above, np.flatnonzero(scores == bound)[: k - len(above)]]).astype(np.int64)
