"""What is searched: six numbers of a model's settings, each in a range around its default.

The six of the session GRU are those that moved it most in the lab notes, and two that were not measured there. A
number that can do nothing on a table is not searched: where every track is ranked in training there are no negatives,
and the number of epochs takes their place; where nothing was skipped, skips have no weight, and the length of a piece
takes it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segue.errors import NotFound
from segue.evaluate.problem import Problem
from segue.taste.gru_inputs import GruSettings
from segue.types import Outcome

__all__ = ["SPACES", "Number", "Range", "space_of"]

Number = int | float
MOST_DROPPED = 0.6


@dataclass(frozen=True, slots=True)
class Range:
    """Where one number is searched, both ends included.

    Attributes
    ----------
    low, high
        The ends; whole numbers where the setting is one.
    log
        Whether equal ratios count as equal steps, instead of equal differences.
    """

    low: Number
    high: Number
    log: bool = False

    def third(self, value: Number) -> int:
        """Which third of the range holds a value: 0, 1 or 2.

        Examples
        --------
        >>> [Range(16, 64, log=True).third(width) for width in (16, 30, 64)]
        [0, 1, 2]
        """
        first, last, place = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        return min(2, int(3 * (place - first) / (last - first)))


def space_of(model: str, settings: Any, problem: Problem) -> dict[str, Range]:
    """The range of each number that is searched.

    Parameters
    ----------
    model
        A key of ``SPACES``.
    settings
        The model's settings at its size; every range holds its default.
    problem
        The numbers that can do nothing on it are left out.

    Raises
    ------
    NotFound
        No search is written for this model.
    """
    if model not in SPACES:
        raise NotFound(f"settings of the model {model} can't be searched: take {' or '.join(SPACES)}")
    return SPACES[model](settings, problem)


def _gru(settings: GruSettings, problem: Problem) -> dict[str, Range]:
    found = {
        "width": _around(settings.width, 2),
        "learning_rate": _around(settings.learning_rate, 4),
        "dropout": Range(0.0, max(MOST_DROPPED, settings.dropout)),
        "epochs": _around(settings.epochs, 2),
    }
    if len(np.unique(problem.train.track)) > settings.full_softmax_tracks:
        found["negatives"] = _around(settings.negatives, 4)
    else:
        found["batch_events"] = _around(settings.batch_events, 4)
    if (problem.train.outcome == int(Outcome.SKIPPED)).any():
        found["skip_weight"] = Range(0.0, max(1.0, settings.skip_weight))
    else:
        found["piece"] = _around(settings.piece, 4)
    return found


def _around(default: Number, factor: int) -> Range:
    """From the default divided by a factor to the default times it, a whole number staying one."""
    if isinstance(default, int):
        return Range(max(1, default // factor), default * factor, log=True)
    return Range(default / factor, default * factor, log=True)


SPACES: dict[str, Callable[[Any, Problem], dict[str, Range]]] = {"gru": _gru}
"""The models whose settings can be searched."""
