"""Identity and tags of many files at once, in order, by several polite processes.

Paths flow in, ``Reading`` flows out in the same order. Each worker is a process of its own
(``python -m segue.catalogue.reading``) that is sent one path a line and answers one line of JSON. It runs at low
priority, ends when its input ends (so a killed parent leaves no orphan), and where a file brings it down, that
file is what is reported and the next one gets a new worker.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from segue.catalogue.identity import Identity, identify
from segue.catalogue.tags import Tags, read_tags
from segue.errors import SegueError, UnreadableAudio

__all__ = ["Reading", "read", "read_many"]

NICENESS = 10
AHEAD = 32
"""Files given out for each worker before their turn to be handed on: what bounds the memory."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file is and says, or ``problem``: why it can't be used."""

    path: bytes
    identity: Identity | None = None
    tags: Tags | None = None
    problem: str | None = None


def read(path: bytes) -> Reading:
    """One file, in this process."""
    place = Path(os.fsdecode(path))
    try:
        return Reading(path, identify(place), read_tags(place))
    except UnreadableAudio as error:
        return Reading(path, problem=str(error).removeprefix(f"{place}: "))
    except OSError as error:
        return Reading(path, problem=f"it can't be read ({error.strerror})")


def read_many(paths: Iterable[bytes], workers: int) -> Generator[Reading, None, None]:
    """Each path's reading, in order. ``workers``: processes; 1 stays in this one, 0 takes the cores there are.

    Close the iterator to end the workers early.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from map(read, paths)
        return
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    crew = [_Worker() for _ in range(workers)]
    for worker in crew:
        idle.put(worker)

    def read_by_one(path: bytes) -> Reading:
        worker = idle.get()
        try:
            return worker.read(path)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers, thread_name_prefix="segue-read")
    waiting: deque[Future[Reading]] = deque()
    try:
        for path in paths:
            waiting.append(threads.submit(read_by_one, path))
            if len(waiting) >= workers * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.end()  # whoever waits for its answer gets none
        threads.shutdown()
        for worker in crew:
            worker.end()  # one may have been starting


class _Worker:
    """One process, started when it is first needed."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.ended = False

    def read(self, path: bytes) -> Reading:
        status = 0
        for _ in range(2):  # a process may also have been ended for reasons that are not the file's
            process = self.process or self._start()
            answer = _ask(process, path)
            if answer:
                return _reading(path, json.loads(answer))
            status = self._stop(process)
        return Reading(path, problem=f"reading it brought the reader down (exit status {status})")

    def end(self) -> None:
        self.ended = True
        if self.process is not None:
            self._stop(self.process)

    def _start(self) -> subprocess.Popen[bytes]:
        status = 0
        for _ in range(2):  # the system may end one that has only begun
            if self.ended:
                break
            process = self.process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            assert process.stdout is not None
            if process.stdout.readline() == b"ready\n":
                return process
            status = self._stop(process)
        raise SegueError(f"the processes that read files can't start (exit status {status}): scan with 1 worker")

    def _stop(self, process: subprocess.Popen[bytes]) -> int:
        self.process = None
        process.kill()
        status = process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        return status


def _ask(process: subprocess.Popen[bytes], path: bytes) -> bytes:
    """One line for one line; nothing from a process that died."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(os.fsdecode(path)).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    return process.stdout.readline()


def _reading(path: bytes, answer: dict[str, dict[str, object] | str | None]) -> Reading:
    identity, tags, problem = answer["identity"], answer["tags"], answer["problem"]
    if not isinstance(identity, dict) or not isinstance(tags, dict):
        return Reading(path, problem=str(problem))
    listed = {name: tuple(value) if isinstance(value, list) else value for name, value in tags.items()}
    return Reading(path, Identity(**identity), Tags(**listed))  # type: ignore[arg-type]  # our own writing, below


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = sys.stdout.buffer
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        reading = read(os.fsencode(json.loads(line)))
        content = {
            name: asdict(part) if part else None
            for name, part in (("identity", reading.identity), ("tags", reading.tags))
        }
        answers.write(json.dumps({**content, "problem": reading.problem}).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
