"""The one contract of every encoder: sound goes in as log-mel windows, one unit vector a track comes out.

An encoder is trained on the kept log-mels of a library (or of open music), saved as ``weights.safetensors`` beside
``card.json``, and loaded without running any code from the file. The card says what it is, what it was trained on,
how its curves went and how well it does beside plain baselines; it also holds the checksum of the weights, so that a
damaged file is refused instead of giving wrong neighbours.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.audio.mel import FRAMES, MELS
from segue.encoders.corpus import Corpus, Mels
from segue.errors import DamagedHome
from segue.progress import Progress, silent
from segue.settings import Size

__all__ = ["Encoder", "Mels", "Tensors", "Vector", "checked", "new_card", "read_card"]

Vector = npt.NDArray[np.float32]
Tensors = dict[str, npt.NDArray[Any]]

CARD = "card.json"
WEIGHTS = "weights.safetensors"


class Encoder(ABC):
    """Sound to a vector. Weights never move after training; the same sound gives the same bits.

    Attributes
    ----------
    name
        What the registry and the card call this kind of encoder.
    dim
        Length of the vectors.
    card
        What is known of this trained encoder; JSON values only.
    """

    name: ClassVar[str]
    dim: int
    card: dict[str, Any]

    @classmethod
    def train(
        cls,
        mels: Mels,
        groups: Sequence[str],
        *,
        size: Size = "small",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """Learn from log-mels.

        Parameters
        ----------
        mels
            float16 or float32 (tracks, windows, FRAMES, MELS), also a memory map: it is read by the batch.
        groups
            One name a track (its album, or its artist); no group is on both sides of the held-out split.
        size
            The dial from which widths and steps follow.
        seed
            The same data, size and seed give the same weights, bit for bit, on the same machine.
        device
            "auto" (CUDA where there is one), "cpu" or "cuda".

        Raises
        ------
        BadInput
            The device is unknown or not there.
        """
        corpus = Corpus(mels, groups, seed)
        return cls.fit(corpus, cls.sized(size), size=size, seed=seed, device=device, progress=progress)

    @classmethod
    @abstractmethod
    def sized(cls, size: Size) -> Any:
        """The settings that a size stands for."""

    @classmethod
    @abstractmethod
    def fit(
        cls,
        corpus: Corpus,
        settings: Any,
        *,
        size: str = "own",
        seed: int = 0,
        device: str = "auto",
        progress: Progress = silent,
    ) -> Self:
        """Learn from a corpus with settings of one's own (``size`` is what the card calls them)."""

    @abstractmethod
    def encode(self, mels: Mels) -> Vector:
        """float32 (dim,) of length 1: one track, from its windows (windows, FRAMES, MELS).

        Computed on one thread of the CPU, so that the bits do not depend on load or on what was encoded before.
        """

    @abstractmethod
    def tensors(self) -> Tensors:
        """Everything learned, by name."""

    @classmethod
    @abstractmethod
    def restore(cls, card: dict[str, Any], tensors: Tensors) -> Self:
        """The encoder that had this card and these tensors.

        Raises
        ------
        KeyError, TypeError, ValueError, RuntimeError
            They do not fit together; ``load`` turns this into ``DamagedHome``.
        """

    def save(self, directory: Path) -> None:
        """Write the weights and the card into an existing folder (the caller publishes it whole)."""
        from safetensors.numpy import save

        content = save({name: np.ascontiguousarray(tensor) for name, tensor in self.tensors().items()})
        card = {**self.card, "weights_blake2b": hashlib.blake2b(content, digest_size=16).hexdigest()}
        (directory / WEIGHTS).write_bytes(content)
        (directory / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        DamagedHome
            A file is missing, cut short, changed, or of another kind of encoder.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        card = read_card(directory)
        if card["encoder"] != cls.name:
            raise _damaged(directory / CARD, f"is of the encoder {card['encoder']!r}, not {cls.name!r}")
        try:
            content = (directory / WEIGHTS).read_bytes()
        except OSError as error:
            raise _damaged(directory / WEIGHTS, f"can't be read ({error.strerror})") from error
        expected = card.pop("weights_blake2b", None)
        if hashlib.blake2b(content, digest_size=16).hexdigest() != expected:
            raise _damaged(directory / WEIGHTS, "does not hold what was saved")
        try:
            return cls.restore(card, load(content))
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _damaged(directory / WEIGHTS, "does not fit its card") from error


def read_card(directory: Path) -> dict[str, Any]:
    """The card of a saved encoder.

    Raises
    ------
    DamagedHome
        It is missing, or no JSON object that names an encoder.
    """
    path = directory / CARD
    try:
        card = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _damaged(path, f"can't be read ({error.strerror})") from error
    except ValueError as error:
        raise _damaged(path, "is not valid JSON") from error
    if not isinstance(card, dict) or not isinstance(card.get("encoder"), str):
        raise _damaged(path, "names no encoder")
    return card


def new_card(
    encoder: type[Encoder], *, dim: int, parameters: int, settings: Mapping[str, Any], **learned: Any
) -> dict[str, Any]:
    """What every card holds: which encoder, how large, made by what, and what was learned."""
    return {
        "encoder": encoder.name,
        "dim": dim,
        "parameters": parameters,
        "settings": dict(settings),
        **learned,
        "segue": version("segue"),
        "torch": version("torch"),
    }


def checked(mels: Mels) -> npt.NDArray[np.float32]:
    """The windows of one track as float32 (windows, FRAMES, MELS).

    Raises
    ------
    ValueError
        Another shape, no window, or a value that is not finite.
    """
    windows = np.array(mels, dtype=np.float32)  # a copy: kept log-mels are read-only, and torch wants to own its memory
    if windows.ndim != 3 or windows.shape[1:] != (FRAMES, MELS) or not len(windows):
        raise ValueError(f"log-mels have the shape (windows, {FRAMES}, {MELS}); got {windows.shape}")
    if not np.isfinite(windows).all():
        raise ValueError("log-mels must be finite")
    return windows


def _damaged(path: Path, what: str) -> DamagedHome:
    return DamagedHome(f"{path} {what}: train again with 'segue train'")
