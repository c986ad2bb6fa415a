"""Where each model puts the track that truly came, among all tracks there are.

Full ranking over the whole catalogue: metrics over sampled candidates reverse the order of models (Krichene & Rendle,
2020, "On sampled metrics for item recommendation"). A tie counts against the model: the rank is the number of tracks
scored at least as high, the target itself included, so that a constant or broken model comes last and not first. NaN
counts as minus infinity. Nothing is filtered: half of listening to music is hearing a track again.

Two catalogues, ranked in one pass over the scores. Open: every track competes. Closed: only tracks of TRAIN compete,
and a target outside it is a miss, which is how most published numbers are meant.

Scores are never kept. What stays of a target is two ranks and twenty track numbers: 88 bytes.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.evaluate.problem import Problem
from segue.progress import Progress, silent
from segue.taste.contract import TasteModel, top_k

__all__ = ["NOWHERE", "TOP", "Ranking", "rank_targets", "ranks"]

TOP = 20
NOWHERE = np.iinfo(np.int32).max
"""The closed rank of a target that the closed catalogue doesn't hold: beyond every k."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one model made of all targets.

    Attributes
    ----------
    rank
        int32 (targets,), from 1: the place among all tracks.
    closed
        int32 (targets,), from 1: the place among the tracks of TRAIN; ``NOWHERE`` where TRAIN doesn't hold the target.
    top
        int32 (targets, 20): the first tracks, best first; -1 where the model had no more to say.
    broken
        How many targets had NaN among their scores.
    score_s, rank_s
        Seconds spent by the model on scores, and here on ranks.
    """

    rank: npt.NDArray[np.int32]
    closed: npt.NDArray[np.int32]
    top: npt.NDArray[np.int32]
    broken: int
    score_s: float
    rank_s: float


def rank_targets(
    model: TasteModel[Any], problem: Problem, *, name: str | None = None, progress: Progress = silent
) -> Ranking:
    """Follow every listener along TRAIN and TEST and rank each target from what came before it.

    ``progress`` is told of it under ``name``, or the model's own.

    Raises
    ------
    ValueError
        The model breaks the contract of ``along``: other positions or another shape.
    """
    rank, closed = np.zeros((2, len(problem)), dtype=np.int32)
    top = np.full((len(problem), TOP), -1, dtype=np.int32)
    inside = problem.plays > 0
    stage, done, broken, score_s, rank_s = f"{name or model.name}: ranking", 0, 0, 0.0, 0.0
    for events, targets in _histories(problem):
        chunks = model.along(events, targets)
        began = time.perf_counter()
        reached = done + len(targets)
        for positions, scores in chunks:
            scored = time.perf_counter()
            score_s += scored - began
            to = done + len(positions)
            if scores.shape != (len(positions), len(problem.items)) or to > reached:
                raise ValueError(f"{model.name}.along gave {scores.shape} scores for {len(positions)} targets")
            if not np.array_equal(positions, targets[len(targets) - (reached - done) :][: len(positions)]):
                raise ValueError(f"{model.name}.along gave other positions than it was asked for")
            missing = np.isnan(scores.min(axis=1))  # a minimum hands NaN on
            broken += int(missing.sum())
            usable = np.where(np.isnan(scores), np.float32(-np.inf), scores) if missing.any() else scores
            rank[done:to], closed[done:to] = ranks(usable, events.track[positions], inside)
            for row, line in enumerate(usable):
                first = top_k(line, TOP)
                first = first[line[first] > -np.inf]
                top[done + row, : len(first)] = first
            done = to
            progress(stage, done, len(problem))
            began = time.perf_counter()
            rank_s += began - scored
        if done != reached:
            raise ValueError(f"{model.name}.along left {reached - done} targets without scores")
    return Ranking(rank, closed, top, broken, score_s, rank_s)


def ranks(
    scores: npt.NDArray[np.float32], target: npt.NDArray[np.int32], inside: npt.NDArray[np.bool_] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """int32 (n,) twice: 1 + how many others score at least as high as the target, among all and among those inside.

    Parameters
    ----------
    scores
        float32 (n, tracks), no NaN.
    target
        int32 (n,): the track that truly came.
    inside
        bool (tracks,): the closed catalogue, a target outside of which is ``NOWHERE``; None holds every track.

    Examples
    --------
    >>> scores = np.array([[3, 1, 2], [5, 5, 5]], dtype=np.float32)
    >>> found, closed = ranks(scores, np.array([2, 0]), np.array([False, True, True]))
    >>> found.tolist(), closed.tolist()
    ([2, 3], [1, 2147483647])
    """
    tracks = scores.shape[1]
    found = np.full(len(scores), tracks, dtype=np.int32)
    if inside is None:
        inside = np.ones(tracks, dtype=bool)
    closed = np.where(inside[target], np.count_nonzero(inside), NOWHERE).astype(np.int32)
    above = np.empty(tracks, dtype=bool)
    for row, value in enumerate(scores[np.arange(len(scores)), target]):  # row by row: one line stays in the cache
        if value > -np.inf:
            found[row] = np.count_nonzero(np.greater_equal(scores[row], value, out=above))
            if closed[row] != NOWHERE:
                closed[row] = np.count_nonzero(np.logical_and(above, inside, out=above))
    return found, closed


def _histories(problem: Problem) -> Iterator[tuple[Any, npt.NDArray[np.int64]]]:
    offsets = problem.histories.offsets
    parts = np.searchsorted(problem.targets, offsets)
    for number, name in enumerate(problem.histories.listeners):
        targets = problem.targets[parts[number] : parts[number + 1]]
        if len(targets):
            # Nothing after the last target is handed out.
            events = problem.histories.rows(slice(offsets[number], targets[-1] + 1))
            yield (
                replace(events, listeners=(name,), listener=np.zeros_like(events.listener)),
                targets - offsets[number],
            )
