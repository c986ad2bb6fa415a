"""Unit vectors seen from the middle of their own library, and how crowded it is around each.

An encoder's vectors are centred on the music it was trained on. A library of one kind of music lies to one side of
that: every cosine is then large, and a few tracks are near everything (hubs). So the library's own mean is taken away
again, as far as there are enough tracks to know it, and each track's crowding is known for the correction of Conneau
et al., "Word translation without parallel data" (2018), section 2.3 (CSLS): the mean cosine to its ten nearest.

Vectors flow in, cosines and crowding flow out. Nothing is written back: a library is one mean vector, and a track is
its length from there and its crowding, the latter found only when somebody asks. Beyond 4,096 tracks the nearest are
sought among as many references, chosen by a hash of their ids, so that a few more tracks change little.

A matrix product's last bits depend on the row's place and the number of threads. What is called rough may be off by
``TOLERANCE``; what is called exact is computed for each track alone in double precision and follows from the vectors
only.
"""

import hashlib
import heapq
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["NEAREST", "REFERENCES", "TOLERANCE", "Space"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

NEAREST = 10
"""Neighbours whose mean cosine is a track's crowding, as in the paper."""
REFERENCES = 4096
"""Tracks among which neighbours are sought. At 8,000 made tracks, half of them find crowding that correlates with
that of all at .80 where groups have 12 tracks, at .97 where they have 200: what is found beyond is how crowded a
track's wider surroundings are."""
TYPICAL = 512
"""References whose mean crowding is the usual one."""
FARTHEST_CENTRE = 0.9
"""A mean longer than this is shortened, so that no unit vector comes to lie on it."""
TOLERANCE = 1e-4
"""How far a rough number may be off: float32 products of some thousand numbers, over a length of 0.1 at least."""
BLOCK = 1024


class Space:
    """The vectors of one library around their mean.

    Parameters
    ----------
    ids
        Track ids: they choose the references.
    matrix
        float32 (tracks, dim), rows of length 1; may be mapped from a file.

    Attributes
    ----------
    centre
        float64 (dim,): the mean of the vectors, drawn to zero as if ten tracks more lay there.
    """

    def __init__(self, ids: Sequence[str], matrix: Floats) -> None:
        self.matrix = matrix
        self._ids = ids
        centre: Doubles = matrix.sum(axis=0, dtype=np.float64) / (len(matrix) + NEAREST)
        self.centre = centre * min(1.0, FARTHEST_CENTRE / max(float(np.linalg.norm(centre)), 1e-12))
        self._crowding = np.full(len(matrix), np.nan, dtype=np.float32)

    @cached_property
    def _lengths(self) -> Floats:
        squares: Floats = np.einsum("ij,ij->i", self.matrix, self.matrix)
        squares -= self.matrix @ (2 * self.centre).astype(np.float32)
        squares += np.float32(self.centre @ self.centre)
        return np.sqrt(squares)

    def direction(self, vector: Doubles) -> Doubles:
        """float64 (dim,): a unit vector as seen from the centre, at length 1."""
        seen = vector - self.centre
        return seen / np.linalg.norm(seen)

    def exact(self, rows: Rows) -> Doubles:
        """float64 (rows, dim): these tracks' directions."""
        seen = self.matrix[rows].astype(np.float64) - self.centre
        seen /= np.sqrt((seen * seen).sum(axis=1, keepdims=True))
        return seen

    def cosines(self, direction: Doubles) -> Floats:
        """float32 (tracks,): every track's cosine to a direction, rough."""
        wanted = direction.astype(np.float32)
        found: Floats = self.matrix @ wanted
        found -= np.float32(self.centre @ direction)
        found /= self._lengths
        return found

    @cached_property
    def references(self) -> Rows:
        """int64 rows, sorted: the tracks among which neighbours are sought, equal vectors once."""
        rows: Sequence[int] = range(len(self.matrix))
        if len(rows) > REFERENCES:
            rows = sorted(heapq.nsmallest(REFERENCES, rows, key=self._lot))
        once = {self.matrix[row].tobytes(): row for row in reversed(rows)}
        return np.array(sorted(once.values()), dtype=np.int64)

    def _lot(self, row: int) -> bytes:
        return hashlib.blake2b(self._ids[row].encode("utf-8", "surrogatepass"), digest_size=8).digest()

    @cached_property
    def _reference_directions(self) -> Floats:
        return self.exact(self.references).astype(np.float32)

    @cached_property
    def _own(self) -> dict[bytes, int]:
        """Which reference a vector is itself. Equal tracks ask by their numbers, and so have equal crowding."""
        return {self.matrix[row].tobytes(): place for place, row in enumerate(self.references)}

    @cached_property
    def least_crowding(self) -> Floats:
        """float32 (tracks,): a bound below crowding (rough): ten nearest are no farther than all are on the mean."""
        count = len(self.references)
        if count < 2:
            return np.full(len(self.matrix), -1, dtype=np.float32)
        mean = self._reference_directions.mean(axis=0, dtype=np.float64)
        return (self.cosines(mean) * np.float32(count) - 1) / np.float32(count - 1)  # one of them may be the track

    @cached_property
    def usual_crowding(self) -> float:
        """The mean crowding of some references, by lot: what the correction leaves as it is."""
        some = np.array(heapq.nsmallest(TYPICAL, self.references, key=self._lot), dtype=np.int64)
        return round(float(self.exact_crowding(some).mean()), 6) if len(some) else 0.0

    def crowding(self, rows: Rows) -> Floats:
        """float32 (rows,): mean cosine of these tracks to their ten nearest references other than themselves, rough."""
        unknown = rows[np.isnan(self._crowding[rows])]
        for first in range(0, len(unknown), BLOCK):
            block = unknown[first : first + BLOCK]
            self._crowding[block] = _mean_of_nearest(self._to_references(block))
        return self._crowding[rows]

    def exact_crowding(self, rows: Rows) -> Doubles:
        """float64 (rows,): the crowding of these tracks, exact."""
        found = np.zeros(len(rows))
        for first in range(0, len(rows), BLOCK):
            block = rows[first : first + BLOCK]
            places = zip(self.exact(block), self._to_references(block), strict=True)
            found[first : first + BLOCK] = [self._exact_mean_of_nearest(*place) for place in places]
        return found

    def _exact_mean_of_nearest(self, direction: Doubles, rough: Floats) -> float:
        count = min(NEAREST, int(np.isfinite(rough).sum()))
        if not count:
            return 0.0
        bound = np.partition(rough, len(rough) - count)[len(rough) - count]
        cosines = (self.exact(self.references[rough >= bound - TOLERANCE]) * direction).sum(axis=1)
        return float(np.sort(cosines)[-count:].mean())

    def _to_references(self, rows: Rows) -> Floats:
        """float32 (rows, references), rough: cosines, -inf for a track to itself."""
        cosines: Floats = self.exact(rows).astype(np.float32) @ self._reference_directions.T
        own = np.array([self._own.get(self.matrix[row].tobytes(), -1) for row in rows], dtype=np.int64)
        cosines[own >= 0, own[own >= 0]] = -np.inf
        return cosines


def _mean_of_nearest(cosines: Floats) -> Floats:
    """The mean of each row's ten largest, of as many as are finite; 0 where none is."""
    count = min(NEAREST, cosines.shape[1])
    nearest = np.partition(cosines, cosines.shape[1] - count, axis=1)[:, cosines.shape[1] - count :]
    there = np.isfinite(nearest)
    total: Floats = np.where(there, nearest, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return total.astype(np.float32)
