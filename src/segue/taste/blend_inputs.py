"""What the blend is made of and what its network is told: its settings, and candidates with their evidence."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.settings import Size

__all__ = ["MEMORY_PARTS", "PARTS", "BlendSettings", "Candidates"]

PARTS = ("rules", "vstan", "item-knn", "artist", "ease", "gru")
MEMORY_PARTS = ("gru", "vstan")


@dataclass(frozen=True, slots=True)
class BlendSettings:
    """What is blended and how the network is trained.

    Attributes
    ----------
    parts
        Names of models; ``sound`` joins where tracks have vectors.
    size
        Of those parts that have a size.
    hidden
        Hinges of the network.
    targets
        Listens it learns from, at most; with fewer than ``least_targets`` it is not trained.
    epochs, batch, learning_rate, weight_decay
        Of AdamW; batches in listens.
    """

    parts: tuple[str, ...] = PARTS
    size: Size = "small"
    hidden: int = 48
    targets: int = 6_000
    least_targets: int = 200
    epochs: int = 6
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2


class Candidates(NamedTuple):
    """The tracks in question and what speaks for each.

    Attributes
    ----------
    tracks
        int64 (n,), rising.
    evidence
        float32 (n, columns).
    rest
        float32 (all tracks,), 0 to 1: the order of those that are no candidates.
    """

    tracks: npt.NDArray[np.int64]
    evidence: npt.NDArray[np.float32]
    rest: npt.NDArray[np.float32]
