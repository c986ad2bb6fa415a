"""Sequential rules: what follows what, in the listener's own past and in everybody's.

In: events. Out: a score a track, summed over the last ``WINDOW`` tracks x of the listener: the share of track i among
what followed x before (after Ludewig & Jannach 2018, "Evaluation of session-based recommendation algorithms", SR).

Everybody's rules are counted once, at fit: each follower within ``WINDOW`` events weighs 1/distance. A listener's
own rules are never counted at all: the state is the history itself with an index of where each track stood, and what
followed is read off there. So every event acts at once, a track first met today can be answered, and a step costs
the same after ten events and after a hundred thousand. Reading from the history also keeps what a count forgets: how
far behind x the follower came. It weighs the more, the nearer that is to how far behind x the next track will come.

Behind the rules, far smaller, stand the listener's recent plays and the popularity of a track; they order what no
rule names. A skipped follower is half a follower: it still tells what comes after what.
"""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.listening.events import Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores
from segue.taste.files import positions, read_model, write_model
from segue.taste.past import Lived, Remembering
from segue.taste.popularity import restored

__all__ = ["Followers", "Rules", "own_followers"]

WINDOW = 10
"""Tracks back from which rules start, and events after a track that count as its followers."""

OCCURRENCES = 30
"""The latest places of a track in the history that are read; the older ones hardly weigh."""

OCCURRENCE_HALF_LIFE = 8
"""A place weighs half of one that the track took eight plays of it later."""

EVERYBODY = 0.2
RECENT_PLAYS = 3e-4
POPULARITY = 1e-4
"""What everybody's rules, a play just made and the most popular track weigh against one whole own rule."""

RECENT_EVENTS = 2_000
RECENT_DECAY = 0.999

AS_FOLLOWER = np.array([1.0, 1.0, 1.0, 0.5, 0.5], dtype=np.float32)
AS_PLAY = np.array([1.0, 1.0, 1.0, 0.0, 0.0], dtype=np.float32)
"""By ``Outcome``: what an event weighs as a follower, and as a play."""


class Followers(NamedTuple):
    """Places in a past that may come next: int64 (n,), and what each weighs: float32 (n,).

    ``back``, int64 (n,), is which of the last tracks the place followed before: 0 for the latest.
    """

    places: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    back: npt.NDArray[np.int64]


def own_followers(state: Lived) -> Followers:
    """What followed the last ``WINDOW`` tracks before, in the listener's own past; a place may stand there twice."""
    past, length = state
    context = past.tracks[max(0, length - WINDOW) : length][::-1].tolist()
    # The place the context itself stands at, and later ones, have no past behind them yet.
    found = [past.before(track, length - distance, OCCURRENCES) for distance, track in enumerate(context, 1)]
    counts = [len(places) for places in found]
    if not sum(counts):
        nothing = np.zeros(0, dtype=np.int64)
        return Followers(nothing, np.zeros(0, dtype=np.float32), nothing)
    distance_of = np.repeat(np.arange(1, len(context) + 1), counts)
    ages = np.concatenate([np.arange(count - 1, -1, -1) for count in counts])
    behind = np.arange(1, WINDOW + 1)
    places_after = np.concatenate(found)[:, None] + behind
    weight = 1 / (1 + np.abs(behind - distance_of[:, None]))
    weight *= np.exp2(-ages / OCCURRENCE_HALF_LIFE)[:, None]
    weight[places_after >= length] = 0
    np.minimum(places_after, length - 1, out=places_after)
    totals = np.bincount(distance_of, weight.sum(axis=1))
    weight /= (totals[distance_of] * distance_of)[:, None]
    weight *= AS_FOLLOWER[past.outcomes[places_after]]
    return Followers(places_after.ravel(), weight.astype(np.float32).ravel(), np.repeat(distance_of - 1, WINDOW))


class Rules(Remembering):
    """Sequential rules of one's own, before those of everybody."""

    name: ClassVar[str] = "rules"

    def __init__(self) -> None:
        nothing, nowhere = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        self._serve(Items(()), nowhere, nowhere, nothing, nothing)
        self._fitted: dict[str, Any] = {}

    def _serve(
        self,
        items: Items,
        track: npt.NDArray[np.int64],
        follower: npt.NDArray[np.int64],
        share: npt.NDArray[np.float32],
        popularity: npt.NDArray[np.float32],
    ) -> None:
        self.items, self._popularity = items, popularity
        self._track, self._follower, self._share = track.astype(np.int32), follower.astype(np.int32), share
        self._starts = np.searchsorted(track, np.arange(len(items) + 1))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count everybody's rules: float32 shares in rows, one a track that was followed."""
        del seed
        pairs: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        weights: npt.NDArray[np.float64] = np.zeros(0)
        for distance in range(1, WINDOW + 1):
            rows = np.flatnonzero(events.listener[:-distance] == events.listener[distance:])
            found = events.track[rows].astype(np.int64) * len(items) + events.track[rows + distance]
            weight = AS_FOLLOWER[events.outcome[rows + distance]] / distance
            pairs, place = np.unique(np.concatenate([pairs, found]), return_inverse=True)
            weights = np.bincount(place, np.concatenate([weights, weight]), minlength=len(pairs)).astype(np.float64)
            progress("train rules", distance, WINDOW)
        track, follower = np.divmod(pairs, max(len(items), 1))
        totals = np.bincount(track, weights, minlength=len(items))
        shares = (weights / totals[track]).astype(np.float32)
        plays = np.log1p(np.bincount(events.track, AS_PLAY[events.outcome], minlength=len(items)))
        popularity = (plays / max(plays.max(initial=0.0), 1.0)).astype(np.float32)
        self._serve(items, track, follower, shares, popularity)
        self._fitted = {"events": len(events), "rules": len(shares), "window": WINDOW}
        return self._fitted

    def score(self, state: Lived, at: int = 0) -> Scores:
        """float32 (tracks,): own rules, then everybody's, then recent plays and popularity; zero for the unknown."""
        del at
        past, length = state
        scores = np.asarray(POPULARITY * self._popularity, dtype=np.float32)
        recent = past.tracks[max(0, length - RECENT_EVENTS) : length]
        age = np.arange(len(recent) - 1, -1, -1, dtype=np.float32)
        np.add.at(
            scores, recent, RECENT_PLAYS * RECENT_DECAY**age * AS_PLAY[past.outcomes[length - len(recent) : length]]
        )
        context = past.tracks[max(0, length - WINDOW) : length][::-1].tolist()
        for distance, track in enumerate(context, 1):
            first, last = self._starts[track], self._starts[track + 1]
            scores[self._follower[first:last]] += EVERYBODY / distance * self._share[first:last]
        own = own_followers(state)
        np.add.at(scores, past.tracks[own.places], own.weights)
        return scores

    def save(self, directory: Path) -> None:
        """Write everybody's rules."""
        arrays = {"track": self._track, "follower": self._follower, "share": self._share}
        arrays["popularity"] = self._popularity
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read everybody's rules; a new track takes part as soon as the listener has heard it.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"track": 1, "follower": 1, "share": 1, "popularity": 1}
        _, ids, arrays = files = read_model(directory, cls.name, shapes)
        model = cls()
        model._fitted = files.fitted
        row = positions(ids, items.ids)
        track, follower = row[arrays["track"]], row[arrays["follower"]]
        here = np.flatnonzero((track >= 0) & (follower >= 0))
        here = here[np.argsort(track[here], kind="stable")]
        popularity = restored(arrays["popularity"], ids, items)
        model._serve(items, track[here], follower[here], arrays["share"][here], popularity)
        return model
