"""What is compared: each contender makes a vector of a track, of its first half and of its second half.

Here stand the plain ones, made anew on training music only, and Segue's own ears with each of their parts; those of
other projects are in ``peers``. A contender of Segue's kind centres and z-scores by what it was trained on; of the
others ``hear`` gives raw features, and ``centred`` is False.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.hearing.sounds import Sound, fingerprint
from segue.audio.listen import SHAPE
from segue.audio.mel import MELS
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.contract import Encoder, Mels
from segue.encoders.corpus import Corpus
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.joint import Ears
from segue.encoders.standard import unit
from segue.encoders.statistics import MelStatistics

__all__ = ["HALF", "Chance", "Contender", "Hearing", "PrincipalComponents", "baselines", "ours"]

HALF = SHAPE[0] // 2
PARTS = ("autoencoder", "gru", "statistics")
DIM = 700
"""Numbers a vector of the principal components where there are no ears to equal."""
PIECE_FRAMES = 16
PIECE_TRACKS = 256
"""Principal components are those of two windows of at most so many training tracks."""

Floats = npt.NDArray[np.float32]


class Contender(ABC):
    """One way to hear.

    Attributes
    ----------
    key, title
        What ``--only`` and the cache call it, and what a reader reads.
    version
        Another one hears otherwise: nothing kept is taken for its own.
    centred
        Whether its features are centred and z-scored already.
    costly
        Whether it takes seconds a track.
    """

    key: str
    title: str
    version: str
    centred = False
    costly = False

    @abstractmethod
    def hear(self, sound: Sound) -> Floats:
        """float32 (3, dim): the whole, its first and its second half; NaN where it can't say.

        Raises
        ------
        UnreadableAudio
            It can't hear this file.
        """


class Chance(Contender):
    """A vector out of the blue for everything: what every measure gives to one that hears nothing."""

    key, title, version, centred = "chance", "chance", "1", True

    def hear(self, sound: Sound) -> Floats:
        """See ``Contender.hear``."""
        drawn = np.random.default_rng(int(sound.content[:16], 16)).standard_normal((3, 64), dtype=np.float32)
        return np.stack([unit(part) for part in drawn])


class Hearing(Contender):
    """An encoder of Segue's. Its version is what it answers to a made-up sound, so that no change of it is missed."""

    centred = True

    def __init__(self, key: str, title: str, encoder: Encoder) -> None:
        self.key, self.title, self.encoder = key, title, encoder
        self.version = fingerprint(encoder.encode(_made_up()))

    def hear(self, sound: Sound) -> Floats:
        """See ``Contender.hear``."""
        return np.stack([self.encoder.encode(part) for part in _parts(sound.mels)])


class PrincipalComponents(Contender):
    """Mean and deviation of the principal components of pieces of 16 frames: what a plane can say in as many numbers.

    Parameters
    ----------
    corpus
        The training tracks.
    dim
        Length of the vectors.
    """

    key = "pca"

    def __init__(self, corpus: Corpus, dim: int) -> None:
        pieces = _pieces(corpus.windows_of(corpus.sample(corpus.training, PIECE_TRACKS), 2)).astype(np.float64)
        count = min(dim // 2, pieces.shape[1])
        self._centre = pieces.mean(0)
        _, directions = np.linalg.eigh((pieces - self._centre).T @ (pieces - self._centre))
        self._directions = directions[:, -count:]
        self.title = f"principal components ({2 * count})"
        self.version = fingerprint(self._features(_made_up()))

    def hear(self, sound: Sound) -> Floats:
        """See ``Contender.hear``."""
        return np.stack([self._features(part) for part in _parts(sound.mels)])

    def _features(self, mels: Mels) -> Floats:
        said = (_pieces(mels) - self._centre) @ self._directions
        return np.concatenate([said.mean(0), said.std(0)]).astype(np.float32)


def baselines(corpus: Callable[[], Corpus], ears: Encoder | None, seed: int) -> dict[str, Callable[[], Contender]]:
    """How to make each plain contender; untrained networks are as large as the ears', or of medium size.

    ``corpus`` gives the training tracks, and is asked for them only when a contender is made.
    """
    autoencoder, gru = AutoencoderSettings.sized("medium"), SoundGruSettings.sized("medium")
    if isinstance(ears, Ears):
        autoencoder = AutoencoderSettings.restored(ears.autoencoder.card["settings"])
        gru = SoundGruSettings.restored(ears.gru.card["settings"])

    # The plane of the autoencoder begins as principal components, untrained as well; its convolutions are random.
    def untrained(kind: type[Autoencoder] | type[SoundGru], settings: Any, title: str) -> Contender:
        bare = replace(settings, schedule=replace(settings.schedule, steps=0))
        return Hearing(f"untrained-{kind.name}", title, kind.fit(corpus(), bare, seed=seed, device="cpu"))

    return {
        "chance": Chance,
        "statistics": lambda: Hearing("statistics", "MFCC statistics", MelStatistics.fit(corpus(), seed=seed)),
        "pca": lambda: PrincipalComponents(corpus(), ears.dim if ears else DIM),
        "untrained-autoencoder": lambda: untrained(Autoencoder, autoencoder, "autoencoder, untrained"),
        "untrained-gru": lambda: untrained(SoundGru, gru, "GRU, untrained"),
    }


def ours(ears: Encoder) -> dict[str, Callable[[], Contender]]:
    """How to make the contenders that are the ears, and each part of them."""
    made: dict[str, Callable[[], Contender]] = {"ears": lambda: Hearing("ears", "Segue: ears", ears)}
    for name in PARTS:
        part = getattr(ears, name, None)
        if isinstance(part, Encoder):
            made[f"ears-{name}"] = partial(Hearing, f"ears-{name}", f"Segue: {name} alone", part)
    return made


def _parts(mels: Floats) -> tuple[Floats, Floats, Floats]:
    return mels, mels[:HALF], mels[HALF:]


def _pieces(mels: Mels) -> npt.NDArray[Any]:
    return mels.reshape(-1, PIECE_FRAMES * MELS)


def _made_up() -> Floats:
    return np.random.default_rng(0).uniform(0, 6, SHAPE).astype(np.float32)
