"""The descriptors of a library: a row a track in the database, with the version of the code that gave it.

On a pipe between processes they are JSON: so they lose no bit, and None stays None.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, insert, select

from segue.audio.descriptors.key import Key
from segue.audio.descriptors.values import VERSION, Descriptors
from segue.store import Database
from segue.store.schema import descriptors

__all__ = ["described", "from_bytes", "keep", "kept_descriptors", "to_bytes"]

KEY = {"tonic": "tonic", "mode": "mode", "key_confidence": "confidence"}
"""The columns of a key, and what they are called in it."""
AT_ONCE = 500
"""Track ids in one query; SQLite takes no more than some thousand."""


def keep(database: Database, found: Mapping[str, Descriptors]) -> None:
    """Keep the descriptors of tracks by their ids, in the place of what was kept of them."""
    if not found:
        return
    rows = [{"track_id": track_id, "version": VERSION, **_row(one)} for track_id, one in found.items()]
    with database.writing() as connection:
        connection.execute(delete(descriptors).where(descriptors.c.track_id.in_(list(found))))
        connection.execute(insert(descriptors), rows)


def kept_descriptors(database: Database, track_ids: Collection[str] | None = None) -> dict[str, Descriptors]:
    """The descriptors of these tracks (None: of all) as this version of the code gives them, by track id."""
    query = select(descriptors).where(descriptors.c.version == VERSION).order_by(descriptors.c.track_id)
    found: dict[str, Descriptors] = {}
    with database.reading() as connection:
        if track_ids is None:
            return {row.track_id: _descriptors(row._asdict()) for row in connection.execute(query)}
        ids = sorted(track_ids)
        for first in range(0, len(ids), AT_ONCE):
            some = query.where(descriptors.c.track_id.in_(ids[first : first + AT_ONCE]))
            found |= {row.track_id: _descriptors(row._asdict()) for row in connection.execute(some)}
    return found


def described(database: Database) -> set[str]:
    """The ids of all tracks whose descriptors are of this version."""
    with database.reading() as connection:
        return set(connection.execute(select(descriptors.c.track_id).where(descriptors.c.version == VERSION)).scalars())


def to_bytes(found: Descriptors) -> bytes:
    """Descriptors as a process sends them to another.

    Examples
    --------
    >>> from_bytes(to_bytes(Descriptors(tempo_bpm=120.1, key=Key(9, "minor", 0.7)))).key.name
    'A minor'
    """
    return json.dumps(_row(found)).encode()


def from_bytes(content: bytes) -> Descriptors:
    """What ``to_bytes`` was given."""
    return _descriptors(json.loads(content))


def _row(found: Descriptors) -> dict[str, Any]:
    row = asdict(found)
    del row["whole"]
    key = row.pop("key") or {}
    return row | {column: key.get(name) for column, name in KEY.items()}


def _descriptors(row: Mapping[str, Any]) -> Descriptors:
    key = {name: row[column] for column, name in KEY.items()}
    rest = {name: value for name, value in row.items() if name not in (*KEY, "track_id", "version")}
    return Descriptors(**rest, key=None if key["tonic"] is None else Key(**key))
