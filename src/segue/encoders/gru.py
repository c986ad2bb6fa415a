"""The audio GRU: it listens from left to right, foretells what comes, and so can follow a live stream.

It is trained to say the frame four frames ahead (autoregressive predictive coding, Chung et al. 2019) and to find a
track's other window among those of other tracks, with stretches of time and bands of frequency taken out of what it
hears. It takes a step every four frames and runs in one direction only, its convolution needs no frame but the last
eight, and it begins anew every window: so what it knows after any number of frames is a small state, and a stream gives
the same vector as the whole windows at once.

Where a teacher has listened to the music, the network also learns to say what the teacher says, at every moment of it.

A track's vector is the mean and the maximum of the GRU's outputs in each window and what the teacher of old is thought
to say, averaged over the windows, centred and z-scored.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segue.audio.mel import FRAMES, MELS
from segue.encoders.augment import gain_and_tilt, keep_stripes
from segue.encoders.contract import Mels, Vector
from segue.encoders.cores import State, make_core
from segue.encoders.learned import LearnedEncoder, SoundNetwork
from segue.encoders.losses import distance_to_teacher, nt_xent
from segue.encoders.standard import unit
from segue.encoders.teacher import Head, middle
from segue.encoders.training import Lesson, Schedule, calm
from segue.settings import Size

__all__ = ["KERNEL", "STRIDE", "Heard", "SoundGru", "SoundGruSettings"]

KERNEL, STRIDE = 8, 4
STEPS = (FRAMES - KERNEL) // STRIDE + 1
"""Steps of the GRU in one window."""


@dataclass(frozen=True)
class SoundGruSettings:
    """Everything about the audio GRU that can differ; the size dial sets it.

    ``core`` is what listens: a GRU unless another is compared with it (see ``cores``). ``taught`` is how many numbers
    the teacher says (0: there is none); ``masked`` how many frames and how many bins the stretches and bands that are
    taken out may have; ``contrast`` and ``distil`` are weights beside the 1 of foretelling ``ahead`` frames.
    """

    schedule: Schedule
    core: str = "gru"
    inputs: int = 128
    width: int = 192
    layers: int = 2
    ahead: int = 4
    taught: int = 0
    hidden: int = 256
    masked: tuple[int, int] = (0, 0)
    contrast: float = 0.3
    distil: float = 1.0
    temperature: float = 0.1

    @classmethod
    def sized(cls, size: Size) -> Self:
        """The settings of this size."""
        if size == "tiny":
            return cls(Schedule(steps=12, tracks_per_batch=8, frames=FRAMES // 2, evaluations=2))
        if size == "small":
            return cls(Schedule(steps=120, frames=FRAMES // 2, evaluations=10))
        if size == "medium":
            return cls(Schedule(steps=3_000))
        return cls(Schedule(steps=20_000, tracks_per_batch=64), inputs=192, width=384)

    @classmethod
    def restored(cls, written: dict[str, Any]) -> Self:
        """From a card."""
        fields = {**written, "schedule": Schedule(**written["schedule"]), "masked": tuple(written["masked"])}
        return cls(**fields)


class SoundGruNetwork(SoundNetwork):
    """Convolution and GRU over log-mels (n, frames, mels)."""

    settings: SoundGruSettings

    def __init__(self, settings: SoundGruSettings, bins: tuple[Vector, Vector]) -> None:
        super().__init__(bins)
        self.settings = settings
        self.dim = 2 * settings.width + settings.taught
        self.convolution = nn.Conv1d(MELS, settings.inputs, KERNEL, stride=STRIDE)
        self.gru = make_core(settings.core, settings.inputs, settings.width, settings.layers)
        self.foretell = nn.Linear(settings.width, MELS)
        self.projection = nn.Sequential(nn.Linear(2 * settings.width, 128), nn.GELU(), nn.Linear(128, 128))
        self.head = Head(settings.width, settings.hidden, settings.taught) if settings.taught else None

    def outputs(self, standardised: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """What the GRU says at each step, (n, steps, width), and its state after the last."""
        features = nn.functional.gelu(self.convolution(standardised.transpose(1, 2))).transpose(1, 2)
        outputs, after = self.gru(features, state)
        return outputs, after

    def objective(self, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
        """The error of the foretold frames, the contrast between tracks, and the distance to the teacher."""
        sound = self.standardised(gain_and_tilt(lesson.mels, generator))
        frames, bins = self.settings.masked
        kept = keep_stripes(sound.shape, generator, frames=frames, bins=bins).to(sound.device)
        return self._amiss(sound * kept, sound, lesson)

    def error(self, lesson: Lesson) -> torch.Tensor:
        """The objective on sounds as they are."""
        sound = self.standardised(lesson.mels)
        return self._amiss(sound, sound, lesson)

    def _amiss(self, heard: torch.Tensor, meant: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        settings = self.settings
        outputs, _ = self.outputs(heard)
        first, second = self.projection(torch.cat([outputs.mean(1), outputs.amax(1)], dim=1)).chunk(2)
        contrast = nt_xent(first, second, settings.temperature, lesson.groups)
        amiss = self._foretelling(outputs, meant) + settings.contrast * contrast
        if self.head is not None and lesson.taught is not None:
            said = self.head(middle(outputs, heard.shape[1]))
            amiss = amiss + settings.distil * distance_to_teacher(said, lesson.taught)
        return amiss

    def features(self, mels: torch.Tensor) -> torch.Tensor:
        """See ``SoundNetwork.features``: mean and maximum of the outputs, and what the teacher is thought to say."""
        outputs, _ = self.outputs(self.standardised(mels))
        said = [] if self.head is None else [self.head(outputs)]
        return torch.cat([outputs.mean(1), outputs.amax(1), *said], dim=1).mean(0)

    def said(self, mels: torch.Tensor) -> torch.Tensor:
        """See ``SoundNetwork.said``."""
        assert self.head is not None
        said: torch.Tensor = self.head(middle(self.outputs(self.standardised(mels))[0], mels.shape[1]))
        return said

    def _foretelling(self, outputs: torch.Tensor, standardised: torch.Tensor) -> torch.Tensor:
        # Step t has heard frames up to STRIDE · t + KERNEL - 1.
        meant = standardised[:, KERNEL - 1 + self.settings.ahead :: STRIDE]
        foretold: torch.Tensor = self.foretell(outputs[:, : meant.shape[1]])
        return (foretold - meant).float().abs().mean()


@dataclass(frozen=True)
class Heard:
    """What the GRU holds of a stream. Immutable: a stream can be followed on from any earlier state.

    ``windows`` windows are done, their features summed in ``done``; of the window under way there are ``steps``
    steps with the core's state (``known``), sum and maximum of the outputs, sum of what the head ``noticed``, and the
    last ``frames`` that the convolution still needs.
    """

    frames: npt.NDArray[np.float32]
    known: State
    total: npt.NDArray[np.float32]
    highest: npt.NDArray[np.float32]
    noticed: npt.NDArray[np.float32]
    done: npt.NDArray[np.float32]
    steps: int = 0
    windows: int = 0


class SoundGru(LearnedEncoder[SoundGruNetwork]):
    """The trained audio GRU (see ``LearnedEncoder``); ``start``, ``step`` and ``embedding`` follow a stream."""

    name: ClassVar[str] = "gru"
    title: ClassVar[str] = "the audio GRU"
    settings_type: ClassVar[Any] = SoundGruSettings

    @classmethod
    def new_network(cls, settings: SoundGruSettings, bins: tuple[Vector, Vector]) -> SoundGruNetwork:
        """See ``LearnedEncoder.new_network``."""
        return SoundGruNetwork(settings, bins)

    def start(self) -> Heard:
        """The state before the first frame."""
        settings = self._network.settings
        nothing = np.zeros(settings.width, dtype=np.float32)
        return Heard(
            frames=np.zeros((0, MELS), dtype=np.float32),
            known=self._network.gru.initial(1),
            total=nothing,
            highest=np.full_like(nothing, -np.inf),
            noticed=np.zeros(settings.hidden if settings.taught else 0, dtype=np.float32),
            done=np.zeros(self.dim, dtype=np.float32),
        )

    def step(self, state: Heard, frames: Mels) -> Heard:
        """The state after these frames as well, float (n, MELS), n being any number; ``state`` stays as it is."""
        waiting = np.concatenate([state.frames, np.asarray(frames, dtype=np.float32)])
        while True:
            # Frames that this window still takes, beside those that came and were kept for the convolution.
            window_ends = FRAMES - STRIDE * state.steps
            state = self._within(state, waiting[:window_ends])
            if len(waiting) < window_ends:
                return state
            waiting = waiting[window_ends:]
            state = replace(self.start(), done=state.done + self._of_window(state), windows=state.windows + 1)

    def embedding(self, state: Heard) -> Vector:
        """float32 (dim,) of length 1: the stream so far. The window under way counts by the share that was heard.

        Raises
        ------
        ValueError
            Fewer than eight frames were heard.
        """
        features, weight = state.done.copy(), float(state.windows)
        if state.steps:
            share = state.steps / STEPS
            features += np.float32(share) * self._of_window(state)
            weight += share
        if not weight:
            raise ValueError(f"nothing can be said before {KERNEL} frames were heard")
        return unit(self._standard.apply(features / np.float32(weight)))

    def _of_window(self, state: Heard) -> npt.NDArray[np.float32]:
        """The features of the window under way, as far as it was heard."""
        said = []
        head = self._network.head
        if head is not None:
            with calm(), torch.inference_mode():
                said = [head.said(torch.from_numpy(state.noticed / np.float32(state.steps))).numpy()]
        return np.concatenate([state.total / np.float32(state.steps), state.highest, *said])

    def _within(self, state: Heard, frames: npt.NDArray[np.float32]) -> Heard:
        steps = max(0, (len(frames) - KERNEL) // STRIDE + 1)
        if not steps:
            return replace(state, frames=frames)
        network = self._network
        with calm(), torch.inference_mode():
            outputs, known = network.outputs(network.standardised(torch.from_numpy(frames)[None]), state.known)
            total, highest = outputs[0].sum(0).numpy(), outputs[0].amax(0).numpy()
            noticed = state.noticed if network.head is None else network.head.heard(outputs[0]).sum(0).numpy()
        return replace(
            state,
            frames=frames[STRIDE * steps :],
            known=known,
            total=state.total + total,
            highest=np.maximum(state.highest, highest),
            noticed=state.noticed if network.head is None else state.noticed + noticed,
            steps=state.steps + steps,
        )
