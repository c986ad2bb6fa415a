"""The rankings of all models as one set of figures: means, intervals, paired differences, and what the lists are like.

A model whose result depends on the seed comes with one ranking a seed. Its value is the mean over them; its intervals
hold both kinds of luck, because each draw takes one of its fits first and then the clusters (a hierarchical
bootstrap): they say what one more fit would give on listeners such as these. All models share the draws of clusters,
so that differences are paired.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.evaluate.beyond import coverage, gini, mean_popularity, novelty, skip_rate, variety, variety_basis
from segue.evaluate.intervals import DRAWS, clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem
from segue.evaluate.ranking import Ranking
from segue.evaluate.segments import segments

__all__ = ["BASELINES", "BEYOND", "CHOSEN_BY", "COMPARED", "figures", "verdict"]

BASELINES = (
    "popularity",
    "recent-popularity",
    "hourly-popularity",
    "most-played",
    "activation",
    "artist",
    "markov",
    "rules",
    "item-knn",
    "vsknn",
    "stan",
    "vstan",
    "ease",
    "ials",
    "sound",
)
"""What any model must beat to be worth its training."""

COMPARED = ("recall@20", "mrr@20", "ndcg@20")
CHOSEN_BY = "ndcg@20"
SAME = 0.05
CLOSED_PARTS = ("all", "known")

BEYOND = ("coverage@20", "gini@20", "novelty@20", "popularity@20", "variety@20", "skips@1", "skips@20")
"""What is said of each model beyond accuracy; None where it can't be known."""

Values = npt.NDArray[np.float64]
Rankings = Mapping[str, Sequence[Ranking]]


def figures(problem: Problem, rankings: Rankings, *, seed: int = 0, draws: int = DRAWS) -> dict[str, Any]:
    """Everything a report says of the models, plain enough for JSON.

    Parameters
    ----------
    problem
        What was predicted.
    rankings
        For each model's name its rankings, one a seed.
    seed
        Where the draws for the intervals start.
    draws
        How many.
    """
    over, masks = clusters(problem), segments(problem)
    picked = _picked(rankings, seed, draws)
    models: dict[str, dict[str, Any]] = {name: {"segments": {}, "closed": {}} for name in rankings}
    for catalogue, parts in (("segments", tuple(masks)), ("closed", CLOSED_PARTS)):
        ranks = {
            name: [ranking.rank if catalogue == "segments" else ranking.closed for ranking in fits]
            for name, fits in rankings.items()
        }
        values = np.concatenate([gains(rank) for fits in ranks.values() for rank in fits], axis=1)
        for part in parts:
            if part not in masks:
                continue
            drawn = resample(values, masks[part], over, seed=seed, draws=draws)
            weighed = _weigh(values[masks[part]].mean(axis=0), drawn, picked)
            for name, one in weighed.items():
                models[name][catalogue][part] = {"targets": int(masks[part].sum()), **one.estimates()}
                if catalogue == "segments":
                    median = np.mean([np.median(rank[masks[part]]) for rank in ranks[name]])
                    models[name][catalogue][part]["median_rank"] = float(median)
            if (catalogue, part) == ("segments", "all"):
                overall = weighed
    for name, fits in rankings.items():
        models[name].update(seeds=overall[name].by_seed(), **_beyond(problem, fits))
    order = sorted(rankings, key=lambda name: -overall[name].mean[GAINS.index(CHOSEN_BY)])
    best = next((name for name in order if name in BASELINES), None)
    return {
        "models": models,
        "best_baseline": best,
        "differences": _differences(overall, list(rankings), best),
        "winner": _winner(overall, order),
        "of_targets": {
            "popularity": _round(mean_popularity(problem.target_tracks, problem.plays)),
            "novelty": _round(novelty(problem.target_tracks, problem.plays)),
            "skips": _round(skip_rate(problem, np.ones(len(problem), dtype=bool))),
        },
        "variety_basis": variety_basis(problem.items),
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


def _picked(rankings: Rankings, seed: int, draws: int) -> dict[str, tuple[slice, npt.NDArray[np.int64]]]:
    """For each model which of all fits are its own, and int64 (draws,): which of its own each draw takes."""
    found, first = {}, 0
    for place, (name, fits) in enumerate(rankings.items()):
        chance = np.random.default_rng([seed, place])
        found[name] = slice(first, first + len(fits)), chance.integers(len(fits), size=draws)
        first += len(fits)
    return found


@dataclass(frozen=True, slots=True)
class _Weighed:
    """One model over one part of the targets: float64 means (fits, gains) and drawn (draws, gains)."""

    means: Values
    drawn: Values

    @property
    def mean(self) -> Values:
        """float64 (gains,): the mean over the fits."""
        return np.asarray(self.means.mean(axis=0))

    def estimates(self) -> dict[str, Any]:
        """Each gain's value and interval."""
        return {gain: _estimate(float(self.mean[place]), self.drawn[:, place]) for place, gain in enumerate(GAINS)}

    def by_seed(self) -> dict[str, Any]:
        """How many fits there are, and each compared gain's values with their standard deviation (None for one fit)."""
        found: dict[str, Any] = {"fits": len(self.means)}
        for gain in COMPARED:
            values = self.means[:, GAINS.index(gain)]
            deviation = _round(float(values.std(ddof=1))) if len(values) > 1 else None
            found[gain] = {"values": [_round(value) for value in values.tolist()], "sd": deviation}
        return found


def _weigh(means: Values, drawn: Values, picked: dict[str, tuple[slice, npt.NDArray[np.int64]]]) -> dict[str, _Weighed]:
    means, drawn = means.reshape(-1, len(GAINS)), drawn.reshape(len(drawn), -1, len(GAINS))
    lines = np.arange(len(drawn))
    return {name: _Weighed(means[own], drawn[:, own][lines, fit]) for name, (own, fit) in picked.items()}


def _differences(overall: dict[str, _Weighed], names: list[str], best: str | None) -> dict[str, Any]:
    return {name: _difference(overall[name], overall[best]) for name in names if name != best} if best else {}


def _winner(overall: dict[str, _Weighed], order: list[str]) -> dict[str, Any] | None:
    if len(order) < 2:
        return None
    first, second = order[:2]
    return {"model": first, "next": second, **_difference(overall[first], overall[second])}


def _difference(one: _Weighed, other: _Weighed) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for gain in COMPARED:
        place = GAINS.index(gain)
        mine, theirs = float(one.mean[place]), float(other.mean[place])
        relative = (mine - theirs) / theirs if theirs > 0 else None
        estimate = _estimate(mine - theirs, one.drawn[:, place] - other.drawn[:, place])
        found[gain] = {
            **estimate,
            "relative": None if relative is None else _round(relative),
            "verdict": verdict(relative, estimate["low"], estimate["high"]),
        }
    return found


def _beyond(problem: Problem, fits: Sequence[Ranking]) -> dict[str, Any]:
    tracks = len(problem.items)
    rows = [
        (
            coverage(ranking.top, tracks),
            gini(ranking.top, tracks),
            novelty(ranking.top.ravel(), problem.plays),
            mean_popularity(ranking.top.ravel(), problem.plays),
            variety(ranking.top, problem.items),
            skip_rate(problem, ranking.rank <= 1),
            skip_rate(problem, ranking.rank <= 20),
        )
        for ranking in fits
    ]
    means = np.mean(rows, axis=0)
    found: dict[str, Any] = {name: _round(float(mean)) for name, mean in zip(BEYOND, means, strict=True)}
    return {**found, "nan_targets": sum(ranking.broken for ranking in fits)}


def _estimate(value: float, drawn: Values) -> dict[str, Any]:
    low, high = interval(drawn)
    return {"value": _round(value), "low": _round(low), "high": _round(high)}


def _round(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
