"""Which tracks sound most alike: search over unit vectors, corrected for hubs.

The similarity of a track to what is asked for is its cosine, both seen from the library's own middle, less half of
how much more crowded it is around that track than usual (see ``space``). For one question that is the order of CSLS,
2 cos(a, b) - r(a) - r(b), on the scale of a cosine.

A matrix product over some 100,000 tracks takes milliseconds, so nothing is approximated: crowding is found for those
tracks only that could still be among the best, and the few finalists are measured again, each alone and in double
precision, so that the answer follows from the vectors only and equal vectors tie exactly. Whoever answers many
questions over more tracks than that may ask an index for the candidates instead (``Vectors.indexed``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segue.encoders.approximate import Index, is_there
from segue.encoders.space import TOLERANCE, Space

__all__ = ["EXACT_UP_TO", "Vectors"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

EXACT_UP_TO = 200_000
"""Tracks that are searched exactly, however many ask."""
CANDIDATES = 512
"""Tracks whose crowding is found first; four times as many while a better one may be left."""
HALF = np.float32(0.5)
SAME = 1e-6
"""A cosine this close to 1 is the same sound, wherever it lies: it comes first."""


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
    >>> [track_id for track_id, similarity in vectors.search(np.array([0, 2]), k=2)]
    ['b', 'c']
    >>> vectors.matrix_for(["c", "nobody"]).tolist()[1]
    [0.0, 0.0]
    """

    ids: tuple[str, ...]
    matrix: Floats
    _index: Index | None = field(default=None, repr=False, compare=False, kw_only=True)

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

    @cached_property
    def space(self) -> Space:
        """The vectors around their mean: where likeness is measured."""
        return Space(self.ids, self.matrix)

    def indexed(self, beyond: int = EXACT_UP_TO) -> "Vectors":
        """The same vectors, with an index to search them by if there are more than this and faiss is installed.

        Building it costs as much as many searches, so it is for those who stay and answer many. Its tests ask for 99
        of 100 of the ten tracks that exact search finds; in memory it is about a quarter of the vectors.
        """
        if len(self) <= beyond or self._index is not None or not is_there():
            return self
        made = replace(self, _index=Index(self.space.exact, len(self), self.dim))
        made.__dict__["space"] = self.space  # what is known of crowding stays known
        return made

    def search(self, query: npt.ArrayLike, k: int, without: Collection[str] = ()) -> list[tuple[str, float]]:
        """The k tracks most alike with their similarity (-1 to 1), best first, ties in order of position.

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
        wanted = self._wanted(query)
        left_out = np.array(sorted({self._rows[one] for one in without if one in self._rows}), dtype=np.int64)
        k = min(k, len(self) - len(left_out))
        if k <= 0:
            return []
        finalists = (self._finalists if self._index is None else self._indexed_finalists)(wanted, k, left_out)
        scores = self._exact_scores(wanted, finalists)
        best = np.argsort(-scores, kind="stable")[:k]
        return [(self.ids[finalists[one]], round(float(np.clip(scores[one], -1, 1)), 6)) for one in best]

    def matrix_for(self, ids: Sequence[str]) -> Floats:
        """float32 (len(ids), dim): the vectors of these tracks as they are kept, zero where a track has none."""
        rows = np.array([self._rows.get(one, -1) for one in ids], dtype=np.int64)
        found = np.zeros((len(rows), self.dim), dtype=np.float32)
        found[rows >= 0] = self.matrix[rows[rows >= 0]]
        return found

    def _wanted(self, query: npt.ArrayLike) -> Doubles:
        wanted = np.asarray(query, dtype=np.float64)
        if wanted.shape != (self.dim,):
            raise ValueError(f"the query vector must have shape ({self.dim},), not {wanted.shape}")
        length = float(np.linalg.norm(wanted))
        if not np.isfinite(length) or length == 0:
            raise ValueError("the query vector must be finite and not zero")
        return self.space.direction(wanted / length)

    def _finalists(self, wanted: Doubles, k: int, left_out: Rows) -> Rows:
        """Sorted rows, the k best surely among them."""
        cosines = self.space.cosines(wanted)
        # No track's score is above this: its crowding is looked for only where that is not yet too low.
        highest = cosines - HALF * self.space.least_crowding
        highest[cosines >= 1 - SAME - TOLERANCE] = np.inf
        highest[left_out] = -np.inf
        every = len(self) - len(left_out)
        count = min(max(CANDIDATES, 4 * k), every)
        while True:
            order = np.argpartition(-highest, count - 1)
            among = np.sort(order[:count])
            finalists, bound = _best(self._rough_scores(cosines[among], among), k)
            if count == every or highest[order[count:]].max() < bound - 2 * TOLERANCE:
                return among[finalists]
            count = min(4 * count, every)

    def _indexed_finalists(self, wanted: Doubles, k: int, left_out: Rows) -> Rows:
        assert self._index is not None
        among = self._index.nearest(wanted, max(CANDIDATES, 4 * k) + len(left_out))
        among = np.setdiff1d(among, left_out)
        if len(among) < k:  # the index looked where there is next to nothing
            return self._finalists(wanted, k, left_out)
        cosines = (self.space.exact(among) @ wanted).astype(np.float32)
        return among[_best(self._rough_scores(cosines, among), k)[0]]

    def _rough_scores(self, cosines: Floats, rows: Rows) -> Floats:
        scores: Floats = cosines - HALF * self.space.crowding(rows)
        scores[cosines >= 1 - SAME - TOLERANCE] = np.inf
        return scores

    def _exact_scores(self, wanted: Doubles, rows: Rows) -> Floats:
        cosines = (self.space.exact(rows) * wanted).sum(axis=1)
        same = cosines >= 1 - SAME
        scores: Doubles = cosines + 2.0 * same  # above everything that is not the same
        scores[~same] -= (self.space.exact_crowding(rows[~same]) - self.space.usual_crowding) / 2
        return scores.astype(np.float32)


def _best(scores: Floats, k: int) -> tuple[Rows, float]:
    """Places that may be among the k best, and the score that the worst of these k surely has.

    A track that may be the same sound takes part as a finalist, but tells nothing of how good the k best are.
    """
    sure = np.where(np.isinf(scores), -np.inf, scores)
    bound = float(np.partition(sure, len(sure) - k)[len(sure) - k])
    return np.flatnonzero(scores >= bound - 2 * TOLERANCE), bound
