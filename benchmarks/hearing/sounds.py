"""Files as the contenders hear them, and a folder that keeps what was heard.

A ``Sound`` decodes what a contender asks for, when it asks, once. ``Kept`` holds arrays under what made them and what
the file contains, so that a run that was ended goes on where it was, and music that was moved is not heard again.
"""

import hashlib
import os
import tempfile
import zipfile
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from segue.audio.decode import read_windows
from segue.audio.mel import HOP, MELS, WINDOW_SAMPLES, log_mel, log_mel_frames
from segue.errors import UnreadableAudio

__all__ = ["Kept", "Sound", "fingerprint"]

Floats = npt.NDArray[np.float32]


class Kept:
    """Arrays on disk, ``FOLDER/MAKER/CONTENT.npz``, each written whole as soon as it is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, maker: str, content: str) -> npt.NDArray[Any] | None:
        """What this maker made of this content; None when it did not, or the file is damaged."""
        try:
            # opened here: of a damaged file numpy leaves its own open
            with self._path(maker, content).open("rb") as file, np.load(file) as archive:
                return np.asarray(archive["made"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, maker: str, content: str, made: npt.NDArray[Any]) -> None:
        """Keep it."""
        path = self._path(maker, content)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.savez(file, made=made)
        os.replace(file.name, path)  # noqa: PTH105 (the name is a string)

    def _path(self, maker: str, content: str) -> Path:
        return self.folder / maker / f"{content}.npz"


class Sound:
    """One file; everything about it is read when it is first asked for.

    Parameters
    ----------
    path
        The file.
    kept
        Where its log-mels are kept.
    """

    def __init__(self, path: Path, kept: Kept) -> None:
        self.path = path
        self._kept = kept

    @cached_property
    def content(self) -> str:
        """Hexadecimal BLAKE2b of the file.

        Raises
        ------
        UnreadableAudio
            It can't be read.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except OSError as error:
            raise UnreadableAudio(f"{self.path}: it can't be read ({error.strerror})") from error

    @cached_property
    def y(self) -> Floats:
        """float32 (8, 131072): the windows that Segue hears (see ``read_windows``)."""
        return read_windows(self.path)

    @cached_property
    def mels(self) -> Floats:
        """float32 (8, 256, 96): their log-mels, as Segue keeps them."""
        maker = f"log-mel-{_mel_version()}"
        kept = self._kept.get(maker, self.content)
        if kept is None:
            kept = log_mel(self.y).astype(np.float16)
            self._kept.put(maker, self.content, kept)
        return kept.astype(np.float32)

    @cached_property
    def frames(self) -> Floats:
        """float32 (8, 512, 96): the same before pairs of frames were averaged."""
        return log_mel_frames(self.y)

    @cached_property
    def whole_frames(self) -> Floats:
        """float32 (frames, 96): every whole frame of the file, 62.5 a second."""
        y = whole(self.path)
        padded = np.pad(y, (0, -len(y) % WINDOW_SAMPLES))
        return log_mel_frames(padded.reshape(-1, WINDOW_SAMPLES)).reshape(-1, MELS)[: len(y) // HOP]


def whole(path: Path) -> Floats:
    """float32 (samples,): the first ten minutes of a file, mono at 16 kHz.

    Raises
    ------
    UnreadableAudio
        There is no sound in it.
    """
    from recipes.prepare import decode

    try:
        return decode(path)
    except (OSError, ValueError, av.error.FFmpegError) as error:
        raise UnreadableAudio(f"{path}: it can't be decoded ({error})") from error


def fingerprint(*arrays: npt.NDArray[Any]) -> str:
    """Eight hexadecimal digits that stand for these numbers."""
    digest = hashlib.blake2b(digest_size=4)
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@cache
def _mel_version() -> str:
    noise = np.random.default_rng(0).standard_normal((1, WINDOW_SAMPLES), dtype=np.float32)
    return fingerprint(log_mel(noise * np.float32(0.1)).astype(np.float16))
