"""The descriptors of many files by several polite processes, for tracks whose vectors are there already.

Paths go in; descriptors come out in the same order, or the reason why a file has none. The processes are those of
``segue.crew`` (``python -m segue.audio.descriptors.hearing``).
"""

import os
from collections.abc import Generator, Sequence
from contextlib import closing

from segue.audio.descriptors.describe import describe_file
from segue.audio.descriptors.kept import from_bytes, to_bytes
from segue.audio.descriptors.values import Descriptors
from segue.crew import Lost, answers, serve
from segue.errors import UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["descriptors_of_many"]

HEARD, UNHEARD = b"+", b"-"
"""What an answer begins with: descriptors follow, or the reason why there are none."""


def descriptors_of_many(
    paths: Sequence[str | os.PathLike[str]], workers: int = 0, progress: Progress = silent
) -> Generator[tuple[int, Descriptors | UnreadableAudio]]:
    """Position and descriptors of each file in order, or its error. Close the iterator to end the processes early.

    Parameters
    ----------
    workers
        Processes; 0 takes as many as there are cores, 1 works in this process.
    progress
        Told of every file handed on.

    Raises
    ------
    SegueError
        No process can be started.
    """
    progress("describing", 0, len(paths))
    names = map(os.fsencode, paths)
    with closing(answers("segue.audio.descriptors.hearing", _answer, names, workers)) as answered:
        for position, (name, answer) in enumerate(answered):
            yield position, _found(name, answer)
            progress("describing", position + 1, len(paths))


def _answer(name: bytes) -> bytes:
    try:
        return HEARD + to_bytes(describe_file(os.fsdecode(name)))
    except UnreadableAudio as error:
        return UNHEARD + str(error).encode()


def _found(name: bytes, answer: bytes | Lost) -> Descriptors | UnreadableAudio:
    if isinstance(answer, Lost):
        return UnreadableAudio(f"{name.decode('utf-8', 'backslashreplace')}: {answer.reason}")
    if answer.startswith(UNHEARD):
        return UnreadableAudio(answer.removeprefix(UNHEARD).decode())
    return from_bytes(answer.removeprefix(HEARD))


if __name__ == "__main__":
    serve(_answer)
