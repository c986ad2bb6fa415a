"""The vectors of many files by several polite processes, each file decoded, described and encoded in one go.

Paths go in; vectors come out in the same order, or the reason why a file has none; and descriptors where they are
wanted. Log-mels (0.8 MB a track) are
neither sent nor kept, and the encoding is shared among the cores like the decoding. The processes are those of
``segue.crew`` (``python -m segue.encoders.hearing``); each reads the encoder from its folder once, which every request
names. A track is encoded alone on one thread, so that the same bits come whoever encodes it.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segue.audio.listen import DESCRIBED, PLAIN, Heard, hear, mel_windows, packed, unpacked
from segue.catalogue.walk import text_of
from segue.crew import Lost, answers, serve
from segue.encoders.contract import Encoder
from segue.encoders.registry import load_encoder
from segue.errors import SegueError, UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["heard_of_many", "vectors_of_many"]

BETWEEN = b"\0"
"""What no path holds."""
HEARD, UNHEARD, BROKEN = b"+", b"-", b"!"
"""What an answer begins with: a vector follows, or why this file has none, or why no file would have one."""

Floats = npt.NDArray[np.float32]


def vectors_of_many(
    paths: Sequence[str | os.PathLike[str]], place: Path, workers: int = 0, progress: Progress = silent
) -> Iterator[tuple[int, Floats | UnreadableAudio]]:
    """Position and vector of each file in order, or its error. Close the iterator to end the processes early.

    Parameters
    ----------
    paths
        Files.
    place
        The folder of a saved encoder.
    workers
        Processes; 0 takes as many as there are cores, 1 works in this process.
    progress
        Told of every file handed on.

    Raises
    ------
    DamagedHome
        The folder holds no encoder that can be read; nothing has been heard then.
    SegueError
        No process can be started, or none can read the encoder.
    """
    with closing(_asked(PLAIN, paths, place, workers, progress)) as heard:
        for position, found in heard:
            yield position, found if isinstance(found, UnreadableAudio) else found.row


def heard_of_many(
    paths: Sequence[str | os.PathLike[str]], place: Path, workers: int = 0, progress: Progress = silent
) -> Generator[tuple[int, Heard | UnreadableAudio]]:
    """As ``vectors_of_many``: each vector is the row of what was heard, and descriptors are there too.

    Raises
    ------
    DamagedHome, SegueError
        As ``vectors_of_many``.
    """
    return _asked(DESCRIBED, paths, place, workers, progress)


def _asked(
    kind: bytes, paths: Sequence[str | os.PathLike[str]], place: Path, workers: int, progress: Progress
) -> Generator[tuple[int, Heard | UnreadableAudio]]:
    progress("listening", 0, len(paths))
    if not paths:
        return
    encoder = load_encoder(place)  # in this process too: what is wrong with it must not be blamed on a file
    folder = os.fsencode(place.absolute())

    def answer(request: bytes) -> bytes:
        return _answer(encoder, request.partition(BETWEEN)[2])

    requests = (folder + BETWEEN + kind + os.fsencode(path) for path in paths)
    with closing(answers("segue.encoders.hearing", answer, requests, workers)) as answered:
        for position, (request, found) in enumerate(answered):
            yield position, _heard(request.partition(BETWEEN)[2][len(kind) :], found)
            progress("listening", position + 1, len(paths))


def _answer(encoder: Encoder, request: bytes) -> bytes:
    path = os.fsdecode(request[1:])
    try:
        heard = hear(path) if request.startswith(DESCRIBED) else Heard(mel_windows(path))
    except UnreadableAudio as error:
        return UNHEARD + str(error).encode()
    return HEARD + packed(Heard(encoder.encode(heard.row), heard.descriptors))


def _served(request: bytes) -> bytes:
    folder, _, wanted = request.partition(BETWEEN)
    try:
        encoder = _loaded(folder)
    except SegueError as error:
        return BROKEN + str(error).encode()
    return _answer(encoder, wanted)


@lru_cache(maxsize=1)
def _loaded(folder: bytes) -> Encoder:
    return load_encoder(Path(os.fsdecode(folder)))


def _heard(name: bytes, answer: bytes | Lost) -> Heard | UnreadableAudio:
    if isinstance(answer, Lost):
        return UnreadableAudio(f"{text_of(name)}: {answer.reason}")
    kind, content = answer[:1], answer[1:]
    if kind == BROKEN:
        raise SegueError(content.decode())
    if kind == UNHEARD:
        return UnreadableAudio(content.decode())
    return unpacked(content, (-1,))


if __name__ == "__main__":
    serve(_served)
