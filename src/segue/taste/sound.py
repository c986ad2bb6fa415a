"""Neighbours by sound: what resembles the tracks this listener heard of late and did not skip.

In: unit vectors of tracks. Out: Σ_j w_j · k(cos(v_j, v_i)) over the last ``MEMORY`` tracks with a sound. A play
pulls, a skip pushes, and each event more weakens the earlier ones. The kernel k(c) = max(c, 0)^SHARPNESS keeps the
tracks apart instead of averaging them: one mean vector would answer with the most average music of the library.
Nothing is learned, so a file can be ranked as soon as it has a vector. Tracks without one score ``-inf``.
"""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel
from segue.taste.files import read_model, write_model
from segue.types import Outcome

__all__ = ["Sound", "SoundState"]

MEMORY = 20
SHARPNESS = 2
DECAY = 0.5 ** (1 / 7)
"""A track weighs half of the one seven events later."""

PULL = {
    Outcome.UNKNOWN: 1.0,
    Outcome.FINISHED: 1.0,
    Outcome.PARTIAL: 0.5,
    Outcome.SKIPPED: -0.5,
}
"""What an outcome says of the wish for more of this sound; a failure says nothing."""


class SoundState(NamedTuple):
    """The tracks remembered, oldest first, with what each pulls now."""

    tracks: tuple[int, ...] = ()
    pulls: tuple[float, ...] = ()


class Sound(TasteModel[SoundState]):
    """Item neighbours on vectors of sound."""

    name: ClassVar[str] = "sound"

    def __init__(self) -> None:
        self._serve(Items(()))

    def _serve(self, items: Items) -> None:
        self.items = items
        self._heard = items.heard
        vectors = np.zeros((len(items), 1), dtype=np.float32) if items.vectors is None else items.vectors
        self._vectors: npt.NDArray[np.float32] = np.ascontiguousarray(vectors, dtype=np.float32)
        self._nothing = np.where(self._heard, np.float32(0), np.float32(-np.inf))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Take the vectors as they are."""
        del seed
        self._serve(items)
        progress("train sound", len(events), len(events))
        return {"tracks_with_sound": int(self._heard.sum())}

    def start(self) -> SoundState:
        """Nothing remembered."""
        return SoundState()

    def step(self, state: SoundState, event: Event) -> SoundState:
        """Remember one more track, if it has a sound and its end says something."""
        pull = PULL.get(Outcome(event.outcome))
        if pull is None or not self._heard[event.track]:
            return state
        return SoundState(
            (*state.tracks, event.track)[-MEMORY:],
            (*(earlier * DECAY for earlier in state.pulls), pull)[-MEMORY:],
        )

    def lasting(self, events: Events) -> int:
        """Only the last that have a sound, and an end that says something."""
        told = self._heard[events.track] & np.isin(events.outcome, [int(outcome) for outcome in PULL])
        remembered = np.flatnonzero(told)[-MEMORY:]
        return int(remembered[0]) if len(remembered) else len(events)

    def score(self, state: SoundState, at: int = 0) -> Scores:
        """float32 (tracks,): pulls times likeness, summed; zero for all that sounds when nothing is remembered."""
        del at
        if not state.tracks:
            return self._nothing.copy()
        likeness = self._vectors[list(state.tracks)] @ self._vectors.T
        np.maximum(likeness, 0, out=likeness)
        likeness **= SHARPNESS
        return np.asarray(np.array(state.pulls, dtype=np.float32) @ likeness + self._nothing, dtype=np.float32)

    def save(self, directory: Path) -> None:
        """Write a card: the vectors lie elsewhere and nothing else is needed."""
        write_model(directory, {"model": self.name}, (), {})

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Serve the vectors of these items.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        read_model(directory, cls.name, {})
        model = cls()
        model._serve(items)
        return model
