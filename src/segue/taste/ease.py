"""EASE: a track follows from its neighbours by ridge regression, in closed form; and the bags that it reads.

In: events as bags, one a session (a playlist where there are no times), log(1 + plays) a track. Out: a score a
track, x·B for the bag x of what was played of late, where B solves (Steck 2019, "Embarrassingly shallow
autoencoders for sparse data", eq. 8)::

    B = I - P · diag(1 / diag P),   P = (XᵀX + λI)⁻¹,   so that no track explains itself

P has a row and a column a track, too large beyond some 10,000 tracks. But sessions are fewer than tracks where tracks
are many, and by Woodbury's identity P is known from the inverse over sessions::

    λP = I - XᵀQX,   Q = (XXᵀ + λI)⁻¹,   so   x·B = x - (x - xXᵀQX) / diag(λP)

which is exact, for any number of tracks: memory is 4 · sessions² bytes (at most 144 MB; 0.7 GB while fitting), and
one answer costs a few rows of Q and a pass over X. Where sessions are more than ``MOST_SESSIONS``, longer pauses are
let pass within one.

What B calls unlikely is clipped at zero, so that zero means "nothing to say"; popularity, far smaller, orders ties.
"""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.errors import DamagedHome
from segue.listening.context import SESSION_GAP_S, sessions
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel
from segue.taste.files import positions, read_model, write_model
from segue.taste.popularity import restored

__all__ = ["Bag", "Bags", "Ease", "bag_begins", "session_bags"]

Floats = npt.NDArray[np.float32]

RIDGE = 100.0
"""λ. On development splits 50 to 200 give the same; 10 loses 3 % of the hits on listens, 20 a fifth on playlists."""

MOST_SESSIONS = 6_000
LONGEST_GAP_S = 365 * 86_400
BLOCK = 4_096
"""Tracks whose column of Q·X is held at once."""

HALF_LIFE_PLAYS = 3.0
AFTER_A_PAUSE = 0.2
MEMORY = 40
"""A play weighs half of one three plays later, a fifth when a session ended since; after forty it is forgotten."""

POPULARITY = 1e-6

AS_PLAY = np.array([1.0, 1.0, 0.5, 0.0, 0.0], dtype=np.float32)
"""By ``Outcome``: what an event adds to a bag."""


class Bag(NamedTuple):
    """What a listener played of late, oldest first, with what each play weighs now; and when the last event began."""

    tracks: tuple[int, ...] = ()
    pulls: tuple[float, ...] = ()
    last_at: int = 0

    def add(self, event: Event, *, half_life_plays: float, after_a_pause: float, memory: int) -> "Bag":
        """The bag after one more event; one that was not played only moves the time."""
        pull = float(AS_PLAY[event.outcome])
        fade = 0.5 ** (1 / half_life_plays) if pull else 1.0
        if self.last_at > 0 and event.started_at - self.last_at >= SESSION_GAP_S:
            fade *= after_a_pause
        tracks, pulls = self.tracks, self.pulls
        if fade != 1:
            pulls = tuple(earlier * fade for earlier in pulls)
        if pull:
            tracks, pulls = (*tracks, event.track)[-memory:], (*pulls, pull)[-memory:]
        return Bag(tracks, pulls, event.started_at)

    def weights(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Rows of tracks, each once and rising, int64, and log(1 + what its plays weigh), float32."""
        tracks, place = np.unique(np.array(self.tracks, dtype=np.int64), return_inverse=True)
        return tracks, np.log1p(np.bincount(place, self.pulls, minlength=len(tracks))).astype(np.float32)


def bag_begins(events: Events, memory: int) -> int:
    """The place from which on one listener's events make the very bag that all of them make.

    Examples
    --------
    >>> bag_begins(Events.make(["ada"], [0] * 5, range(5), range(5), [0, 1, 3, 1, 3]), 2)
    1
    """
    played = np.flatnonzero(AS_PLAY[events.outcome])[-memory:]
    return int(played[0]) if len(played) else max(0, len(events) - 1)


class Bags(NamedTuple):
    """Many bags as one sparse matrix, ordered by bag, then track.

    ``bag`` and ``track`` are int32 (entries,), ``weight`` float32 (entries,): log(1 + plays); ``size`` is how many
    bags there are, none of them empty.
    """

    bag: npt.NDArray[np.int32]
    track: npt.NDArray[np.int32]
    weight: Floats
    size: int


def session_bags(events: Events, most: int, *, seed: int = 0) -> Bags:
    """One bag a session, at most ``most``.

    A session ends with ``SESSION_GAP_S`` without an event; if that makes too many, with twice as long a gap, and so
    on. Where even that is too many (as with playlists, which have no times), some are drawn.
    """
    gap_s = SESSION_GAP_S
    session = sessions(events, gap_s)
    while len(session) and session[-1] >= most and gap_s < LONGEST_GAP_S:
        gap_s *= 2
        session = sessions(events, gap_s)
    played = AS_PLAY[events.outcome]
    count = int(session[-1]) + 1 if len(session) else 0
    if count > most:
        drawn = np.zeros(count, dtype=bool)
        drawn[np.random.default_rng(seed).permutation(count)[:most]] = True
        played = np.where(drawn[session], played, 0)
    rows = np.flatnonzero(played)
    width = int(events.track.max(initial=0)) + 1
    pairs, place = np.unique(session[rows].astype(np.int64) * width + events.track[rows], return_inverse=True)
    bag, track = np.divmod(pairs, width)
    kept, bag = np.unique(bag, return_inverse=True)
    weight = np.log1p(np.bincount(place, played[rows], minlength=len(pairs))).astype(np.float32)
    return Bags(bag.astype(np.int32), track.astype(np.int32), weight, len(kept))


class Ease(TasteModel[Bag]):
    """Ridge regression of every track on all others.

    Parameters
    ----------
    ridge
        λ: what a weight costs. The larger, the more B counts and the less it explains away.
    most_sessions
        Rows of Q, at most.
    """

    name: ClassVar[str] = "ease"

    def __init__(self, ridge: float = RIDGE, most_sessions: int = MOST_SESSIONS) -> None:
        self.ridge, self.most_sessions = ridge, most_sessions
        self._fitted: dict[str, Any] = {}
        nothing = np.zeros(0, dtype=np.float32)
        nowhere = np.zeros(0, dtype=np.int32)
        self._serve(Items(()), Bags(nowhere, nowhere, nothing, 0), np.zeros((0, 0), dtype=np.float32), nothing, nothing)

    def _serve(self, items: Items, bags: Bags, inverse: Floats, unexplained: Floats, popularity: Floats) -> None:
        """Take Q, diag(λP) and X with its entries in order of track."""
        self.items, self._inverse, self._unexplained, self._popularity = items, inverse, unexplained, popularity
        order = np.lexsort((bags.bag, bags.track))
        self._bags = Bags(bags.bag[order], bags.track[order], bags.weight[order], bags.size)
        self._starts = np.searchsorted(self._bags.track, np.arange(len(items) + 1))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Invert; the card holds λ and the sizes."""
        bags = session_bags(events, self.most_sessions, seed=seed)
        inverse, unexplained = solve(bags, len(items), self.ridge, progress=progress)
        plays = np.log1p(np.bincount(events.track, AS_PLAY[events.outcome], minlength=len(items)))
        popularity = (plays / max(plays.max(initial=0.0), 1.0)).astype(np.float32)
        self._serve(items, bags, inverse, unexplained, popularity)
        self._fitted = {
            "events": len(events),
            "sessions": bags.size,
            "ridge": self.ridge,
            "most_sessions": self.most_sessions,
        }
        return self._fitted

    def start(self) -> Bag:
        """An empty bag."""
        return Bag()

    def step(self, state: Bag, event: Event) -> Bag:
        """The bag with one more event."""
        return state.add(event, half_life_plays=HALF_LIFE_PLAYS, after_a_pause=AFTER_A_PAUSE, memory=MEMORY)

    def lasting(self, events: Events) -> int:
        """The bag holds the last plays only."""
        return bag_begins(events, MEMORY)

    def score(self, state: Bag, at: int = 0) -> Scores:
        """float32 (tracks,): x·B where it is above zero, then popularity; zero for what was never played."""
        del at
        tracks, weights = state.weights()
        scores: Scores = np.maximum(self._times_b(tracks, weights), 0)
        scores += np.float32(POPULARITY) * self._popularity
        return scores

    def _times_b(self, tracks: npt.NDArray[np.int64], weights: Floats) -> Floats:
        """x·B, float32 (tracks,), for the bag x with these weights at these tracks."""
        alike = np.zeros(self._bags.size, dtype=np.float32)
        for track, weight in zip(tracks, weights, strict=True):
            here = slice(self._starts[track], self._starts[track + 1])
            alike[self._bags.bag[here]] += weight * self._bags.weight[here]
        near = np.flatnonzero(alike)
        rated = alike[near] @ self._inverse[near]
        explained = np.bincount(self._bags.track, rated[self._bags.bag] * self._bags.weight, minlength=len(self.items))
        answer = explained / self._unexplained
        answer[tracks] += weights - weights / self._unexplained[tracks]
        return answer.astype(np.float32)

    def save(self, directory: Path) -> None:
        """Write Q, X and what serving needs beside them."""
        arrays = {
            "bag": self._bags.bag,
            "track": self._bags.track,
            "weight": self._bags.weight,
            "inverse": self._inverse,
            "unexplained": self._unexplained,
            "popularity": self._popularity,
        }
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read it; a track it was not fitted on has nothing to say and nothing said of it.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"bag": 1, "track": 1, "weight": 1, "inverse": 2, "unexplained": 1, "popularity": 1}
        card, ids, arrays = files = read_model(directory, cls.name, shapes)
        try:
            model = cls(card["ridge"], card["most_sessions"])
        except KeyError as error:
            raise DamagedHome(f"{directory} holds another version's model: run 'segue train' to renew it") from error
        model._fitted = files.fitted
        track = positions(ids, items.ids)[arrays["track"]]
        here = np.flatnonzero(track >= 0)
        inverse = arrays["inverse"]
        bags = Bags(arrays["bag"][here], track[here].astype(np.int32), arrays["weight"][here], len(inverse))
        unexplained = np.append(arrays["unexplained"], np.float32(1))[positions(items.ids, ids)]
        model._serve(items, bags, inverse, unexplained, restored(arrays["popularity"], ids, items))
        return model


def solve(bags: Bags, tracks: int, ridge: float, *, progress: Progress = silent) -> tuple[Floats, Floats]:
    """Q, float32 (bags, bags), and diag(λP), float32 (tracks,), in (0, 1]; computed in float64."""
    from scipy.linalg import lapack
    from scipy.sparse import csc_array

    if not bags.size:
        return np.zeros((0, 0), dtype=np.float32), np.ones(tracks, dtype=np.float32)
    weight = bags.weight.astype(np.float64)
    matrix = csc_array((weight, (bags.bag, bags.track)), shape=(bags.size, tracks))
    gram = (matrix @ matrix.T).toarray(order="F")
    gram[np.diag_indices(bags.size)] += ridge
    # Cholesky's factor and the inverse from it cost a third of a general inverse; both fill one triangle only.
    lower, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    lower, _ = lapack.dpotri(lower, lower=1, overwrite_c=1)
    inverse = np.tril(lower.astype(np.float32))
    inverse += np.tril(inverse, -1).T
    progress("train ease", 1, 2)
    explained = np.zeros(tracks)
    for first in range(0, tracks, BLOCK):
        block = matrix[:, first : first + BLOCK].T.astype(np.float32)
        explained[first : first + BLOCK] = block.multiply(block @ inverse).sum(axis=1)
    progress("train ease", 2, 2)
    return inverse, np.maximum(1 - explained, ridge * 1e-9).astype(np.float32)
