"""What a listener keeps coming back to, and when they heard it last.

Base-level activation of ACT-R (Anderson and Schooler 1991; for music Reiter-Haas et al., RecSys 2021):
``ln Σ_j t_j^-0.5`` over the ages t_j of a listener's own plays. Repeating is half of listening, and this one line
predicts it better than play counts: it knows how often and how long ago.
"""

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events
from segue.recommend.leaning import strength
from segue.recommend.shelf import Shelf

__all__ = ["NEVER", "Habits"]

Floats = npt.NDArray[np.float32]

NEVER = np.iinfo(np.int64).min
"""The time of a listen that was not."""

FLOOR = float(-0.5 * np.log(10 * 365 * 24))
"""Activation of a track never played: that of one play ten years ago (ages in hours)."""


class Habits:
    """A listener's own plays over the places of a shelf.

    Attributes
    ----------
    last
        int64 (places,): when each was heard last (also when skipped), unix seconds; ``NEVER`` if not.
    plays
        int64 (places,): how many listens spoke for it.
    """

    def __init__(self, shelf: Shelf, events: Events) -> None:
        self._shelf = shelf
        place = shelf.place_of[events.track]
        here = place >= 0
        self._place = place[here]
        self._when = events.started_at[here].astype(np.int64)
        self._weight = np.maximum(strength(events.outcome, events.completion), 0.0)[here]
        self.last = np.full(len(shelf), NEVER, dtype=np.int64)
        np.maximum.at(self.last, self._place, self._when)
        self.plays = np.bincount(self._place[self._weight > 0], minlength=len(shelf)).astype(np.int64)
        self._new: list[tuple[int, int, float]] = []

    def hear(self, event: Event) -> None:
        """Add one listen."""
        place = int(self._shelf.place_of[event.track])
        if place < 0:
            return
        weight = max(float(strength(event.outcome, event.completion)), 0.0)
        self.last[place] = max(int(self.last[place]), event.started_at)
        self.plays[place] += weight > 0
        self._new.append((place, event.started_at, weight))

    def activation(self, at: int) -> Floats:
        """float32 (places,): base-level activation at this time, at least ``FLOOR``."""
        if self._new:
            place, when, weight = zip(*self._new, strict=True)
            self._place = np.concatenate([self._place, np.array(place, dtype=np.int64)])
            self._when = np.concatenate([self._when, np.array(when, dtype=np.int64)])
            self._weight = np.concatenate([self._weight, np.array(weight)])
            self._new = []
        # One hour is added to every age, so that a play of this minute does not drown all others.
        hours = np.maximum(at - self._when, 0) / 3600 + 1
        total = np.bincount(self._place, self._weight / np.sqrt(hours), minlength=len(self._shelf))
        return np.asarray(np.maximum(np.log(np.maximum(total, 1e-30)), FLOOR), dtype=np.float32)

    def favourites(self, at: int, k: int) -> npt.NDArray[np.int64]:
        """int64 (at most k,): the most activated places, best first; only those played at least twice."""
        active = np.where(self.plays >= 2, self.activation(at), -np.inf)
        best = np.argsort(-active, kind="stable")[:k]
        return best[np.isfinite(active[best])]
