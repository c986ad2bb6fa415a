"""The tables, as SQLAlchemy Core sees them. Changes come as a migration beside this module.

::

    file ──► track ◄── mention ◄── listen, feedback ──► listener
                │                      listen ──► import_run
                └── vector_row, unheard, descriptors

* ``file``: a path met by a scan. Paths are bytes, because a file name need not be UTF-8.
* ``track``: one sound. Rows are never deleted: a track whose files are gone keeps its history and vectors.
* ``mention``: a recording as a source named it ("artist, title, album, ids"), and the track it was matched to. A
  mention nobody could match has ``matched_by`` NULL and a ``track_id`` of its own ("heard:…"), so that it still
  takes its place in sequences; matching again when the library grows changes this table only.
* ``listen``, ``feedback``: events. Times are unix seconds, UTC.
* ``vector_row``: which row of the matrix ``vectors/NAME`` belongs to which track; ``unheard``: why a track has none.
* ``descriptors``: what people can say of a track's sound, and the version of the code that says so.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "descriptors",
    "feedback",
    "file",
    "import_run",
    "listen",
    "listener",
    "mention",
    "metadata",
    "track",
    "unheard",
    "vector_row",
]

metadata = MetaData()

track = Table(
    "track",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("artists", JSON, nullable=False),
    Column("album", Text),
    Column("album_artist", Text),
    Column("track_number", Integer),
    Column("disc_number", Integer),
    Column("year", Integer),
    Column("genres", JSON, nullable=False),
    Column("moods", JSON, nullable=False),
    Column("duration_s", Float),
    Column("bpm", Float),
    Column("replaygain_db", Float),
    Column("isrc", Text),
    Column("recording_mbid", Text),
    Column("release_mbid", Text),
    Column("artist_mbids", JSON, nullable=False),
)

file = Table(
    "file",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("track_id", Text, ForeignKey("track.id"), index=True),
    Column("codec", Text),
    Column("rate_hz", Integer),
    Column("channels", Integer),
    Column("problem", Text),
    Column("gone", Boolean, nullable=False),
)

listener = Table(
    "listener",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

mention = Table(
    "mention",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("artist", Text),
    Column("title", Text, nullable=False),
    Column("album", Text),
    Column("duration_s", Float),
    Column("recording_mbid", Text),
    Column("isrc", Text),
    Column("track_id", Text, nullable=False, index=True),
    Column("matched_by", Text),
)

import_run = Table(
    "import_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("listener_id", Integer, ForeignKey("listener.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
    Column("counts", JSON, nullable=False),
)

listen = Table(
    "listen",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("listener_id", Integer, ForeignKey("listener.id"), nullable=False),
    Column("mention_id", Integer, ForeignKey("mention.id"), nullable=False, index=True),
    Column("started_at", BigInteger, nullable=False),
    Column("played_s", Float),
    Column("outcome", SmallInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("import_id", Integer, ForeignKey("import_run.id")),
    UniqueConstraint("listener_id", "started_at", "mention_id"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("listener_id", Integer, ForeignKey("listener.id"), nullable=False),
    Column("mention_id", Integer, ForeignKey("mention.id"), nullable=False, index=True),
    Column("opinion", Text, nullable=False),
    Column("said_at", BigInteger, nullable=False),
    UniqueConstraint("listener_id", "mention_id", "said_at", "opinion"),
)

vector_row = Table(
    "vector_row",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("track_id", Text, nullable=False),
    UniqueConstraint("name", "track_id"),
)

unheard = Table(
    "unheard",
    metadata,
    Column("track_id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
)

descriptors = Table(
    "descriptors",
    metadata,
    Column("track_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("tempo_bpm", Float),
    Column("other_tempo_bpm", Float),
    Column("tempo_confidence", Float),
    Column("tonic", SmallInteger),
    Column("mode", Text),
    Column("key_confidence", Float),
    Column("loudness_lufs", Float),
    Column("loudness_range_lu", Float),
    Column("brightness_hz", Float),
    Column("onsets_per_s", Float),
    Column("pulse_clarity", Float),
)

Index("listen_by_import", listen.c.import_id)
