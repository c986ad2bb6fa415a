"""What a search found, as figures: best against default with paired intervals, and how much each setting matters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segue.evaluate.intervals import DRAWS, clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem
from segue.evaluate.results import verdict
from segue.tune.space import Number, Range
from segue.tune.study import Study, Trial

__all__ = ["CHOSEN_BY", "SHOWN", "figures"]

CHOSEN_BY = "recall@20"
SHOWN = (CHOSEN_BY, "mrr@20")


def figures(
    searched: Study, problem: Problem, space: Mapping[str, Range], default: Mapping[str, Number], *, seed: int
) -> dict[str, Any]:
    """Everything a report says of the trials, plain enough for JSON.

    Parameters
    ----------
    searched
        A study with the default among its trials.
    problem
        What was predicted.
    space, default
        The ranges, and the default's value in each.
    seed
        Where the draws for the intervals start.
    """
    trials, best = searched.finished(), searched.best()
    over = clusters(problem)
    values = np.concatenate([gains(searched.ranks(trial)) for trial in (best, trials[0])], axis=1)
    drawn = resample(values, np.ones(len(problem), dtype=bool), over, seed=seed)
    found: dict[str, Any] = {"best": {}, "default": {}, "difference": {}}
    for gain in SHOWN:
        mine, theirs = GAINS.index(gain), len(GAINS) + GAINS.index(gain)
        value, other = float(values[:, mine].mean()), float(values[:, theirs].mean())
        found["best"][gain] = _estimate(value, drawn[:, mine])
        found["default"][gain] = _estimate(other, drawn[:, theirs])
        difference = _estimate(value - other, drawn[:, mine] - drawn[:, theirs])
        relative = (value - other) / other if other > 0 else None
        found["difference"][gain] = {
            **difference,
            "relative": relative,
            "verdict": verdict(relative, difference["low"], difference["high"]),
        }
    importance = searched.importance()
    return {
        **found,
        "best_trial": trials.index(best),
        "trials": [
            {"values": trial.values, "recall@20": trial.recall, "mrr@20": trial.mrr, "seconds": trial.seconds}
            for trial in trials
        ],
        "settings": {
            name: {
                "low": searchable.low,
                "high": searchable.high,
                "log": searchable.log,
                "default": default[name],
                "best": best.values[name],
                "importance": None if importance is None else importance[name],
                "thirds": _thirds(name, searchable, trials),
            }
            for name, searchable in space.items()
        },
        "intervals": {"share": 0.95, "draws": DRAWS, "unit": over.unit, "clusters": over.count, "note": over.weak},
    }


def _thirds(name: str, searchable: Range, trials: Sequence[Trial]) -> list[dict[str, Any] | None]:
    """For each third of a range its best trial; None where no trial fell."""
    found: list[dict[str, Any] | None] = []
    for third in range(3):
        inside = [trial for trial in trials if searchable.third(trial.values[name]) == third]
        if not inside:
            found.append(None)
            continue
        best = max(inside, key=lambda trial: trial.recall)
        found.append({"trials": len(inside), "value": best.values[name], CHOSEN_BY: best.recall})
    return found


def _estimate(value: float, drawn: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    low, high = interval(drawn)
    return {"value": value, "low": low, "high": high}
