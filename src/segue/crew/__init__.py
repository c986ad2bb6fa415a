"""Polite worker processes that are sent one path at a time, answer in order, and survive what brings them down.

Paths flow in; pairs of a path and its answer, in bytes, flow out in the same order. Decoders are the one part that a
file can bring down, so they run in processes of their own: ``python -m MODULE``, which unlike multiprocessing neither
pickles nor runs the caller's script again. Both sides are in the module that does the work::

    def length(path: bytes) -> bytes:
        return b"%d" % os.stat(path).st_size

    def lengths(paths: Iterable[bytes]) -> Iterator[tuple[bytes, bytes | Lost]]:
        yield from answers("segue.lengths", length, paths)

    if __name__ == "__main__":
        serve(length)
"""

from segue.crew.pool import answers
from segue.crew.worker import Lost, serve

__all__ = ["Lost", "answers", "serve"]
