"""What a rank is worth: recall, reciprocal rank and discounted gain of one true track.

Each target has one true track, so that recall is the hit rate and the ideal discounted gain is 1. Everything follows
from ranks alone, which ``predictions.parquet`` holds too; a test holds the formulas to those of ``ir-measures``.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["GAINS", "gains"]

RECALL = (1, 10, 20, 100)
NDCG = (10, 20, 100)
MRR = 20

GAINS = (*(f"recall@{k}" for k in RECALL), f"mrr@{MRR}", *(f"ndcg@{k}" for k in NDCG))


def gains(rank: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """float64 (targets, 8): what each rank earns, 0 to 1, in the order of ``GAINS``.

    Up to rank k Recall@k is 1, MRR@k is 1/rank and NDCG@k is 1/log2(1 + rank); beyond it each is 0.

    Examples
    --------
    >>> dict(zip(GAINS, gains(np.array([3], dtype=np.int32))[0].tolist()))["ndcg@10"]
    0.5
    """
    place = rank.astype(np.float64)
    discount = 1 / np.log2(1 + place)
    columns = [(place <= k).astype(np.float64) for k in RECALL]
    columns += [(place <= MRR) / place]
    columns += [(place <= k) * discount for k in NDCG]
    return np.stack(columns, axis=1)
