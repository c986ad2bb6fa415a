"""Both ends of one worker: the process that answers, and what its parent holds of it.

A worker answers before it gets the next path, so that one that dies is known to have died of that file. The file is
given one more chance, since memory may have run out for a reason of its own; then it is what is reported.

It runs at low priority with one thread for arithmetic, in a session of its own (Ctrl-C is answered by the parent
alone), and ends when its input ends: a killed parent leaves no orphan. On the pipes, a path and an answer alike are a
line that says how many bytes follow, and those bytes: a path may hold a line's end, and numbers go as they are.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Lock, Timer
from typing import IO

from segue.errors import SegueError

__all__ = ["LIMIT_S", "Lost", "Worker", "serve"]

NICENESS = 10
LIMIT_S = 600.0
"""A file that takes longer holds its worker up for ever: a day of music is read in less."""
ATTEMPTS = 2
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
READY = b"ready"
GRACE_S = 1.0
"""For a process that has closed its pipes to be gone, and so to tell how it ended."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands for the answer to a path that got none."""

    reason: str


def serve(answer: Callable[[bytes], bytes]) -> None:
    """Be a worker: answer path after path until there are no more."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # Answers have a channel of their own; what a decoder might print goes where errors go.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _send(out, READY)
        while (path := _receive(sys.stdin.buffer)) is not None:
            _send(out, answer(path))
    except BrokenPipeError:
        os._exit(0)  # the parent has gone: an orderly end would only try to tell it the rest


class Worker:
    """One process, started when it is first needed and again when a file has brought it down."""

    def __init__(self, module: str, limit_s: float) -> None:
        self._module = module
        self._limit_s = limit_s
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = Lock()  # starting is one thread's, ending another's

    def answer(self, path: bytes) -> bytes | Lost:
        """What the process says of the path."""
        status = 0
        for _attempt in range(ATTEMPTS):
            process = self._running()
            if process is None:
                return Lost("it was not read, because reading was stopped")
            try:
                found = _ask(process, path, self._limit_s)
            except TimeoutError:
                return Lost(f"reading it took more than {self._limit_s:g} s")
            if found is not None:
                return found
            status = _status(process)
        return Lost(f"reading it brought the reader down (exit status {status})")

    def end(self) -> None:
        """Bring the process down, and start no other."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None:
            process.kill()

    def clear(self) -> None:
        """Leave nothing of the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._process is not None and self._process.poll() is None:
            return self._process
        reason = ""
        for _attempt in range(ATTEMPTS):  # the system may end one that has only begun
            self.clear()
            try:
                with self._lock:
                    if self._ended:
                        return None
                    process = self._process = _start(self._module)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                continue
            assert process.stdout is not None
            if _receive(process.stdout) == READY:
                return process
            reason = f"exit status {_status(process)}"
        # No file has anything to do with it, so none is reported.
        raise SegueError(f"the processes that read files can't start ({reason}): close other programs, or use 1 worker")


def _start(module: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
        start_new_session=True,
    )


def _status(process: subprocess.Popen[bytes]) -> int:
    """How a process ended that no longer answers."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(GRACE_S)
    process.kill()
    return process.wait()


def _ask(process: subprocess.Popen[bytes], path: bytes, limit_s: float) -> bytes | None:
    """The answer, or nothing from a process that died; TimeoutError where it had to be killed."""
    assert process.stdin is not None
    assert process.stdout is not None
    late = Event()

    def strike() -> None:
        late.set()
        process.kill()

    overdue = Timer(limit_s, strike)
    overdue.daemon = True
    overdue.start()
    try:
        _send(process.stdin, path)
        found = _receive(process.stdout)
    except BrokenPipeError:
        found = None
    finally:
        overdue.cancel()
    if found is None and late.is_set():
        raise TimeoutError
    return found


def _send(stream: IO[bytes], content: bytes) -> None:
    stream.write(b"%d\n" % len(content))
    stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """What was sent; nothing where the other side has ended, or sends something else."""
    size = stream.readline()
    if not size.endswith(b"\n") or not size[:-1].isdigit():
        return None
    content = stream.read(int(size))
    return content if len(content) == int(size) else None
