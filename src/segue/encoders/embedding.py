"""Every track's sound as a vector: listen once, keep what was heard, encode it.

Tracks flow in, rows of ``vectors/`` flow out. Files are decoded by other processes
and encoded here, each track alone, so that its vector does not depend on its neighbours. Rows are kept every 64
tracks, in order of track id; a killed run goes on where it was.

A track without sound is noted with its reason and not tried again: its id stands for these very bytes. A file that
is not there just now is no such track.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, insert, select

from segue.audio.listen import SHAPE, mel_windows_of_many
from segue.catalogue.walk import text_of
from segue.encoders.rows import RowStore
from segue.encoders.search import Vectors
from segue.errors import UnreadableAudio
from segue.home import Home
from segue.progress import Progress, silent
from segue.store import Database
from segue.store.schema import unheard
from segue.types import Track

__all__ = ["KEPT", "Ear", "embed_tracks", "keep_mels", "load_vectors", "unheard_tracks"]

KEPT = "log_mel"
"""The rows of log-mels that encoders are trained on and that new ones are applied to without decoding again."""
BATCH_TRACKS = 64
"""Tracks between two commits: what a killed run hears again."""

Floats = npt.NDArray[np.float32]


class Ear(Protocol):
    """What is asked of an encoder here (``encoders.contract.Encoder`` is one)."""

    name: ClassVar[str]
    dim: int

    def encode(self, mels: Any) -> Floats:
        """float32 (dim,), unit length."""

    def tensors(self) -> Mapping[str, npt.NDArray[Any]]:
        """Everything learned, by name."""


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
    _fill(store, database, _todo(database, tracks, store.ids()), _halved, workers, progress)
    return store


def embed_tracks(
    home: Home,
    database: Database,
    encoder: Ear,
    version: str,
    tracks: Sequence[Track],
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> Vectors:
    """The vectors of every track this version of the encoder ever heard, these tracks among them.

    Kept log-mels are used where there are some; other files are decoded. Vectors that another encoder left under
    the same name and version are made anew.

    Raises
    ------
    DamagedHome
        The rows kept before can't be used.
    """
    name = f"{encoder.name}-{version}"
    store = RowStore(database, home.vectors, name, (encoder.dim,), np.float32, _checksum(encoder))
    mels = RowStore(database, home.vectors, KEPT, SHAPE, np.float16)
    matrix = mels.matrix()
    kept = {track_id: row for row, track_id in enumerate(mels.ids())}
    done = set(store.ids())
    again = sorted({track.id for track in tracks if track.id in kept} - done)
    for first in range(0, len(again), BATCH_TRACKS):
        batch = again[first : first + BATCH_TRACKS]
        progress("encoding", first, len(again))
        store.append(batch, np.stack([encoder.encode(np.asarray(matrix[kept[one]])) for one in batch]))
        _note(database, batch, {})
    if again:
        progress("encoding", len(again), len(again))
    _fill(store, database, _todo(database, tracks, done | kept.keys()), encoder.encode, workers, progress)
    return _vectors(store)


def load_vectors(home: Home, database: Database, name: str) -> Vectors:
    """The vectors of this name ("ears-0001"), mapped from their file.

    Raises
    ------
    NotReady
        There are none.
    DamagedHome
        They can't be used.
    """
    return _vectors(RowStore.open(database, home.vectors, name))


def unheard_tracks(database: Database) -> dict[str, str]:
    """Track id and reason of each track that no sound could be taken from."""
    with database.reading() as connection:
        return {row.track_id: row.reason for row in connection.execute(select(unheard).order_by(unheard.c.track_id))}


def _checksum(encoder: Ear) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(encoder.tensors().items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\0".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


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


def _halved(mels: Floats) -> npt.NDArray[np.float16]:
    return mels.astype(np.float16)


def _by_id(track: Track) -> str:
    return track.id


def _fill(
    store: RowStore,
    database: Database,
    tracks: Sequence[Track],
    row_of: Callable[[Floats], npt.ArrayLike],
    workers: int,
    progress: Progress,
) -> None:
    ids: list[str] = []
    rows: list[npt.ArrayLike] = []
    reasons: dict[str, str] = {}

    def keep() -> None:
        if ids:
            store.append(ids, np.stack(rows))
        _note(database, ids, reasons)
        ids.clear()
        rows.clear()
        reasons.clear()

    paths = [track.path for track in tracks if track.path is not None]
    for position, mels in mel_windows_of_many(paths, workers, progress):
        track_id, path = tracks[position].id, paths[position]
        if not isinstance(mels, UnreadableAudio):
            ids.append(track_id)
            rows.append(row_of(mels))
        elif path.is_file() and os.access(path, os.R_OK):
            reasons[track_id] = str(mels).removeprefix(f"{text_of(os.fsencode(path))}: ")
        if position % BATCH_TRACKS == BATCH_TRACKS - 1:
            keep()
    keep()


def _note(database: Database, heard: Collection[str], reasons: Mapping[str, str]) -> None:
    """Remember why tracks give no vector; those that gave one are struck from the list."""
    with database.writing() as connection:
        connection.execute(delete(unheard).where(unheard.c.track_id.in_([*heard, *reasons])))
        if reasons:
            noted = [{"track_id": track_id, "reason": reason} for track_id, reason in reasons.items()]
            connection.execute(insert(unheard), noted)
