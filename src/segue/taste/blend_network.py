"""The blend's network: candidates' evidence to scores, and each number's share in a score.

In: evidence x of candidates, and weights. Out: score = a · x + b · max(0, C x + c), of x in standard scores.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["SHAPES", "contributions", "rank", "untrained"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SHAPES = {"mean": 1, "deviation": 1, "straight": 1, "inner": 2, "inner_bias": 1, "outer": 1, "popularity": 1}
"""The dimensions of each saved array."""

UNTRAINED: Mapping[str, float] = {"rules": 1.0, "followed, faint": 0.5, "stood around": 0.5, "active for long": 0.4}
UNTRAINED_PART = 0.2
"""What counts where there were too few listens to train the network: these parts and columns, and every other part."""


def untrained(columns: Sequence[str], parts: Sequence[str], scales: int) -> dict[str, Floats]:
    """Stated weights, for want of listens to learn them from.

    Parameters
    ----------
    columns
        What the evidence's columns are called; the last ones are those of the parts.
    parts, scales
        The parts' names, and how many columns each of them has.
    """
    of_own = [UNTRAINED.get(name, 0.0) for name in columns[: len(columns) - scales * len(parts)]]
    of_parts = [UNTRAINED.get(name, UNTRAINED_PART) for name in parts for _ in range(scales)]
    count = len(columns)
    return {
        "mean": np.zeros(count, dtype=np.float32),
        "deviation": np.ones(count, dtype=np.float32),
        "straight": np.array([*of_own, *of_parts], dtype=np.float32),
        "inner": np.zeros((0, count), dtype=np.float32),
        "inner_bias": np.zeros(0, dtype=np.float32),
        "outer": np.zeros(0, dtype=np.float32),
    }


def rank(weights: Mapping[str, Floats], evidence: Floats) -> Floats:
    """float32 (candidates,): their scores, from evidence float32 (candidates, columns)."""
    known = (evidence - weights["mean"]) / weights["deviation"]
    hinges = np.maximum(known @ weights["inner"].T + weights["inner_bias"], 0)
    return np.asarray(known @ weights["straight"] + hinges @ weights["outer"])


def contributions(weights: Mapping[str, Floats], evidence: Floats, chosen: Ints) -> Floats:
    """float32 (n, columns): what each column adds to the chosen candidates' scores, against the mean candidate.

    Integrated gradients (Sundararajan et al. 2017, "Axiomatic attribution for deep networks", eq. 1) from the
    candidates' mean m to candidate x_i. A gradient is constant between the crossings of the hinges, and on a straight
    way a hinge has one crossing at most, so the integral is closed::

        adds_ic = (x_ic - m_c) · (a_c + Σ_j b_j s_ij C_jc),   s_ij = (max(0, h_ij) - max(0, h_j)) / (h_ij - h_j)

    with h_ij = C_j x_i + c_j, and h_j the same of m. Over all columns they sum to score_i - score(m), up to rounding.

    Parameters
    ----------
    weights
        Of the blend's network.
    evidence
        float32 (candidates, columns).
    chosen
        int64 (n,): which candidates.
    """
    mean = evidence.mean(axis=0, dtype=np.float64)
    step = (evidence[chosen] - mean) / weights["deviation"]
    before = weights["inner"] @ ((mean - weights["mean"]) / weights["deviation"]) + weights["inner_bias"]
    change = step @ weights["inner"].T
    opened = np.maximum(before + change, 0) - np.maximum(before, 0)
    still = np.abs(change) < 1e-9
    slope = np.where(still, before > 0, opened / np.where(still, 1, change))
    return np.asarray(step * (weights["straight"] + (slope * weights["outer"]) @ weights["inner"]), dtype=np.float32)
