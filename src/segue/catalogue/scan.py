"""Bring the catalogue up to date with the files that are there.

Folders flow in; rows of ``file`` and ``track`` flow out, and a report. Files whose size and time did not change
are not opened. What is new or changed is read in sorted path order and committed in batches, each one transaction
after which every invariant below holds: a killed scan keeps all it reported, and the next one ends in the same
tables as if nothing had happened (no row holds a time or a count of this run).

* A file's row says which track it holds, or what its problem is. A file that is no longer there is ``gone``; its
  row goes away only when its track turns up under a new path (it was moved).
* A track's tags are those of the first path (sorted as bytes) that holds it now. Track rows are never deleted.
"""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, select, update

from segue.catalogue.reading import Reading, read_many
from segue.catalogue.tags import Tags, read_tags
from segue.catalogue.walk import Found, Skipped, resolve_roots, text_of, walk
from segue.progress import Progress, silent
from segue.store import Database
from segue.store.schema import file, track

__all__ = ["ScanReport", "Skipped", "scan"]

BATCH_FILES = 200
BATCH_S = 1.0
"""A batch is committed when it holds so many files or is so old: what a killed scan has to read again."""
ASKED_AT_ONCE = 500
"""Values in one IN (…): SQLite counts them."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found: numbers of files, and each file or folder that could not be used."""

    added: int
    changed: int
    moved: int
    gone: int
    unchanged: int
    skipped: tuple[Skipped, ...]


class _Known(NamedTuple):
    size: int
    mtime_ns: int
    problem: str | None
    gone: bool


def scan(
    database: Database,
    roots: Sequence[str | os.PathLike[str]],
    *,
    workers: int = 0,
    progress: Progress = silent,
) -> ScanReport:
    """Look through folders (and single files) for music.

    Parameters
    ----------
    database
        The store; give the scan the home folder's lock.
    roots
        Folders, or sound files.
    workers
        Processes that read files; 0 takes the cores there are, 1 reads in this process.
    progress
        Told of what is committed.

    Raises
    ------
    NotFound, BadInput
        A root is missing or can't be read; nothing was changed.
    SegueError
        The reading processes can't start; what was reported until then is kept.
    """
    places = resolve_roots(roots)
    known = _known_files(database, places)
    pending: list[Found] = []
    back: list[bytes] = []
    skipped: list[Skipped] = []
    unchanged = looked_at = 0
    unseen = {path for path, row in known.items() if not row.gone}
    for found in walk(places):
        if isinstance(found, Skipped):
            skipped.append(found)
            continue
        looked_at += 1
        if looked_at % 1000 == 0:
            progress("looking for files", looked_at, None)
        unseen.discard(found.path)
        row = known.get(found.path)
        if row is None or (row.size, row.mtime_ns) != (found.size, found.mtime_ns):
            pending.append(found)
            continue
        if row.gone:
            back.append(found.path)
        elif row.problem is None:
            unchanged += 1
        if row.problem is not None:
            skipped.append(Skipped(text_of(found.path), row.problem))
    pending.sort(key=lambda found: found.path)
    progress("reading files", 0, len(pending))

    tally = _Tally(gone=set(unseen), added=sum(known[path].problem is None for path in back))
    with database.writing() as connection:
        _mark(connection, sorted(unseen), gone=True)
        _mark(connection, back, gone=False)
        _refresh(connection, set(), {}, again=_shared(connection, _tracks_of(connection, [*unseen, *back])))
    done = 0
    with closing(read_many((found.path for found in pending), workers)) as readings:
        for batch in _batches(zip(pending, readings, strict=True)):
            with database.writing() as connection:
                _keep(connection, batch, known, tally)
            skipped += [
                Skipped(text_of(reading.path), reading.problem) for _, reading in batch if reading.problem is not None
            ]
            done += len(batch)
            progress("reading files", done, len(pending))
    return ScanReport(
        tally.added,
        tally.changed,
        tally.moved,
        len(tally.gone),
        unchanged,
        tuple(sorted(skipped, key=lambda one: (one.path, one.reason))),
    )


@dataclass(slots=True)
class _Tally:
    gone: set[bytes]
    added: int = 0
    changed: int = 0
    moved: int = 0


def _known_files(database: Database, places: Sequence[bytes]) -> dict[bytes, _Known]:
    columns = (file.c.path, file.c.size, file.c.mtime_ns, file.c.problem, file.c.gone)
    known: dict[bytes, _Known] = {}
    with database.reading() as connection:
        for place in places:
            under = place.rstrip(b"/")
            inside = (file.c.path == place) | ((file.c.path > under + b"/") & (file.c.path < under + b"0"))
            known.update(
                (path, _Known(*values)) for path, *values in connection.execute(select(*columns).where(inside))
            )
    return known


def _batches(pairs: Iterable[tuple[Found, Reading]]) -> Iterator[list[tuple[Found, Reading]]]:
    batch: list[tuple[Found, Reading]] = []
    due = time.monotonic() + BATCH_S
    for pair in pairs:
        batch.append(pair)
        if len(batch) == BATCH_FILES or time.monotonic() >= due:
            yield batch
            batch = []
            due = time.monotonic() + BATCH_S
    if batch:
        yield batch


def _keep(
    connection: Connection, batch: Sequence[tuple[Found, Reading]], known: dict[bytes, _Known], tally: _Tally
) -> None:
    readings = {reading.path: reading for _, reading in batch}
    held_before = _tracks_of(connection, readings)
    # A track must stand before a file refers to it; its tags are set, by one rule for all, in ``_refresh``.
    held = {reading.identity.track_id: reading for _, reading in reversed(batch) if reading.identity}
    standing = {track_id for (track_id,) in _ask(connection, select(track.c.id), track.c.id, held)}
    new = [_track_row(reading) for track_id, reading in held.items() if track_id not in standing]
    if new:
        connection.execute(insert(track), new)
    connection.execute(delete(file).where(file.c.path == bindparam("at")), [{"at": path} for path in readings])
    missing: dict[str, list[bytes]] = {}
    gone = select(file.c.track_id, file.c.path).where(file.c.gone)
    for track_id, path in _ask(connection, gone, file.c.track_id, held):
        missing.setdefault(track_id, []).append(path)
    for paths in missing.values():
        paths.sort(reverse=True)
    moved = []
    for _, reading in batch:
        if reading.identity is None:
            continue
        if reading.path in known:
            tally.changed += 1
        elif missing.get(reading.identity.track_id):
            moved.append(missing[reading.identity.track_id].pop())
            tally.gone.discard(moved[-1])
            tally.moved += 1
        else:
            tally.added += 1
    if moved:
        connection.execute(delete(file).where(file.c.path == bindparam("at")), [{"at": path} for path in moved])
    connection.execute(insert(file), [_file_row(found, reading) for found, reading in batch])
    _refresh(connection, held.keys(), readings, again=held_before)


def _file_row(found: Found, reading: Reading) -> dict[str, Any]:
    identity = reading.identity
    return {
        "path": found.path,
        "size": found.size,
        "mtime_ns": found.mtime_ns,
        "track_id": identity.track_id if identity else None,
        "codec": identity.codec if identity else None,
        "rate_hz": identity.rate_hz if identity else None,
        "channels": identity.channels if identity else None,
        "problem": reading.problem,
        "gone": False,
    }


def _track_row(reading: Reading) -> dict[str, Any]:
    assert reading.identity is not None
    assert reading.tags is not None
    return {"id": reading.identity.track_id, "duration_s": reading.identity.duration_s, **asdict(reading.tags)}


def _mark(connection: Connection, paths: Sequence[bytes], *, gone: bool) -> None:
    if paths:
        marking = update(file).where(file.c.path == bindparam("at")).values(gone=gone)
        connection.execute(marking, [{"at": path} for path in paths])


def _refresh(
    connection: Connection, track_ids: Iterable[str], readings: Mapping[bytes, Reading], again: set[str]
) -> None:
    """Give each track the tags of the first path that holds it.

    ``track_ids`` take them where that path is among ``readings``; those in ``again``, which may have lost their first
    path, have it read again where it is not.
    """
    first = (
        select(file.c.track_id, func.min(file.c.path))
        .where(~file.c.gone, file.c.problem.is_(None))
        .group_by(file.c.track_id)
    )
    rows = []
    for track_id, path in _ask(connection, first, file.c.track_id, again.union(track_ids)):
        reading = readings.get(path)
        tags = reading.tags if reading else _tags_again(path) if track_id in again else None
        if tags is not None:
            rows.append({"at": track_id, **asdict(tags)})
    if rows:
        connection.execute(update(track).where(track.c.id == bindparam("at")), rows)


def _tags_again(path: bytes) -> Tags | None:
    try:
        return read_tags(Path(os.fsdecode(path)))
    except OSError:  # out of reach: the track keeps the tags it has, until a scan of that folder
        return None


def _tracks_of(connection: Connection, paths: Iterable[bytes]) -> set[str]:
    held = select(file.c.track_id).where(file.c.track_id.is_not(None))
    return {track_id for (track_id,) in _ask(connection, held, file.c.path, paths)}


def _shared(connection: Connection, track_ids: Iterable[str]) -> set[str]:
    """Those of the tracks that more than one file holds or held: only their tags can have come from another one."""
    shared = select(file.c.track_id).group_by(file.c.track_id).having(func.count() > 1)
    return {track_id for (track_id,) in _ask(connection, shared, file.c.track_id, track_ids)}


def _ask(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> Iterator[Sequence[Any]]:
    """Rows of ``query`` where ``column`` is one of ``values``, however many there are."""
    wanted = sorted(values)
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        yield from connection.execute(query.where(column.in_(wanted[start : start + ASKED_AT_ONCE]))).all()
