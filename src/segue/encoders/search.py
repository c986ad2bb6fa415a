"""Which tracks sound most alike: exact search over unit vectors.

A matrix product over some 100,000 tracks takes milliseconds, so nothing is approximated. Its last bits depend on
the row's place and the number of threads, though; the few finalists are therefore measured again, each alone and in
double precision, so that the answer follows from the vectors only and equal vectors tie exactly.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Vectors"]

Floats = npt.NDArray[np.float32]

TOLERANCE = 1e-5
"""How far a float32 product of unit vectors of some thousand numbers may be off."""


@dataclass(frozen=True)
class Vectors:
    """How tracks sound, as unit vectors.

    Attributes
    ----------
    ids
        Track ids, each once.
    matrix
        float32 (tracks, dim), rows of length 1; may be mapped from a file.

    Examples
    --------
    >>> vectors = Vectors(("a", "b", "c"), np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32))
    >>> vectors.search(np.array([0, 2]), k=2)
    [('b', 1.0), ('c', 0.8)]
    >>> vectors.matrix_for(["c", "nobody"]).tolist()[1]
    [0.0, 0.0]
    """

    ids: tuple[str, ...]
    matrix: Floats

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or len(self.matrix) != len(self.ids) or self.matrix.dtype != np.float32:
            raise ValueError(f"{len(self.ids)} tracks need float32 rows, not {self.matrix.dtype} {self.matrix.shape}")

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self._rows

    @property
    def dim(self) -> int:
        """Numbers a vector."""
        return int(self.matrix.shape[1])

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {track_id: row for row, track_id in enumerate(self.ids)}

    def search(self, query: npt.ArrayLike, k: int, without: Collection[str] = ()) -> list[tuple[str, float]]:
        """The k tracks most alike with their cosine similarity (-1 to 1), best first, ties in order of position.

        Parameters
        ----------
        query
            (dim,): of any length but zero.
        k
            Fewer come when there are fewer.
        without
            Track ids to leave out.

        Raises
        ------
        ValueError
            The query has another shape, no length, or values that are not finite.
        """
        wanted = np.asarray(query, dtype=np.float64)
        if wanted.shape != (self.dim,):
            raise ValueError(f"the query must have shape ({self.dim},), not {wanted.shape}")
        length = float(np.linalg.norm(wanted))
        if not np.isfinite(length) or length == 0:
            raise ValueError("the query must be finite and not zero")
        wanted /= length
        left_out = [self._rows[one] for one in without if one in self._rows]
        k = min(k, len(self) - len(set(left_out)))
        if k <= 0:
            return []
        rough = self.matrix @ wanted.astype(np.float32)
        rough[left_out] = -np.inf
        bound = np.partition(rough, len(rough) - k)[len(rough) - k]
        finalists = np.flatnonzero(rough >= bound - TOLERANCE)
        similarity = (self.matrix[finalists].astype(np.float64) * wanted).sum(axis=1).astype(np.float32)
        best = np.argsort(-similarity, kind="stable")[:k]
        return [(self.ids[finalists[one]], round(float(similarity[one]), 6)) for one in best]

    def matrix_for(self, ids: Sequence[str]) -> Floats:
        """float32 (len(ids), dim): the vectors of these tracks, zero where a track has none."""
        rows = np.array([self._rows.get(one, -1) for one in ids], dtype=np.int64)
        found = np.zeros((len(rows), self.dim), dtype=np.float32)
        found[rows >= 0] = self.matrix[rows[rows >= 0]]
        return found
