"""How likely each label fits each track, learned from the tracks that have labels.

A head per label over frozen vectors: ridge regression of the label (one set of principal axes serves all labels and
all strengths), then a logistic curve that turns scores into probabilities, fitted on
scores of groups that the regression had not seen (Platt, "Probabilistic outputs for support vector machines", 1999,
with his priors, so that five examples do not make certainty). In: vectors, labels, groups. Out: probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Heads", "fit_heads", "folds_of", "platt"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FOLDS = 5
RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Tried against the mean variance of a coordinate; the least log loss on groups held out chooses."""

TOGETHER = 60.0
"""How firmly a label's slope is held to that of all: as so much information (Σ p (1 - p) z²) of its own."""

NEWTON = 30
LEAST = 1e-7


@dataclass(frozen=True)
class Heads:
    """One head per label.

    Attributes
    ----------
    labels
        Their names, a column each.
    middle
        float64 (dim,): what is taken off every vector.
    weights
        float64 (dim, labels).
    slope, offset
        float64 (labels,): the probability is σ(slope · score + offset).
    ridge
        The one that was chosen.
    held_out
        float64 (n, labels): probabilities of the tracks learned from, each from groups other than its own.
    """

    labels: tuple[str, ...]
    middle: Floats
    weights: Floats
    slope: Floats
    offset: Floats
    ridge: float
    held_out: Floats

    def __call__(self, vectors: npt.NDArray[np.floating]) -> Floats:
        """Probabilities, float64 (n, labels), of vectors (n, dim); the same for a vector in any company."""
        scores = (np.asarray(vectors, dtype=np.float64) - self.middle) @ self.weights
        return _sigmoid(scores * self.slope + self.offset)


def folds_of(groups: Sequence[object], folds: int = FOLDS) -> Ints:
    """A fold for each row, whole groups together, the largest groups dealt first: int64 (n,).

    Examples
    --------
    >>> folds_of(["a", "a", "b", "c"], 2).tolist()
    [0, 0, 1, 1]
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    group = np.array([numbers[one] for one in groups], dtype=np.int64)
    sizes = np.bincount(group, minlength=len(numbers))
    fold, filled = np.zeros(len(sizes), dtype=np.int64), np.zeros(folds)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = int(np.argmin(filled))
        filled[fold[one]] += sizes[one]
    return fold[group]


def fit_heads(
    vectors: npt.NDArray[np.floating], is_label: Mask, labels: Sequence[str], groups: Sequence[object]
) -> Heads:
    """Learn one head per label.

    Parameters
    ----------
    vectors
        (n, dim) of tracks that have labels at all: where a label is absent it counts as wrong.
    is_label
        bool (n, labels); every label stands at one track at least, and not at all of them.
    groups
        (n,): tracks of one group (artist, album) never teach a head that calibrates them.

    Raises
    ------
    ValueError
        Shapes differ, or a label stands nowhere or everywhere.
    """
    x, y = np.asarray(vectors, dtype=np.float64), np.asarray(is_label, dtype=np.float64)
    if x.ndim != 2 or y.shape != (len(x), len(labels)) or len(groups) != len(x):
        raise ValueError(f"vectors {x.shape}, labels {y.shape} and {len(groups)} groups do not belong together")
    if not len(x) or np.any((y.sum(axis=0) == 0) | (y.sum(axis=0) == len(y))):
        raise ValueError("a label stands nowhere or everywhere: it says nothing")
    fold = folds_of(groups)
    parts = [fold == one for one in range(FOLDS) if 0 < np.count_nonzero(fold == one) < len(x)]
    best: tuple[float, float, Floats, Floats, Floats] | None = None
    scores = np.zeros((len(RIDGES), *y.shape))
    for part in parts:
        scores[:, part] = _ridge_scores(x[~part], y[~part], x[part])
    for ridge, score in zip(RIDGES, scores, strict=True):
        slope, offset = platt(score, y)
        chance = _sigmoid(score * slope + offset)
        loss = -float(np.mean(y * np.log(chance + LEAST) + (1 - y) * np.log(1 - chance + LEAST)))
        if best is None or loss < best[0]:
            best = (loss, ridge, slope, offset, chance)
    assert best is not None
    _, ridge, slope, offset, chance = best
    middle = x.mean(axis=0)
    values, axes = _axes(x - middle)
    weights = axes @ (axes.T @ ((x - middle).T @ (y - y.mean(axis=0))) / (values + _strength(values, ridge))[:, None])
    return Heads(tuple(labels), middle, weights, slope, offset, ridge, chance)


def platt(scores: Floats, is_label: Floats) -> tuple[Floats, Floats]:
    """Slope and offset, float64 (labels,) each, of the logistic curve through scores and labels (n, labels).

    Newton's method on the log loss against Platt's targets, (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2). All labels have one
    slope in standard scores first; then each may leave it as far as its own examples say. A label of three albums is
    often told wrongly by two of them of the third, and says little of how much a score of it is worth.
    """
    spread = np.maximum(scores.std(axis=0), LEAST)
    middle = scores.mean(axis=0)
    z = (scores - middle) / spread
    right = is_label.sum(axis=0)
    wrong = len(is_label) - right
    target = np.where(is_label > 0, (right + 1) / (right + 2), 1 / (wrong + 2))
    slope, offset = np.zeros(scores.shape[1]), np.log((right + 1) / (wrong + 1))
    common = 0.0
    for turn in range(2 * NEWTON):
        chance = _sigmoid(z * slope + offset)
        apart, weight = chance - target, np.maximum(chance * (1 - chance), LEAST)
        by_slope, by_offset = (apart * z).sum(axis=0), apart.sum(axis=0)
        ss, so, oo = (weight * z * z).sum(axis=0), (weight * z).sum(axis=0), weight.sum(axis=0)
        if turn < NEWTON:  # a unit prior keeps it finite where labels can be parted
            within, gain = float((ss - so * so / oo).sum()) + 1, float((by_slope - by_offset * so / oo).sum())
            common = max(common - float(np.clip((gain + common) / within, -2, 2)), 0.0)
            slope, offset = np.full_like(slope, common), offset - np.clip(by_offset / oo, -2, 2)
            continue
        by_slope, ss = by_slope + TOGETHER * (slope - common), ss + TOGETHER
        size = ss * oo - so * so
        slope = np.maximum(slope - np.clip((by_slope * oo - by_offset * so) / size, -2, 2), 0.0)
        offset = offset - np.clip((by_offset * ss - by_slope * so) / size, -2, 2)
    return slope / spread, offset - slope * middle / spread


def _ridge_scores(x: Floats, y: Floats, asked: Floats) -> Floats:
    """float64 (ridges, rows asked, labels): what each ridge's regression says of rows it has not seen."""
    middle = x.mean(axis=0)
    values, axes = _axes(x - middle)
    towards = axes.T @ ((x - middle).T @ (y - y.mean(axis=0)))
    seen = (asked - middle) @ axes
    return np.stack([seen @ (towards / (values + _strength(values, ridge))[:, None]) for ridge in RIDGES])


def _axes(centred: Floats) -> tuple[Floats, Floats]:
    """Principal axes of the rows: the sums of squares along them (dim,), and the axes (dim, dim)."""
    values, axes = np.linalg.eigh(centred.T @ centred)
    return np.maximum(values, 0.0), axes


def _strength(values: Floats, ridge: float) -> float:
    return ridge * max(float(values.mean()), LEAST)


def _sigmoid(scores: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * scores)))
