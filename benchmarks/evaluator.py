"""How much of an evaluation is the ranking itself: Segue's rank and top 20 of a line of scores, against a full sort.

python benchmarks/evaluator.py [TRACKS ...]
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from segue.evaluate.ranking import TOP, ranks
from segue.taste.contract import top_k

LINES = 64


def lines(kind: str, tracks: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    generator = np.random.default_rng(0)
    scores = generator.random((LINES, tracks), dtype=np.float32)
    if kind == "mostly equal":  # as of a model that knows a few followers of each track
        scores[generator.random((LINES, tracks)) < 0.999] = 0
    return scores


def fastest_us(job: Callable[[], object]) -> float:
    times_s = []
    for _ in range(5):
        began = time.perf_counter()
        job()
        times_s.append(time.perf_counter() - began)
    return 1e6 * min(times_s) / LINES


def main() -> None:
    print("| tracks | scores | rank, µs | top 20, µs | full sort, µs | ratio |")
    print("|---:|---|---:|---:|---:|---:|")
    for tracks in [int(word) for word in sys.argv[1:]] or [5_000, 50_000, 200_000]:
        for kind in ("all different", "mostly equal"):
            scores = lines(kind, tracks)
            target = np.arange(LINES, dtype=np.int32)
            rank = fastest_us(lambda: ranks(scores, target))  # noqa: B023 (called at once)
            top = fastest_us(lambda: [top_k(line, TOP) for line in scores])  # noqa: B023
            sort = fastest_us(lambda: [np.argsort(-line, kind="stable") for line in scores])  # noqa: B023
            print(f"| {tracks} | {kind} | {rank:.0f} | {top:.0f} | {sort:.0f} | {sort / (rank + top):.0f} |")


if __name__ == "__main__":
    main()
