"""The log-mels of one file, or of many by several polite processes.

Paths go in; (8, 256, 96) log-mels come out in the same order, or the reason why a file has none. The processes are
those of ``segue.crew`` (``python -m segue.audio.listen``), and answer with the numbers as they lie in memory.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
import numpy.typing as npt

from segue.audio.decode import WINDOWS, read_windows
from segue.audio.mel import FRAMES, MELS, log_mel
from segue.crew import Lost, answers, serve
from segue.errors import UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["SHAPE", "mel_windows", "mel_windows_of_many"]

SHAPE = (WINDOWS, FRAMES, MELS)
"""What is heard of a track: windows, frames at 31.25 a second, mel bands."""
AHEAD = 4
"""Files given out for each process before their turn to be handed on; with 0.8 MB each, what bounds the memory."""
HEARD, UNHEARD = b"+", b"-"
"""What an answer begins with: log-mels follow, or the reason why there are none."""

Floats = npt.NDArray[np.float32]


def mel_windows(path: str | os.PathLike[str]) -> Floats:
    """float32 (8, 256, 96): log-mels of eight windows spread over one file (see ``read_windows``, ``log_mel``).

    They are rounded to what float16 can hold (3 digits), so that what is kept equals what is heard afresh.

    Raises
    ------
    UnreadableAudio
        No sound can be taken from it; the message is ``"PATH: REASON"``.
    """
    return log_mel(read_windows(path)).astype(np.float16).astype(np.float32)


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
    progress("listening", 0, len(paths))
    names = map(os.fsencode, paths)
    with closing(answers("segue.audio.listen", _answer, names, workers, ahead=AHEAD)) as answered:
        for position, (name, answer) in enumerate(answered):
            yield position, _heard(name, answer)
            progress("listening", position + 1, len(paths))


def _answer(name: bytes) -> bytes:
    try:
        return HEARD + mel_windows(os.fsdecode(name)).tobytes()
    except UnreadableAudio as error:
        return UNHEARD + str(error).encode()


def _heard(name: bytes, answer: bytes | Lost) -> Floats | UnreadableAudio:
    if isinstance(answer, Lost):
        return UnreadableAudio(f"{name.decode('utf-8', 'backslashreplace')}: {answer.reason}")
    if answer.startswith(UNHEARD):
        return UnreadableAudio(answer.removeprefix(UNHEARD).decode())
    return np.frombuffer(answer, np.float32, offset=len(HEARD)).reshape(SHAPE).copy()


if __name__ == "__main__":
    serve(_answer)
