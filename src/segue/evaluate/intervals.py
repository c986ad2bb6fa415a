"""How far to trust a mean: 95 % intervals by resampling those who listened, not their listens.

Targets of one listener are alike, so drawing single targets would pretend to far more evidence than there is. Whole
clusters are drawn with replacement (Field & Welsh 2007, "Bootstrapping clustered data"): listeners or playlists;
with fewer than 30 of them their days; with fewer than 30 days, blocks of consecutive targets. The two ways out say
nothing of other listeners than these, and the report says so. Every model sees the same draws, which makes the
difference of two models a paired one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.evaluate.problem import Problem

__all__ = ["DRAWS", "Clusters", "clusters", "interval", "resample"]

DRAWS = 1_000
ENOUGH = 30
BLOCK = 20
DAY_S = 86_400
BATCH = 50


@dataclass(frozen=True, slots=True)
class Clusters:
    """What is drawn.

    Attributes
    ----------
    number
        int64 (targets,): the cluster of each target, 0 to count - 1.
    count
        How many there are.
    unit
        What one is, in words.
    weak
        What a reader must know of intervals over them; empty where they are sound.
    """

    number: npt.NDArray[np.int64]
    count: int
    unit: str
    weak: str


def clusters(problem: Problem) -> Clusters:
    """The largest kind of cluster of which there are at least 30."""
    who = problem.histories.listener[problem.targets].astype(np.int64)
    number, count = _numbered(who)
    if count >= ENOUGH:
        return Clusters(number, count, problem.group, "")
    only = f"they speak of these {count} {problem.group}s only, not of others like them"
    if problem.timed:
        day = problem.histories.started_at[problem.targets] // DAY_S
        days, found = _numbered(np.stack([who, day], axis=1))
        if found >= ENOUGH:
            return Clusters(days, found, f"day of one {problem.group} (UTC)", only)
    place = np.arange(len(who)) - np.searchsorted(who, who)
    blocks, found = _numbered(np.stack([who, place // BLOCK], axis=1))
    weak = only if found >= ENOUGH else f"{only}, and {found} blocks are too few to trust an interval"
    return Clusters(blocks, found, f"block of {BLOCK} consecutive targets of one {problem.group}", weak)


def resample(
    values: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_], over: Clusters, *, seed: int, draws: int = DRAWS
) -> npt.NDArray[np.float64]:
    """float64 (draws, columns): the mean of each column over the masked targets, in each draw of clusters.

    Parameters
    ----------
    values
        float64 (targets, columns).
    mask
        bool (targets,).
    over
        The clusters. All are drawn, also those without a masked target; the same seed makes the same draws.
    """
    inside, number = values[mask], over.number[mask]
    sums = np.stack([np.bincount(number, column, minlength=over.count) for column in inside.T], axis=1)
    sizes = np.bincount(number, minlength=over.count).astype(np.float64)
    generator = np.random.default_rng(seed)
    found = np.empty((draws, values.shape[1]))
    for first in range(0, draws, BATCH):
        lines = min(BATCH, draws - first)
        weights = np.empty((lines, over.count))
        for line in range(lines):
            weights[line] = np.bincount(generator.integers(over.count, size=over.count), minlength=over.count)
        total = weights @ sizes
        with np.errstate(invalid="ignore"):  # a draw without any masked target has no mean
            found[first : first + lines] = (weights @ sums) / total[:, None]
    return found


def interval(drawn: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of draws of one mean; draws without a mean are left out.

    Examples
    --------
    >>> interval(np.arange(1001.0))
    (25.0, 975.0)
    """
    kept = drawn[~np.isnan(drawn)]
    if not len(kept):
        return float("nan"), float("nan")
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def _numbered(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    found, number = np.unique(keys, axis=0, return_inverse=True)
    return number.reshape(-1).astype(np.int64), len(found)
