"""The audio GRU: it listens from left to right, foretells what comes, and so can follow a live stream.

It is trained to say the frame four frames ahead (autoregressive predictive coding, Chung et al. 2019) and to find a
track's other window among those of other tracks. It runs in one direction only, its convolution needs no frame but
the last five, and it begins anew every window: so what it knows after any number of frames is a small state, and a
stream gives the same vector as the whole windows at once.

Where a teacher has listened to the music, the network also learns to say what the teacher says, at every moment of it.

A track's vector is the mean and the maximum of the GRU's outputs in each window and what the teacher of old is thought
to say, averaged over the windows, centred and z-scored.
"""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segue.audio.mel import FRAMES, MELS
from segue.encoders.augment import gain_and_tilt
from segue.encoders.contract import Encoder, Mels, Tensors, Vector, checked, new_card
from segue.encoders.cores import State, make_core
from segue.encoders.corpus import Corpus
from segue.encoders.losses import distance_to_teacher, nt_xent
from segue.encoders.standard import Standard, unit
from segue.encoders.teacher import Head, middle
from segue.encoders.training import Learner, Lesson, Schedule, calm, fill, learn, numpy_of
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["Heard", "SoundGru", "SoundGruSettings"]

KERNEL, STRIDE = 5, 2
STEPS = (FRAMES - KERNEL) // STRIDE + 1
"""Steps of the GRU in one window."""


@dataclass(frozen=True)
class SoundGruSettings:
    """Everything about the audio GRU that can differ; the size dial sets it.

    ``core`` is what listens: a GRU unless another is compared with it (see ``cores``). ``taught`` is how many numbers
    the teacher says (0: there is none); ``contrast`` and ``distil`` are weights beside the 1 of foretelling ``ahead``
    frames.
    """

    schedule: Schedule
    core: str = "gru"
    inputs: int = 128
    width: int = 192
    layers: int = 2
    ahead: int = 4
    taught: int = 0
    hidden: int = 256
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
        return cls(**{**written, "schedule": Schedule(**written["schedule"])})


class SoundGruNetwork(Learner):
    """Convolution and GRU over log-mels (n, frames, mels)."""

    bins_mean: torch.Tensor
    bins_deviation: torch.Tensor

    def __init__(self, settings: SoundGruSettings, bins: tuple[Vector, Vector]) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("bins_mean", torch.from_numpy(bins[0]))
        self.register_buffer("bins_deviation", torch.from_numpy(bins[1]))
        self.convolution = nn.Conv1d(MELS, settings.inputs, KERNEL, stride=STRIDE)
        self.gru = make_core(settings.core, settings.inputs, settings.width, settings.layers)
        self.foretell = nn.Linear(settings.width, MELS)
        self.projection = nn.Sequential(nn.Linear(2 * settings.width, 128), nn.GELU(), nn.Linear(128, 128))
        self.head = Head(settings.width, settings.hidden, settings.taught) if settings.taught else None

    def standardised(self, mels: torch.Tensor) -> torch.Tensor:
        """The log-mels, each bin centred and in units of its deviation over the training tracks."""
        return (mels - self.bins_mean) / self.bins_deviation

    def outputs(self, standardised: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """What the GRU says at each step, (n, steps, width), and its state after the last."""
        features = nn.functional.gelu(self.convolution(standardised.transpose(1, 2))).transpose(1, 2)
        outputs, after = self.gru(features, state)
        return outputs, after

    def objective(self, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
        """The error of the foretold frames, the contrast between tracks, and the distance to the teacher."""
        return self._amiss(self.standardised(gain_and_tilt(lesson.mels, generator)), lesson)

    def error(self, lesson: Lesson) -> torch.Tensor:
        """The objective on sounds as they are."""
        return self._amiss(self.standardised(lesson.mels), lesson)

    def _amiss(self, heard: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        settings = self.settings
        outputs, _ = self.outputs(heard)
        first, second = self.projection(torch.cat([outputs.mean(1), outputs.amax(1)], dim=1)).chunk(2)
        contrast = nt_xent(first, second, settings.temperature, lesson.groups)
        amiss = self._foretelling(outputs, heard) + settings.contrast * contrast
        if self.head is not None and lesson.taught is not None:
            said = self.head(middle(outputs, heard.shape[1]))
            amiss = amiss + settings.distil * distance_to_teacher(said, lesson.taught)
        return amiss

    def features(self, mels: torch.Tensor) -> torch.Tensor:
        """(features,): what one track's windows (windows, frames, mels) are, before it is centred."""
        outputs, _ = self.outputs(self.standardised(mels))
        said = [] if self.head is None else [self.head(outputs)]
        return torch.cat([outputs.mean(1), outputs.amax(1), *said], dim=1).mean(0)

    def _foretelling(self, outputs: torch.Tensor, standardised: torch.Tensor) -> torch.Tensor:
        # Step t has heard frames up to 2t + 4.
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


class SoundGru(Encoder):
    """The trained audio GRU.

    Parameters
    ----------
    card
        What is known of it.
    network
        The trained network.
    standard
        Of its pooled outputs over the training tracks.
    """

    name: ClassVar[str] = "gru"

    def __init__(self, card: dict[str, Any], network: SoundGruNetwork, standard: Standard) -> None:
        self.card = card
        self.dim = _dim(network.settings)
        self._network = network
        self._standard = standard

    @classmethod
    def sized(cls, size: Size) -> SoundGruSettings:
        """See ``SoundGruSettings``."""
        return SoundGruSettings.sized(size)

    @classmethod
    def fit(
        cls,
        corpus: Corpus,
        settings: SoundGruSettings,
        *,
        size: str = "own",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn with settings of one's own; a killed training goes on from ``checkpoint`` (see ``learn``)."""

        def begin() -> SoundGruNetwork:
            return SoundGruNetwork(settings, corpus.bins)

        return cls._fit(begin, corpus, settings, size, seed, device, progress, checkpoint)

    def continued(
        self,
        corpus: Corpus,
        schedule: Schedule,
        *,
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """The encoder that this one becomes on another corpus; this one stays as it is."""

        def begin() -> SoundGruNetwork:
            return copy.deepcopy(self._network)

        settings = replace(self._network.settings, schedule=schedule)
        return self._fit(begin, corpus, settings, "continued", seed, device, progress, None)

    def said(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, taught): what the teacher of old is thought to say of the middle of each window."""
        network = self._network
        if network.head is None:
            raise ValueError("this GRU had no teacher")
        with calm(), torch.inference_mode():
            outputs, _ = network.outputs(network.standardised(torch.from_numpy(checked(mels))))
            said: npt.NDArray[np.float32] = network.head(middle(outputs, FRAMES)).numpy()
        return said

    @classmethod
    def _fit(
        cls,
        begin: Callable[[], SoundGruNetwork],
        corpus: Corpus,
        settings: SoundGruSettings,
        size: str,
        seed: int,
        device: str,
        progress: Progress,
        checkpoint: Path | None,
    ) -> Self:
        network, learned = learn(
            begin,
            corpus,
            settings.schedule,
            seed=seed,
            device=device,
            progress=progress,
            stage="training the audio GRU",
            checkpoint=checkpoint,
        )
        standard = Standard.over(
            corpus, lambda mels: _features(network, mels), progress=progress, stage="centring the audio GRU"
        )
        card = new_card(
            cls,
            dim=_dim(settings),
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            settings=asdict(settings),
            size=size,
            seed=seed,
            data=corpus.card(),
            **learned,
        )
        return cls(card, network, standard)

    def encode(self, mels: Mels) -> Vector:
        """float32 (dim,) of length 1 (see ``Encoder.encode``)."""
        return unit(self._standard.apply(_features(self._network, mels)))

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
            done=np.zeros(_dim(settings), dtype=np.float32),
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
            Fewer than five frames were heard.
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

    def tensors(self) -> Tensors:
        """The network's state and the standard."""
        return {
            **{f"network.{name}": tensor for name, tensor in numpy_of(self._network).items()},
            **self._standard.tensors(),
        }

    @classmethod
    def restore(cls, card: dict[str, Any], tensors: Tensors) -> Self:
        """See ``Encoder.restore``."""
        settings = SoundGruSettings.restored(card["settings"])
        state = {name.removeprefix("network."): held for name, held in tensors.items() if name.startswith("network.")}
        network = SoundGruNetwork(settings, (state["bins_mean"].copy(), state["bins_deviation"].copy()))
        return cls(card, fill(network, state), Standard.restore(tensors))


def _dim(settings: SoundGruSettings) -> int:
    return 2 * settings.width + settings.taught


def _features(network: SoundGruNetwork, mels: Mels) -> Vector:
    with calm(), torch.inference_mode():
        return network.features(torch.from_numpy(checked(mels))).numpy()
