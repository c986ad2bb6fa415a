"""What the encoders with a network share: they are trained, continued, centred, saved and restored alike.

A kind of network says how it begins, what it is to learn (see ``Learner``), and what features it makes of a track's
windows; centred, z-scored and at length 1 these are the track's vector.
"""

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from segue.encoders.contract import Encoder, Mels, Tensors, Vector, checked, new_card
from segue.encoders.corpus import Corpus
from segue.encoders.standard import Standard, unit
from segue.encoders.teacher import Head
from segue.encoders.training import Learner, Schedule, calm, fill, learn, numpy_of
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["LearnedEncoder", "SoundNetwork"]

Bins = tuple[Vector, Vector]


class SoundNetwork(Learner):
    """A network over log-mels (n, frames, mels), each bin centred and scaled by the training tracks.

    Attributes
    ----------
    settings
        What it was made with: a dataclass with a ``Schedule``.
    dim
        How many features it makes of a track.
    head
        What says what the teacher would, or None.
    """

    settings: Any
    dim: int
    head: Head | None
    bins_mean: torch.Tensor
    bins_deviation: torch.Tensor

    def __init__(self, bins: Bins) -> None:
        super().__init__()
        self.register_buffer("bins_mean", torch.from_numpy(bins[0]))
        self.register_buffer("bins_deviation", torch.from_numpy(bins[1]))

    def standardised(self, mels: torch.Tensor) -> torch.Tensor:
        """The log-mels, each bin centred and in units of its deviation over the training tracks."""
        return (mels - self.bins_mean) / self.bins_deviation

    @abstractmethod
    def features(self, mels: torch.Tensor) -> torch.Tensor:
        """(dim,): what one track's windows (windows, frames, mels) are, before it is centred."""

    @abstractmethod
    def said(self, mels: torch.Tensor) -> torch.Tensor:
        """(windows, taught): what the teacher is thought to say of the middle of each window."""


Network = TypeVar("Network", bound=SoundNetwork)


class LearnedEncoder(Encoder, Generic[Network]):
    """An encoder with a trained network.

    Parameters
    ----------
    card
        What is known of it.
    network
        The trained network.
    standard
        Of its features over the training tracks.
    """

    title: ClassVar[str]
    settings_type: ClassVar[Any]

    def __init__(self, card: dict[str, Any], network: Network, standard: Standard) -> None:
        self.card, self.dim = card, network.dim
        self._network, self._standard = network, standard

    @classmethod
    @abstractmethod
    def new_network(cls, settings: Any, bins: Bins) -> Network:
        """The network as it begins, its weights drawn from torch's global generator."""

    @classmethod
    def begin(cls, settings: Any, corpus: Corpus) -> Network:
        """The network as its training on this corpus begins."""
        return cls.new_network(settings, corpus.bins)

    @classmethod
    def measured(cls, network: Network, corpus: Corpus) -> dict[str, Any]:
        """What else the card says of a trained network."""
        del network, corpus
        return {}

    @classmethod
    def sized(cls, size: Size) -> Any:
        """The settings of this size."""
        return cls.settings_type.sized(size)

    @classmethod
    def fit(
        cls,
        corpus: Corpus,
        settings: Any,
        *,
        size: str = "own",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn with settings of one's own; a killed training goes on from ``checkpoint`` (see ``learn``)."""
        return cls._fit(lambda: cls.begin(settings, corpus), corpus, settings, size, seed, device, progress, checkpoint)

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
        settings = replace(self._network.settings, schedule=schedule)
        return self._fit(
            lambda: copy.deepcopy(self._network), corpus, settings, "continued", seed, device, progress, None
        )

    @classmethod
    def _fit(
        cls,
        begin: Callable[[], Network],
        corpus: Corpus,
        settings: Any,
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
            stage=f"training {cls.title}",
            checkpoint=checkpoint,
        )
        standard = Standard.over(
            corpus, lambda mels: _features(network, mels), progress=progress, stage=f"centring {cls.title}"
        )
        card = new_card(
            cls,
            dim=network.dim,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            settings=asdict(settings),
            size=size,
            seed=seed,
            data=corpus.card(),
            **cls.measured(network, corpus),
            **learned,
        )
        return cls(card, network, standard)

    def encode(self, mels: Mels) -> Vector:
        """float32 (dim,) of length 1 (see ``Encoder.encode``)."""
        return unit(self._standard.apply(_features(self._network, mels)))

    def said(self, mels: Mels) -> npt.NDArray[np.float32]:
        """float32 (windows, taught): what the teacher of old is thought to say of the middle of each window.

        Raises
        ------
        ValueError
            There was no teacher.
        """
        if self._network.head is None:
            raise ValueError(f"{self.title} had no teacher")
        with calm(), torch.inference_mode():
            said: npt.NDArray[np.float32] = self._network.said(torch.from_numpy(checked(mels))).numpy()
        return said

    def tensors(self) -> Tensors:
        """The network's state and the standard."""
        state = {f"network.{name}": tensor for name, tensor in numpy_of(self._network).items()}
        return {**state, **self._standard.tensors()}

    @classmethod
    def restore(cls, card: dict[str, Any], tensors: Tensors) -> Self:
        """See ``Encoder.restore``."""
        settings = cls.settings_type.restored(card["settings"])
        state = {name.removeprefix("network."): held for name, held in tensors.items() if name.startswith("network.")}
        network = cls.new_network(settings, (state["bins_mean"].copy(), state["bins_deviation"].copy()))
        return cls(card, fill(network, state), Standard.restore(tensors))


def _features(network: SoundNetwork, mels: Mels) -> Vector:
    with calm(), torch.inference_mode():
        return network.features(torch.from_numpy(checked(mels))).numpy()
