"""The audio autoencoder: a window of sound becomes 16 latents of 64 numbers, two a second, and a spectrogram again.

Half of the latents begin as the principal components of pieces of 16 frames, so that from the first step on the decoder
draws as well as a plane can; convolutions make the other half and learn what no plane holds. These name the track.

Plain reconstruction learns what has variance, not what people hear (Balestriero and LeCun 2024). So patches are taken
out of one of two windows and must be filled in (He et al. 2022), the sound is turned up, down and tilted, and two
windows of one track must be found among those of others (Meseguer-Brocal et al. 2024: the best such loss for music).

Where a teacher has listened to the music (another model's numbers for the middle of each window), the network also
learns to say what the teacher says.

A track's vector is the mean and the deviation of its latents over time and windows, and what the teacher of old is
thought to say of it, centred and z-scored.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segue.audio.mel import FRAMES, MELS
from segue.encoders.augment import gain_and_tilt, keep_patches
from segue.encoders.contract import Mels, Vector, checked
from segue.encoders.corpus import Corpus
from segue.encoders.learned import LearnedEncoder, SoundNetwork
from segue.encoders.losses import distance_to_teacher, nt_xent
from segue.encoders.teacher import Head, middle
from segue.encoders.training import Lesson, Schedule, calm
from segue.settings import Size

__all__ = ["Autoencoder", "AutoencoderSettings"]

PATCH_FRAMES = 16
"""Frames that one latent stands for: four halvings."""
PIECE = PATCH_FRAMES * MELS


@dataclass(frozen=True)
class AutoencoderSettings:
    """Everything about the autoencoder that can differ; the size dial sets it.

    ``blocks`` residual blocks follow the last halving. ``taught`` is how many numbers the teacher says (0: there is
    none); ``masked`` a share of patches; ``contrast`` and ``distil`` are weights beside the reconstruction's 1.
    """

    schedule: Schedule
    widths: tuple[int, int, int] = (32, 64, 96)
    blocks: int = 0
    plane: int = 64
    latents: int = 64
    taught: int = 0
    hidden: int = 256
    masked: float = 0.3
    contrast: float = 0.3
    distil: float = 1.0
    temperature: float = 0.5

    @classmethod
    def sized(cls, size: Size) -> Self:
        """The settings of this size."""
        if size == "tiny":
            return cls(Schedule(steps=12, tracks_per_batch=8, frames=FRAMES // 2, evaluations=2))
        if size == "small":
            return cls(Schedule(steps=220, frames=FRAMES // 2, evaluations=10))
        if size == "medium":
            return cls(Schedule(steps=2_000))
        return cls(Schedule(steps=20_000, tracks_per_batch=64), widths=(64, 128, 192), plane=128, latents=128)

    @classmethod
    def restored(cls, written: dict[str, Any]) -> Self:
        """From a card."""
        fields = {**written, "schedule": Schedule(**written["schedule"]), "widths": tuple(written["widths"])}
        return cls(**fields)


class AutoencoderNetwork(SoundNetwork):
    """Convolutions only, so that any length of 16 n frames passes; tensors are (n, frames, mels) outside."""

    settings: AutoencoderSettings

    def __init__(self, settings: AutoencoderSettings, bins: tuple[Vector, Vector]) -> None:
        super().__init__(bins)
        self.plane_centre = nn.Parameter(torch.zeros(PIECE))
        self.plane_in = nn.Parameter(torch.zeros(PIECE, settings.plane))
        self.plane_out = nn.Parameter(torch.zeros(settings.plane, PIECE))
        self.settings = settings
        self.dim = 2 * (settings.plane + settings.latents) + settings.taught
        a, b, c = settings.widths
        rows = MELS // 16
        # Pieces of 4 × 4 become 16 channels: nothing is lost, and half of the time of two convolutions at full size is.
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16, a, 3, padding=1, bias=False),
            nn.BatchNorm2d(a),
            nn.GELU(),
            *_down(a, b),
            *_down(b, c),
            *(_Block(c) for _ in range(settings.blocks)),
        )
        self.to_latents = nn.Conv2d(c, settings.latents, (1, rows))
        self.head = Head(2 * c + settings.latents, settings.hidden, settings.taught) if settings.taught else None
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(settings.plane + settings.latents, c, (1, rows)),
            nn.BatchNorm2d(c),
            nn.GELU(),
            *_up(c, b),
            *_up(b, a),
            nn.Conv2d(a, 16, 1),
            nn.PixelShuffle(4),
        )
        self.projection = nn.Sequential(nn.Linear(settings.latents, 128), nn.GELU(), nn.Linear(128, 128))

    def begin_at(self, mels: torch.Tensor) -> Self:
        """Begin as principal components of log-mels (n, frames, mels); the decoder's convolutions add nothing yet."""
        with torch.no_grad():
            centre, components = principal_components(self._pieces(self.standardised(mels)), self.settings.plane)
            self.plane_centre.copy_(centre)
            self.plane_in.copy_(components)
            self.plane_out.copy_(components.T)
            for parameter in self.decoder[-2].parameters():
                parameter.zero_()
        return self

    @staticmethod
    def _pieces(standardised: torch.Tensor) -> torch.Tensor:
        """(n, frames / 16, 16 · mels)."""
        return standardised.reshape(len(standardised), -1, PIECE)

    def latents(self, standardised: torch.Tensor) -> torch.Tensor:
        """(n, plane + latents, frames / 16): the plane's, then the learned ones."""
        return self.hear(standardised)[0]

    def hear(self, standardised: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The latents, and what the head hears at each step, (n, frames / 16, 2 · width + latents)."""
        plane = (self._pieces(standardised) - self.plane_centre) @ self.plane_in
        shapes: torch.Tensor = self.trunk(standardised[:, None])
        learned: torch.Tensor = self.to_latents(shapes)[..., 0]
        # The highest over frequency finds a shape at any pitch.
        steps = torch.cat([shapes.amax(3), shapes.mean(3), learned], 1).transpose(1, 2)
        return torch.cat([plane.transpose(1, 2), learned], 1), steps

    def decoded(self, latents: torch.Tensor) -> torch.Tensor:
        """Standardised log-mels (n, frames, mels) of these latents."""
        plane = latents[:, : self.settings.plane].transpose(1, 2) @ self.plane_out + self.plane_centre
        bent: torch.Tensor = self.decoder(latents[..., None])
        return plane.reshape(len(latents), -1, MELS) + bent[:, 0]

    def objective(self, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
        """Squared error of what is drawn, the contrast between tracks, and the distance to the teacher.

        Only the first window of each pair is masked: normalisation must see whole sounds too, as it will in use.
        """
        settings = self.settings
        sound = self.standardised(gain_and_tilt(lesson.mels, generator))
        kept = keep_patches(sound.shape, generator, masked=settings.masked).to(sound.device)
        kept[len(kept) // 2 :] = 1
        return self._amiss(sound * kept, sound, lesson)

    def error(self, lesson: Lesson) -> torch.Tensor:
        """The objective on whole sounds."""
        sound = self.standardised(lesson.mels)
        return self._amiss(sound, sound, lesson)

    def _amiss(self, given: torch.Tensor, meant: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        settings = self.settings
        latents, steps = self.hear(given)
        amiss = (self.decoded(latents) - meant).float().square().mean()
        first, second = self.projection(latents[:, settings.plane :].mean(2)).chunk(2)
        amiss = amiss + settings.contrast * nt_xent(first, second, settings.temperature, lesson.groups)
        if self.head is not None and lesson.taught is not None:
            said = self.head(middle(steps, given.shape[1]))
            amiss = amiss + settings.distil * distance_to_teacher(said, lesson.taught)
        return amiss

    def drawn_amiss(self, mels: torch.Tensor) -> torch.Tensor:
        """Mean squared error of the reconstruction, in squared deviations of a bin."""
        standardised = self.standardised(mels)
        return (self.decoded(self.latents(standardised)) - standardised).float().square().mean()

    def features(self, mels: torch.Tensor) -> torch.Tensor:
        """See ``SoundNetwork.features``: mean and deviation of the latents, and what the teacher is thought to say."""
        latents, steps = self.hear(self.standardised(mels))
        deviation, mean = torch.std_mean(latents, dim=(0, 2), correction=0)
        said = [] if self.head is None else [self.head(steps).mean(0)]
        return torch.cat([mean, deviation, *said])

    def said(self, mels: torch.Tensor) -> torch.Tensor:
        """See ``SoundNetwork.said``."""
        assert self.head is not None
        said: torch.Tensor = self.head(middle(self.hear(self.standardised(mels))[1], mels.shape[1]))
        return said


class _Block(nn.Module):
    """What a place's surroundings add to it: each channel by itself, then all channels together.

    A ConvNeXt block (Liu et al. 2022) with batch normalisation, that looks far in time and not so far in frequency; a
    quarter of the work of two full convolutions.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, (7, 3), padding=(3, 1), groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.GELU(),
            nn.Conv2d(2 * width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Of the same shape as what is given."""
        added: torch.Tensor = given + self.body(given)
        return added


def _down(inside: int, outside: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inside, outside, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outside), nn.GELU()


def _up(inside: int, outside: int) -> tuple[nn.Module, ...]:
    # A point becomes four by one small product (Shi et al. 2016): four times less work than overlapping kernels.
    convolution = nn.Conv2d(inside, 4 * outside, 1, bias=False)
    return convolution, nn.PixelShuffle(2), nn.BatchNorm2d(outside), nn.GELU()


class Autoencoder(LearnedEncoder[AutoencoderNetwork]):
    """The trained autoencoder (see ``LearnedEncoder``)."""

    name: ClassVar[str] = "autoencoder"
    title: ClassVar[str] = "the autoencoder"
    settings_type: ClassVar[Any] = AutoencoderSettings

    @classmethod
    def new_network(cls, settings: AutoencoderSettings, bins: tuple[Vector, Vector]) -> AutoencoderNetwork:
        """See ``LearnedEncoder.new_network``."""
        return AutoencoderNetwork(settings, bins)

    @classmethod
    def begin(cls, settings: AutoencoderSettings, corpus: Corpus) -> AutoencoderNetwork:
        """It begins as the principal components of the corpus."""
        return AutoencoderNetwork(settings, corpus.bins).begin_at(_known(corpus))

    @classmethod
    def measured(cls, network: AutoencoderNetwork, corpus: Corpus) -> dict[str, Any]:
        """How well it draws."""
        return {"reconstruction": _reconstruction(network, corpus)}

    def latents(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, FRAMES / 16, channels): what the sound is made of, two steps a second."""
        with calm(), torch.inference_mode():
            latents = self._network.latents(self._network.standardised(torch.from_numpy(checked(mels))))
        return latents.transpose(1, 2).contiguous().numpy()

    def reconstruct(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, FRAMES, MELS): the log-mels that the decoder makes of the latents; never below 0."""
        network = self._network
        with calm(), torch.inference_mode():
            decoded = network.decoded(network.latents(network.standardised(torch.from_numpy(checked(mels)))))
            return (decoded * network.bins_deviation + network.bins_mean).clamp_min(0).numpy()


def _reconstruction(network: AutoencoderNetwork, corpus: Corpus) -> dict[str, Any]:
    """The mean squared error beside two baselines, on held-out tracks where there are any.

    The baselines say the mean of each bin, and what a principal component analysis of pieces of 16 frames makes of
    as many numbers as the autoencoder has.
    """
    held_out, latents = len(corpus.held_out) > 0, network.settings.plane + network.settings.latents
    windows = corpus.windows_of(corpus.sample(corpus.held_out if held_out else corpus.training, 32), 2)
    with calm(), torch.inference_mode():
        standardised = network.standardised(torch.from_numpy(windows))
        known, pieces = (part.reshape(-1, PIECE) for part in (network.standardised(_known(corpus)), standardised))
        centre, components = principal_components(known, latents)
        rebuilt = (pieces - centre) @ components @ components.T + centre
        return {
            "measured_on": "held-out tracks" if held_out else "training tracks",
            "autoencoder": round(float(network.drawn_amiss(torch.from_numpy(windows))), 4),
            "mean_of_each_bin": round(float(standardised.square().mean()), 4),
            "principal_components": round(float((rebuilt - pieces).square().mean()), 4),
            "numbers_a_window": latents * (FRAMES // PATCH_FRAMES),
        }


def _known(corpus: Corpus) -> torch.Tensor:
    """Log-mels (n, frames, mels) from at most 128 training tracks."""
    return torch.from_numpy(corpus.windows_of(corpus.sample(corpus.training, 128), 2))


def principal_components(pieces: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of pieces (…, dim) and the directions (dim, count) in which they vary most."""
    pieces = pieces.reshape(-1, pieces.shape[-1])
    centre = pieces.mean(0)
    _, directions = torch.linalg.eigh((pieces - centre).T @ (pieces - centre))
    return centre, directions[:, -count:]
