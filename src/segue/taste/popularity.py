"""Popularity: what everybody plays. The floor under every other model, and the answer when nothing else is known.

In: events. Out: a score a track, the same for every listener; a skip or a failure is no play.

- ``popularity``: log(1 + plays); with a half-life an old play counts less than a new one.
- ``recent-popularity``: the same with a half-life of a week, since what is played moves on (on three time splits a
  week's plays beat a transformer trained with the wrong loss; Klenitskiy & Vasilev 2023).
- ``hourly-popularity``: the share of plays at this hour of the week, drawn towards the share of all plays by a prior
  of ``PRIOR_PLAYS`` plays (Dirichlet smoothing), so that an hour of which little is known answers like any other.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.listening.context import HOURS_OF_WEEK, hour_of_week
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import Scores, TasteModel
from segue.taste.files import positions, read_model, write_model
from segue.types import Outcome

__all__ = ["HourlyPopularity", "Popularity", "RecentPopularity", "log_plays", "relative_popularity", "restored"]

DAY_S = 86_400

HALF_LIFE_DAYS = 7.0

AROUND = {-1: 0.5, 0: 1.0, 1: 0.5}
"""Hours from the hour asked for, and what a play there weighs."""

PRIOR_PLAYS = 500.0


def log_plays(events: Events, tracks: int, half_life_days: float | None = None) -> npt.NDArray[np.float32]:
    """float32 (tracks,): log(1 + plays), each play halved with every half-life that it lies before the last event."""
    weight = (~np.isin(events.outcome, (int(Outcome.SKIPPED), int(Outcome.FAILED)))).astype(np.float64)
    if half_life_days is not None and len(events):
        age_days = (events.started_at.max() - events.started_at) / DAY_S
        weight *= np.exp2(-age_days / half_life_days)
    return np.log1p(np.bincount(events.track, weight, minlength=tracks)).astype(np.float32)


def relative_popularity(events: Events, tracks: int) -> npt.NDArray[np.float32]:
    """float32 (tracks,) in 0 to 1: log(1 + plays) over that of the most played track; what other models end on."""
    plays = log_plays(events, tracks)
    return np.asarray(plays / max(plays.max(initial=0.0), np.float32(1e-9)), dtype=np.float32)


def restored(column: npt.NDArray[Any], ids: tuple[str, ...], items: Items) -> npt.NDArray[Any]:
    """(tracks,): a column saved for ``ids``, for these items; zero where one was not there."""
    return np.append(column, column.dtype.type(0))[positions(items.ids, ids)]


class Stateless(TasteModel[None]):
    """A model to which everybody is alike."""

    def start(self) -> None:
        """Nothing."""

    def step(self, state: None, event: Event) -> None:
        """Nothing: the listener's own events don't count here."""

    def lasting(self, events: Events) -> int:
        """None of them."""
        return len(events)


class Popularity(Stateless):
    """Counts of plays; it has no state.

    Parameters
    ----------
    half_life_days
        The age, before the last event, at which a play counts half; None counts every play the same.
    """

    name: ClassVar[str] = "popularity"

    def __init__(self, half_life_days: float | None = None) -> None:
        self.half_life_days = half_life_days
        self.items = Items(())
        self._log_plays = np.zeros(0, dtype=np.float32)
        self._fitted: dict[str, Any] = {}

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count."""
        del seed
        self.items = items
        self._log_plays = log_plays(events, len(items), self.half_life_days)
        self._fitted = {"events": len(events), "half_life_days": self.half_life_days}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def score(self, state: None, at: int = 0) -> Scores:
        """float32 (tracks,): log(1 + plays)."""
        del state, at
        return self._log_plays

    def save(self, directory: Path) -> None:
        """Write the counts."""
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, {"log_plays": self._log_plays})

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the counts; a track that was not counted has none.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        card, ids, arrays = files = read_model(directory, cls.name, {"log_plays": 1})
        model = cls(card.get("half_life_days"))
        model.items = items
        model._fitted = files.fitted
        model._log_plays = restored(arrays["log_plays"], ids, items)
        return model


class RecentPopularity(Popularity):
    """Popularity with a half-life of a week."""

    name: ClassVar[str] = "recent-popularity"

    def __init__(self, half_life_days: float | None = HALF_LIFE_DAYS) -> None:
        super().__init__(half_life_days)


class HourlyPopularity(Stateless):
    """Shares of plays at this hour of the week (UTC); it has no state."""

    name: ClassVar[str] = "hourly-popularity"

    def __init__(self) -> None:
        nothing, nowhere = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64)
        self._serve(Items(()), nothing, np.zeros(HOURS_OF_WEEK, dtype=np.float32), nowhere, nowhere, nothing)
        self._fitted: dict[str, Any] = {}

    def _serve(
        self,
        items: Items,
        share: npt.NDArray[np.float32],
        total: npt.NDArray[np.float32],
        hour: npt.NDArray[np.int64],
        track: npt.NDArray[np.int64],
        plays: npt.NDArray[np.float32],
    ) -> None:
        self.items, self._share, self._total = items, share, total
        self._hour, self._track, self._plays = hour.astype(np.int16), track.astype(np.int32), plays
        self._starts = np.searchsorted(hour, np.arange(HOURS_OF_WEEK + 1))

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Count plays by hour, those of the hours around weighing less; without times there is one popularity."""
        del seed
        played = events.rows(~np.isin(events.outcome, (int(Outcome.SKIPPED), int(Outcome.FAILED))))
        share = np.bincount(played.track, minlength=len(items)) / max(len(played), 1)
        timed = played.rows(played.started_at != 0)
        hour = hour_of_week(timed.started_at)
        cell = np.concatenate([(hour + around) % HOURS_OF_WEEK * len(items) + timed.track for around in AROUND])
        weight = np.repeat(list(AROUND.values()), len(timed))
        cell, place = np.unique(cell, return_inverse=True)
        plays = np.bincount(place, weight, minlength=len(cell))
        hour, track = np.divmod(cell, max(len(items), 1))
        total = np.bincount(hour, plays, minlength=HOURS_OF_WEEK)
        self._serve(items, share.astype(np.float32), total.astype(np.float32), hour, track, plays.astype(np.float32))
        self._fitted = {"events": len(events), "prior_plays": PRIOR_PLAYS}
        progress(f"train {self.name}", len(events), len(events))
        return self._fitted

    def score(self, state: None, at: int = 0) -> Scores:
        """float32 (tracks,): the share of plays at this hour; of all plays where no time is known."""
        del state
        if not at:
            return self._share
        hour = int(hour_of_week(at))
        here = slice(self._starts[hour], self._starts[hour + 1])
        scores = PRIOR_PLAYS * self._share
        scores[self._track[here]] += self._plays[here]
        return np.asarray(scores / (PRIOR_PLAYS + self._total[hour]), dtype=np.float32)

    def save(self, directory: Path) -> None:
        """Write the counts."""
        arrays = {"share": self._share, "total": self._total, "hour": self._hour}
        arrays |= {"track": self._track, "plays": self._plays}
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the counts; a track that was not counted has none.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        shapes = {"share": 1, "total": 1, "hour": 1, "track": 1, "plays": 1}
        _, ids, arrays = files = read_model(directory, cls.name, shapes)
        model = cls()
        model._fitted = files.fitted
        track = positions(ids, items.ids)[arrays["track"]]
        here = track >= 0
        model._serve(
            items,
            restored(arrays["share"], ids, items),
            arrays["total"],
            arrays["hour"][here],
            track[here],
            arrays["plays"][here],
        )
        return model
