"""Ears: the encoder that a library is heard with, made of all three.

The autoencoder knows what a moment is made of, the GRU how it moves on, the statistics what no training can spoil.
Each part's vector is already centred, z-scored and of unit length, so that a weight is a part's share of the cosine:
the similarity of two tracks is the weighted mean of the parts' similarities. Where many albums taught it, a
discriminant then turns the joined vector into a shorter one that says best which tracks belong together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.contract import Encoder, Mels, Tensors, Vector, new_card
from segue.encoders.corpus import Corpus
from segue.encoders.discriminant import discriminant
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.musiclike import MusicLike
from segue.encoders.standard import unit
from segue.encoders.statistics import MelStatistics
from segue.encoders.training import Schedule
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["Ears", "EarsSettings"]

PARTS: dict[str, type[Autoencoder] | type[SoundGru] | type[MelStatistics]] = {
    part.name: part for part in (Autoencoder, SoundGru, MelStatistics)
}


CONTINUED: dict[str, Schedule] = {
    "tiny": Schedule(steps=12, tracks_per_batch=8, learning_rate=3e-4, evaluations=2),
    "small": Schedule(steps=200, learning_rate=3e-4, evaluations=10),
    "medium": Schedule(steps=2_000, learning_rate=5e-4),
    "large": Schedule(steps=10_000, tracks_per_batch=64, learning_rate=5e-4),
}
"""How long and how fast ears that know something go on learning."""


@dataclass(frozen=True)
class EarsSettings:
    """The parts' settings and each part's share of the similarity (they sum to 1).

    ``directions`` is how many numbers the discriminant makes of the joined vector (0: there is none).
    """

    autoencoder: AutoencoderSettings
    gru: SoundGruSettings
    shares: Mapping[str, float] = field(
        default_factory=lambda: {"autoencoder": 1 / 3, "gru": 1 / 3, "statistics": 1 / 3}
    )
    directions: int = 0
    shrinkage: float = 0.5

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
    turned
        float32 (the parts' dims together, dim): the discriminant, or None.
    likeness
        What tells music from other sound by these ears' vectors, or None.
    """

    name: ClassVar[str] = "ears"

    def __init__(
        self,
        card: dict[str, Any],
        autoencoder: Autoencoder,
        gru: SoundGru,
        statistics: MelStatistics,
        turned: npt.NDArray[np.float32] | None = None,
        likeness: MusicLike | None = None,
    ) -> None:
        self.card, self.likeness = card, likeness
        self.autoencoder, self.gru, self.statistics, self._turned = autoencoder, gru, statistics, turned
        self.dim = autoencoder.dim + gru.dim + statistics.dim if turned is None else turned.shape[1]
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
        checkpoints: Path | None = None,
    ) -> Self:
        """Train every part with settings of one's own; a killed training goes on from the folder ``checkpoints``."""
        statistics = MelStatistics.fit(corpus, size=size, seed=seed, progress=progress)
        given: dict[str, Any] = {"size": size, "seed": seed, "device": device, "progress": progress}
        places = {part: checkpoints / f"{part}.checkpoint" if checkpoints else None for part in ("autoencoder", "gru")}
        autoencoder = Autoencoder.fit(corpus, settings.autoencoder, checkpoint=places["autoencoder"], **given)
        gru = SoundGru.fit(corpus, settings.gru, checkpoint=places["gru"], **given)
        return cls.joined(corpus, settings, autoencoder, gru, statistics, size=size, seed=seed, progress=progress)

    @classmethod
    def joined(
        cls,
        corpus: Corpus,
        settings: EarsSettings,
        autoencoder: Autoencoder,
        gru: SoundGru,
        statistics: MelStatistics,
        *,
        size: str = "own",
        seed: int = 0,
        progress: Progress = silent,
        together: Sequence[str] | None = None,
        turned: npt.NDArray[np.float32] | None = None,
    ) -> Self:
        """Join trained parts, with a discriminant, or one that is given.

        The discriminant is taught by what belongs ``together``: one name a track of the corpus (an artist's part of
        an album), or the corpus's groups.
        """
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
        ears = cls(card, *parts)
        if settings.directions and turned is None:
            turned = ears._learn_to_turn(corpus, together or corpus.groups, settings, progress)
        return ears if turned is None else ears._turned_by(turned)

    def _learn_to_turn(
        self, corpus: Corpus, together: Sequence[str], settings: EarsSettings, progress: Progress
    ) -> npt.NDArray[np.float32]:
        half = corpus.mels.shape[1] // 2
        rows, groups = [], []
        for done, track in enumerate(corpus.training):
            progress("learning what belongs together", done, len(corpus.training))
            windows = corpus.mels[track]
            for part in (windows[:half], windows[half:]) if half else (windows,):
                rows.append(self.joint(part))
                groups.append(together[track])
        return discriminant(np.stack(rows), groups, settings.directions, settings.shrinkage)

    def _turned_by(self, turned: npt.NDArray[np.float32]) -> Self:
        card = {**self.card, "dim": turned.shape[1]}
        return type(self)(card, self.autoencoder, self.gru, self.statistics, turned)

    def continued(
        self,
        corpus: Corpus,
        *,
        size: Size = "small",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """The ears that these become on another corpus; these stay as they are.

        What the teacher of old is thought to say is held on to: both networks go on learning to say of each window
        what they say of it now, so that a small library adds to what they know instead of taking its place. The
        discriminant stays.
        """
        schedule = CONTINUED[size]
        if self.card["settings"]["autoencoder"]["taught"] and self.card["settings"]["gru"]["taught"]:
            said = []
            for track in range(len(corpus)):
                progress("hearing what is known already", track, len(corpus))
                windows = corpus.mels[track]
                said.append((0.5 * (self.autoencoder.said(windows) + self.gru.said(windows))).astype(np.float16))
            corpus = corpus.taught_by(np.stack(said))
        given: dict[str, Any] = {"seed": seed, "device": device, "progress": progress}
        autoencoder = self.autoencoder.continued(corpus, schedule, **given)
        gru = self.gru.continued(corpus, schedule, **given)
        statistics = MelStatistics.fit(corpus, size=size, seed=seed, progress=progress)
        settings = EarsSettings(
            AutoencoderSettings.restored(autoencoder.card["settings"]),
            SoundGruSettings.restored(gru.card["settings"]),
            self._shares,
            self.card["settings"]["directions"],
            self.card["settings"]["shrinkage"],
        )
        return self.joined(
            corpus, settings, autoencoder, gru, statistics, size=f"continued {size}", seed=seed, turned=self._turned
        )

    def encode(self, mels: Mels) -> Vector:
        """float32 (dim,) of length 1 (see ``Encoder.encode``)."""
        joint = self.joint(mels)
        return unit(joint if self._turned is None else (joint.astype(np.float64) @ self._turned).astype(np.float32))

    def joint(self, mels: Mels) -> Vector:
        """float32 (the parts' dims together,) of length 1: the parts' vectors beside each other, weighed."""
        parts = (self.autoencoder, self.gru, self.statistics)
        return unit(np.concatenate([np.sqrt(self._shares[part.name]) * part.encode(mels) for part in parts]))

    def reconstruct(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, FRAMES, MELS): what the autoencoder makes of its latents."""
        return self.autoencoder.reconstruct(mels)

    def tensors(self) -> Tensors:
        """The parts' tensors, each under its part's name."""
        parts = (self.autoencoder, self.gru, self.statistics)
        others = {} if self._turned is None else {"turned": self._turned}
        if self.likeness is not None:
            others |= self.likeness.tensors()
        return others | {f"{part.name}.{name}": tensor for part in parts for name, tensor in part.tensors().items()}

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
            tensors.get("turned"),
            MusicLike.restore(tensors) if "musiclike.weight" in tensors else None,
        )
