"""Markov: what came right after the last track, in the listener's own past and in everybody's.

In: events. Out: P(next = i | last track) of the listener's own transitions, plus ``EVERYBODY`` times that of all
listeners, and far below popularity. The first-order chain of Ludewig & Jannach 2018 ("MC"), with the listener's own
chain read off the history as in ``rules``, so that every event acts at once. A skipped follower is half a follower.

It is the simplest thing that knows order: what a sequence model adds must show above it.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel
from segue.taste.files import positions, read_model, write_model
from segue.taste.past import Lived
from segue.taste.popularity import relative_popularity, restored
from segue.taste.rules import AS_FOLLOWER

__all__ = ["Markov"]

EVERYBODY = 0.1
POPULARITY = 1e-5
"""What everybody's chain and the most popular track weigh against the own chain."""


class Markov(TasteModel[Lived]):
    """First-order transitions of one's own and of everybody's."""

    name: ClassVar[str] = "markov"

    def __init__(self) -> None:
        nothing, nowhere = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        self._serve(Items(()), nowhere, nowhere, nothing, nothing)
        self._fitted: dict[str, Any] = {}

    def _serve(
        self,
        items: Items,
        track: npt.NDArray[np.int64],
        follower: npt.NDArray[np.int64],
        share: npt.NDArray[np.float32],
        popularity: npt.NDArray[np.float32],
    ) -> None:
        self.items, self._popularity = items, popularity
        self._track, self._follower, self._share = track.astype(np.int32), follower.astype(np.int32), share
        self._starts = np.searchsorted(track, np.arange(len(items) + 1))

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

    def start(self) -> Lived:
        """An empty past."""
        return Lived.nothing()

    def step(self, state: Lived, event: Event) -> Lived:
        """The past with one more event."""
        return state.after(event)

    def follow(self, events: Events) -> Lived:
        """The state after all of one listener's events."""
        return Lived.of(events)

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

    def save(self, directory: Path) -> None:
        """Write everybody's transitions."""
        arrays = {"track": self._track, "follower": self._follower, "share": self._share}
        arrays["popularity"] = self._popularity
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read everybody's transitions; a new track takes part as soon as the listener has heard it.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"track": 1, "follower": 1, "share": 1, "popularity": 1}
        card, ids, arrays = read_model(directory, cls.name, shapes)
        model = cls()
        model._fitted = {key: card.get(key) for key in ("events", "transitions")}
        row = positions(ids, items.ids)
        track, follower = row[arrays["track"]], row[arrays["follower"]]
        here = np.flatnonzero((track >= 0) & (follower >= 0))
        here = here[np.argsort(track[here], kind="stable")]
        popularity = restored(arrays["popularity"], ids, items)
        model._serve(items, track[here], follower[here], arrays["share"][here], popularity)
        return model
