"""What a search over sound vectors costs, exact and with an index, and what the index finds of the exact answer.

python benchmarks/search.py [--tracks N ...] [--dim D] [--queries N] [--json]

Vectors are made: groups of twenty tracks, some tighter than others, to one side. Both searches answer the same
questions in the same run, by turns, so that their ratio holds on a busy machine. "First" is the first question, which
finds the library's middle and its references; later ones find crowding only where nobody asked before, so the median
of the last half is what a service pays. All is CPU time of this process.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from segue.encoders.approximate import is_there
from segue.encoders.search import Vectors

K = 10


def made(tracks: int, dim: int) -> Vectors:
    """Unit vectors in groups, made by the block so that a million fit."""
    rng = np.random.default_rng(0)
    groups = rng.standard_normal((max(1, tracks // 20), dim), dtype=np.float32)
    aside = 0.5 * rng.standard_normal(dim, dtype=np.float32)
    rows = np.empty((tracks, dim), dtype=np.float32)
    for first in range(0, tracks, 16_384):
        part = rows[first : first + 16_384]
        part[:] = groups[rng.integers(len(groups), size=len(part))] + aside
        looseness = rng.lognormal(-0.5, 0.4, (len(part), 1)).astype(np.float32)
        part += looseness * rng.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return Vectors(tuple(f"t{row}" for row in range(tracks)), rows)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def measure(tracks: int, dim: int, queries: int) -> dict[str, Any]:
    """Costs in milliseconds a question, and the index's recall of the ten best."""
    vectors = made(tracks, dim)
    asked = vectors.matrix[np.random.default_rng(1).choice(tracks, queries, replace=False)]
    _, first_s = timed(lambda: vectors.search(asked[0], K))
    found: dict[str, Any] = {"tracks": tracks, "dim": dim, "first_ms": 1e3 * first_s}
    others = [("exact", vectors)]
    if is_there():
        indexed, build_s = timed(lambda: vectors.indexed(beyond=0))
        found["build_s"] = build_s
        others.append(("indexed", indexed))
    costs: dict[str, list[float]] = {name: [] for name, _ in others}
    recalled = []
    for number, query in enumerate(asked[1:]):
        answers = {}
        for name, searched in others[:: 1 if number % 2 else -1]:
            answers[name], seconds = timed(lambda: searched.search(query, K))  # noqa: B023 (called at once)
            costs[name].append(1e3 * seconds)
        if "indexed" in answers:
            wanted, got = ({track for track, _ in answers[name]} for name in ("exact", "indexed"))
            recalled.append(len(wanted & got) / K)
    half = (queries - 1) // 2
    found |= {f"{name}_ms": statistics.median(spent[half:]) for name, spent in costs.items()}
    found["crowding_known"] = float((~np.isnan(vectors.space._crowding)).mean())
    if recalled:
        found["recall"] = statistics.mean(recalled)
        found["ratio"] = found["exact_ms"] / found["indexed_ms"]
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tracks", type=int, nargs="+", default=[20_000, 200_000], help="library sizes")
    parser.add_argument("--dim", type=int, default=128, help="numbers a vector (default: 128)")
    parser.add_argument("--queries", type=int, default=40, help="questions asked (default: 40)")
    parser.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    if arguments.queries < 4 or min(arguments.tracks) < arguments.queries:
        parser.error("at least four questions, and no more than there are tracks")
    if not is_there():
        print("faiss is not installed; exact search is measured alone: pip install 'segue[faiss]'", file=sys.stderr)
    for tracks in arguments.tracks:
        found = measure(tracks, arguments.dim, arguments.queries)
        if arguments.json:
            print(json.dumps(found), flush=True)
            continue
        said = (
            f"{tracks} × {arguments.dim}: exact {found['exact_ms']:.1f} ms a question (first {found['first_ms']:.0f})"
        )
        if "recall" in found:
            said += (
                f"; indexed {found['indexed_ms']:.1f} ms, {found['ratio']:.1f} times less, recall {found['recall']:.3f}"
            )
            said += f", built in {found['build_s']:.1f} s"
        print(f"{said}; peak {found['peak_mib']:.0f} MiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
