"""``Library``: what a person or a program does with their music, as one object.

It holds the home folder and hands each question to the room that answers it. What it has read (tracks, vectors, the
model) is kept until one of its own methods changes it.
"""

import os
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import BadInput, NotFound, NotReady
from segue.home import Home
from segue.library import training
from segue.library.moment import now, read_moment
from segue.progress import Progress, silent
from segue.settings import Settings, load_settings
from segue.store import Database
from segue.types import Opinion, Outcome, Pick, Track

if TYPE_CHECKING:
    from segue.catalogue.scan import ScanReport, Skipped
    from segue.encoders.contract import Encoder
    from segue.encoders.search import Vectors
    from segue.library.describing import Description
    from segue.library.doctor import Finding
    from segue.library.ears import Origin
    from segue.library.training import Training
    from segue.listening.events import Events, Items
    from segue.listening.importing import ImportReport
    from segue.qualities.library_genres import LibraryGenres
    from segue.recommend.explaining import Explanation
    from segue.recommend.radio import OnEvent, Station
    from segue.recommend.recommender import Answer, Recommender
    from segue.recommend.wishes import Wish, Wishes

__all__ = ["Library", "open"]

Moment = str | int | datetime | None


def open(home: str | os.PathLike[str] | None = None, **settings: Any) -> "Library":  # noqa: A001 (segue.open is the name)
    """Open the library in a home folder (default: ``SEGUE_HOME``, or the platform's data folder).

    Keyword arguments are settings, over the environment and ``segue.toml``.
    """
    place = Home(home)
    return Library(place, load_settings(place.settings_file, **settings))


class Library:
    """A music library, its listeners, and the models that know both.

    Parameters
    ----------
    home
        The home folder.
    settings
        The effective settings; None reads them.
    """

    def __init__(self, home: Home | None = None, settings: Settings | None = None) -> None:
        self.home = home or Home()
        self.settings = settings or load_settings(self.home.settings_file)
        self.database = Database(self.settings.database_url or self.home.database)

    def scan(self, *folders: str | os.PathLike[str], progress: Progress = silent) -> "ScanReport":
        """Take the music in these folders into the catalogue; tracks that an encoder can hear become recommendable.

        Listens that matched nothing before are matched with what is here now.

        Raises
        ------
        NotFound, BadInput
            A folder is missing or can't be read; nothing has changed then.
        """
        from segue.catalogue.scan import scan
        from segue.listening.history import rematch

        roots = [Path(folder).expanduser() for folder in folders]
        with self.home.changing("scan"):
            report = scan(self.database, roots, workers=self.settings.workers, progress=progress)
            self._forget()
            rematch(self.database, self.tracks())
            ears = self._serving.ears
            if ears is not None:
                from segue.encoders.embedding import embed_tracks

                embed_tracks(
                    self.home, self.database, ears, self.tracks(), workers=self.settings.workers, progress=progress
                )
                self._forget()
        return report

    def listen(self, history: str | os.PathLike[str], *, listener: str, progress: Progress = silent) -> "ImportReport":
        """Import a listening history for a listener; the same file twice changes nothing.

        Raises
        ------
        UnreadableHistory
            The file is none we can read.
        """
        from segue.listening.importing import import_history

        with self.home.changing("import"):
            report = import_history(
                self.database,
                self.tracks(),
                Path(history).expanduser(),
                listener,
                now=int(now().timestamp()),
                progress=progress,
            )
        self._forget()
        return report

    def train(
        self,
        *,
        adapt: bool = False,
        from_scratch: bool = False,
        size: str | None = None,
        seed: int | None = None,
        progress: Progress = silent,
    ) -> "Training":
        """Hear the library, and learn what its listeners do; stages whose inputs have not changed are kept.

        Parameters
        ----------
        adapt
            Train the ears that come with Segue on with this library's music first, and take what comes of it where it
            is better on held-out albums.
        from_scratch
            Train ears of one's own on this library's music instead.

        Raises
        ------
        NotReady
            Nothing has been scanned, or too little to adapt to.
        BadInput
            Both ways of training ears are wanted.
        """
        if adapt and from_scratch:
            raise BadInput("ears are either adapted or trained from scratch: choose one")
        origin: Origin = "adapted" if adapt else "from scratch" if from_scratch else "shipped"
        said = {name: value for name, value in (("size", size), ("seed", seed)) if value is not None}
        settings = (
            load_settings(self.home.settings_file, **{**self.settings.model_dump(), **said}) if said else self.settings
        )
        with self.home.changing("train"):
            result = training.train(self.home, self.database, self.tracks(), settings, origin, progress)
        self._forget()
        return result

    def problems(self) -> "tuple[Skipped, ...]":
        """The files of the last scans that can't be read, and why."""
        from segue.catalogue.tracks import Catalogue

        return tuple(Catalogue(self.database).problems())

    def write_unmatched(self, listener: str, to: str | os.PathLike[str]) -> int:
        """Write a listener's plays that match no track of the library to a CSV; their number."""
        from segue.listening.importing import write_unmatched

        return write_unmatched(self.database, listener, Path(to).expanduser())

    def tracks(self) -> list[Track]:
        """All tracks with a file, in order of their ids."""
        return self._tracks

    def track(self, name: str) -> Track:
        """One track by id, path, "Artist - Title" or title.

        Raises
        ------
        NotFound
            None or several answer to that name.
        """
        from segue.catalogue.tracks import Catalogue

        return Catalogue(self.database).resolve(name)

    def listeners(self) -> list[str]:
        """The names of all listeners."""
        from segue.listening.history import listeners

        return listeners(self.database)

    def encoder(self) -> "Encoder":
        """The encoder that made the vectors.

        Raises
        ------
        NotReady
            Nothing has been trained.
        """
        from segue.encoders.registry import load_encoder

        if self._serving.ears is None:
            raise NotReady("nothing has been trained: run 'segue train' first")
        return load_encoder(self._serving.ears)

    def vectors(self) -> "Vectors":
        """How each track sounds, as unit vectors."""
        return self._vectors

    def recommend(self, listener: str, *, k: int = 10, at: Moment = None, wishes: "Wishes | None" = None) -> "Answer":
        """The k tracks that fit this listener best at this moment, and their wishes, each with its reason.

        Raises
        ------
        NotFound
            No such listener, though there are others; no genre like the one wished, or no track that fits strictly.
        """
        events, opinions = self._history(listener)
        wished = self._wished(wishes)
        return self._recommender.recommend(events, opinions, k=k, at=read_moment(at, now()), wishes=wished)

    def genres(self, thing: str | os.PathLike[str] | Track) -> list[tuple[str, float]]:
        """The likeliest genres of a track of the library: 1 where its tags say so, else how likely its sound is."""
        track = thing if isinstance(thing, Track) else self.track(os.fspath(thing))
        place = next((place for place, one in enumerate(self._tracks) if one.id == track.id), None)
        if place is None:
            raise NotFound(f"no file of '{track}' is there now: run 'segue scan FOLDER' where it is")
        return self._genres.of(place)

    def similar(self, to: str | os.PathLike[str] | Track, *, k: int = 10) -> list[Pick]:
        """The k tracks that sound most like a track of the library, or like any file."""
        track, vector = self._sound_of(to)
        without = [track.id] if track else []
        return self._recommender.similar(vector, k=k, without=without, like=track)

    def describe(self, thing: str | os.PathLike[str] | Track, *, whole: bool = False) -> "Description":
        """Tempo, key, loudness, brightness and pulse of a track of the library, or of any file.

        What the last training kept of a track is told; ``whole`` hears the whole file now, for exact loudness.
        """
        from segue.library.describing import describe

        return describe(self.database, thing, whole=whole)

    def radio(
        self,
        listener: str,
        *,
        start: str | os.PathLike[str] | Track | None = None,
        at: Moment = None,
        seed: int = 0,
        wishes: "Wishes | None" = None,
    ) -> "Station":
        """An endless station for a listener, from a track, a file, or their own listening, and their wishes.

        What happens on it (played, skipped, liked) is kept as listens and opinions.
        """

        def keep(kind: str, pick: Pick, at: int, played_s: float | None) -> None:
            self._keep(listener, kind, pick, at, played_s)

        return self._station(listener, start, at, seed, keep, wishes)

    def programme(
        self,
        listener: str,
        *,
        minutes: float,
        start: str | os.PathLike[str] | Track | None = None,
        at: Moment = None,
        seed: int = 0,
        wishes: "Wishes | None" = None,
    ) -> list[Pick]:
        """A station's next minutes, planned and not played: nothing is kept as listened to."""
        return list(self._station(listener, start, at, seed, None, wishes).take(minutes=minutes))

    def explain(
        self, listener: str, track: str | Track, *, at: Moment = None, wishes: "Wishes | None" = None
    ) -> "Explanation":
        """Why a track stands where it stands for a listener, with what they wish."""
        events, opinions = self._history(listener)
        chosen = track if isinstance(track, Track) else self.track(track)
        wished = self._wished(wishes)
        return self._recommender.explain(events, opinions, chosen.id, at=read_moment(at, now()), wishes=wished)

    def doctor(self) -> "list[Finding]":
        """What is well, what is not, and what to do about it."""
        from segue.library.doctor import examine

        return examine(self.home, self.database)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _tracks(self) -> list[Track]:
        from segue.catalogue.tracks import Catalogue

        return Catalogue(self.database).tracks()

    @cached_property
    def _serving(self) -> training.Serving:
        # Held, so that what this object compares is of one encoder even when another process trains a newer one.
        return training.serving(self.home)

    @cached_property
    def _vectors(self) -> "Vectors":
        return training.vectors_of(self.home, self.database, self._serving.ears)

    @cached_property
    def _items(self) -> "Items":
        return training.build_items(self.database, self._tracks, self._vectors)

    @cached_property
    def _recommender(self) -> "Recommender":
        from segue.recommend.recommender import Recommender
        from segue.taste.registry import load_model

        if not self._tracks:
            raise NotReady("the library is empty: run 'segue scan FOLDER' on a folder of music first")
        place = self._serving.taste
        model = load_model(place, self._items) if place else None
        return Recommender(self._tracks, self._items, model, self.settings.recommend)

    @cached_property
    def _genres(self) -> "LibraryGenres":
        from segue.qualities.library_genres import LibraryGenres

        items = self._items
        row_of = {track_id: row for row, track_id in enumerate(items.ids)}
        rows = [row_of[track.id] for track in self._tracks]
        return LibraryGenres(self._tracks, None if items.vectors is None else items.vectors[rows])

    def _station(
        self,
        listener: str,
        start: str | os.PathLike[str] | Track | None,
        at: Moment,
        seed: int,
        on_event: "OnEvent | None",
        wishes: "Wishes | None",
    ) -> "Station":
        events, opinions = self._history(listener, newcomer=start is not None)
        seeds: list[Any] = []
        if start is not None:
            track, vector = self._sound_of(start)
            seeds = [track.id if track and track.path else vector]
        return self._recommender.station(
            events,
            opinions,
            seeds=seeds,
            at=read_moment(at, now()),
            seed=seed,
            on_event=on_event,
            wishes=self._wished(wishes),
        )

    def _wished(self, wishes: "Wishes | None") -> "list[Wish]":
        from segue.library.wishing import over

        return over(self.database, self._recommender.shelf, self._genres, wishes) if wishes else []

    def _history(self, listener: str, *, newcomer: bool = False) -> "tuple[Events, dict[str, Opinion]]":
        """A listener's events and opinions. Before anybody has listened, and where ``newcomer``, any name will do."""
        from segue.listening.history import load_events, opinions

        known = self.listeners()
        if listener not in known and (newcomer or not known):
            return load_events(self.database, self._items.ids, []), {}
        return load_events(self.database, self._items.ids, [listener]), opinions(self.database, listener)

    def _sound_of(self, thing: str | os.PathLike[str] | Track) -> "tuple[Track | None, Any]":
        """A track of the library, or None for any other file; and how it sounds, as a vector."""
        track = thing if isinstance(thing, Track) else None
        if track is None:
            text = os.fspath(thing)  # type: ignore[arg-type]
            try:
                track = self.track(text)
            except NotFound:
                outside = Path(text).expanduser()
                if not outside.is_file():
                    raise
                from segue.audio.listen import mel_windows

                return None, self.encoder().encode(mel_windows(outside))
        if track.id not in self._vectors:
            self.encoder()  # says what to do where nothing has been trained
            raise NotFound(f"'{track}' has no sound to compare: 'segue doctor' says why")
        return track, self._vectors.matrix_for([track.id])[0]

    def _keep(self, listener: str, kind: str, pick: Pick, at: int, played_s: float | None) -> None:
        from segue.listening import history
        from segue.listening.outcomes import outcome

        if kind not in ("played", "skip"):
            history.say(self.database, listener, pick.track, Opinion(kind), at)
            return
        ended = Outcome.SKIPPED if kind == "skip" else Outcome.FINISHED
        if kind == "played" and played_s is not None:
            ended = outcome(played_s, pick.track.duration_s)
        history.record(
            self.database, listener, pick.track, started_at=at, played_s=played_s, outcome=ended, source="radio"
        )

    def _forget(self) -> None:
        for name in ("_tracks", "_serving", "_vectors", "_items", "_recommender", "_genres"):
            self.__dict__.pop(name, None)
