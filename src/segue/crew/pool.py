"""Several workers at once: each path with its answer, in order, a bounded number of them ahead."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from segue.crew.worker import LIMIT_S, Lost, Worker

__all__ = ["answers"]


def answers(
    module: str,
    answer: Callable[[bytes], bytes],
    paths: Iterable[bytes],
    workers: int = 0,
    *,
    ahead: int = 4,
    limit_s: float = LIMIT_S,
) -> Generator[tuple[bytes, bytes | Lost], None, None]:
    """Each path with its answer, in order. Close the iterator to end the workers early.

    Parameters
    ----------
    module
        What a worker runs; it has to call ``serve(answer)``.
    answer
        The same function, for work in this process.
    paths
        They are taken as they are needed: ``ahead`` for each worker before the first one's turn to be handed on, which
        bounds the memory. A worker starts when a path waits for it, so that there are never more of them than paths.
    workers
        Processes; 0 takes as many as there are cores, 1 works in this process.
    limit_s
        What one file may take in another process. (Nothing can stop work in this one.)

    Raises
    ------
    SegueError
        No worker can be started.
    """
    if workers == 1:
        for path in paths:
            yield path, answer(path)
        return
    crew = [Worker(module, limit_s) for _ in range(workers or _cores())]
    idle = list(crew)

    def ask(path: bytes) -> bytes | Lost:
        worker = idle.pop()  # there is one for each thread; the last to come back is the first to go
        try:
            return worker.answer(path)
        finally:
            idle.append(worker)

    threads = ThreadPoolExecutor(len(crew), thread_name_prefix="segue-crew")
    waiting: deque[tuple[bytes, Future[bytes | Lost]]] = deque()
    try:
        for path in paths:
            waiting.append((path, threads.submit(ask, path)))
            if len(waiting) >= ahead * len(crew):
                first, found = waiting.popleft()
                yield first, found.result()
        while waiting:
            first, found = waiting.popleft()
            yield first, found.result()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.end()  # a thread that waits for an answer gets none
        threads.shutdown()
        for worker in crew:
            worker.clear()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
