"""The log-mels and descriptors of one file, or of many by several polite processes.

Paths go in; (8, 256, 96) log-mels come out in the same order, or the reason why a file has none, and what people can
say of the sound where that is wanted: a file is decoded once for both. The processes are those of ``segue.crew``
(``python -m segue.audio.listen``), and answer with the numbers as they lie in memory.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.audio.decode import WINDOWS, read_excerpts, read_windows
from segue.audio.descriptors.describe import describe_excerpts
from segue.audio.descriptors.kept import from_bytes, to_bytes
from segue.audio.descriptors.values import Descriptors
from segue.audio.mel import FRAMES, MELS, in_pairs, log_levels, log_mel, mel_power
from segue.crew import Lost, answers, serve
from segue.errors import UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["SHAPE", "Heard", "hear", "heard_of_many", "mel_windows", "mel_windows_of_many", "packed", "unpacked"]

SHAPE = (WINDOWS, FRAMES, MELS)
"""What is heard of a track: windows, frames at 31.25 a second, mel bands."""
AHEAD = 4
"""Files given out for each process before their turn to be handed on; with 0.8 MB each, what bounds the memory."""
HEARD, UNHEARD = b"+", b"-"
"""What an answer begins with: what was heard follows, or the reason why there is nothing."""
PLAIN, DESCRIBED = b"p", b"d"
"""What a request begins with, before the path: log-mels alone are wanted, or descriptors too."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Heard:
    """What one decoding of a file gave: a row of numbers (log-mels, or a vector of them) and descriptors, if wanted."""

    row: Floats
    descriptors: Descriptors | None = None


def mel_windows(path: str | os.PathLike[str]) -> Floats:
    """float32 (8, 256, 96): log-mels of eight windows spread over one file (see ``read_windows``, ``log_mel``).

    They are rounded to what float16 can hold (3 digits), so that what is kept equals what is heard afresh.

    Raises
    ------
    UnreadableAudio
        No sound can be taken from it; the message is ``"PATH: REASON"``.
    """
    return _rounded(log_mel(read_windows(path)))


def hear(path: str | os.PathLike[str]) -> Heard:
    """The log-mels of ``mel_windows``, to the bit, and the descriptors of the same windows.

    Raises
    ------
    UnreadableAudio
        As ``mel_windows``.
    """
    excerpts = read_excerpts(path)
    power = mel_power(excerpts.y)
    return Heard(_rounded(in_pairs(log_levels(power))), describe_excerpts(excerpts, power))


def mel_windows_of_many(
    paths: Sequence[str | os.PathLike[str]], workers: int = 0, progress: Progress = silent
) -> Iterator[tuple[int, Floats | UnreadableAudio]]:
    """Position and log-mels of each file in order, or its error. Close the iterator to end the processes early.

    Parameters
    ----------
    paths
        Files. A few are read ahead of what was taken from the iterator, not more.
    workers
        Processes; 0 takes as many as there are cores, 1 reads in this process.
    progress
        Told of every file handed on.

    Raises
    ------
    SegueError
        No process can be started.
    """
    with closing(_asked(PLAIN, paths, workers, progress)) as heard:
        for position, found in heard:
            yield position, found if isinstance(found, UnreadableAudio) else found.row


def heard_of_many(
    paths: Sequence[str | os.PathLike[str]], workers: int = 0, progress: Progress = silent
) -> Generator[tuple[int, Heard | UnreadableAudio]]:
    """As ``mel_windows_of_many``, with descriptors.

    Raises
    ------
    SegueError
        No process can be started.
    """
    return _asked(DESCRIBED, paths, workers, progress)


def packed(heard: Heard) -> bytes:
    """What was heard, as it goes through a pipe."""
    told = b"" if heard.descriptors is None else to_bytes(heard.descriptors)
    return told + b"\n" + heard.row.tobytes()


def unpacked(content: bytes, shape: tuple[int, ...]) -> Heard:
    """What was packed, with rows of this shape."""
    told, _, row = content.partition(b"\n")
    numbers = np.frombuffer(row, np.float32).reshape(shape).copy()
    return Heard(numbers, from_bytes(told) if told else None)


def _asked(
    kind: bytes, paths: Sequence[str | os.PathLike[str]], workers: int, progress: Progress
) -> Generator[tuple[int, Heard | UnreadableAudio]]:
    progress("listening", 0, len(paths))
    requests = (kind + os.fsencode(path) for path in paths)
    with closing(answers("segue.audio.listen", _answer, requests, workers, ahead=AHEAD)) as answered:
        for position, (request, answer) in enumerate(answered):
            yield position, _heard(request[len(kind) :], answer)
            progress("listening", position + 1, len(paths))


def _rounded(mels: Floats) -> Floats:
    return mels.astype(np.float16).astype(np.float32)


def _answer(request: bytes) -> bytes:
    path = os.fsdecode(request[1:])
    try:
        return HEARD + packed(hear(path) if request.startswith(DESCRIBED) else Heard(mel_windows(path)))
    except UnreadableAudio as error:
        return UNHEARD + str(error).encode()


def _heard(name: bytes, answer: bytes | Lost) -> Heard | UnreadableAudio:
    if isinstance(answer, Lost):
        return UnreadableAudio(f"{name.decode('utf-8', 'backslashreplace')}: {answer.reason}")
    if answer.startswith(UNHEARD):
        return UnreadableAudio(answer.removeprefix(UNHEARD).decode())
    return unpacked(answer.removeprefix(HEARD), SHAPE)


if __name__ == "__main__":
    serve(_answer)
