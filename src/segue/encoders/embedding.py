"""Every track's sound as a vector, kept; and the log-mels of those tracks that an encoder is to be trained on.

Tracks flow in, rows of ``vectors/`` flow out, and descriptors with them. Files are decoded, described and encoded by
other processes, each track alone, so that its vector does not depend on its neighbours. Rows are kept every 64 tracks,
in order of track id; a killed run goes on where it was. Vectors lie under the name and the version of the encoder that
made them, and its weights' checksum beside them: those of two encoders are never compared.

A track without sound is noted with its reason and not tried again: its id stands for these very bytes. A file that
is not there just now is no such track.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, insert, select

from segue.audio.descriptors.kept import keep
from segue.audio.descriptors.values import Descriptors
from segue.audio.listen import SHAPE, Heard
from segue.audio.listen import heard_of_many as mels_of_many
from segue.catalogue.walk import text_of
from segue.encoders.contract import Encoder, read_card
from segue.encoders.hearing import heard_of_many as vectors_of_many
from segue.encoders.registry import load_encoder
from segue.encoders.rows import RowStore
from segue.encoders.search import Vectors
from segue.errors import DamagedHome, UnreadableAudio
from segue.home import Home
from segue.progress import Progress, silent
from segue.store import Database
from segue.store.schema import unheard
from segue.types import Track

__all__ = ["KEPT", "embed_tracks", "keep_mels", "load_vectors", "unheard_tracks"]

KEPT = "log_mel"
"""The rows of log-mels that encoders are trained on, and then applied to without decoding again."""
BATCH_TRACKS = 64
"""Tracks between two commits: what a killed run hears again."""

Floats = npt.NDArray[np.float32]


def keep_mels(
    home: Home, database: Database, tracks: Sequence[Track], *, workers: int = 0, progress: Progress = silent
) -> RowStore:
    """The log-mels of these tracks, float16 (8, 256, 96) a row; those that were kept before are not heard again.

    Tracks without a path are left out.

    Raises
    ------
    DamagedHome
        The rows kept before can't be used.
    """
    store = RowStore(database, home.vectors, KEPT, SHAPE, np.float16)
    wanted = _todo(database, tracks, store.ids())
    _fill(store, database, wanted, mels_of_many(_paths(wanted), workers, progress))
    return store


def embed_tracks(
    home: Home,
    database: Database,
    place: Path,
    tracks: Sequence[Track],
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> Vectors:
    """The vectors of every track this encoder ever heard, these tracks among them.

    Kept log-mels are used where there are some; other files are decoded. Vectors that other weights left under the
    same name and version are made anew.

    Parameters
    ----------
    place
        The folder of a published encoder (``models/NAME/VERSION``).

    Raises
    ------
    DamagedHome
        The rows kept before, or the encoder, can't be used.
    """
    encoder = load_encoder(place)
    store = RowStore(database, home.vectors, _name(place), (encoder.dim,), np.float32, _weights(place))
    if (home.vectors / KEPT).is_dir():
        _encode_kept(home, database, encoder, store, tracks, progress)
    wanted = _todo(database, tracks, store.ids())
    _fill(store, database, wanted, vectors_of_many(_paths(wanted), place, workers, progress))
    return _vectors(store)


def load_vectors(home: Home, database: Database, place: Path) -> Vectors:
    """The vectors that the encoder in this folder (``models/NAME/VERSION``) made, mapped from their file.

    Raises
    ------
    NotReady
        There are none.
    DamagedHome
        They can't be used, or other weights than those in the folder made them.
    """
    store = RowStore.open(database, home.vectors, _name(place))
    if store.source != _weights(place):
        raise DamagedHome(
            f"{home.vectors / store.name} holds the vectors of other weights than {place}, and they can't be compared: "
            "run 'segue train', which makes them anew"
        )
    return _vectors(store)


def unheard_tracks(database: Database) -> dict[str, str]:
    """Track id and reason of each track that no sound could be taken from."""
    with database.reading() as connection:
        return {row.track_id: row.reason for row in connection.execute(select(unheard).order_by(unheard.c.track_id))}


def _encode_kept(
    home: Home, database: Database, encoder: Encoder, store: RowStore, tracks: Sequence[Track], progress: Progress
) -> None:
    mels = RowStore(database, home.vectors, KEPT, SHAPE, np.float16)
    matrix = mels.matrix()
    kept = {track_id: row for row, track_id in enumerate(mels.ids())}
    again = sorted({track.id for track in tracks if track.id in kept} - set(store.ids()))
    for first in range(0, len(again), BATCH_TRACKS):
        batch = again[first : first + BATCH_TRACKS]
        progress("encoding", first, len(again))
        store.append(batch, np.stack([encoder.encode(np.asarray(matrix[kept[one]])) for one in batch]))
        _note(database, batch, {})
    if again:
        progress("encoding", len(again), len(again))


def _name(place: Path) -> str:
    return f"{place.parent.name}-{place.name}"


def _weights(place: Path) -> str:
    """Which weights lie in a folder."""
    return str(read_card(place).get("weights_blake2b"))


def _vectors(store: RowStore) -> Vectors:
    matrix = store.matrix()
    with np.errstate(all="ignore"):
        lengths = np.einsum("ij,ij->i", matrix, matrix)
    if not np.allclose(lengths, 1, atol=1e-3):  # a flipped bit would otherwise be a number like any other
        raise store.damaged("holds rows that are no unit vectors")
    return Vectors(tuple(store.ids()), matrix)


def _todo(database: Database, tracks: Sequence[Track], done: Collection[str]) -> list[Track]:
    """The tracks to hear, each once, in order of id."""
    passed = {*done, *unheard_tracks(database)}
    return sorted({track.id: track for track in tracks if track.path and track.id not in passed}.values(), key=_by_id)


def _paths(tracks: Sequence[Track]) -> list[Path]:
    return [track.path for track in tracks if track.path is not None]


def _by_id(track: Track) -> str:
    return track.id


def _fill(
    store: RowStore,
    database: Database,
    tracks: Sequence[Track],
    heard: Iterator[tuple[int, Heard | UnreadableAudio]],
) -> None:
    """Keep what is heard of these tracks as it comes, and what people can say of it."""
    ids: list[str] = []
    rows: list[Floats] = []
    told: dict[str, Descriptors] = {}
    reasons: dict[str, str] = {}

    def commit() -> None:
        keep(database, told)
        if ids:
            store.append(ids, np.stack(rows))
        _note(database, ids, reasons)
        for gathered in (ids, rows, told, reasons):
            gathered.clear()

    paths = _paths(tracks)
    for position, found in heard:
        track_id, path = tracks[position].id, paths[position]
        if not isinstance(found, UnreadableAudio):
            ids.append(track_id)
            rows.append(found.row.astype(store.dtype))
            if found.descriptors is not None:
                told[track_id] = found.descriptors
        elif path.is_file() and os.access(path, os.R_OK):
            reasons[track_id] = str(found).removeprefix(f"{text_of(os.fsencode(path))}: ")
        if position % BATCH_TRACKS == BATCH_TRACKS - 1:
            commit()
    commit()


def _note(database: Database, heard: Collection[str], reasons: Mapping[str, str]) -> None:
    """Remember why tracks give no vector; those that gave one are struck from the list."""
    with database.writing() as connection:
        connection.execute(delete(unheard).where(unheard.c.track_id.in_([*heard, *reasons])))
        if reasons:
            noted = [{"track_id": track_id, "reason": reason} for track_id, reason in reasons.items()]
            connection.execute(insert(unheard), noted)
