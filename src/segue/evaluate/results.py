"""The rankings of all models as one set of figures: means, intervals, and paired differences to the best baseline."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.evaluate.intervals import DRAWS, clusters, interval, resample
from segue.evaluate.metrics import GAINS, coverage, gains, mean_popularity, segments
from segue.evaluate.problem import Problem
from segue.evaluate.ranking import Ranking

__all__ = ["BASELINES", "COMPARED", "figures", "verdict"]

BASELINES = ("popularity", "rules", "sound")
"""What any model must beat to be worth its training."""

COMPARED = ("recall@20", "mrr@20", "ndcg@20")
CHOSEN_BY = "ndcg@20"
SAME = 0.05


def figures(problem: Problem, rankings: Mapping[str, Ranking], *, seed: int = 0, draws: int = DRAWS) -> dict[str, Any]:
    """Everything a report says of the models, plain enough for JSON.

    Parameters
    ----------
    problem
        What was predicted.
    rankings
        A ranking for each model's name.
    seed
        Where the draws for the intervals start.
    draws
        How many.
    """
    over = clusters(problem)
    names = list(rankings)
    values = np.concatenate([gains(rankings[name].rank) for name in names], axis=1)
    models: dict[str, dict[str, Any]] = {name: {"segments": {}} for name in names}
    drawn_of_all = np.empty((0, 0))
    for segment, mask in segments(problem).items():
        drawn = resample(values, mask, over, seed=seed, draws=draws)
        if segment == "all":
            drawn_of_all = drawn
        means = values[mask].mean(axis=0)
        for place, name in enumerate(names):
            column = place * len(GAINS)
            part: dict[str, Any] = {"targets": int(mask.sum())}
            for offset, gain in enumerate(GAINS):
                part[gain] = _estimate(float(means[column + offset]), drawn[:, column + offset])
            part["median_rank"] = float(np.median(rankings[name].rank[mask]))
            models[name]["segments"][segment] = part
    for name in names:
        top = rankings[name].top
        models[name]["coverage@20"] = _round(coverage(top, len(problem.items)))
        models[name]["popularity@20"] = _round(mean_popularity(top.ravel(), problem.plays))
        models[name]["nan_targets"] = rankings[name].broken
    compared = [name for name in names if name in BASELINES]
    best = max(compared, key=lambda name: models[name]["segments"]["all"][CHOSEN_BY]["value"], default=None)
    return {
        "models": models,
        "best_baseline": best,
        "differences": _differences(names, best, values.mean(axis=0), drawn_of_all) if best else {},
        "popularity_of_targets": _round(mean_popularity(problem.target_tracks, problem.plays)),
        "intervals": {"share": 0.95, "draws": draws, "unit": over.unit, "clusters": over.count, "note": over.weak},
    }


def verdict(relative: float | None, low: float, high: float) -> str:
    """What a difference with its interval amounts to: "better", "worse", "same" or "undecided".

    An interval without zero decides. With zero in it, less than 5 % counts as the same, more as undecided.

    Examples
    --------
    >>> verdict(0.02, -0.01, 0.03), verdict(0.2, -0.01, 0.3), verdict(0.02, 0.001, 0.003)
    ('same', 'undecided', 'better')
    """
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "same" if relative is not None and abs(relative) < SAME else "undecided"


def _differences(
    names: list[str], best: str, means: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> dict[str, Any]:
    base = names.index(best) * len(GAINS)
    found: dict[str, Any] = {}
    for place, name in enumerate(names):
        if name == best:
            continue
        found[name] = {}
        for gain in COMPARED:
            mine, theirs = place * len(GAINS) + GAINS.index(gain), base + GAINS.index(gain)
            difference = float(means[mine] - means[theirs])
            relative = difference / float(means[theirs]) if means[theirs] > 0 else None
            estimate = _estimate(difference, drawn[:, mine] - drawn[:, theirs])
            found[name][gain] = {
                **estimate,
                "relative": None if relative is None else _round(relative),
                "verdict": verdict(relative, estimate["low"], estimate["high"]),
            }
    return found


def _estimate(value: float, drawn: npt.NDArray[np.float64]) -> dict[str, Any]:
    low, high = interval(drawn)
    return {"value": _round(value), "low": _round(low), "high": _round(high)}


def _round(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
