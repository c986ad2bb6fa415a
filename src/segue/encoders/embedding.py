"""Every track's sound as a vector: listen once, keep what was heard, encode it.

Tracks (or paths) flow in, rows of ``vectors/`` (or a Parquet file) flow out. Files are decoded by other processes
and encoded here, each track alone, so that its vector does not depend on its neighbours. Rows are kept every 64
tracks, in order of track id; a killed run goes on where it was.

A track without sound is noted with its reason and not tried again: its id stands for these very bytes. A file that
is not there just now is no such track.
"""

import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, insert, select

from segue.audio.listen import SHAPE, mel_windows_of_many
from segue.catalogue.walk import Found, Skipped, text_of, walk
from segue.encoders.rows import RowStore
from segue.encoders.search import Vectors
from segue.errors import BadInput, NotFound, UnreadableAudio
from segue.home import Home, write_bytes, write_text
from segue.progress import Progress, silent
from segue.store import Database
from segue.store.schema import unheard
from segue.types import Track

__all__ = ["KEPT", "EmbedReport", "embed_paths", "embed_tracks", "keep_mels", "load_vectors", "unheard_tracks"]

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


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What ``embed_paths`` wrote: numbers of files, numbers a vector, and the two files."""

    embedded: int
    skipped: int
    dim: int
    vectors: Path
    skipped_file: Path


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


def embed_paths(
    paths: Sequence[str | os.PathLike[str]],
    encoder: Ear,
    to: Path,
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> EmbedReport:
    """Write the vector of each sound file to a Parquet file, without a home folder.

    ``to`` has the columns ``path`` (text; bytes that are no UTF-8 are spelled out) and ``vector`` (list of float32,
    unit length), one row a readable file, in order of the paths. Beside it NAME.skipped.jsonl has a line
    ``{"path": …, "reason": …}`` for each file that could not be used. Both are written whole or not at all.

    Parameters
    ----------
    paths
        Sound files, and folders that are searched for them.

    Raises
    ------
    NotFound
        One of the paths does not exist.
    BadInput
        ``to`` can't be written.
    """
    files, skipped = _files(paths)
    skipped_file = to.with_name(f"{to.stem}.skipped.jsonl")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        if to.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if not os.access(to.parent, os.W_OK):
            raise PermissionError(None, "permission denied")
    except OSError as error:
        raise BadInput(f"{to} can't be written ({error.strerror}): name a file such as vectors.parquet") from error
    embedded: list[str] = []
    rows: list[Floats] = []
    for position, mels in mel_windows_of_many(files, workers, progress):
        shown = text_of(os.fsencode(files[position]))
        if isinstance(mels, UnreadableAudio):
            skipped.append(Skipped(shown, str(mels).removeprefix(f"{shown}: ")))
        else:
            embedded.append(shown)
            rows.append(encoder.encode(mels))
    skipped.sort(key=lambda one: one.path)
    matrix = np.stack(rows) if rows else np.zeros((0, encoder.dim), dtype=np.float32)
    lines = [json.dumps({"path": one.path, "reason": one.reason}, ensure_ascii=False) for one in skipped]
    try:
        write_text(skipped_file, "".join(f"{line}\n" for line in lines))
        write_bytes(to, _parquet(embedded, matrix))
    except OSError as error:
        raise BadInput(f"{to} can't be written ({error.strerror}): name another place") from error
    return EmbedReport(len(embedded), len(skipped), encoder.dim, to, skipped_file)


def _checksum(encoder: Ear) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(encoder.tensors().items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}\0".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


def _vectors(store: RowStore) -> Vectors:
    return Vectors(tuple(store.ids()), store.matrix())


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


def _files(paths: Sequence[str | os.PathLike[str]]) -> tuple[list[str], list[Skipped]]:
    """The sound files that are meant, each once, sorted, and what could not be looked at."""
    folders: list[bytes] = []
    files: set[bytes] = set()
    skipped: list[Skipped] = []
    for path in paths:
        name = os.fsencode(path)
        if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises where a folder above can't be entered)
            raise NotFound(f"there is no file or folder {text_of(name)}: check the name")
        if Path(path).is_dir():
            folders.append(name)
        else:
            files.add(name)
    for found in walk(sorted(set(folders))):
        if isinstance(found, Found):
            files.add(found.path)
        else:
            skipped.append(found)
    return [os.fsdecode(name) for name in sorted(files)], skipped


def _parquet(paths: list[str], matrix: Floats) -> bytes:
    import polars  # 0.1 s, not needed to look a vector up

    vectors = polars.Series("vector", matrix, dtype=polars.Array(polars.Float32, matrix.shape[1]))
    frame = polars.DataFrame(
        [polars.Series("path", paths, dtype=polars.String), vectors.cast(polars.List(polars.Float32))]
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
