"""Session neighbours: what came in the sessions, of anybody, that resemble the one going on.

In: events, parted into sessions as for ``item_neighbours``. Out, for the tracks x_0, x_1, ... heard last (x_0 the
latest) and the ``NEIGHBOURS`` sessions n most alike among the ``SAMPLE`` latest that share a track with them:

    likeness(n) = Σ_{l: x_l in n} e^(−l/λ1) / sqrt|n|  ·  e^(−(t − t_n)/λ2)  ·  e^(−l_n/λ4)
    mass(i)     = Σ_n likeness(n) Σ_{p: n_p = i} e^(−|p − m_n|/λ3)  ·  (1 + λ5 · log(|N| / |N_i|))

where l_n is how far back the latest shared track lies, m_n its place in n, t_n the end of n and N_i the sessions that
hold i. A skipped track of a session is half a track. Three settings of it are known by name:

- ``vsknn``: λ1, λ4 and λ5 (Ludewig & Jannach 2018, "Evaluation of session-based recommendation algorithms"),
- ``stan``: λ1, λ2 and λ3 (Garg et al. 2019, "Sequence and time aware neighborhood for session-based recommendations"),
- ``vstan``: all five (Ludewig et al. 2021, "Empirical analysis of session-based recommendation algorithms").

The papers' linear weights are exponential here too, so that one formula has them all. The tracks heard last, to which
it would give most, are answered as ``neighbours`` tells. Nothing is learned: fitting sorts. Everything stands in flat
arrays, sessions by rows and places by track, so that a score is a few passes of NumPy over the places in question.
"""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.context import sessions
from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.files import read_model, write_model
from segue.taste.neighbours import Neighbours, Recent, answer, gather, heaviest, returns, served_rows
from segue.taste.popularity import relative_popularity, restored
from segue.taste.rules import AS_FOLLOWER

__all__ = ["Stan", "VsKnn", "Vstan", "Weights"]

Ints = npt.NDArray[np.int64]

SAMPLE = 2_000
NEIGHBOURS = 500


class Weights(NamedTuple):
    """The λ of the module's formula; ``inf`` (and for ``rarity`` 0) leaves a factor out.

    Attributes
    ----------
    position
        λ1: events back at which a track of the listener's weighs 1/e.
    age_days
        λ2: the age of a session, in days, at which it weighs 1/e; without times every session has one age.
    distance
        λ3: events from the match at which a track of a session weighs 1/e.
    match
        λ4: events back at which the latest shared track makes its session weigh 1/e.
    rarity
        λ5: what the inverse document frequency adds.
    """

    position: float
    age_days: float = np.inf
    distance: float = np.inf
    match: float = np.inf
    rarity: float = 0.0


class _SessionNeighbours(Neighbours):
    weights: ClassVar[Weights]

    def __init__(self) -> None:
        nothing, nowhere = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        self._serve(Items(()), nowhere, nowhere, nothing, nowhere, nothing, nothing)
        self._fitted: dict[str, Any] = {}

    def _serve(
        self,
        items: Items,
        track: Ints,
        session: Ints,
        weight: npt.NDArray[np.float32],
        ended_at: Ints,
        again: npt.NDArray[np.float32],
        popularity: npt.NDArray[np.float32],
    ) -> None:
        """Take sessions in the order of their ends; a track that is not served has the row after the last one."""
        self.items, self._again, self._popularity = items, again, popularity
        self._track, self._session, self._weight, self._ended_at = track, session, weight, ended_at
        count = len(ended_at)
        self._starts = np.searchsorted(session, np.arange(count + 1))
        # The last place of each track in each session, by track, then by session.
        order = np.lexsort((np.arange(len(track)), session, track))
        last = np.ones(len(order), dtype=bool)
        last[:-1] = (np.diff(track[order]) != 0) | (np.diff(session[order]) != 0)
        self._places = order[last]
        self._track_starts = np.searchsorted(track[self._places], np.arange(len(items) + 1))
        self._inverse_length = 1 / np.sqrt(np.maximum(np.diff(self._starts), 1))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Sort the sessions by their ends."""
        del seed
        session = sessions(events).astype(np.int64)
        count = int(session.max(initial=-1)) + 1
        ended_at = events.started_at[np.searchsorted(session, np.arange(count), side="right") - 1]
        by_end = np.argsort(ended_at, kind="stable")
        number = np.empty(count, dtype=np.int64)
        number[by_end] = np.arange(count)
        order = np.argsort(number[session], kind="stable")
        track, session = events.track[order].astype(np.int64), number[session][order]
        # Each track once in each session that holds it.
        held = np.bincount(np.unique(track * max(count, 1) + session) // max(count, 1), minlength=len(items))
        rarity = 1 + self.weights.rarity * np.log(max(count, 1) / np.maximum(held, 1))
        self._serve(
            items,
            track,
            session,
            (AS_FOLLOWER[events.outcome[order]] * rarity[track]).astype(np.float32),
            ended_at[by_end],
            returns(events),
            relative_popularity(events, len(items)),
        )
        self._fitted = {"events": len(events), "sessions": count}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def score(self, state: Recent, at: int = 0) -> Scores:
        """float32 (tracks,): the probability to come next, by what the neighbours hold."""
        return answer(self._mass(state, at), state, self._again, self._popularity)

    def _mass(self, state: Recent, at: int) -> npt.NDArray[np.float64]:
        query, ago = state.back
        places, part = gather(self._track_starts, query)
        if not len(places):
            return np.zeros(len(self.items) + 1)
        places = self._places[places]
        ago = ago[part]
        session = self._session[places]
        shared = np.bincount(session, np.exp(-ago / self.weights.position), minlength=len(self._ended_at))
        match = np.empty(len(self._ended_at), dtype=np.int64)
        latest = np.empty(len(self._ended_at), dtype=np.int64)
        # The farthest come first: where a session shares several tracks, the latest is written down last.
        match[session], latest[session] = places, ago
        found = np.flatnonzero(shared)[-SAMPLE:]
        likeness = shared[found] * self._inverse_length[found] * np.exp(-latest[found] / self.weights.match)
        now = at or state.started_at
        if now:
            age_s = np.maximum(now - self._ended_at[found], 0)
            likeness *= np.exp(-age_s / (86_400 * self.weights.age_days))
        if len(found) > NEIGHBOURS:
            nearest = np.argpartition(-likeness, NEIGHBOURS)[:NEIGHBOURS]
            found, likeness = found[nearest], likeness[nearest]
        places, part = gather(self._starts, found)
        mass = likeness[part] * self._weight[places]
        mass *= np.exp(-np.abs(places - match[found][part]) / self.weights.distance)
        return np.asarray(np.bincount(self._track[places], mass, minlength=len(self.items) + 1), dtype=np.float64)

    def shared(self, state: Recent, tracks: Ints) -> Ints:
        """int64 (n,): of the tracks heard last, the one that shares most sessions with each of these; -1 for none.

        A later one counts more, as in the score.
        """
        heard, ago = state.back
        places, part = gather(self._track_starts, heard)
        if not len(places):
            return np.full(len(tracks), -1, dtype=np.int64)
        # A row a session, a column a track heard: what finding the session through that track weighs.
        found, number = np.unique(self._session[self._places[places]], return_inverse=True)
        holds = np.zeros((len(found), len(heard)))
        holds[number, part] = np.exp(-ago[part] / self.weights.position)
        places, which = gather(self._track_starts, tracks)
        session = self._session[self._places[places]]
        number = np.minimum(np.searchsorted(found, session), len(found) - 1)
        shared = found[number] == session
        number, which = number[shared], which[shared]
        row, column = np.nonzero(holds[number])
        through = heaviest(tracks[which[row]], column, holds[number[row], column], tracks)
        return np.where(through >= 0, np.append(heard, -1)[through], -1)

    def save(self, directory: Path) -> None:
        """Write the sessions."""
        arrays = {"track": self._track, "session": self._session, "weight": self._weight}
        arrays |= {"ended_at": self._ended_at, "again": self._again, "popularity": self._popularity}
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the sessions; a track that has gone keeps its place in them, a new one has none.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"track": 1, "session": 1, "weight": 1, "ended_at": 1, "again": 1, "popularity": 1}
        _, ids, arrays = files = read_model(directory, cls.name, shapes)
        model = cls()
        model._fitted = files.fitted
        row = served_rows(ids, items)
        popularity = restored(arrays["popularity"], ids, items)
        model._serve(
            items,
            row[arrays["track"]],
            arrays["session"],
            arrays["weight"],
            arrays["ended_at"],
            arrays["again"],
            popularity,
        )
        return model


class VsKnn(_SessionNeighbours):
    """Session neighbours that weigh positions and rare tracks."""

    name: ClassVar[str] = "vsknn"
    weights: ClassVar[Weights] = Weights(position=6, match=6, rarity=1)


class Stan(_SessionNeighbours):
    """Session neighbours that weigh positions, ages and distances."""

    name: ClassVar[str] = "stan"
    weights: ClassVar[Weights] = Weights(position=6, age_days=200, distance=5)


class Vstan(_SessionNeighbours):
    """Session neighbours that weigh all of it."""

    name: ClassVar[str] = "vstan"
    weights: ClassVar[Weights] = Weights(position=6, age_days=200, distance=5, match=6, rarity=1)
