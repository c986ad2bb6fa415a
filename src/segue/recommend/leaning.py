"""Which way a listener leans in sound and artists: towards several tracks at once, away from others.

One averaged taste vector returns a library's most average music, so none is made. Every recent, liked or often
played track pulls on its own neighbourhood: nearness of place i is ``Σ_a w_a · exp((cos(i, a) - 1) / spread)``, a
soft maximum over the listener's tracks a. Skipped and disliked tracks push the same way. Both sums are running:
one more event costs one product of the shelf's matrix with one vector.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.listening.events import Event, Events
from segue.recommend.shelf import Shelf
from segue.types import Outcome

__all__ = ["Leaning", "Pull", "strength"]

Floats = npt.NDArray[np.float32]

HALF_LIFE = 16
"""Events after which a listen pulls half as much."""

MEMORY = 96
"""Listens read back when a history is met whole; the oldest of them pulls 1/64."""

BLOCK = 32
"""Vectors multiplied with the shelf at once: 32 × 100,000 similarities are 13 MB."""

FINISHED_ARTIST, SKIPPED_ARTIST = 0.2, 0.6
"""How far one finished or one at once skipped track moves the listener's leaning to its artist (a like: 1)."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One track that pulls (weight above 0) or pushes (below).

    ``number`` is the event's, from which it fades; None does not fade. ``how`` says what the listener did.
    """

    row: int
    weight: float
    how: str
    number: int | None = None
    at: int | None = None


def strength(outcome: npt.ArrayLike, completion: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """float64, -1 to 1: how much a listen speaks for its track; a skip speaks against it, the earlier the more.

    Examples
    --------
    >>> strength([Outcome.FINISHED, Outcome.PARTIAL, Outcome.SKIPPED, Outcome.FAILED], [1, 0.5, 0.25, 0]).tolist()
    [1.0, 0.5, -0.75, 0.0]
    """
    how, part = np.asarray(outcome), np.asarray(completion, dtype=np.float64)
    part = np.clip(part, 0.0, 1.0)
    return np.select(
        [how == Outcome.SKIPPED, how == Outcome.PARTIAL, how == Outcome.FAILED],
        [np.where(np.isnan(part), -1.0, part - 1.0), np.where(np.isnan(part), 0.5, part), 0.0],
        default=1.0,
    )


class Leaning:
    """Running pulls and pushes over one shelf.

    Attributes
    ----------
    pulls
        What pulls and pushes, oldest first; those that have faded away are forgotten.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.pulls: list[Pull] = []
        self._events = 0
        # First row: fades with every event. Second row: stays.
        self._near = np.zeros((2, len(shelf)), dtype=np.float32)
        self._away = np.zeros((2, len(shelf)), dtype=np.float32)
        artists = shelf.items.artist
        self._artist_of = np.full(len(shelf.items), -1, np.int64) if artists is None else artists.astype(np.int64)
        self._artist = np.zeros((2, int(self._artist_of.max(initial=-1)) + 2), dtype=np.float32)

    def hear(self, event: Event) -> None:
        """Move by one listen."""
        fade = np.float32(0.5 ** (1 / HALF_LIFE))
        self._events += 1
        for running in (self._near, self._away, self._artist):
            running[0] *= fade
        self._pull([self._of_event(event, self._events)])
        if self._events % MEMORY == 0:
            oldest = self._events - MEMORY
            self.pulls = [pull for pull in self.pulls if pull.number is None or pull.number > oldest]

    def hear_all(self, events: Events) -> None:
        """Move by a whole history, as ``hear`` would event by event (up to what has faded)."""
        first = max(len(events) - MEMORY, 0)
        self._events += len(events)
        fade = np.float32(0.5 ** (len(events) / HALF_LIFE))
        for running in (self._near, self._away, self._artist):
            running[0] *= fade
        number = self._events - len(events)
        self._pull([self._of_event(events.event(row), number + row + 1) for row in range(first, len(events))])

    def keep(self, row: int, weight: float, how: str, at: int | None = None, *, artist: float = 0.0) -> None:
        """Add a pull or push that does not fade (a like, a dislike, an old favourite)."""
        self.keep_all([Pull(row, weight, how, None, at)], artist=artist)

    def keep_all(self, pulls: list[Pull], *, artist: float = 0.0) -> None:
        """Add pulls that do not fade; ``artist`` is how far each moves the leaning to its artist."""
        self._pull(pulls, artist=artist)

    def _of_event(self, event: Event, number: int) -> Pull:
        weight = float(strength(event.outcome, event.completion))
        how = "skipped" if weight < 0 else "finished" if event.outcome == Outcome.FINISHED else "played"
        return Pull(event.track, weight, how, number, event.started_at)

    def weight(self, pull: Pull) -> float:
        """What a pull weighs now."""
        return pull.weight if pull.number is None else pull.weight * 0.5 ** ((self._events - pull.number) / HALF_LIFE)

    def _pull(self, pulls: list[Pull], artist: float | None = None) -> None:
        self.pulls += pulls
        for pull in pulls:
            by = int(self._artist_of[pull.row])
            if by >= 0:
                kept = int(pull.number is None)
                unit = artist if artist is not None else FINISHED_ARTIST if pull.weight > 0 else SKIPPED_ARTIST
                self._artist[kept, by] += np.float32(np.sign(pull.weight) * unit * abs(self.weight(pull)))
        # Equal tracks are multiplied with the shelf once, whatever they were heard.
        for toward, running in ((True, self._near), (False, self._away)):
            for kept in (0, 1):
                weights: dict[int, float] = {}
                for pull in pulls:
                    if (pull.weight > 0) == toward and pull.weight != 0 and (pull.number is None) == bool(kept):
                        weights[pull.row] = weights.get(pull.row, 0.0) + abs(self.weight(pull))
                self._spread(weights, running[kept], own=not toward)

    def _spread(self, weights: dict[int, float], running: Floats, *, own: bool) -> None:
        """Add the neighbourhoods of these tracks; ``own``: a track counts as its own neighbour.

        A pull leaves its own track out: that somebody plays a track again is habit, and counted there.
        """
        rows = np.array([row for row in weights if np.any(self.shelf.sound_of(row))], dtype=np.int64)
        for first in range(0, len(rows), BLOCK):
            block = rows[first : first + BLOCK]
            near = self.shelf.similarity(self.shelf.sound_of(block))
            near -= 1
            near /= np.float32(self.shelf.spread)
            np.exp(near, out=near)
            if not own:
                places = self.shelf.place_of[block]
                near[places[places >= 0], np.flatnonzero(places >= 0)] = 0
            running += near @ np.array([weights[int(row)] for row in block], dtype=np.float32)

    @property
    def near(self) -> Floats | None:
        """float32 (places,): log nearness to what the listener plays and likes; None where nothing pulls."""
        total = self._near[0] + self._near[1]
        return np.log(total + np.float32(1e-30)) if total.any() else None

    @property
    def away(self) -> Floats:
        """float32 (places,), 0 to 1.5: nearness to what they skip and dislike; 1 is one dislike of this very track."""
        return np.asarray(np.minimum(self._away[0] + self._away[1], np.float32(1.5)))

    @property
    def artist(self) -> Floats:
        """float32 (places,), -1 to 1: leaning to each place's artist; 0 where the artist is unknown."""
        return np.asarray(np.tanh(self._artist[0] + self._artist[1])[self.shelf.artist])

    def nearest(self, place: int, *, toward: bool, k: int = 1) -> list[tuple[Pull, float]]:
        """The pulls (or pushes) that count most at a place, strongest first, with their similarity to it."""
        row = int(self.shelf.rows[place])
        felt = [pull for pull in self.pulls if pull.weight != 0 and (pull.weight > 0) == toward]
        if toward:
            felt = [pull for pull in felt if pull.row != row]
        if not felt or not self.shelf.has_sound[place] or self.shelf.vectors is None:
            return []
        others = self.shelf.sound_of([pull.row for pull in felt])
        similarity = others @ self.shelf.vectors[place]
        weights = np.array([abs(self.weight(pull)) for pull in felt])
        felt_by = np.where(np.any(others != 0, axis=1), weights * np.exp((similarity - 1) / self.shelf.spread), 0)
        named: list[tuple[Pull, float]] = []
        for index in np.argsort(-felt_by, kind="stable"):
            if felt_by[index] > 0 and felt[index].row not in {pull.row for pull, _ in named}:
                named.append((felt[index], float(similarity[index])))
            if len(named) == k:
                break
        return named
