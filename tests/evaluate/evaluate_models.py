"""Models whose results are known beforehand, and tables made by hand."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel


class Stateless(TasteModel[int]):
    """Counts its steps; scores come from a subclass."""

    name: ClassVar[str] = "stateless"

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        self.items, self.seed, self.fitted_on = items, seed, events
        return {"events": len(events)}

    def start(self) -> int:
        return 0

    def step(self, state: int, event: Event) -> int:
        return state + 1

    def score(self, state: int, at: int = 0) -> Scores:
        return np.zeros(len(self.items), dtype=np.float32)

    def save(self, directory: Path) -> None:
        raise AssertionError("an evaluation saves no model")

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        raise AssertionError("an evaluation loads no model")


class Constant(Stateless):
    """Says the same of every track: must come last, not first."""

    name = "constant"


class Broken(Stateless):
    """Says NaN of every track."""

    name = "broken"

    def score(self, state: int, at: int = 0) -> Scores:
        return np.full(len(self.items), np.nan, dtype=np.float32)


class Random(Stateless):
    """Scores by chance."""

    name = "random"

    def start(self) -> int:
        self.generator = np.random.default_rng(self.seed)
        return 0

    def along(self, events: Events, targets: np.ndarray) -> Any:
        generator = np.random.default_rng([self.seed, int(events.track.sum()), len(events)])
        for first in range(0, len(targets), 64):
            chunk = targets[first : first + 64]
            yield chunk, generator.random((len(chunk), len(self.items)), dtype=np.float32)


class Oracle(Stateless):
    """Cheats: reads the answer."""

    name = "oracle"

    def along(self, events: Events, targets: np.ndarray) -> Any:
        for first in range(0, len(targets), 64):
            chunk = targets[first : first + 64]
            scores = np.zeros((len(chunk), len(self.items)), dtype=np.float32)
            scores[np.arange(len(chunk)), events.track[chunk]] = 1
            yield chunk, scores


class Last(Stateless):
    """Repeats what was heard last, then what was heard before that, and says nothing of anything else."""

    name = "last"

    def start(self) -> Any:
        return ()

    def step(self, state: Any, event: Event) -> Any:
        return (*state, event.track)

    def score(self, state: Any, at: int = 0) -> Scores:
        scores = np.full(len(self.items), -np.inf, dtype=np.float32)
        for place, track in enumerate(state):
            scores[track] = place
        return scores


def random_listens(listeners: int = 40, each: int = 30, tracks: int = 50, seed: int = 0) -> pl.DataFrame:
    """Listens by chance, all at different times."""
    generator = np.random.default_rng(seed)
    rows = listeners * each
    return pl.DataFrame(
        {
            "listener": [f"l{number}" for number in generator.permutation(np.repeat(np.arange(listeners), each))],
            "played_at": 1_600_000_000 + 60 * generator.permutation(rows),
            "track": [f"t{number}" for number in generator.integers(tracks, size=rows)],
        }
    )
