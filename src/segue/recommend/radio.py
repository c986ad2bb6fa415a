"""Endless radio: one pick at a time, each event moving the very next one by one step.

A station keeps one listener's ``Profile`` and moves it, so that it ranks as ``recommend`` does. On top lie the pull
of its seeds, which fades as it plays (the drift), the pull of a like, which says "more of this, now" and is a seed
met half way, a little seeded chance among the best (two evenings differ), a
horizon inside which nothing repeats, and spacing over everything it has played.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segue.errors import NotReady
from segue.listening.events import Event
from segue.listening.outcomes import outcome
from segue.recommend.profile import Profile
from segue.recommend.reasons import foremost, reason
from segue.recommend.scoring import Ranking, standard
from segue.recommend.spacing import Spacing
from segue.recommend.wishes import Wish, reasons_of, require, steered
from segue.taste.contract import top_k
from segue.types import Opinion, Outcome, Pick

__all__ = ["OnEvent", "Station"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

HORIZON = 200
"""Tracks inside which nothing repeats, in a library that has enough of them."""

SEED_HALF_LIFE = 12
"""Tracks after which the seeds pull half as much."""

LIKE = 0.5
"""What a like on the air pulls, against a seed that the station has just begun with."""

TEMPERATURE = 0.2
"""Standard scores by which chance moves a pick."""

CHOICE = 32
"""Best tracks among which chance may choose."""

UNKNOWN_LENGTH_S = 240.0
"""What the clock adds for a track whose length is not known."""

SKIPPED_AFTER_S = 10.0
"""What the clock adds for a skip when nobody said after how long."""


class OnEvent(Protocol):
    """Called with "played", "skip", "like", "dislike" or "ban", so that somebody can keep it."""

    def __call__(self, kind: str, pick: Pick, at: int, played_s: float | None) -> None:
        """Keep one event; ``at`` is when the pick began (unix seconds), ``played_s`` None where nobody said it."""


class Station:
    """An iterator of picks that never ends; ``Recommender.station`` builds it.

    A pick that was handed out and hears nothing before the next one is asked for counts as played. A dislike or a
    ban of the pick that plays ends it; a like does not.

    * Nothing repeats within the last ``min(200, ¾ of what may be played)`` picks: a small library keeps a quarter to
      choose from instead of turning in one fixed circle.
    * Where too little is left, rules give way in this order: the extremes of ``discover``, recently heard tracks,
      then spacing (``Spacing``). The horizon, bans and dislikes never do. The pick's reason says so.
    * A seed that is a track counts as just heard.
    * A wish is a part of every pick's score; what does not fit a strict one is never picked.

    Examples
    --------
    >>> from segue.listening.events import Events, Items
    >>> from segue.recommend.recommender import Recommender
    >>> from segue.settings import RecommendSettings
    >>> from segue.types import Track
    >>> tracks = [Track(name, name, (name,), duration_s=180) for name in "abcd"]
    >>> recommender = Recommender(tracks, Items(tuple("abcd")), None, RecommendSettings())
    >>> station = recommender.station(Events.make([], [], [], []), {}, at=1_000_000, seed=1)
    >>> first = next(station)
    >>> station.skip(first, after_s=5)
    >>> next(station).track.id != first.track.id, station.now
    (True, 1000005)
    """

    def __init__(
        self,
        profile: Profile,
        rows: list[int],
        vectors: list[Floats],
        *,
        at: int,
        on_event: OnEvent | None = None,
        seed: int = 0,
        clock: Callable[[], int] | None = None,
        wishes: Sequence[Wish] = (),
    ) -> None:
        self._profile, self._shelf = profile, profile.shelf
        self._wishes = wishes
        self._fitting = require(wishes, ~profile.barred) | profile.barred
        self._spacing = Spacing(self._shelf, profile.settings.artist_spacing, profile.settings.album_spacing)
        self._random = np.random.default_rng(seed)
        self._on_event = on_event
        self._clock = clock
        self._at = float(at)
        self._emitted = 0
        self._horizon: deque[int] = deque(maxlen=HORIZON)
        self._began: dict[str, int] = {}
        self._playing: Pick | None = None
        self._sequence_before: tuple[str, Floats | None] = ("", None)
        sounding = [row for row in rows if np.any(self._shelf.sound_of(row))]
        names = [f"{self._shelf.name(row)}, where this station began" for row in sounding]
        self._seed_names = names + ["the sound given, where this station began"] * len(vectors)
        self._seeds = np.concatenate([self._shelf.sound_of(sounding), *(vector[None] for vector in vectors)])
        self._seed_near = self._nearness(self._seeds)
        self._seed_share, self._seeded_at = 1.0, 0
        self._seed_pull = self._pull_of_seeds()
        for row in rows:
            profile.hear(Event(row, at, int(Outcome.FINISHED), 1.0))
            if self._shelf.place_of[row] >= 0:
                self._horizon.append(int(self._shelf.place_of[row]))

    @property
    def now(self) -> int:
        """The station's time, unix seconds: where the picks so far have brought it."""
        return self._clock() if self._clock is not None else int(self._at)

    def __iter__(self) -> Iterator[Pick]:
        return self

    def __next__(self) -> Pick:
        """The next pick.

        Raises
        ------
        NotReady
            Every playable track has been banned or disliked.
        """
        if self._playing is not None:
            self.played(self._playing)
        at = self.now
        fade = self._fade()
        extra = {"seed": (fade, self._seed_pull)} if self._seed_pull is not None else None
        share = self._profile.share_of_new(at)
        # Who starts from a seed asks for that, be it new or known; the mix comes in as the seed fades.
        mix = share is not None and (extra is None or self._random.random() >= fade)
        ranking = steered(self._profile.ranking(at, extra, mix=mix), self._wishes)
        allowed, note = self._allowed(at)
        # Nearly always enough of the very best fit, so that not every track needs to be looked at.
        leading = allowed[top_k(ranking.total[allowed], 16 * CHOICE)]
        fitting = leading[self._spacing.fits(leading)]
        if not len(fitting):
            fitting = self._spacing.next_of(allowed)
        if mix and share is not None:
            kind = self._profile.heard[fitting] != (self._random.random() < share)
            fitting = fitting[kind] if kind.any() else fitting
        best = fitting[top_k(ranking.total[fitting], CHOICE)]
        # The largest of scores with Gumbel noise is a draw from their softmax; its mean is taken off.
        chance = TEMPERATURE * (self._random.gumbel(size=len(best)) - np.euler_gamma)
        chosen = int((ranking.total[best] + chance).argmax())
        place = int(best[chosen])
        parts = ranking.parts_at(place)
        if len(best) > 1:
            parts["chance"] = float(chance[chosen])
        (said,) = self._profile.voices(np.array([place]), at)
        risen = self._risen(ranking, place)
        after = foremost([risen] if risen is not None else [])
        wished = reasons_of(self._wishes, place)
        why = reason(self._profile, parts, place, at, after=after, start=self._start(place), voices=said, wished=wished)
        broken = self._spacing.broken_by(place)
        if broken:
            note += f" ({' and '.join(broken)} closer than set: nothing else was left)"
        self._spacing.place(place)
        self._horizon.append(place)
        self._began[self._shelf.tracks[place].id] = at
        self._emitted += 1
        voices = {kind: one.adds for kind, one in said.items()}
        self._playing = Pick(self._shelf.tracks[place], sum(parts.values()), why + note, parts, voices)
        return self._playing

    def _risen(self, ranking: Ranking, place: int) -> tuple[Event, float] | None:
        """The last event, and how far the sequence part has risen here since before it."""
        now = (self._profile.basis, ranking.parts.get("sequence"))
        (basis, before), self._sequence_before = self._sequence_before, now
        last = self._profile.last
        if last is None or before is None or now[1] is None or basis != now[0]:
            return None
        return last, float(now[1][place] - before[place])

    def _lean(self, row: int) -> None:
        """Take a track as one more seed, beside what is left of the earlier ones."""
        sound = self._shelf.sound_of(row)
        if not sound.any():
            return
        left = self._fade() if self._seed_names else 0.0
        self._seed_near = left * self._seed_near + LIKE * self._nearness(sound)
        self._seed_share, self._seeded_at = max(left, LIKE), self._emitted
        self._seeds = np.concatenate([self._seeds, sound]) if self._seed_names else sound
        self._seed_names.append(f"{self._shelf.name(row)}, which you just liked")
        self._seed_pull = self._pull_of_seeds()

    def _fade(self) -> float:
        """What the seeds still pull, 0 to 1."""
        return float(self._seed_share * 0.5 ** ((self._emitted - self._seeded_at) / SEED_HALF_LIFE))

    def _nearness(self, sounds: Floats) -> Floats:
        near = np.exp((self._shelf.similarity(sounds) - 1) / np.float32(self._shelf.spread))
        return np.asarray(near.sum(axis=1), dtype=np.float32)

    def _pull_of_seeds(self) -> Floats | None:
        """float32 (places,): standard scores of the nearness to all seeds; None without any."""
        if not self._seed_names:
            return None
        return standard(np.log(self._seed_near + np.float32(1e-30)), self._shelf.has_sound)

    def _start(self, place: int) -> str | None:
        """The seed that a place sounds most like, in words."""
        if not self._seed_names or self._shelf.vectors is None:
            return None
        similarity = self._seeds @ self._shelf.vectors[place]
        nearest = int(similarity.argmax())
        return f"{self._seed_names[nearest]} (similarity {similarity[nearest]:.2f})"

    def _allowed(self, at: int) -> tuple[Ints, str]:
        """The places that may be played now, and what had to give way for it."""
        profile = self._profile
        playable = self._fitting & ~profile.barred
        count = int(playable.sum())
        if not count:
            fitting = " that fits the strict wishes" if any(wish.strict for wish in self._wishes) else ""
            raise NotReady(f"every playable track{fitting} is banned or disliked: take one back to hear something")
        free = playable.copy()
        # The last one may have been banned since: what was played and is barred takes no place of the horizon.
        played = [place for place in self._horizon if playable[place]]
        length = min(HORIZON, count - 1, max(1, 3 * count // 4))
        free[played[len(played) - length :] if length < len(played) else played] = False
        recent, outside = profile.recent(at), profile.outside()
        for ruled_out, note in (
            (recent | outside, ""),
            (recent, " (against discover: nothing else was left)"),
            (np.zeros_like(recent), f" (heard within {profile.settings.recent_hours:g} hours: nothing else was left)"),
        ):
            if (left := free & ~ruled_out).any():
                return np.flatnonzero(left), note
        raise AssertionError("the horizon leaves at least one place")

    def played(self, pick: Pick, played_s: float | None = None) -> None:
        """The pick was heard, for so many seconds (None: to its end); ``listening.outcomes`` says what that counts.

        Raises
        ------
        ValueError
            This station did not hand it out (likewise in ``skip``, ``like``, ``dislike`` and ``ban``).
        """
        length = pick.track.duration_s
        if played_s is None:
            self._end(pick, Outcome.FINISHED, 1.0, length or UNKNOWN_LENGTH_S)
        else:
            part = min(played_s / length, 1.0) if length else float("nan")
            self._end(pick, outcome(played_s, length), part, played_s)
        self._tell("played", pick, played_s)

    def skip(self, pick: Pick, after_s: float | None = None) -> None:
        """The pick was skipped, after so many seconds."""
        length = pick.track.duration_s
        part = float("nan") if after_s is None or not length else min(after_s / length, 1.0)
        self._end(pick, Outcome.SKIPPED, part, SKIPPED_AFTER_S if after_s is None else after_s)
        self._tell("skip", pick, after_s)

    def like(self, pick: Pick) -> None:
        """The listener likes the pick: it plays on, and what follows leans to its sound for a while."""
        row = self._shelf.row_of[self._known(pick)]
        self._profile.say(row, Opinion.LIKE)
        self._lean(row)
        self._tell("like", pick, None)

    def dislike(self, pick: Pick) -> None:
        """The listener dislikes the pick: it ends, and is never picked again."""
        self._refuse(pick, Opinion.DISLIKE)

    def ban(self, pick: Pick) -> None:
        """The listener never wants to hear the pick again."""
        self._refuse(pick, Opinion.BAN)

    def _refuse(self, pick: Pick, opinion: Opinion) -> None:
        self._profile.say(self._shelf.row_of[self._known(pick)], opinion)
        if pick is self._playing:
            self._end(pick, Outcome.SKIPPED, float("nan"), SKIPPED_AFTER_S)
        self._tell(opinion.value, pick, None)

    def _known(self, pick: Pick) -> str:
        if pick.track.id not in self._began:
            raise ValueError(f"this station has not handed out {pick.track.id}")
        return pick.track.id

    def _end(self, pick: Pick, how: Outcome, completion: float, seconds: float) -> None:
        """Move the listener by one event; a late word on an earlier pick is one more step, without moving the clock."""
        track_id = self._known(pick)
        self._profile.hear(Event(self._shelf.row_of[track_id], self._began[track_id], int(how), completion))
        if pick is self._playing:
            self._playing = None
            self._at += seconds

    def _tell(self, kind: str, pick: Pick, played_s: float | None) -> None:
        if self._on_event is not None:
            self._on_event(kind, pick, self._began[pick.track.id], played_s)

    def take(self, minutes: float) -> tuple[Pick, ...]:
        """Picks that fill so many minutes, the last one running over by less than its own length.

        Examples
        --------
        A playlist of an hour is ``[pick.track for pick in station.take(minutes=60)]``.
        """
        picks: list[Pick] = []
        seconds = 0.0
        while seconds < minutes * 60:
            picks.append(next(self))
            seconds += picks[-1].track.duration_s or UNKNOWN_LENGTH_S
        return tuple(picks)
