"""Centre, z-score, unit length: what makes raw features comparable by their cosine.

Raw features share a large mean, so that every cosine is near one and a few tracks are near everything (hubs); the
training tracks' mean and deviation take that away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from segue.encoders.contract import Mels, Tensors, Vector
from segue.encoders.corpus import Corpus
from segue.progress import Progress

__all__ = ["Standard", "unit"]


@dataclass(frozen=True)
class Standard:
    """The mean and deviation of each feature over the training tracks: two float32 (features,)."""

    mean: Vector
    deviation: Vector

    @classmethod
    def of(cls, rows: npt.NDArray[np.float32]) -> Self:
        """From the features of the training tracks, float32 (tracks, features).

        One track has no deviation and would become the zero vector; it is left as it is.

        Examples
        --------
        >>> Standard.of(np.array([[1, 5], [3, 5]], dtype=np.float32)).apply(np.array([3, 5], dtype=np.float32)).tolist()
        [1.0, 0.0]
        """
        features = rows.shape[1]
        if len(rows) < 2:
            return cls(np.zeros(features, dtype=np.float32), np.ones(features, dtype=np.float32))
        mean, deviation = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
        constant = deviation <= 1e-6 * np.maximum(1.0, np.abs(mean))
        return cls(mean.astype(np.float32), np.where(constant, 1.0, deviation).astype(np.float32))

    @classmethod
    def over(cls, corpus: Corpus, features_of: Callable[[Mels], Vector], *, progress: Progress, stage: str) -> Self:
        """From these features of the corpus's training tracks (a sample of them where they are many)."""
        rows = corpus.sample(corpus.training)
        features = []
        for done, row in enumerate(rows):
            progress(stage, done, len(rows))
            features.append(features_of(corpus.mels[row]))
        progress(stage, len(rows), len(rows))
        return cls.of(np.stack(features))

    def apply(self, features: Vector) -> Vector:
        """The features, centred and in units of their deviation, none beyond ± 5 (one odd feature is not a track)."""
        scaled: Vector = np.clip((features - self.mean) / self.deviation, -5, 5).astype(np.float32)
        return scaled

    def tensors(self) -> Tensors:
        """Both, under the names that ``restore`` looks for."""
        return {"standard.mean": self.mean, "standard.deviation": self.deviation}

    @classmethod
    def restore(cls, tensors: Tensors) -> Self:
        """From what ``tensors`` gave."""
        return cls(tensors["standard.mean"], tensors["standard.deviation"])


def unit(features: Vector) -> Vector:
    """The features at length 1; all zero, they become the even vector (a vector of no direction would be no neighbour).

    Examples
    --------
    >>> unit(np.array([3, 4], dtype=np.float32)).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    length = float(np.linalg.norm(features.astype(np.float64)))
    if length < 1e-12:
        return np.full(len(features), 1 / np.sqrt(len(features)), dtype=np.float32)
    return (features / length).astype(np.float32)
