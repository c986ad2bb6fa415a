"""Ears: the encoder that a library is heard with, made of all three.

The autoencoder knows what a moment is made of, the GRU how it moves on, the statistics what no training can spoil.
Each part's vector is already centred, z-scored and of unit length, so that a weight is a part's share of the cosine:
the similarity of two tracks is the weighted mean of the parts' similarities.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.contract import Encoder, Mels, Tensors, Vector, new_card
from segue.encoders.corpus import Corpus
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.standard import unit
from segue.encoders.statistics import MelStatistics
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["Ears", "EarsSettings"]

PARTS: dict[str, type[Autoencoder] | type[SoundGru] | type[MelStatistics]] = {
    part.name: part for part in (Autoencoder, SoundGru, MelStatistics)
}


@dataclass(frozen=True)
class EarsSettings:
    """The parts' settings and each part's share of the similarity (they sum to 1)."""

    autoencoder: AutoencoderSettings
    gru: SoundGruSettings
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"autoencoder": 1 / 3, "gru": 1 / 3, "statistics": 1 / 3}
    )

    @classmethod
    def sized(cls, size: Size) -> Self:
        """The settings of this size."""
        return cls(AutoencoderSettings.sized(size), SoundGruSettings.sized(size))


class Ears(Encoder):
    """The joined encoder.

    Parameters
    ----------
    card
        What is known of it; the parts' cards stand under ``parts``.
    autoencoder, gru, statistics
        The trained parts.
    """

    name: ClassVar[str] = "ears"

    def __init__(
        self, card: dict[str, Any], autoencoder: Autoencoder, gru: SoundGru, statistics: MelStatistics
    ) -> None:
        self.card = card
        self.autoencoder, self.gru, self.statistics = autoencoder, gru, statistics
        self.dim = autoencoder.dim + gru.dim + statistics.dim
        self._shares: Mapping[str, float] = card["settings"]["shares"]

    @classmethod
    def sized(cls, size: Size) -> EarsSettings:
        """See ``EarsSettings``."""
        return EarsSettings.sized(size)

    @classmethod
    def fit(
        cls,
        corpus: Corpus,
        settings: EarsSettings,
        *,
        size: str = "own",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """Train every part with settings of one's own."""
        statistics = MelStatistics.fit(corpus, size=size, seed=seed, progress=progress)
        autoencoder = Autoencoder.fit(
            corpus, settings.autoencoder, size=size, seed=seed, device=device, progress=progress
        )
        gru = SoundGru.fit(corpus, settings.gru, size=size, seed=seed, device=device, progress=progress)
        parts = (autoencoder, gru, statistics)
        card = new_card(
            cls,
            dim=sum(part.dim for part in parts),
            parameters=sum(part.card["parameters"] for part in parts),
            settings=asdict(settings),
            size=size,
            seed=seed,
            data=corpus.card(),
            seconds=round(sum(part.card["seconds"] for part in parts), 1),
            parts={part.name: part.card for part in parts},
        )
        return cls(card, *parts)

    def encode(self, mels: Mels) -> Vector:
        """float32 (dim,) of length 1 (see ``Encoder.encode``)."""
        parts = (self.autoencoder, self.gru, self.statistics)
        return unit(np.concatenate([np.sqrt(self._shares[part.name]) * part.encode(mels) for part in parts]))

    def reconstruct(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, FRAMES, MELS): what the autoencoder makes of its latents."""
        return self.autoencoder.reconstruct(mels)

    def tensors(self) -> Tensors:
        """The parts' tensors, each under its part's name."""
        parts = (self.autoencoder, self.gru, self.statistics)
        return {f"{part.name}.{name}": tensor for part in parts for name, tensor in part.tensors().items()}

    @classmethod
    def restore(cls, card: dict[str, Any], tensors: Tensors) -> Self:
        """See ``Encoder.restore``."""

        def own(part: str) -> tuple[dict[str, Any], Tensors]:
            held = {name: tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
            return card["parts"][part], {name.removeprefix(f"{part}."): tensor for name, tensor in held.items()}

        return cls(
            card,
            Autoencoder.restore(*own("autoencoder")),
            SoundGru.restore(*own("gru")),
            MelStatistics.restore(*own("statistics")),
        )
