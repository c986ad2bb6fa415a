"""The strong simple baseline: mean, deviation and movement of the mel cepstrum, centred and z-scored.

It has no network and nothing but its centring is learned; on music of a kind that a small network never heard it is
hard to beat, so every report shows it, and it keeps the learned encoders honest.
"""

import time
from typing import Any, ClassVar, Self

import numpy as np
from scipy.fft import dct

from segue.encoders.contract import Encoder, Mels, Tensors, Vector, checked, new_card
from segue.encoders.corpus import Corpus
from segue.encoders.standard import Standard, unit
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["MelStatistics"]

COEFFICIENTS = 20


class MelStatistics(Encoder):
    """Cepstral statistics of a track: mean, deviation, and deviation of the change from frame to frame.

    Parameters
    ----------
    card
        What is known of it.
    standard
        Of the statistics over the training tracks.
    """

    name: ClassVar[str] = "statistics"
    dim = 3 * COEFFICIENTS

    def __init__(self, card: dict[str, Any], standard: Standard) -> None:
        self.card = card
        self._standard = standard

    @classmethod
    def sized(cls, size: Size) -> None:
        """Nothing: there is one size."""

    @classmethod
    def fit(
        cls,
        corpus: Corpus,
        settings: None = None,
        *,
        size: str = "own",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """Take the centre and deviation of the corpus; there is nothing to set, and no network for a device."""
        del settings, device
        began = time.monotonic()
        standard = Standard.over(corpus, _statistics, progress=progress, stage="centring the sound statistics")
        card = new_card(
            cls,
            dim=cls.dim,
            parameters=0,
            settings={"coefficients": COEFFICIENTS},
            size=size,
            seed=seed,
            data=corpus.card(),
            seconds=round(time.monotonic() - began, 1),
        )
        return cls(card, standard)

    def encode(self, mels: Mels) -> Vector:
        """float32 (60,) of length 1 (see ``Encoder.encode``)."""
        return unit(self._standard.apply(_statistics(mels)))

    def tensors(self) -> Tensors:
        """The standard."""
        return self._standard.tensors()

    @classmethod
    def restore(cls, card: dict[str, Any], tensors: Tensors) -> Self:
        """See ``Encoder.restore``."""
        return cls(card, Standard.restore(tensors))


def _statistics(mels: Mels) -> Vector:
    cepstra = dct(checked(mels).astype(np.float64), type=2, norm="ortho", axis=2)[:, :, :COEFFICIENTS]
    change = np.diff(cepstra, axis=1)
    parts = [cepstra.mean((0, 1)), cepstra.std((0, 1)), change.std((0, 1))]
    return np.concatenate(parts).astype(np.float32)
