"""The log-mels of one file, or of many by several polite processes.

Paths go in; (8, 256, 96) log-mels come out in the same order, or the reason why a file has none. Decoders are the
one part that a file can bring down, so they run in processes of their own (``python -m segue.audio.listen``, which
unlike multiprocessing does not run the caller's script again): each is sent one path and answers before it gets the
next, so that a process that dies is known to have died of that file. It is given one more chance, since memory may
have run out for a reason of its own; then it is reported, and the others go on. A process runs at low priority and
ends when its input ends: a killed parent leaves no orphan.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock, Timer

import numpy as np
import numpy.typing as npt

from segue.audio.decode import WINDOWS, read_windows
from segue.audio.mel import FRAMES, MELS, log_mel
from segue.errors import SegueError, UnreadableAudio
from segue.progress import Progress, silent

__all__ = ["SHAPE", "mel_windows", "mel_windows_of_many"]

SHAPE = (WINDOWS, FRAMES, MELS)
"""What is heard of a track: windows, frames at 31.25 a second, mel bands."""
NICENESS = 10
AHEAD = 4
"""Files given out for each process before their turn to be handed on; with 0.8 MB each, what bounds the memory."""
LIMIT_S = 600.0
"""A file that takes longer holds its process up for ever: a day of music is read in less."""
ATTEMPTS = 2

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
    with contextlib.closing(_in_order(paths, workers)) as heard:
        for position, mels in enumerate(heard):
            yield position, mels
            progress("listening", position + 1, len(paths))


def _in_order(paths: Sequence[str | os.PathLike[str]], workers: int) -> Generator[Floats | UnreadableAudio, None, None]:
    if workers == 1:
        for path in paths:
            yield _heard(path)
        return
    crew = [_Worker() for _ in range(min(workers or _cores(), len(paths)) or 1)]
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in crew:
        idle.put(worker)

    def hear(path: str | os.PathLike[str]) -> Floats | UnreadableAudio:
        worker = idle.get()
        try:
            return worker.hear(path)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(len(crew), thread_name_prefix="segue-listen")
    waiting: deque[Future[Floats | UnreadableAudio]] = deque()
    try:
        for path in paths:
            waiting.append(threads.submit(hear, path))
            if len(waiting) >= AHEAD * len(crew):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for worker in crew:
            worker.end()  # a thread that waits for an answer gets none
        threads.shutdown()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _heard(path: str | os.PathLike[str]) -> Floats | UnreadableAudio:
    try:
        return mel_windows(path)
    except UnreadableAudio as error:
        return error


class _Worker:
    """One process, started when it is first needed and again when a file has brought it down."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = Lock()

    def hear(self, path: str | os.PathLike[str]) -> Floats | UnreadableAudio:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        reason = ""
        for _attempt in range(ATTEMPTS):
            process = self._running()
            if process is None:
                return UnreadableAudio(f"{shown}: it was not read, because listening was stopped")
            overdue = Timer(LIMIT_S, process.kill)
            overdue.start()
            try:
                return _ask(process, path)
            except (EOFError, BrokenPipeError, ValueError):  # it died, or was ended and its pipes closed
                if overdue.finished.is_set():
                    return UnreadableAudio(f"{shown}: reading it took more than {LIMIT_S:.0f} s")
                reason = f"reading it brought the reader down (exit status {process.wait()})"
            finally:
                overdue.cancel()
        return UnreadableAudio(f"{shown}: {reason}")

    def end(self) -> None:
        with self._lock:
            self._ended = True
            self._stop()

    def _running(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended:
                return None
            if self._process is None or self._process.poll() is not None:
                self._stop()
                self._process = _start()
            return self._process

    def _stop(self) -> None:
        if self._process is not None:
            _finish(self._process)


def _start() -> subprocess.Popen[bytes]:
    status = 0
    for _attempt in range(ATTEMPTS):
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "segue.audio.listen"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
            },
            start_new_session=True,  # Ctrl-C is the parent's to answer
        )
        assert process.stdout is not None
        if process.stdout.readline() == b"ready\n":
            return process
        status = _finish(process)
    # No file has anything to do with it, so none is reported.
    raise SegueError(
        f"a process that reads music could not start (exit status {status}): close other programs, or run with fewer "
        "workers"
    )


def _finish(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    status = process.wait()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with contextlib.suppress(BrokenPipeError):
            stream.close()
    return status


def _ask(process: subprocess.Popen[bytes], path: str | os.PathLike[str]) -> Floats | UnreadableAudio:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(os.fspath(path)).encode() + b"\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer.endswith(b"\n"):
        raise EOFError
    if answer != b"\n":
        return UnreadableAudio(json.loads(answer))
    mels = np.empty(SHAPE, dtype=np.float32)
    if process.stdout.readinto(mels.data.cast("B")) < mels.nbytes:  # type: ignore[attr-defined]  # it is buffered
        raise EOFError
    return mels


def _serve() -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Answers have a channel of their own; what a decoder might print goes where errors go.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        mels = _heard(json.loads(line))
        if isinstance(mels, UnreadableAudio):
            answers.write(json.dumps(str(mels)).encode() + b"\n")
        else:
            answers.write(b"\n" + mels.tobytes())
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):  # the parent has gone
        _serve()
