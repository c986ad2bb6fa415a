"""Habits: what this listener played before, by how often or by how often and how lately.

In: the listener's own plays (a skip or a failure is none). Out: a mass a track, and far below it the popularity of
what was never played. Personal repetition is half of listening to music, and nothing is trained for it.

- ``most-played``: n_i, the number of own plays.
- ``activation``: Σ_j (t − t_j)^−d over the own plays j of the track. Its logarithm is the base-level activation of
  ACT-R (Anderson & Schooler 1991; for music: Reiter-Haas et al. 2021, "Predicting music relistening behavior using
  the ACT-R framework", eq. 1): memory, and relistening, fade by a power of the age. A sum may be blended with other
  masses, hence no logarithm. Ages count in units of ``AGE_UNIT_S``, the youngest as one; without times, in events.

The state is the past itself (see ``past``); the sum is taken when it is asked for: 50,000 events cost a millisecond.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.files import read_model, write_model
from segue.taste.past import Lived, Remembering
from segue.taste.popularity import relative_popularity, restored
from segue.taste.rules import AS_PLAY

__all__ = ["Activation", "MostPlayed", "fading"]

AGE_UNIT_S = 600
DECAY = 0.7

POPULARITY = 1e-5
"""What the most popular track weighs against a play just made; less than a play of fifty years ago."""


def fading(state: Lived, at: int, decay: float) -> npt.NDArray[np.float64]:
    """float64 (events,) in 0 to 1: (age in ``AGE_UNIT_S``)^-decay at this unix time (0: at the last event).

    A skip or a failure is 0. Without times the age counts in events, the last being one old.
    """
    past, length = state
    if not length:
        return np.zeros(0)
    started_at = past.started_at[:length]
    if started_at[-1] == 0:
        age = np.arange(length, 0, -1, dtype=np.float64)
    else:
        age = np.maximum(((at or started_at[-1]) - started_at) / AGE_UNIT_S, 1.0)
    return np.asarray(AS_PLAY[past.outcomes[:length]] * age**-decay)


class MostPlayed(Remembering):
    """The listener's own counts of plays."""

    name: ClassVar[str] = "most-played"

    def __init__(self) -> None:
        self.items = Items(())
        self._popularity = np.zeros(0, dtype=np.float32)
        self._fitted: dict[str, Any] = {}

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count what everybody plays: it orders what the listener never played."""
        del seed
        self.items = items
        self._popularity = relative_popularity(events, len(items))
        self._fitted = {"events": len(events)}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def _weight(self, state: Lived, at: int) -> npt.NDArray[np.float64]:
        return fading(state, at, 0.0)

    def score(self, state: Lived, at: int = 0) -> Scores:
        """float32 (tracks,): the mass of own plays, then popularity."""
        mass = np.bincount(state.past.tracks[: state.length], self._weight(state, at), minlength=len(self.items))
        return np.asarray(mass + POPULARITY * self._popularity, dtype=np.float32)

    def save(self, directory: Path) -> None:
        """Write what everybody plays."""
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, {"popularity": self._popularity})

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read what everybody plays; a new track takes part as soon as the listener has played it.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        _, ids, arrays = files = read_model(directory, cls.name, {"popularity": 1})
        model = cls()
        model.items = items
        model._fitted = files.fitted
        model._popularity = restored(arrays["popularity"], ids, items)
        return model


class Activation(MostPlayed):
    """The listener's own plays, each faded by its age."""

    name: ClassVar[str] = "activation"

    def _weight(self, state: Lived, at: int) -> npt.NDArray[np.float64]:
        return fading(state, at, DECAY)
