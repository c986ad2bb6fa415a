"""What can be read out of vectors by a line: small linear models, always asked about groups they never saw.

A probe is fitted on all groups but some, its strength of L2 chosen among these by folds of their own groups, and
then asked about the groups left out. What it answers for every item so comes from a model that knew nothing of the
item's album, game or piece (the album effect: Pampalk 2005).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

__all__ = ["STRENGTHS", "class_probabilities", "folds", "numbers"]

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001)
"""Of the L2 penalty, from strong to weak."""
OUTER, INNER = 20, 5
"""At most so many folds; with no more groups than that, each is left out alone."""
LEAST_PROBABILITY = 1e-3
"""A class that no inner training group had must not decide the strength alone."""

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def folds(groups: Sequence[str], most: int, seed: int) -> Iterator[Flags]:
    """Which items each fold leaves out: whole groups, every item once, folds of about one size."""
    names, number, sizes = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    order = np.random.default_rng([seed, 3]).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    held, filled = np.empty(len(names), dtype=np.int64), np.zeros(min(most, len(names)))
    for group in order:
        held[group] = int(filled.argmin())
        filled[held[group]] += sizes[group]
    for fold in range(len(filled)):
        yield held[number] == fold


def class_probabilities(rows: npt.NDArray[np.floating], classes: Numbers, groups: Sequence[str], seed: int) -> Floats:
    """float64 (items, classes): logistic regression's answers, each from a fit without the item's group.

    Parameters
    ----------
    rows
        float (items, dim): unit vectors.
    classes
        int64 (items,): 0 to the number of classes − 1; all classes weigh the same.

    Raises
    ------
    ValueError
        There is one group, or one class.
    """
    count = int(classes.max()) + 1
    if count < 2:
        raise ValueError("a probe needs at least two classes")
    aims = np.eye(count)[classes]

    def loss(probabilities: Floats, truth: Floats) -> float:
        weights = _balanced(truth)
        said = np.log(np.maximum((probabilities * truth).sum(1), LEAST_PROBABILITY))
        return float(-(weights * said).sum())

    return _left_out(rows, aims, groups, seed, _logistic, loss)


def numbers(rows: npt.NDArray[np.floating], values: Floats, groups: Sequence[str], seed: int) -> Floats:
    """float64 (items,): ridge regression's answers, each from a fit without the item's group.

    Raises
    ------
    ValueError
        There is one group.
    """

    def loss(said: Floats, truth: Floats) -> float:
        return float(np.square(said - truth).mean())

    return _left_out(rows, values[:, None], groups, seed, _ridge, loss)[:, 0]


def _left_out(
    rows: npt.NDArray[np.floating], aims: Floats, groups: Sequence[str], seed: int, fit: Any, loss: Any
) -> Floats:
    if len(set(groups)) < 2:
        raise ValueError("a probe needs at least two groups")
    names = np.asarray(groups, dtype=np.str_)
    scaled = rows.astype(np.float64) * np.sqrt(rows.shape[1])
    said = np.empty(aims.shape)
    for out in folds(groups, OUTER, seed):
        known, known_aims, known_names = scaled[~out], aims[~out], names[~out]
        errors = np.zeros(len(STRENGTHS))
        if len(set(known_names)) > 1:
            for inner in folds(known_names.tolist(), INNER, seed):
                answers = _answers(known[~inner], known_aims[~inner], known[inner], fit, STRENGTHS)
                errors += [inner.sum() * loss(answer, known_aims[inner]) for answer in answers]
        best = STRENGTHS[int(errors.argmin())]
        said[out] = _answers(known, known_aims, scaled[out], fit, (best,))[0]
    return said


@dataclass(frozen=True)
class _Line:
    """A weight for each direction and aim, and a constant for each aim."""

    weights: Floats
    constant: Floats


def _answers(known: Floats, aims: Floats, asked: Floats, fit: Any, strengths: Sequence[float]) -> list[Floats]:
    """What fits of these strengths say of the rows asked.

    L2 does not see a rotation, and leaves directions alone in which no known row lies: so the fits work on as many
    numbers as there are known rows at most, however long the vectors are.
    """
    centre = known.mean(0)
    left, lengths, directions = np.linalg.svd(known - centre, full_matrices=False)
    kept = lengths > 1e-9 * max(1.0, float(lengths.max(initial=0.0)))
    inside, outside = left[:, kept] * lengths[kept], (asked - centre) @ directions[kept].T
    answers: list[Floats] = []
    line: _Line | None = None
    for strength in strengths:
        line, said = fit(inside, aims, outside, strength, line)
        answers.append(said)
    return answers


def _ridge(
    inside: Floats, aims: Floats, outside: Floats, strength: float, _before: _Line | None
) -> tuple[_Line, Floats]:
    constant = aims.mean(0)
    lengths = np.square(inside).sum(0)  # the columns are orthogonal: each weight stands alone
    weights = (inside.T @ (aims - constant)) / (lengths + strength * len(inside))[:, None]
    return _Line(weights, constant), outside @ weights + constant


def _logistic(
    inside: Floats, aims: Floats, outside: Floats, strength: float, before: _Line | None
) -> tuple[_Line, Floats]:
    dim, count = inside.shape[1], aims.shape[1]
    weights = _balanced(aims)[:, None]

    def objective(flat: Floats) -> tuple[float, Floats]:
        line = flat.reshape(dim + 1, count)
        logits = inside @ line[:dim] + line[dim]
        error = -float((weights * aims * log_softmax(logits, axis=1)).sum())
        amiss = weights * (softmax(logits, axis=1) - aims)
        slope = np.concatenate([inside.T @ amiss + strength * line[:dim], amiss.sum(0, keepdims=True)])
        return error + strength / 2 * float(np.square(line[:dim]).sum()), slope.reshape(-1)

    start = np.zeros((dim + 1, count)) if before is None else np.vstack([before.weights, before.constant])
    found = minimize(objective, start.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    line = found.x.reshape(dim + 1, count)
    return _Line(line[:dim], line[dim]), np.asarray(softmax(outside @ line[:dim] + line[dim], axis=1))


def _balanced(aims: Floats) -> Floats:
    """A weight for each row: every class that is there has the same in sum, all together 1."""
    sizes = aims.sum(0)
    return np.asarray((aims / np.maximum(sizes, 1)).sum(1) / (sizes > 0).sum())
