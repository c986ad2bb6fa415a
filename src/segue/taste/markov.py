"""Markov: what came right after the last track, in the listener's own past and in everybody's.

In: events. Out: P(next = i | last track) of the listener's own transitions, plus ``EVERYBODY`` times that of all
listeners, and far below popularity. The first-order chain of Ludewig & Jannach 2018 ("MC"), with the listener's own
chain read off the history as in ``rules``, so that every event acts at once. A skipped follower is half a follower.

It is the simplest thing that knows order: what a sequence model adds must show above it.
"""

from typing import Any, ClassVar

import numpy as np

from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.past import Lived
from segue.taste.popularity import relative_popularity
from segue.taste.rules import AS_FOLLOWER, Rules

__all__ = ["Markov"]

EVERYBODY = 0.1
POPULARITY = 1e-5
"""What everybody's chain and the most popular track weigh against the own chain."""


class Markov(Rules):
    """First-order transitions of one's own and of everybody's."""

    name: ClassVar[str] = "markov"

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count everybody's transitions: float32 shares in rows, one a track that was followed."""
        del seed
        rows = np.flatnonzero(events.listener[:-1] == events.listener[1:])
        pairs, place = np.unique(
            events.track[rows].astype(np.int64) * len(items) + events.track[rows + 1], return_inverse=True
        )
        weight = np.bincount(place, AS_FOLLOWER[events.outcome[rows + 1]], minlength=len(pairs))
        track, follower = np.divmod(pairs, max(len(items), 1))
        share = (weight / np.bincount(track, weight, minlength=len(items))[track]).astype(np.float32)
        self._serve(items, track, follower, share, relative_popularity(events, len(items)))
        self._fitted = {"events": len(events), "transitions": len(share)}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def score(self, state: Lived, at: int = 0) -> Scores:
        """float32 (tracks,): own transitions, then everybody's, then popularity; zero for the unknown."""
        del at
        past, length = state
        scores = np.asarray(POPULARITY * self._popularity, dtype=np.float32)
        if not length:
            return scores
        last = int(past.tracks[length - 1])
        here = slice(self._starts[last], self._starts[last + 1])
        scores[self._follower[here]] += np.float32(EVERYBODY) * self._share[here]
        after = past.before(last, length - 1) + 1
        if len(after):
            weight = AS_FOLLOWER[past.outcomes[after]]
            np.add.at(scores, past.tracks[after], weight / weight.sum())
        return scores
