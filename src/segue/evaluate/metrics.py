"""What ranks are worth: recall, reciprocal rank and discounted gain of one true track, coverage and popularity.

Each target has one true track, so that recall is the hit rate and the ideal discounted gain is 1. Everything is
computed from ranks and top lists alone, which ``predictions.parquet`` holds too.
"""

import numpy as np
import numpy.typing as npt

from segue.evaluate.problem import Problem

__all__ = ["GAINS", "SEGMENTS", "coverage", "gains", "mean_popularity", "segments"]

GAINS = ("recall@1", "recall@10", "recall@20", "recall@100", "mrr@20", "ndcg@20")

SEGMENTS = {
    "all": "every target",
    "finished": "targets that were played to the end",
    "not skipped": "targets that were not skipped, as far as is known",
    "repeat": "tracks this listener had heard before",
    "first time": "tracks this listener had never heard before",
    "known": "tracks that TRAIN holds",
    "cold": "tracks that TRAIN does not hold",
    "new listener": "listeners that TRAIN does not hold",
}
"""The targets that each part of the results is over. A playlist counts as a listener."""


def gains(rank: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """float64 (targets, 6): what each rank earns, 0 to 1, in the order of ``GAINS``.

    Recall@k is 1 up to rank k; MRR@20 is 1/rank and NDCG@20 is 1/log2(1 + rank) up to rank 20, else 0.

    Examples
    --------
    >>> gains(np.array([3, 50], dtype=np.int32)).tolist()
    [[0.0, 1.0, 1.0, 1.0, 0.3333333333333333, 0.5], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]
    """
    place = rank.astype(np.float64)
    near = place <= 20
    columns = [place <= k for k in (1, 10, 20, 100)] + [near / place, near / np.log2(1 + place)]
    return np.stack(columns, axis=1).astype(np.float64)


def segments(problem: Problem) -> dict[str, npt.NDArray[np.bool_]]:
    """bool (targets,) for "all" and for each other of ``SEGMENTS`` that holds some of the targets and not all."""
    masks = {
        "all": np.ones(len(problem), dtype=bool),
        "finished": problem.finished,
        "not skipped": ~problem.skipped,
        "repeat": problem.repeat,
        "first time": ~problem.repeat,
        "known": problem.known,
        "cold": ~problem.known,
        "new listener": ~problem.known_listener,
    }
    return {name: mask for name, mask in masks.items() if name == "all" or (mask.any() and not mask.all())}


def coverage(top: npt.NDArray[np.int32], tracks: int) -> float:
    """The share of the catalogue that stands in at least one top list (-1 is no track)."""
    return len(np.unique(top[top >= 0])) / tracks


def mean_popularity(tracks: npt.NDArray[np.int32], plays: npt.NDArray[np.int64]) -> float:
    """Mean of ln(1 + plays in TRAIN) over tracks (-1 is none); NaN where there are none at all.

    What a model recommends set against what was truly heard shows how far it leans to the popular.
    """
    chosen = tracks[tracks >= 0]
    return float(np.log1p(plays[chosen]).mean()) if len(chosen) else float("nan")
