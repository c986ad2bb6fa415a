"""How even a library's neighbourhoods are: whether a few tracks are among everybody's nearest (hubs).

The measure is the k-occurrence of Radovanović et al., "Hubs in space" (2010): how many tracks have this one among
their ten nearest. On the mean that is ten; its skew says how unequal it is (music features go from 1 to 10), and
tracks that occur nowhere are never found by what they sound like.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from segue.encoders.search import Vectors
from segue.encoders.space import NEAREST

__all__ = ["HubFigures", "Hubs"]

BLOCK = 1024

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hubs:
    """The ten-occurrence of some tracks: its skew, the share of tracks without any, the largest and whose it is."""

    skew: float
    never: float
    times: int
    largest: str


@dataclass(frozen=True, slots=True)
class HubFigures:
    """The hubs of a library by plain cosine and by the similarity that search goes by.

    ``tracks`` were looked at: all of a library that has no more than 4,096 different vectors, else so many.
    """

    tracks: int
    plain: Hubs
    corrected: Hubs

    @classmethod
    def of(cls, vectors: Vectors) -> Self:
        """The figures of these vectors; of none, all is zero.

        Examples
        --------
        >>> rows = np.random.default_rng(0).standard_normal((100, 64)).astype(np.float32) + 1
        >>> rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        >>> figures = HubFigures.of(Vectors(tuple(map(str, range(100))), rows))
        >>> figures.tracks, figures.plain.skew > figures.corrected.skew
        (100, True)
        """
        rows = vectors.space.references
        ids = [vectors.ids[row] for row in rows]
        plain = _hubs(np.asarray(vectors.matrix[rows]), np.zeros(len(rows), np.float32), ids)
        seen = vectors.space.exact(rows).astype(np.float32)
        return cls(len(rows), plain, _hubs(seen, np.float32(0.5) * vectors.space.crowding(rows), ids))


def _hubs(directions: Floats, less: Floats, ids: list[str]) -> Hubs:
    count = min(NEAREST, len(ids) - 1)
    if count < 1:
        return Hubs(0.0, 0.0, 0, ids[0] if ids else "")
    times = np.zeros(len(ids), dtype=np.int64)
    for first in range(0, len(ids), BLOCK):
        scores = directions[first : first + BLOCK] @ directions.T - less
        scores[np.arange(len(scores)), np.arange(first, first + len(scores))] = -np.inf
        nearest = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        times += np.bincount(nearest.ravel(), minlength=len(ids))
    apart = times - times.mean()
    deviation = float(times.std())
    skew = float((apart**3).mean()) / deviation**3 if deviation else 0.0
    largest = int(times.argmax())
    return Hubs(skew, float((times == 0).mean()), int(times[largest]), ids[largest])
