"""The answer to "what next?": k picks with their reasons, never none of a library that has some.

In: playable tracks, what models and events call items, one model of choice or none, settings. Each question brings
one listener's events and opinions. Out: picks in order, the basis they rest on, and notes on every rule that had to
give way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.errors import NotFound, NotReady
from segue.listening.events import Events, Items
from segue.recommend.beginnings import speaks_for, varied_start
from segue.recommend.explaining import Explanation, explanation
from segue.recommend.profile import Profile
from segue.recommend.radio import OnEvent, Station
from segue.recommend.reasons import foremost, reason
from segue.recommend.scoring import NOTHING_KNOWN, Ranking
from segue.recommend.shelf import Shelf
from segue.recommend.spacing import Spacing
from segue.recommend.wishes import Wish, reasons_of, require, steered
from segue.settings import RecommendSettings
from segue.taste.contract import TasteModel, top_k
from segue.types import Opinion, Pick, Track

__all__ = ["Answer", "Recommender"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NOTHING_TO_PLAY = "no track of this library can be played"


@dataclass(frozen=True, slots=True)
class Answer:
    """Picks in order, what they rest on, and what had to give way for them. Iterating gives the picks."""

    picks: tuple[Pick, ...]
    basis: str
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Pick]:
        return iter(self.picks)

    def __len__(self) -> int:
        return len(self.picks)


class Recommender:
    """Picks from one library, for any of its listeners.

    Parameters
    ----------
    tracks
        The playable ones: only these are picked.
    items
        What events and the model speak of: all of ``tracks``, and tracks known from listening only.
    model
        Predicts what comes next; None answers from sound, habits and opinions.
    settings
        Spacing, how long a heard track rests, how much is to be new.

    Raises
    ------
    ValueError
        A track is no item, or the model serves other items.

    Examples
    --------
    >>> tracks = [Track("a", "One", ("Ada",)), Track("b", "Two", ("Ben",))]
    >>> items = Items(("a", "b"), vectors=np.eye(2, dtype=np.float32))
    >>> recommender = Recommender(tracks, items, None, RecommendSettings())
    >>> answer = recommender.recommend(Events.make(["me"], [0], [0], [1_000_000]), {}, k=1, at=1_000_060)
    >>> [str(pick.track) for pick in answer.picks], answer.basis
    (['Ben – Two'], 'a few listens')
    """

    def __init__(
        self, tracks: Sequence[Track], items: Items, model: TasteModel[Any] | None, settings: RecommendSettings
    ) -> None:
        if model is not None and len(model.items) != len(items):
            raise ValueError(f"the model serves {len(model.items)} items, the library has {len(items)}")
        self.shelf = Shelf(tracks, items)
        self.model = model
        self.settings = settings

    def _profile(self, events: Events, opinions: Mapping[str, Opinion], at: int) -> Profile:
        return Profile(self.shelf, self.model, self.settings, events, opinions, at)

    def recommend(
        self, events: Events, opinions: Mapping[str, Opinion], *, k: int = 10, at: int, wishes: Sequence[Wish] = ()
    ) -> Answer:
        """The next k tracks for one listener.

        Banned and disliked tracks are never picked. Where fewer than k others are left, rules give way in this
        order, and a note says so: the extremes of ``discover``, then the rest of recently heard tracks (longest ago
        first). Spacing gives way position by position, as ``Spacing`` says.

        Parameters
        ----------
        events
            One listener's events; those after ``at`` are left out.
        opinions
            Their latest opinion by track id.
        k
            How many; more than there are gives all.
        at
            Now, unix seconds: how long ago is long ago, and the hour that a model may know.
        wishes
            Each is a part of the score of its own; what does not fit a strict one is not picked.

        Raises
        ------
        ValueError
            The events are of several listeners.
        NotFound
            No track fits the strict wishes.
        """
        profile = self._profile(events, opinions, at)
        if not len(self.shelf):
            return Answer((), NOTHING_TO_PLAY, ("nothing to play: scan a folder with music first",))
        ranking = profile.ranking(at)
        speaks = len(self.shelf) == 1 or any(part.any() for part in ranking.parts.values())
        fitting = require(wishes, ~profile.barred)
        if profile.basis == NOTHING_KNOWN or not speaks:
            return self._start(profile, ranking, k, at, wishes, fitting, speaks=speaks)
        ranking = steered(ranking, wishes)
        places, notes = self._choose(
            profile, lambda allowed: allowed[top_k(ranking.total[allowed], len(allowed))], k, at, fitting
        )
        voices = profile.voices(places, at)
        influences = [] if any(voices) else profile.influences(places, at)
        picks = []
        for index, place in enumerate(places):
            raised = [(event, float(by[index])) for event, by in influences]
            parts, said = ranking.parts_at(int(place)), voices[index]
            wished = reasons_of(wishes, int(place))
            why = reason(profile, parts, int(place), at, after=foremost(raised), voices=said, wished=wished)
            adds = {kind: one.adds for kind, one in said.items()}
            picks.append(Pick(self.shelf.tracks[place], sum(parts.values()), why, parts, adds))
        return Answer(tuple(picks), profile.basis, (*notes, *_unmet(wishes, places)))

    def _start(
        self,
        profile: Profile,
        ranking: Ranking,
        k: int,
        at: int,
        wishes: Sequence[Wish],
        fitting: Mask,
        *,
        speaks: bool,
    ) -> Answer:
        """Picks for somebody of whom nothing is known, or nothing that concerns this library."""
        by_model = speaks and not self.shelf.has_sound.any()
        if not by_model:
            ranking = Ranking({}, np.zeros(len(self.shelf), dtype=np.float32))
        ranking = steered(ranking, wishes)

        def order(allowed: Ints) -> Ints:
            # Another day, another start.
            varied = varied_start(self.shelf, allowed, seed=max(at, 0) // 86_400)
            return varied[np.argsort(-ranking.total[varied], kind="stable")]

        places, notes = self._choose(profile, order, k, at, fitting)
        if profile.basis != NOTHING_KNOWN:
            notes = ("nothing heard so far says anything of the tracks in this library", *notes)
        covered = speaks_for(self.shelf, places)
        picks = []
        for place, share in zip(places, covered, strict=True):
            parts = ranking.parts_at(int(place))
            wished = reasons_of(wishes, int(place))
            if not by_model and share:
                parts["variety"] = float(share)
            why = (
                reason(profile, parts, int(place), at, wished=wished)
                if by_model
                else f"a varied start of what is wished: {'; '.join(wished.values())}"
                if wished
                else f"a varied start: of these picks it sounds most like {share:.0%} of the library"
                if share
                else "a varied start, drawn by chance"
            )
            picks.append(Pick(self.shelf.tracks[place], sum(parts.values()), why, parts))
        return Answer(tuple(picks), NOTHING_KNOWN, (*notes, *_unmet(wishes, places)))

    def _choose(
        self, profile: Profile, order: Callable[[Ints], Ints], k: int, at: int, fitting: Mask
    ) -> tuple[Ints, tuple[str, ...]]:
        """The first k places of an order of what is allowed, spaced; and what gave way."""
        barred, recent, outside = ~fitting, profile.recent(at), profile.outside()
        spacing = Spacing(self.shelf, self.settings.artist_spacing, self.settings.album_spacing)
        chosen = spacing.arrange(order(np.flatnonzero(~(barred | recent | outside))), k)
        notes: list[str] = []
        if len(chosen) < k and (more := np.flatnonzero(outside & ~(barred | recent))).size:
            before, kind = len(chosen), "heard before" if self.settings.discover else "never heard"
            chosen += spacing.arrange(order(more), k - before)
            notes.append(
                f"{len(chosen) - before} {kind}, against discover = {self.settings.discover:g}: no others were left"
            )
        if len(chosen) < k and (more := np.flatnonzero(recent & ~barred)).size:
            longest_ago = more[np.argsort(profile.habits.last[more], kind="stable")]
            before = len(chosen)
            chosen += spacing.arrange(longest_ago, k - before)
            notes.append(
                f"{len(chosen) - before} heard within {self.settings.recent_hours:g} hours: no others were left"
            )
        if not chosen and k > 0:
            notes.append("every playable track is banned or disliked: take one back to hear something")
        return np.array(chosen, dtype=np.int64), (*notes, *spacing.notes())

    def similar(
        self, vector: Floats, *, k: int = 10, without: Sequence[str] = (), like: Track | None = None
    ) -> list[Pick]:
        """The k playable tracks that sound most like a vector.

        Parameters
        ----------
        vector
            float32 (dim,), of any length but zero.
        without
            Track ids to leave out (the track that was asked for).
        like
            The track that was asked for: the reasons then say what else a pick shares with it.

        Raises
        ------
        NotReady
            No track has a sound yet.
        ValueError
            The vector is zero, not finite, or of another dimension than the library's.
        """
        if self.shelf.vectors is None or not self.shelf.has_sound.any():
            raise NotReady("no track's sound is known yet: train and listen first")
        found = self.shelf.sounds.search(vector, k, without)
        picks = [(self.shelf.tracks[self.shelf.place_of[self.shelf.row_of[one]]], alike) for one, alike in found]
        return [
            Pick(track, alike, "; ".join([f"similarity {alike:.2f}", *shared(track, like)]), {"sound": alike})
            for track, alike in picks
        ]

    def explain(
        self,
        events: Events,
        opinions: Mapping[str, Opinion],
        track_id: str,
        *,
        at: int,
        wishes: Sequence[Wish] = (),
    ) -> Explanation:
        """Where a track stands for a listener, and everything that put it there.

        Raises
        ------
        NotFound
            No playable track has this id.
        """
        row = self.shelf.row_of.get(track_id)
        place = -1 if row is None else int(self.shelf.place_of[row])
        if place < 0:
            raise NotFound(f"no playable track has the id {track_id}: see the library's tracks for those that have")
        profile = self._profile(events, opinions, at)
        return explanation(profile, steered(profile.ranking(at), wishes), place, at, wishes)

    def station(
        self,
        events: Events,
        opinions: Mapping[str, Opinion],
        *,
        seeds: Sequence[str | Floats] = (),
        at: int,
        on_event: OnEvent | None = None,
        seed: int = 0,
        clock: Callable[[], int] | None = None,
        wishes: Sequence[Wish] = (),
    ) -> Station:
        """Endless radio for one listener (see ``Station``).

        Parameters
        ----------
        events, opinions, at
            As for ``recommend``.
        seeds
            Where it starts: track ids, or vectors of sounds that are no track of the library.
        on_event
            Called with each event, so that somebody can keep it.
        seed
            Where its slight randomness starts: another number, another evening.
        clock
            Tells the time; None lets it run along the tracks' lengths from ``at``.
        wishes
            As for ``recommend``.

        Raises
        ------
        NotFound
            A seed is no track, or no track fits the strict wishes.
        NotReady
            The library has no playable track, or a vector is given and no track has a sound.
        """
        if not len(self.shelf):
            raise NotReady("nothing to play: scan a folder with music first")
        rows: list[int] = []
        vectors: list[Floats] = []
        for start in seeds:
            if isinstance(start, str):
                if start not in self.shelf.row_of:
                    raise NotFound(f"no track has the id {start}: give one of the library's")
                rows.append(self.shelf.row_of[start])
            elif self.shelf.vectors is None:
                raise NotReady(
                    "no track's sound is known yet, so a station can't start from one: train and listen first"
                )
            else:
                vectors.append(unit(start, self.shelf.vectors.shape[1]))
        profile = self._profile(events, opinions, at)
        return Station(profile, rows, vectors, at=at, on_event=on_event, seed=seed, clock=clock, wishes=wishes)


def _unmet(wishes: Sequence[Wish], places: Ints) -> Iterator[str]:
    """A note for each wish that not all picks fit."""
    for wish in wishes:
        met = int(np.count_nonzero(wish.met[places]))
        if met < len(places):
            of = int(np.count_nonzero(wish.met))
            yield f"{met} of {len(places)} picks are {wish.said}, of {of} tracks that are: --strict leaves others out"


def unit(vector: Floats, dim: int) -> Floats:
    """A vector at length 1, float32 (dim,).

    Raises
    ------
    ValueError
        It is zero, not finite, or of another shape.
    """
    vector = np.asarray(vector, dtype=np.float32)
    if vector.shape != (dim,):
        raise ValueError(f"a vector of shape {vector.shape} among vectors of {dim} numbers")
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise ValueError("a vector without a direction (zero or not finite) is like nothing")
    return np.asarray(vector / np.float32(length))


def shared(track: Track, other: Track | None) -> list[str]:
    """What two tracks have in common by their tags, in words."""
    if other is None:
        return []
    found = []
    artists = {artist.casefold() for artist in other.artists}
    if common := [artist for artist in track.artists if artist.casefold() in artists]:
        found.append(f"also by {', '.join(common)}")
    if track.album and other.album and track.album.casefold() == other.album.casefold() and common:
        found.append(f"also on {track.album}")
    genres = {genre.casefold() for genre in other.genres}
    if both := [genre for genre in track.genres if genre.casefold() in genres]:
        found.append(f"also {', '.join(both)}")
    return found
