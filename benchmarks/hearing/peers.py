"""How others hear: MusiCNN (supervised, from its published weights) and bliss-audio (signal features, in Rust).

OpenL3, VGGish-like embeddings and the large self-supervised models are not here: their weights come from hubs, or
under licences that forbid commercial use, and what can't be fetched with the code can't be run with one command.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

from benchmarks.hearing.contenders import HALF, Contender
from benchmarks.hearing.sounds import Sound
from segue.errors import NotReady, UnreadableAudio

if TYPE_CHECKING:
    from recipes.musicnn import MusiCNN

__all__ = ["JOINED", "JOINED_TITLES", "MISSING", "Bliss", "joined", "taggers"]

WHOLE, WINDOWS = "whole track", "8 windows"
MISSING = "OpenL3 and its like are not compared: their weights are fetched from a hub, not with their code."

JOINED = {
    "musicnn-both": ("musicnn-mtt", "musicnn-msd"),
    "musicnn-both-windows": ("musicnn-mtt-windows", "musicnn-msd-windows"),
}
"""Contenders that are two others side by side."""
JOINED_TITLES = {"musicnn-both": "MusiCNN both, whole track", "musicnn-both-windows": "MusiCNN both, 8 windows"}

BLISS = """
import json, sys
try:
    from bliss_audio import Song
except ImportError:
    from bliss_audio.bliss_audio import Song
from importlib.metadata import version
print(json.dumps(version("bliss-audio")), flush=True)
for line in sys.stdin:
    try:
        answer = list(Song(json.loads(line)).analysis)
    except Exception as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""

Floats = npt.NDArray[np.float32]


class Tagger(Contender):
    """The 200 numbers before MusiCNN's tags, averaged over its patches of three seconds.

    Parameters
    ----------
    key, title
        See ``Contender``.
    network
        The published network.
    whole
        Every patch of the file as its authors do, or two in each of the eight windows that Segue hears.
    """

    version = "1"

    def __init__(self, key: str, title: str, network: "MusiCNN", *, whole: bool) -> None:
        self.key, self.title, self._network, self.costly = key, title, network, whole

    def hear(self, sound: Sound) -> Floats:
        """See ``Contender.hear``."""
        if self.costly:
            patches = self._embedded(sound.whole_frames, sound)
            middle = len(patches) // 2
        else:
            each = [self._embedded(window, sound) for window in sound.frames]
            patches, middle = np.concatenate(each), HALF * len(each[0])
        parts = (patches, patches[:middle], patches[middle:])
        return np.stack([part.mean(0) if len(part) else np.full(patches.shape[1], np.nan) for part in parts])

    def _embedded(self, frames: Floats, sound: Sound) -> Floats:
        from recipes.musicnn import PATCH_FRAMES

        if len(frames) < PATCH_FRAMES:
            raise UnreadableAudio(f"{sound.path}: MusiCNN needs three seconds")
        return self._network.embed(frames)


def taggers(wheel_folder: Path) -> dict[str, Callable[[], Contender]]:
    """How to make MusiCNN's two networks (MagnaTagATune, Million Song Dataset), each hearing in two ways.

    Making one downloads the wheel into this folder where it is not there, and raises ``NotReady`` if it can't be had.
    """

    @cache
    def network(data: str) -> "MusiCNN":
        from recipes.musicnn import MusiCNN, wheel

        try:
            return MusiCNN(wheel(wheel_folder), f"{data}_musicnn")
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotReady(f"the musicnn wheel can't be had ({error}): put it into {wheel_folder}") from error

    def make(key: str, data: str, way: str) -> Contender:
        return Tagger(key, f"MusiCNN {data}, {way}", network(data), whole=way == WHOLE)

    return {
        key: partial(make, key, data, way)
        for way, ending in ((WHOLE, ""), (WINDOWS, "-windows"))
        for data in ("MTT", "MSD")
        for key in [f"musicnn-{data.lower()}{ending}"]
    }


def joined(heard: Mapping[str, Floats]) -> dict[str, Floats]:
    """The pairs of ``JOINED`` of which both were heard, side by side."""
    return {
        key: np.concatenate([heard[part] for part in parts], axis=-1)
        for key, parts in JOINED.items()
        if all(part in heard for part in parts)
    }


class Bliss(Contender):
    """bliss-audio in an interpreter of its own; it hears whole files only. Use it as a context.

    Raises
    ------
    NotReady
        This interpreter has no bliss-audio, or can't run it.
    """

    key = "bliss"

    def __init__(self, python: str) -> None:
        self._python = python
        said = self._begin()
        if not isinstance(said, str):
            self.close()
            raise NotReady(f"{python} has no bliss-audio: pip install 'segue[bench]', or name another interpreter")
        self.version, self.title = said, f"bliss-audio {said}"

    def _begin(self) -> object:
        """Start the interpreter; what it says first is its version."""
        try:
            self._process = subprocess.Popen(
                [self._python, "-c", BLISS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            raise NotReady(f"{self._python} can't be run ({error.strerror}): name another interpreter") from error
        return self._answer()

    def hear(self, sound: Sound) -> Floats:
        """See ``Contender.hear``. A file that ends the process is lost, and the next has a new one."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(os.fspath(sound.path.absolute())) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._answer()
        if answer is None:
            self.close()
            self._begin()
        if not isinstance(answer, list):
            raise UnreadableAudio(f"{sound.path}: bliss-audio {answer or 'ended'}")
        heard = np.full((3, len(answer)), np.nan, dtype=np.float32)
        heard[0] = answer
        return heard

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> object:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None
