"""Artist: tracks of the artists this listener has been hearing, never played ones included.

In: the listener's own plays and who made each track. Out: for track i of artist a

    Σ_{plays j of a} (t − t_j)^−d  ·  (n_i + 1) / Σ_{k of a} (n_k + 1)

the activation of the artist (see ``habits``) parted among the artist's tracks by everybody's plays n. A track that
nobody ever played takes part by its artist: artist-aware cold start more than doubles one that knows sound only.
Far below stands popularity, for the tracks whose artist is not known and for who has no plays.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.files import read_model, write_model
from segue.taste.habits import fading
from segue.taste.past import Lived, Remembering
from segue.taste.popularity import log_plays, restored

__all__ = ["Artist"]

DECAY = 1.0
POPULARITY = 1e-8


class Artist(Remembering):
    """The artists of the listener's own plays."""

    name: ClassVar[str] = "artist"

    def __init__(self) -> None:
        self._serve(Items(()), np.zeros(0, dtype=np.float32))
        self._fitted: dict[str, Any] = {}

    def _serve(self, items: Items, log_played: npt.NDArray[np.float32]) -> None:
        self.items, self._log_plays = items, log_played
        unknown = np.full(len(items), -1, dtype=np.int32)
        artist = unknown if items.artist is None else items.artist
        # Row 0 gathers the tracks whose artist is not known; nothing is ever said of it.
        self._artist = artist.astype(np.int64) + 1
        plays = np.exp(log_played.astype(np.float64))
        share = plays / np.bincount(self._artist, plays)[self._artist] if len(items) else plays
        self._share = np.where(self._artist == 0, 0.0, share)
        self._floor = POPULARITY * log_played / max(log_played.max(initial=0.0), np.float32(1e-9))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count what everybody plays."""
        del seed
        self._serve(items, log_plays(events, len(items)))
        self._fitted = {"events": len(events), "tracks_with_artist": int(np.count_nonzero(self._artist))}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def score(self, state: Lived, at: int = 0) -> Scores:
        """float32 (tracks,): the artist's activation times the track's share in the artist, then popularity."""
        if not len(self.items):
            return np.zeros(0, dtype=np.float32)
        artist = self._artist[state.past.tracks[: state.length]]
        mass = np.bincount(artist, fading(state, at, DECAY), minlength=int(self._artist.max()) + 1)
        return np.asarray(mass[self._artist] * self._share + self._floor, dtype=np.float32)

    def save(self, directory: Path) -> None:
        """Write what everybody plays; who made what comes with the items."""
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, {"log_plays": self._log_plays})

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read what everybody plays; a new track takes part by its artist.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        _, ids, arrays = files = read_model(directory, cls.name, {"log_plays": 1})
        model = cls()
        model._fitted = files.fitted
        model._serve(items, restored(arrays["log_plays"], ids, items))
        return model
