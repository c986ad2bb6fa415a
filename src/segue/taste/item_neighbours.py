"""Item neighbours: what is heard in the same sessions as the tracks just heard.

In: events, parted into sessions (a gap of half an hour ends one; a source without times is one session a listener,
so that a playlist is one). Out: Σ_l ``DECAY``^l · cos(x_l, i) over the last tracks x_0, x_1, ... of the listener,

    cos(x, i) = |S_x ∩ S_i| / sqrt((|S_x| + s) (|S_i| + s)),  s = ``SHRINKAGE``,

with S_x the sessions that hold x (Sarwar et al. 2001; "item-knn" of Ludewig & Jannach 2018). ``NEIGHBOURS`` are kept
a track, the nearest. Co-occurrence is counted by blocks of rows, so that a catalogue of 200,000 tracks never has its
whole square in memory. The tracks just heard themselves are answered as ``neighbours`` tells.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.listening.context import sessions
from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.files import read_model, write_model
from segue.taste.neighbours import Neighbours, Recent, answer, gather, heaviest, returns, served_rows
from segue.taste.popularity import relative_popularity, restored

__all__ = ["ItemNeighbours"]

NEIGHBOURS = 100
DECAY = 0.7
SHRINKAGE = 20
"""Sessions that each track is taken to have stood in alone: two tracks met once in one session are no twins."""

BLOCK = 2_048


class ItemNeighbours(Neighbours):
    """Cosine of tracks over sessions."""

    name: ClassVar[str] = "item-knn"

    def __init__(self) -> None:
        nothing, nowhere = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        self._serve(Items(()), nowhere, nowhere, nothing, nothing, nothing)
        self._fitted: dict[str, Any] = {}

    def _serve(
        self,
        items: Items,
        track: npt.NDArray[np.int64],
        neighbour: npt.NDArray[np.int64],
        cosine: npt.NDArray[np.float32],
        again: npt.NDArray[np.float32],
        popularity: npt.NDArray[np.float32],
    ) -> None:
        self.items, self._again, self._popularity = items, again, popularity
        self._track, self._neighbour, self._cosine = track.astype(np.int32), neighbour.astype(np.int32), cosine
        self._starts = np.searchsorted(track, np.arange(len(items) + 1))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count who shares sessions with whom, and keep the nearest."""
        from scipy.sparse import csr_array

        del seed
        session = sessions(events)
        shape = (int(session.max(initial=-1)) + 1, len(items))
        ones = np.ones(len(events), dtype=np.float32)
        heard = csr_array((ones, (session, events.track)), shape=shape)
        heard.sum_duplicates()
        heard.data[:] = 1
        # Columns are scaled to unit length, so that products of columns are cosines.
        length = np.sqrt(np.bincount(heard.indices, minlength=len(items)) + SHRINKAGE)
        heard.data /= length[heard.indices]
        columns = heard.T.tocsr()
        rows: list[npt.NDArray[np.int64]] = []
        neighbours: list[npt.NDArray[np.int64]] = []
        cosines: list[npt.NDArray[np.float32]] = []
        for first in range(0, len(items), BLOCK):
            block = columns[first : first + BLOCK] @ heard
            for row in range(block.shape[0]):
                here = slice(block.indptr[row], block.indptr[row + 1])
                found, cosine = block.indices[here], block.data[here]
                other = found != first + row
                found, cosine = found[other], cosine[other]
                nearest = np.lexsort((found, -cosine))[:NEIGHBOURS]
                rows.append(np.full(len(nearest), first + row))
                neighbours.append(found[nearest].astype(np.int64))
                cosines.append(cosine[nearest])
            progress(f"train {self.name}", min(first + BLOCK, len(items)), len(items))
        none: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._serve(
            items,
            np.concatenate([none, *rows]),
            np.concatenate([none, *neighbours]),
            np.concatenate([np.zeros(0, dtype=np.float32), *cosines]),
            returns(events),
            relative_popularity(events, len(items)),
        )
        self._fitted = {"events": len(events), "sessions": shape[0], "neighbours": NEIGHBOURS}
        return self._fitted

    def score(self, state: Recent, at: int = 0) -> Scores:
        """float32 (tracks,): the probability to come next, by cosines with the tracks heard last."""
        del at
        tracks, ago = state.back
        places, part = gather(self._starts, tracks)
        weight = DECAY ** ago[part] * self._cosine[places]
        mass = np.bincount(self._neighbour[places], weight, minlength=len(self.items) + 1)
        return answer(np.asarray(mass, dtype=np.float64), state, self._again, self._popularity)

    def shared(self, state: Recent, tracks: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 (n,): of the tracks heard last, the one that gives each of these the most mass; -1 where none does."""
        heard, ago = state.back
        places, part = gather(self._starts, heard)
        weight = DECAY ** ago[part] * self._cosine[places]
        through = heaviest(self._neighbour[places], part, weight, tracks)
        return np.where(through >= 0, np.append(heard, -1)[through], -1)

    def save(self, directory: Path) -> None:
        """Write the neighbours."""
        arrays = {"track": self._track, "neighbour": self._neighbour, "cosine": self._cosine}
        arrays |= {"again": self._again, "popularity": self._popularity}
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the neighbours; a new track has none, one that has gone stays somebody's neighbour.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"track": 1, "neighbour": 1, "cosine": 1, "again": 1, "popularity": 1}
        _, ids, arrays = files = read_model(directory, cls.name, shapes)
        model = cls()
        model._fitted = files.fitted
        row = served_rows(ids, items)
        track, neighbour = row[arrays["track"]], row[arrays["neighbour"]]
        here = np.flatnonzero(track < len(items))
        here = here[np.argsort(track[here], kind="stable")]
        popularity = restored(arrays["popularity"], ids, items)
        model._serve(items, track[here], neighbour[here], arrays["cosine"][here], arrays["again"], popularity)
        return model
