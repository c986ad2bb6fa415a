"""Recordings as sources name them, and the tracks they stand for.

One row a distinct mention, so that matching is done once for thousands of plays and can be done again. The key is a
hash of what was told; what a service or a match adds later does not change it. A mention that no track fits has a track
id of its own, made of its normalised artist and title, so that spellings of one recording share their place in
sequences.
"""

import hashlib
import json
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from segue.catalogue.match import Matcher
from segue.catalogue.names import name_key
from segue.listening.readers.rows import clean
from segue.store.schema import mention

__all__ = ["HEARD", "Mention", "Settled", "batches", "change", "insert_new", "keep", "place"]

HEARD = "heard:"
"""What track ids begin with that are known from listening only."""

BATCH = 1000
"""Keys looked up by one statement."""

_MBID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")

_LATER = ("recording_mbid", "duration_s", "track_id", "matched_by")
"""The columns that may change after a mention was made."""

Value = TypeVar("Value")


@dataclass(slots=True)
class Mention:
    """A recording as it was named; ``recording_mbid`` and ``duration_s`` may be filled in later."""

    title: str
    artist: str | None
    album: str | None
    recording_mbid: str | None
    isrc: str | None
    key: str
    duration_s: float | None = None

    @classmethod
    def told(
        cls, title: str, artist: str | None, album: str | None, recording_mbid: str | None, isrc: str | None
    ) -> "Mention | None":
        """The mention of these words, cleaned; None when no title is left. What is no MBID or ISRC is left out."""
        name = clean(title)
        if name is None:
            return None
        words = (name, clean(artist), clean(album), mbid(recording_mbid), _isrc(isrc))
        key = hashlib.blake2b(json.dumps(words).encode(), digest_size=16).hexdigest()
        return cls(*words, key)

    @property
    def heard_id(self) -> str:
        """The track id it has while no track fits."""
        return heard_id(self.artist, self.title)


@dataclass(frozen=True, slots=True)
class Settled:
    """A mention's row: its id and the track it stands for (``how`` is None where none fits)."""

    id: int
    track_id: str
    how: str | None


def heard_id(artist: str | None, title: str) -> str:
    """The id of a track that is known from listening only.

    Examples
    --------
    >>> heard_id("The Beatles", "Help!") == heard_id("Beatles", "Help")
    True
    """
    return HEARD + hashlib.blake2b(name_key(artist, title).encode(), digest_size=12).hexdigest()


def mbid(text: str | None) -> str | None:
    """A MusicBrainz id in its one spelling, or None when ``text`` is none."""
    plain = (text or "").strip().lower()
    return plain if _MBID.fullmatch(plain) else None


def _isrc(text: str | None) -> str | None:
    plain = (text or "").replace("-", "").strip().upper()
    return plain if _ISRC.fullmatch(plain) else None


def place(
    matcher: Matcher,
    present: Container[str],
    told: Mention,
    now: tuple[str, str | None] | None = None,
) -> tuple[str, str | None]:
    """The track a mention stands for, and how it was found.

    ``now`` is where it stands already. What was told by id stays; what was matched by name is matched again, but a
    track that is only away (its disk is not mounted) keeps its history.
    """
    if now and now[1] not in {None, "name", "credit"}:
        return now
    answer = matcher.match(told.artist, told.title, told.album, told.duration_s, told.recording_mbid, told.isrc)
    if answer:
        return answer
    if now and now[1] and now[0] not in present:
        return now
    return told.heard_id, None


def keep(connection: Connection, matcher: Matcher, present: Container[str], told: Sequence[Mention]) -> list[Settled]:
    """Rows for these mentions (new ones are made, known ones completed and matched again), in their order."""
    added = insert_new(connection, mention)
    settled: list[Settled] = []
    for batch in batches(told, BATCH):
        known = _rows(connection, batch)
        fresh = [each for each in batch if each.key not in known]
        if fresh:
            connection.execute(added, [_row(each, *place(matcher, present, each)) for each in fresh])
        changes = []
        for each in batch:
            row = known.get(each.key)
            if row:
                each.recording_mbid = row.recording_mbid or each.recording_mbid
                each.duration_s = each.duration_s if row.duration_s is None else row.duration_s
                track_id, how = place(matcher, present, each, (row.track_id, row.matched_by))
                after = (each.recording_mbid, each.duration_s, track_id, how)
                if after != (row.recording_mbid, row.duration_s, row.track_id, row.matched_by):
                    changes.append({"row": row.id, **dict(zip(_LATER, after, strict=True))})
        change(connection, changes)
        rows = _rows(connection, batch)
        settled += [Settled(rows[each.key].id, rows[each.key].track_id, rows[each.key].matched_by) for each in batch]
    return settled


def change(connection: Connection, changes: Sequence[dict[str, Any]]) -> None:
    """Update mentions: each change holds the columns' new values, and the mention's id as ``row``."""
    if changes:
        connection.execute(update(mention).where(mention.c.id == bindparam("row")), list(changes))


def insert_new(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves out rows which are there already (by the table's unique constraints)."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def batches(values: Sequence[Value], size: int) -> Iterator[list[Value]]:
    """The values in lists of ``size``, in order."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


def _rows(connection: Connection, told: Sequence[Mention]) -> dict[str, Any]:
    columns = (
        mention.c.key,
        mention.c.id,
        mention.c.recording_mbid,
        mention.c.duration_s,
        mention.c.track_id,
        mention.c.matched_by,
    )
    found = connection.execute(select(*columns).where(mention.c.key.in_([each.key for each in told])))
    return {row.key: row for row in found}


def _row(told: Mention, track_id: str, how: str | None) -> dict[str, Any]:
    return {
        "key": told.key,
        "artist": told.artist,
        "title": told.title,
        "album": told.album,
        "duration_s": told.duration_s,
        "recording_mbid": told.recording_mbid,
        "isrc": told.isrc,
        "track_id": track_id,
        "matched_by": how,
    }
