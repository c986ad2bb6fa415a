"""Histories out of the database, column-wise; and single events into it, as they happen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from segue.catalogue.match import Matcher
from segue.listening.events import Events
from segue.listening.mentions import HEARD, Mention, change, insert_new, place
from segue.listening.outcomes import completions
from segue.listening.people import keep_listener, listener_id
from segue.store.database import Database
from segue.store.schema import feedback, listen, listener, mention, track
from segue.types import Opinion, Outcome, Track

__all__ = [
    "RematchReport",
    "heard_tracks",
    "listeners",
    "load_events",
    "opinions",
    "record",
    "rematch",
    "say",
    "track_ids",
]

_LISTEN = np.dtype(
    {
        "names": ["listener", "mention", "started_at", "played_s", "outcome"],
        "formats": [np.int64, np.int64, np.int64, np.float64, np.int8],
    }
)


def listeners(database: Database) -> list[str]:
    """The names of all listeners, sorted."""
    with database.reading() as connection:
        return list(connection.execute(select(listener.c.name).order_by(listener.c.name)).scalars())


def track_ids(database: Database) -> list[str]:
    """The ids of all tracks that were listened to (of the library, and "heard:…"), sorted."""
    heard = select(mention.c.track_id).where(mention.c.id.in_(select(listen.c.mention_id))).distinct()
    with database.reading() as connection:
        return sorted(connection.execute(heard).scalars())


def heard_tracks(database: Database) -> list[Track]:
    """The tracks that are known from listening only, as their first mention names them, sorted by id."""
    query = select(mention).where(mention.c.matched_by.is_(None)).order_by(mention.c.track_id, mention.c.id)
    found: dict[str, Track] = {}
    with database.reading() as connection:
        for row in connection.execute(query):
            if row.track_id not in found:
                found[row.track_id] = Track(
                    row.track_id,
                    row.title,
                    (row.artist,) if row.artist else (),
                    album=row.album,
                    duration_s=row.duration_s,
                    isrc=row.isrc,
                    recording_mbid=row.recording_mbid,
                )
    return list(found.values())


def load_events(database: Database, ids: Sequence[str], listeners: Sequence[str] | None = None) -> Events:
    """Listens as columns, by listener, time and the order they were kept in.

    Parameters
    ----------
    ids
        The track ids that events call 0, 1, …; listens of other tracks are left out.
    listeners
        Whose; None is everybody, sorted by name. Who has no listens is named all the same.

    Raises
    ------
    NotFound
        Nobody is called so.
    """
    with database.reading() as connection:
        if listeners is None:
            known = connection.execute(select(listener.c.name, listener.c.id).order_by(listener.c.name)).all()
            names, numbers = [row.name for row in known], [row.id for row in known]
        else:
            names, numbers = list(listeners), [listener_id(connection, name) for name in listeners]
        mentions = select(mention.c.id, mention.c.track_id, mention.c.duration_s, track.c.duration_s).outerjoin(
            track, track.c.id == mention.c.track_id
        )
        listens = select(
            listen.c.listener_id, listen.c.mention_id, listen.c.started_at, listen.c.played_s, listen.c.outcome
        ).order_by(listen.c.id)
        if listeners is not None:
            listens = listens.where(listen.c.listener_id.in_(numbers))
            theirs = select(listen.c.mention_id).where(listen.c.listener_id.in_(numbers))
            mentions = mentions.where(mention.c.id.in_(theirs))
        position_of, length_of = _mention_columns(connection.execute(mentions), ids)
        rows = _columns(connection, listens)
    position = position_of[rows["mention"]]
    kept = position >= 0
    rows, position = rows[kept], position[kept]
    listener_of = np.zeros(max(numbers, default=0) + 1, dtype=np.int32)
    listener_of[numbers] = np.arange(len(numbers), dtype=np.int32)
    return Events.make(
        names,
        listener_of[rows["listener"]],
        position,
        rows["started_at"],
        rows["outcome"],
        completions(rows["played_s"], length_of[rows["mention"]]),
    )


def opinions(database: Database, listener: str) -> dict[str, Opinion]:
    """What a listener thinks of tracks: the latest opinion of each; one that was taken back is left out.

    Raises
    ------
    NotFound
        Nobody is called so.
    """
    with database.reading() as connection:
        query = (
            select(mention.c.track_id, feedback.c.opinion)
            .join(mention, mention.c.id == feedback.c.mention_id)
            .where(feedback.c.listener_id == listener_id(connection, listener))
            .order_by(feedback.c.said_at, feedback.c.id)
        )
        latest = {row.track_id: Opinion(row.opinion) for row in connection.execute(query)}
    return {track_id: opinion for track_id, opinion in latest.items() if opinion is not Opinion.NONE}


def record(
    database: Database,
    listener: str,
    track: Track,
    *,
    started_at: int,
    played_s: float | None = None,
    outcome: Outcome = Outcome.UNKNOWN,
    source: str = "segue",
) -> None:
    """Keep one listen of a known track; the listener is made when new. The same listen twice is one.

    Raises
    ------
    BadInput
        The name can't be a listener's.
    """
    with database.writing() as connection:
        row = {
            "listener_id": keep_listener(connection, listener),
            "mention_id": _keep_track(connection, track),
            "started_at": started_at,
            "played_s": played_s,
            "outcome": int(outcome),
            "source": source,
        }
        connection.execute(insert_new(connection, listen), [row])


def say(database: Database, listener: str, track: Track, opinion: Opinion, said_at: int) -> None:
    """Keep an opinion of a known track; the listener is made when new.

    Raises
    ------
    BadInput
        The name can't be a listener's.
    """
    with database.writing() as connection:
        row = {
            "listener_id": keep_listener(connection, listener),
            "mention_id": _keep_track(connection, track),
            "opinion": str(opinion),
            "said_at": said_at,
        }
        connection.execute(insert_new(connection, feedback), [row])


@dataclass(frozen=True, slots=True)
class RematchReport:
    """What matching again changed: mentions looked at, moved to another track, and how all of them stand now."""

    mentions: int
    changed: int
    matched: int
    unmatched: int
    by_method: dict[str, int]


def rematch(database: Database, tracks: Sequence[Track]) -> RematchReport:
    """Match every mention again that was matched by name or not at all, for a library that has changed."""
    matcher, present = Matcher(tracks), {track.id for track in tracks}
    methods: Counter[str | None] = Counter()
    changes: list[dict[str, Any]] = []
    with database.writing() as connection:
        for row in connection.execute(select(mention).order_by(mention.c.id)):
            told = Mention(row.title, row.artist, row.album, row.recording_mbid, row.isrc, row.key, row.duration_s)
            now = (row.track_id, row.matched_by)
            after = place(matcher, present, told, now)
            methods[after[1]] += 1
            if after != now:
                changes.append({"row": row.id, "track_id": after[0], "matched_by": after[1]})
        change(connection, changes)
    unmatched = methods.pop(None, 0)
    return RematchReport(
        mentions=methods.total() + unmatched,
        changed=len(changes),
        matched=methods.total(),
        unmatched=unmatched,
        by_method=dict(sorted((how or "", count) for how, count in methods.items())),
    )


def _keep_track(connection: Connection, track: Track) -> int:
    """The mention of a track that was played or judged here; no matching, the track itself is known."""
    row = {
        "key": f"track:{track.id}",
        "artist": track.artist if track.artists else None,
        "title": track.title,
        "album": track.album,
        "duration_s": track.duration_s,
        "recording_mbid": track.recording_mbid,
        "isrc": track.isrc,
        "track_id": track.id,
        "matched_by": None if track.id.startswith(HEARD) else "id",
    }
    connection.execute(insert_new(connection, mention), [row])
    return int(connection.execute(select(mention.c.id).where(mention.c.key == row["key"])).scalar_one())


def _mention_columns(rows: Any, ids: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """By mention id: the track's position in ``ids`` (-1: not there), and its length in seconds (NaN: unknown)."""
    position = {track_id: number for number, track_id in enumerate(ids)}
    found = rows.all()
    last = max((row[0] for row in found), default=0)
    position_of = np.full(last + 1, -1, dtype=np.int32)
    length_of = np.full(last + 1, np.nan)
    for mention_id, track_id, told_s, track_s in found:
        position_of[mention_id] = position.get(track_id, -1)
        length_s = told_s if track_s is None else track_s
        if length_s is not None:
            length_of[mention_id] = length_s
    return position_of, length_of


def _columns(connection: Connection, query: Any) -> npt.NDArray[Any]:
    """The listens of a query as one structured array, straight from the driver's tuples: a million a second."""
    cursor = connection.execute(query).cursor
    assert cursor is not None, "a SELECT has a cursor"
    batches = iter(lambda: cursor.fetchmany(50_000), [])
    return np.fromiter(chain.from_iterable(batches), dtype=_LISTEN)
