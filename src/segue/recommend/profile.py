"""One listener, over one shelf: what they heard and said, and every track's score from it.

A profile is built from a history once and then moves event by event: one step of the model's state, one running sum
of sound, one entry of habit. ``Recommender`` builds one for each question, a ``Station`` keeps one and moves it, so
both rank by the same rule.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events
from segue.recommend.habits import NEVER, Habits
from segue.recommend.leaning import Leaning, Pull
from segue.recommend.scoring import FEW_LISTENS, NOTHING_KNOWN, WEIGHTS, YOUR_LISTENING, Ranking, lift, standard
from segue.recommend.shelf import Shelf
from segue.settings import RecommendSettings
from segue.taste.contract import TasteModel
from segue.types import Opinion, Outcome

__all__ = ["Profile", "Said"]

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

FEW = 20
"""Listens below which a history is "a few listens"."""

RETRACED = 3
"""Last events whose influence can be asked for."""

OPINIONS = 256
"""Opinions of each kind that pull or push by their sound: the last ones of the mapping."""

FAVOURITES, FAVOURITE_WEIGHT = 32, 0.25
"""Most activated tracks that pull without fading, so that a taste rests while another one is played."""

ENOUGH = 100
"""Known tracks from which on ``discover`` is taken at its word."""

REFRESH_S = 3600
"""Habit is computed anew when the clock has moved this far."""


class Said(NamedTuple):
    """One voice of the model at one place, as ``taste.contract.Voice``."""

    adds: float
    more: bool = True
    cause: int = -1


class Profile:
    """What is known of one listener, and what follows from it.

    Parameters
    ----------
    shelf, model, settings
        What can be picked, who predicts what comes next (None: nobody), how much is to be new.
    events
        One listener's events; those after ``at`` and those that failed to load are left out.
    opinions
        Their latest opinion by track id; unknown ids are ignored.
    at
        Now, unix seconds.

    Raises
    ------
    ValueError
        The events are of several listeners, or the model serves other items.
    """

    def __init__(
        self,
        shelf: Shelf,
        model: TasteModel[Any] | None,
        settings: RecommendSettings,
        events: Events,
        opinions: Mapping[str, Opinion],
        at: int,
    ) -> None:
        if len(events) and events.listener[0] != events.listener[-1]:
            raise ValueError("these are the events of several listeners: give those of one")
        if model is not None and len(model.items) != len(shelf.items):
            raise ValueError(f"the model serves {len(model.items)} items, the shelf knows {len(shelf.items)}")
        events = events.rows((events.started_at <= at) & (events.outcome != Outcome.FAILED))
        self.shelf, self.settings = shelf, settings
        self._model = model
        self.count = len(events)
        self.habits = Habits(shelf, events)
        self.leaning = Leaning(shelf)
        self.leaning.hear_all(events)
        self.liked = np.zeros(len(shelf), dtype=bool)
        self.banned = np.zeros(len(shelf), dtype=bool)
        self.disliked = np.zeros(len(shelf), dtype=bool)
        self._opinions = False
        for opinion in (Opinion.LIKE, Opinion.DISLIKE, Opinion.BAN):
            said = [shelf.row_of[key] for key, said in opinions.items() if said == opinion and key in shelf.row_of]
            self._say_all(said, opinion)
        favourites = shelf.rows[self.habits.favourites(at, FAVOURITES)]
        self.leaning.keep_all([Pull(int(row), FAVOURITE_WEIGHT, "keep playing") for row in favourites])
        self._state: Any = None
        self._before: deque[tuple[Any, Event]] = deque(maxlen=RETRACED)
        self.last: Event | None = None
        if model is not None:
            early = max(len(events) - RETRACED, 0)
            self._state = model.follow(events.rows(slice(0, early)))
            for row in range(early, len(events)):
                self._step(events.event(row))
        if len(events):
            self.last = events.event(len(events) - 1)
        self._habit: tuple[int, Floats] | None = None

    def _step(self, event: Event) -> None:
        if self._model is not None:
            self._before.append((self._state, event))
            self._state = self._model.step(self._state, event)

    def _say_all(self, rows: list[int], opinion: Opinion) -> None:
        if not rows:
            return
        self._opinions = True
        kind = {Opinion.LIKE: self.liked, Opinion.DISLIKE: self.disliked, Opinion.BAN: self.banned}[opinion]
        places = self.shelf.place_of[rows]
        for other in (self.liked, self.disliked, self.banned):
            other[places[places >= 0]] = False
        kind[places[places >= 0]] = True
        weight = 1.0 if opinion is Opinion.LIKE else -1.0
        word = {Opinion.LIKE: "liked", Opinion.DISLIKE: "disliked", Opinion.BAN: "banned"}[opinion]
        self.leaning.keep_all([Pull(row, weight, word) for row in rows[-OPINIONS:]], artist=1.0)

    def hear(self, event: Event) -> None:
        """Move by one event."""
        self._step(event)
        self.leaning.hear(event)
        self.habits.hear(event)
        self.count += 1
        self.last = event

    def say(self, row: int, opinion: Opinion) -> None:
        """Take in a like, a dislike or a ban of an item."""
        self._say_all([row], opinion)

    @property
    def basis(self) -> str:
        """What answers rest on, in words."""
        if self.count >= FEW:
            return YOUR_LISTENING
        return FEW_LISTENS if self.count or self._opinions else NOTHING_KNOWN

    @property
    def model_name(self) -> str | None:
        """What the model of choice is called; None without one."""
        return None if self._model is None else self._model.name

    @property
    def heard(self) -> Mask:
        """bool (places,): played or skipped at some time."""
        return np.asarray(self.habits.last != NEVER)

    @property
    def barred(self) -> Mask:
        """bool (places,): banned or disliked, never to be picked."""
        return self.banned | self.disliked

    def recent(self, at: int) -> Mask:
        """bool (places,): heard within the hours that the settings keep clear."""
        since = at - int(self.settings.recent_hours * 3600)
        return self.heard & (self.habits.last > since)

    def outside(self) -> Mask:
        """bool (places,): ruled out by an extreme of ``discover``: 0 keeps to what was heard, 1 to what was not."""
        heard = self.heard
        if self.settings.discover == 0 and heard.any():
            return ~heard
        if self.settings.discover == 1:
            return heard
        return np.zeros(len(self.shelf), dtype=bool)

    def sequence(self, at: int) -> Floats | None:
        """float32 (places,): the model's standardised score of each track to come next; None without a model."""
        return None if self._model is None else self._scored(self._state, at)

    def _scored(self, state: Any, at: int) -> Floats:
        assert self._model is not None
        return standard(self._model.score(state, at)[self.shelf.rows])

    def ranking(self, at: int, extra: Mapping[str, tuple[float, Floats]] | None = None, *, mix: bool = True) -> Ranking:
        """Every track's score now.

        Parameters
        ----------
        at
            Unix seconds.
        extra
            Further parts by name: their own weight (times the basis's) and values (places,).
        mix
            Keep a share for tracks never heard (part ``novelty``).
        """
        weights = dict(WEIGHTS[self.basis])
        values: dict[str, Floats] = {}
        sequence = self.sequence(at)
        if sequence is not None:
            values["sequence"] = sequence
        near = self.leaning.near
        if near is not None:
            values["sound"] = standard(near, self.shelf.has_sound)
        values |= {"artist": self.leaning.artist, "avoid": self.leaning.away, "liked": self.liked.astype(np.float32)}
        if "habit" in weights:
            values["habit"] = self._habit_at(at)
        for name, (weight, value) in (extra or {}).items():
            weights[name] *= weight
            values[name] = value
        ranking = Ranking.of(values, weights, len(self.shelf))
        share = self.share_of_new(at) if mix else None
        if share is None:
            return ranking
        return ranking.plus("novelty", lift(ranking.total, ~self.heard, ~(self.barred | self.recent(at)), share))

    def share_of_new(self, at: int) -> float | None:
        """The share of picks that shall be tracks never heard; None where no share is kept.

        It is ``discover`` once ``ENOUGH`` known tracks (or half the library) wait to be heard again. With fewer it
        is more, so that somebody who has heard twenty tracks does not turn in a circle among them.
        """
        discover = self.settings.discover
        if self.basis != YOUR_LISTENING or discover in (0, 1):
            return None
        known = int((self.heard & ~(self.barred | self.recent(at))).sum())
        return 1 - (1 - discover) * min(1.0, known / max(1, min(ENOUGH, len(self.shelf) // 2)))

    def _habit_at(self, at: int) -> Floats:
        if self._habit is None or abs(at - self._habit[0]) >= REFRESH_S:
            self._habit = (at, standard(self.habits.activation(at)))
        return self._habit[1]

    def voices(self, places: npt.NDArray[np.int64], at: int) -> list[dict[str, Said]]:
        """At each place, what each kind of evidence adds to the model's score; empty where the model can't tell."""
        if self._model is None:
            return [{} for _ in places]
        told = self._model.voices(self._state, at, self.shelf.rows[places])
        return [
            {
                kind: Said(float(voice.adds[one]), bool(voice.more[one]), int(voice.cause[one]))
                for kind, voice in told.items()
            }
            for one in range(len(places))
        ]

    def influences(self, places: npt.NDArray[np.int64], at: int) -> list[tuple[Event, Floats]]:
        """How much each of the last events raises the sequence part at these places.

        Leave-one-out: the model follows the last events again without the one in question.

        Returns
        -------
        list
            (event, float32 (len(places),)) from the latest event back: standardised score with it minus without.
        """
        if self._model is None or not self._before:
            return []
        whole = self._scored(self._state, at)[places]
        found = []
        steps = list(self._before)
        for left_out in range(len(steps) - 1, -1, -1):
            state = steps[left_out][0]
            for _, event in steps[left_out + 1 :]:
                state = self._model.step(state, event)
            found.append((steps[left_out][1], whole - self._scored(state, at)[places]))
        return found
