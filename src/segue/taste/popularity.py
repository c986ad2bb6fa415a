"""Popularity: what everybody plays. The floor under every other model, and the answer when nothing else is known.

In: events. Out: log(1 + plays) a track, the same for every listener; a skip or a failure is no play, and with a
half-life an old play counts less than a new one.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel
from segue.taste.files import positions, read_model, write_model
from segue.types import Outcome

__all__ = ["Popularity"]

DAY_S = 86_400


class Popularity(TasteModel[None]):
    """Counts of plays; it has no state.

    Parameters
    ----------
    half_life_days
        The age, before the last event, at which a play counts half; None counts every play the same.
    """

    name: ClassVar[str] = "popularity"

    def __init__(self, half_life_days: float | None = None) -> None:
        self.half_life_days = half_life_days
        self.items = Items(())
        self._log_plays = np.zeros(0, dtype=np.float32)
        self._fitted: dict[str, Any] = {}

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count."""
        del seed
        self.items = items
        weight = (~np.isin(events.outcome, (int(Outcome.SKIPPED), int(Outcome.FAILED)))).astype(np.float64)
        if self.half_life_days is not None and len(events):
            age_days = (events.started_at.max() - events.started_at) / DAY_S
            weight *= np.exp2(-age_days / self.half_life_days)
        plays = np.bincount(events.track, weight, minlength=len(items))
        self._log_plays = np.log1p(plays).astype(np.float32)
        self._fitted = {"events": len(events), "half_life_days": self.half_life_days}
        progress("train popularity", len(events), len(events))
        return self._fitted

    def start(self) -> None:
        """Nothing: everybody is alike."""

    def step(self, state: None, event: Event) -> None:
        """Nothing: the listener's own events don't count here."""

    def score(self, state: None, at: int = 0) -> Scores:
        """float32 (tracks,): log(1 + plays)."""
        del state, at
        return self._log_plays

    def save(self, directory: Path) -> None:
        """Write the counts."""
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, {"log_plays": self._log_plays})

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the counts; a track that was not counted has none.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        card, ids, arrays = read_model(directory, cls.name, {"log_plays": 1})
        model = cls(card.get("half_life_days"))
        model.items = items
        model._fitted = {"events": card.get("events"), "half_life_days": card.get("half_life_days")}
        model._log_plays = np.append(arrays["log_plays"], np.float32(0))[positions(items.ids, ids)]
        return model
