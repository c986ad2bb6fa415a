"""How far to trust a figure: 95 % intervals from drawing whole groups (albums, games) with replacement.

Tracks of one album are alike, so drawing single tracks would pretend to far more evidence than there is. Whatever is
a sum over groups, or over pairs of groups, is computed for all draws at once from the times each group was drawn
(Field & Welsh 2007). Every contender sees the same draws, which makes the difference of two of them a paired one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.evaluate.intervals import DRAWS, interval

__all__ = ["Draws", "Estimate", "Figure"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval (NaN where there is none)."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Figure:
    """A figure and what it would have been in each draw, float64 (draws,)."""

    value: float
    drawn: Floats

    @property
    def estimate(self) -> Estimate:
        """With the middle 95 % of the draws."""
        return Estimate(self.value, *interval(self.drawn))

    def __sub__(self, other: "Figure") -> "Figure":
        return Figure(self.value - other.value, self.drawn - other.drawn)


class Draws:
    """Groups and how often each was drawn.

    Parameters
    ----------
    groups
        The group of each item that is measured.
    seed
        The same groups and seed give the same draws.
    """

    def __init__(self, groups: Sequence[str], seed: int = 0, draws: int = DRAWS) -> None:
        names, number = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
        self.count, self.number = len(names), number.reshape(-1)
        drawn = np.random.default_rng([seed, 7]).multinomial(self.count, np.full(self.count, 1 / self.count), draws)
        # The first line is what was found, each group once.
        self._times = np.concatenate([np.ones((1, self.count)), drawn.astype(np.float64)])

    def mean(self, values: Floats) -> Figure:
        """Of one value an item; an item whose value is NaN is not asked."""
        asked = ~np.isnan(values)
        return _figure(self._share(np.where(asked, values, 0), asked))

    def balanced_accuracy(self, right: npt.NDArray[np.bool_], classes: npt.NDArray[np.int64]) -> Figure:
        """The mean over classes of the share that was right; a class that was not drawn is left out of its draw."""
        shares = [self._share(right & (classes == one), classes == one) for one in np.unique(classes)]
        return _figure(_nanmean(shares))

    def auc(self, scores: Floats, classes: npt.NDArray[np.int64]) -> Figure:
        """The mean over classes of the area under the ROC curve of that class against all others.

        Parameters
        ----------
        scores
            float64 (items, classes).
        """
        areas = []
        for one in np.unique(classes):
            inside = np.flatnonzero(classes == one)
            outside = np.flatnonzero(classes != one)
            above = scores[inside, one][:, None] - scores[outside, one][None]
            won = self._between(inside, outside, (above > 0) + 0.5 * (above == 0))
            pairs = self._between(inside, outside, np.ones(above.shape))
            with np.errstate(invalid="ignore"):
                areas.append(self._pairs(won) / self._pairs(pairs))
        return _figure(_nanmean(areas))

    def _share(self, values: npt.NDArray[np.generic], of: npt.NDArray[np.bool_]) -> Floats:
        sums = np.bincount(self.number, values.astype(np.float64), self.count)
        sizes = np.bincount(self.number, of.astype(np.float64), self.count)
        with np.errstate(invalid="ignore"):  # a draw without any item has no share
            return np.asarray((self._times @ sums) / (self._times @ sizes), dtype=np.float64)

    def _between(self, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], values: Floats) -> Floats:
        summed = np.zeros((self.count, self.count))
        np.add.at(summed, (self.number[rows][:, None], self.number[columns][None]), values)
        return summed

    def _pairs(self, between: Floats) -> Floats:
        return np.asarray(((self._times @ between) * self._times).sum(1), dtype=np.float64)


def _figure(lines: Floats) -> Figure:
    return Figure(float(lines[0]), lines[1:])


def _nanmean(lines: Sequence[Floats]) -> Floats:
    known = ~np.isnan(lines)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, lines, 0).sum(0) / known.sum(0), dtype=np.float64)
