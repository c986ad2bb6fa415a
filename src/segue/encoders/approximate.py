"""Candidates among very many vectors, by an inverted file with bytes for numbers (faiss, ``segue[faiss]``).

Directions flow in by the block, rows flow out. Likeness is measured elsewhere, with the vectors themselves, so the
index decides only whom to look at. Its cells are placed on a seeded sample; the same vectors on the same machine
give the same index.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Index", "is_there"]

Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

BLOCK = 16_384
SAMPLE_A_CELL = 64
"""Vectors that place a cell's centre; faiss asks for 39 at least."""
LOOKED_AT = 8
"""One cell in so many is looked into."""
FEWEST_LOOKED_AT = 32
"""Cells looked into at least: of some fifty, an eighth found .96 of the ten best."""


def is_there() -> bool:
    """Whether faiss is installed."""
    return find_spec("faiss") is not None


class Index:
    """An inverted file of unit vectors.

    Parameters
    ----------
    directions
        Rows (sorted) to float64 (rows, dim), unit length.
    tracks, dim
        How many there are, of how many numbers.
    """

    def __init__(self, directions: Callable[[Rows], Doubles], tracks: int, dim: int) -> None:
        import faiss

        cells = max(1, min(4096, int(2 * np.sqrt(tracks)), tracks // 39))
        sample = np.sort(np.random.default_rng(0).choice(tracks, min(tracks, cells * SAMPLE_A_CELL), replace=False))
        self._index: Any = faiss.index_factory(dim, f"IVF{cells},SQ8", faiss.METRIC_INNER_PRODUCT)
        self._index.train(directions(sample).astype(np.float32))
        for first in range(0, tracks, BLOCK):
            rows = np.arange(first, min(first + BLOCK, tracks), dtype=np.int64)
            self._index.add(directions(rows).astype(np.float32))
        self._index.nprobe = min(cells, max(FEWEST_LOOKED_AT, cells // LOOKED_AT))

    def nearest(self, direction: Doubles, count: int) -> Rows:
        """int64 rows of about the ``count`` nearest, in no order; fewer where the cells looked into hold fewer."""
        _, rows = self._index.search(direction.astype(np.float32)[None], min(count, self._index.ntotal))
        return np.asarray(rows[0][rows[0] >= 0], dtype=np.int64)
