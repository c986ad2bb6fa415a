"""From a scanned library and its listens to trained models.

Sound first: the ears, and with them a vector of every track, and its descriptors. Then taste: events and album orders
over those vectors. A stage whose inputs are what they were (its fingerprint stands in the card) is not done again, so
that a killed run goes on where it was and ends in the same bits.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.errors import DamagedHome, NotReady
from segue.home import Home
from segue.library.describing import describe_tracks
from segue.library.ears import EARS, Origin, Report, ears_for, fingerprint_of
from segue.progress import Progress, silent
from segue.settings import Settings
from segue.store import Database
from segue.types import Track

if TYPE_CHECKING:
    from segue.encoders.contract import Encoder
    from segue.encoders.search import Vectors
    from segue.listening.events import Events, Items

__all__ = [
    "EARS",
    "TASTE",
    "Serving",
    "Training",
    "build_items",
    "current_encoder",
    "current_vectors",
    "serving",
    "train",
    "vectors_of",
]

TASTE = "blend"


@dataclass(frozen=True, slots=True)
class Serving:
    """The folders of the models that answer together: the newest taste model, and the ears whose vectors it knows."""

    ears: Path | None
    taste: Path | None


@dataclass(frozen=True, slots=True)
class Training:
    """What a training made: the cards of both models, and the seconds each stage took (reused stages: none).

    ``adapting`` is what an adaptation was judged by: ``tracks`` (how many were held out), ``before`` and ``after``
    (``halves_recall``, ``group_map``), ``kept``.
    """

    sound: Mapping[str, Any]
    taste: Mapping[str, Any]
    tracks: int
    embedded: int
    described: int
    listens: int
    seconds: Mapping[str, float]
    adapting: Report | None = None


def train(
    home: Home,
    database: Database,
    tracks: Sequence[Track],
    settings: Settings,
    origin: Origin = "shipped",
    progress: Progress = silent,
) -> Training:
    """Hear every track with ears of this origin, train the taste model on what is here, and publish both.

    Raises
    ------
    NotReady
        There is nothing to learn from.
    """
    from segue.encoders.contract import read_card
    from segue.encoders.embedding import embed_tracks

    if not tracks:
        raise NotReady("the library is empty: run 'segue scan FOLDER' on a folder of music first")
    seconds: dict[str, float] = {}
    began = time.monotonic()
    ears, adapting = ears_for(home, database, tracks, settings, origin, progress)
    seconds["sound"] = time.monotonic() - began

    began = time.monotonic()
    vectors = embed_tracks(home, database, ears, tracks, workers=settings.workers, progress=progress)
    described = describe_tracks(database, tracks, workers=settings.workers, progress=progress)
    seconds["vectors"] = time.monotonic() - began

    began = time.monotonic()
    items = build_items(database, tracks, vectors)
    events = _events(database, tracks, items)
    taste = _train_taste(home, events, items, ears.name, settings, progress)
    _drop_old_vectors(home, database, ears.name)
    seconds["taste"] = time.monotonic() - began
    return Training(read_card(ears), taste, len(tracks), len(vectors.ids), described, len(events), seconds, adapting)


def current_encoder(home: Home) -> "tuple[Encoder, str] | None":
    """The encoder that answers now and its version, or None."""
    from segue.encoders.registry import load_encoder

    place = serving(home).ears
    return (load_encoder(place), place.name) if place else None


def current_vectors(home: Home, database: Database) -> "Vectors":
    """The vectors of the encoder that answers now; none before the first training."""
    return vectors_of(home, database, serving(home).ears)


def vectors_of(home: Home, database: Database, ears: Path | None) -> "Vectors":
    """The vectors that these ears made; none without ears."""
    from segue.encoders.embedding import load_vectors
    from segue.encoders.search import Vectors

    if ears is None:
        return Vectors((), np.zeros((0, 1), dtype=np.float32))
    return load_vectors(home, database, ears)


def serving(home: Home) -> Serving:
    """The models that answer now. Newer ears wait until taste has followed, since it knows the old ones' vectors."""
    from segue.taste.files import read_card

    taste = home.latest(TASTE)
    if taste is not None:
        ears = home.models / EARS / str(read_card(taste).get("ears"))
        if ears.is_dir():
            return Serving(ears, taste)
    return Serving(home.latest(EARS), taste)


def build_items(database: Database, tracks: Sequence[Track], vectors: "Vectors") -> "Items":
    """Everything a taste model may name: the tracks of the library, then those known from listening only."""
    from segue.catalogue.names import normalise
    from segue.listening.events import Items
    from segue.listening.history import heard_tracks

    own = {track.id for track in tracks}
    named = [*tracks, *(track for track in heard_tracks(database) if track.id not in own)]
    ids = tuple(track.id for track in named)
    artists = [track.album_artist or (track.artists[0] if track.artists else None) for track in named]
    albums = [f"{artist}\0{track.album}" if track.album else None for track, artist in zip(named, artists, strict=True)]
    return Items(
        ids,
        vectors.matrix_for(ids) if vectors.ids else None,
        _numbered([normalise(artist) if artist else None for artist in artists]),
        _numbered([normalise(album) if album else None for album in albums]),
        np.arange(len(named)) < len(tracks),
    )


def _train_taste(
    home: Home, events: "Events", items: "Items", ears: str, settings: Settings, progress: Progress
) -> dict[str, Any]:
    from segue.taste.files import read_card
    from segue.taste.registry import load_model, make

    columns = (events.listener, events.track, events.started_at, events.outcome, events.completion)
    vectors = np.zeros(0, dtype=np.float32) if items.vectors is None else items.vectors
    fingerprint = fingerprint_of(
        TASTE,
        settings.size,
        settings.seed,
        ears,
        *items.ids,
        *(column.tobytes() for column in columns),
        vectors.tobytes(),
    )
    newest = home.latest(TASTE)
    with suppress(DamagedHome):  # a damaged one is made anew
        if newest is not None and (card := read_card(newest)).get("fingerprint") == fingerprint:
            load_model(newest, items)
            return card
    model = make(TASTE, settings.size)
    card = model.fit(events, items, seed=settings.seed, progress=progress)
    card |= {"fingerprint": fingerprint, "ears": ears}  # the model saves the card it gave
    with home.publish(TASTE) as directory:
        model.save(directory)
    return card


def _drop_old_vectors(home: Home, database: Database, version: str) -> None:
    from segue.encoders.rows import RowStore

    for place in sorted(home.vectors.glob(f"{EARS}-*")):
        if place.name != f"{EARS}-{version}":
            RowStore.drop(database, home.vectors, place.name)


def _events(database: Database, tracks: Sequence[Track], items: "Items") -> "Events":
    from segue.listening.history import load_events
    from segue.listening.orders import album_order, join

    return join(load_events(database, items.ids), album_order(tracks, items.ids))


def _numbered(names: Sequence[str | None]) -> "np.ndarray[Any, np.dtype[np.int32]]":
    numbers = {name: number for number, name in enumerate(sorted({name for name in names if name}))}
    return np.array([numbers[name] if name else -1 for name in names], dtype=np.int32)
