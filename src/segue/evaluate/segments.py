"""The parts of the targets that results are told apart by: what a mean over all would hide.

One table says of each part what it is called, what a reader is told of it, and which targets it holds.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from segue.evaluate.problem import Problem
from segue.listening.context import SESSION_GAP_S, sessions
from segue.types import Outcome

__all__ = ["SEGMENTS", "Segment", "segments"]

Mask = npt.NDArray[np.bool_]

RARE = 19
"""Up to so many plays an embedding of its own is weak, and sound must help."""


class Segment(NamedTuple):
    """A part of the targets: what it is in words, and bool (targets,) for a problem."""

    said: str
    holds: Callable[[Problem], Mask]


def _ended(*outcomes: Outcome) -> Callable[[Problem], Mask]:
    return lambda problem: np.isin(problem.outcome, [int(outcome) for outcome in outcomes])


def _cold(*, artist_heard: bool) -> Callable[[Problem], Mask]:
    def holds(problem: Problem) -> Mask:
        if problem.items.artist is None:
            return np.zeros(len(problem), dtype=bool)
        heard = problem.items.artist[problem.plays > 0]
        own = problem.items.artist[problem.target_tracks]
        return np.asarray(~problem.known & (own >= 0) & (np.isin(own, heard) == artist_heard))

    return holds


def _before(least: int, most: int) -> Callable[[Problem], Mask]:
    return lambda problem: np.asarray((problem.before >= least) & (problem.before <= most))


def _in_session(least: int, most: float) -> Callable[[Problem], Mask]:
    def holds(problem: Problem) -> Mask:
        if not problem.timed:
            return np.zeros(len(problem), dtype=bool)
        session = sessions(problem.histories)
        place = 1 + np.arange(len(session)) - np.searchsorted(session, session)
        return np.asarray((place[problem.targets] >= least) & (place[problem.targets] <= most))

    return holds


SEGMENTS = {
    "all": Segment("every target", lambda problem: np.ones(len(problem), dtype=bool)),
    "finished": Segment("targets that were played to the end", _ended(Outcome.FINISHED)),
    "not skipped": Segment(
        "targets that were not skipped, as far as is known",
        lambda problem: ~_ended(Outcome.SKIPPED, Outcome.FAILED)(problem),
    ),
    "repeat": Segment("tracks this listener had heard before", lambda problem: problem.repeat),
    "repeat since TRAIN": Segment(
        "tracks this listener had heard before, but never in TRAIN: no weight knows that they met",
        lambda problem: problem.repeat & ~problem.met_in_train,
    ),
    "first time": Segment("tracks this listener had never heard before", lambda problem: ~problem.repeat),
    "known": Segment("tracks that TRAIN holds", lambda problem: problem.known),
    "rare": Segment(
        f"tracks that TRAIN holds 1 to {RARE} times",
        lambda problem: problem.known & (problem.plays[problem.target_tracks] <= RARE),
    ),
    "cold": Segment("tracks that TRAIN does not hold", lambda problem: ~problem.known),
    "cold, known artist": Segment(
        "tracks that TRAIN does not hold, by an artist whom it holds", _cold(artist_heard=True)
    ),
    "cold, new artist": Segment(
        "tracks that TRAIN does not hold, by an artist whom it doesn't hold either", _cold(artist_heard=False)
    ),
    "new listener": Segment("listeners that TRAIN does not hold", lambda problem: ~problem.known_listener),
    "≤1 before": Segment("targets with at most one event of the same listener before them", _before(0, 1)),
    "2–3 before": Segment("targets with two or three events before them", _before(2, 3)),
    "4–5 before": Segment("targets with four or five events before them", _before(4, 5)),
    "1st in session": Segment(
        f"the first listen of a session, which ends where nothing begins for {SESSION_GAP_S // 60} minutes",
        _in_session(1, 1),
    ),
    "2nd–5th in session": Segment("the second to the fifth listen of a session", _in_session(2, 5)),
    "later in session": Segment("the sixth listen of a session and all that follow", _in_session(6, np.inf)),
}
"""The targets that each part of the results is over. A playlist counts as a listener."""


def segments(problem: Problem) -> dict[str, Mask]:
    """bool (targets,) for "all" and for each other of ``SEGMENTS`` that holds some of the targets and not all."""
    masks = {name: segment.holds(problem) for name, segment in SEGMENTS.items()}
    return {name: mask for name, mask in masks.items() if name == "all" or (mask.any() and not mask.all())}
