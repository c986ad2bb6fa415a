"""What top lists are like, beyond being right: how much of the catalogue they show, how new, how varied, how welcome.

In: top lists and ranks. Out: one number a measure for each model. Accuracy alone rewards a model that shows everybody
the same few tracks; these numbers tell what was paid for it (Castells, Hurley & Vargas 2015, "Novelty and diversity
in recommender systems").
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from segue.evaluate.problem import Problem
from segue.listening.events import Items
from segue.types import Outcome

__all__ = ["coverage", "gini", "mean_popularity", "novelty", "skip_rate", "variety", "variety_basis"]

Tracks = npt.NDArray[np.int32]
Inner = Callable[[Tracks], npt.NDArray[np.float64]]
"""From a batch of top lists to the variety inside each that has one."""

BATCH = 512
"""Lists whose vectors are gathered at once: 512 × 20 of 512 numbers are 21 MB."""

JUDGED = (int(Outcome.FINISHED), int(Outcome.PARTIAL), int(Outcome.SKIPPED))
"""Outcomes that tell whether a track was skipped; a failure says nothing of the listener."""


def coverage(top: Tracks, tracks: int) -> float:
    """The share of the catalogue that stands in at least one top list (-1 is no track)."""
    return len(np.unique(top[top >= 0])) / tracks


def gini(top: Tracks, tracks: int) -> float:
    """How unevenly recommendations fall on the catalogue: 0 is all tracks alike, near 1 is few that get all.

    G = Σ_i (2i − n − 1) x_i / (n Σ x), over how often each of n tracks stands in a top list, rising; NaN without any.

    Examples
    --------
    >>> gini(np.array([[0, 1], [2, 3]]), 4), gini(np.array([[2], [2]]), 4)
    (0.0, 0.75)
    """
    shown = np.sort(np.bincount(top[top >= 0], minlength=tracks)).astype(np.float64)
    if not shown.any():
        return float("nan")
    place = np.arange(1, tracks + 1)
    return float(((2 * place - tracks - 1) * shown).sum() / (tracks * shown.sum()))


def mean_popularity(tracks: Tracks, plays: npt.NDArray[np.int64]) -> float:
    """Mean of ln(1 + plays in TRAIN) over tracks (-1 is none); NaN where there are none at all.

    What a model recommends set against what was truly heard shows how far it leans to the popular.
    """
    chosen = tracks[tracks >= 0]
    return float(np.log1p(plays[chosen]).mean()) if len(chosen) else float("nan")


def novelty(tracks: Tracks, plays: npt.NDArray[np.int64]) -> float:
    """Mean of −log2 of each track's share of the plays in TRAIN, in bits; NaN where there are no tracks.

    One play is added to every track, so that one never played has a share too: (plays + 1) / (Σ plays + tracks).

    Examples
    --------
    >>> novelty(np.array([0, 1]), np.array([3, 0, 0, 1]))
    2.0
    """
    chosen = tracks[tracks >= 0]
    share = (plays + 1) / (plays.sum() + len(plays))
    return float(-np.log2(share[chosen]).mean()) if len(chosen) else float("nan")


def variety_basis(items: Items) -> str:
    """What ``variety`` is computed from: "sound", else "artists", else "" (nothing is known)."""
    if items.heard.any():
        return "sound"
    return "artists" if items.artist is not None else ""


def variety(top: Tracks, items: Items) -> float:
    """Mean variety inside a top list, higher is more varied; NaN where nothing is known.

    By sound: 1 − the mean cosine of all pairs of its tracks that have a vector. Without vectors: the share of distinct
    artists among its tracks whose artist is known. Lists with fewer than two such tracks are left out.
    """
    basis = variety_basis(items)
    if not basis:
        return float("nan")
    inner = _apart(items) if basis == "sound" else _artists(items)
    found = np.concatenate([inner(top[first : first + BATCH]) for first in range(0, len(top), BATCH)])
    return float(found.mean()) if len(found) else float("nan")


def _apart(items: Items) -> Inner:
    assert items.vectors is not None
    vectors, heard = items.vectors, items.heard

    def inner(top: Tracks) -> npt.NDArray[np.float64]:
        known = (top >= 0) & heard[top]
        count = known.sum(axis=1)
        top, known, count = top[count >= 2], known[count >= 2], count[count >= 2]
        # Unit vectors: |Σ v|² holds each pair twice and each track once.
        together = np.square(np.where(known[:, :, None], vectors[top], 0).sum(axis=1, dtype=np.float64)).sum(axis=1)
        return np.asarray(1 - (together - count) / (count * (count - 1)), dtype=np.float64)

    return inner


def _artists(items: Items) -> Inner:
    assert items.artist is not None
    numbers = items.artist

    def inner(top: Tracks) -> npt.NDArray[np.float64]:
        artist = np.sort(np.where(top >= 0, numbers[top], -1), axis=1)
        artist = artist[(artist >= 0).sum(axis=1) >= 2]
        first = artist >= 0
        known = first.sum(axis=1)
        first[:, 1:] &= artist[:, 1:] != artist[:, :-1]
        return np.asarray(first.sum(axis=1) / known, dtype=np.float64)

    return inner


def skip_rate(problem: Problem, near: npt.NDArray[np.bool_]) -> float:
    """The share of skips among the targets of a mask whose outcome is known; NaN where none is.

    Over the targets that a model had in its top k it tells how often the model was right about what came, and wrong
    about what was wanted.
    """
    judged = near & np.isin(problem.outcome, JUDGED)
    return float((problem.outcome[judged] == int(Outcome.SKIPPED)).mean()) if judged.any() else float("nan")
