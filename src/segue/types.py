"""The values that every room shares: what a track, a listen and a pick are.

Frozen, plain, without behaviour that needs a file or a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path

__all__ = ["Feedback", "Listen", "Opinion", "Outcome", "Pick", "Track"]


class Outcome(IntEnum):
    """How a listen ended. A load error (``FAILED``) is not a dislike."""

    UNKNOWN = 0
    FINISHED = 1
    PARTIAL = 2
    SKIPPED = 3
    FAILED = 4


class Opinion(StrEnum):
    """What a listener said of a track, outside of playing it. ``NONE`` takes an earlier opinion back."""

    LIKE = "like"
    DISLIKE = "dislike"
    BAN = "ban"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Track:
    """One piece of music, whatever its file is called today.

    ``id`` comes from the sound in the file (see ``catalogue.identity``); ``path`` is where a file of it lies
    now, or None when it is known from listening only.
    """

    id: str
    title: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    duration_s: float | None = None
    bpm: float | None = None
    replaygain_db: float | None = None
    isrc: str | None = None
    recording_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def artist(self) -> str:
        """The credited artists as one line, or "Unknown artist"."""
        return ", ".join(self.artists) or "Unknown artist"

    def __str__(self) -> str:
        return f"{self.artist} – {self.title}"


@dataclass(frozen=True, slots=True)
class Listen:
    """One play of one track: an event, never a sum. Times are unix seconds, UTC."""

    listener: str
    track_id: str
    started_at: int
    played_s: float | None = None
    outcome: Outcome = Outcome.UNKNOWN
    source: str = "unknown"


@dataclass(frozen=True, slots=True)
class Feedback:
    """An opinion said at a moment (unix seconds, UTC); the latest one of a track counts."""

    listener: str
    track_id: str
    opinion: Opinion
    said_at: int


@dataclass(frozen=True, slots=True)
class Pick:
    """A track that was chosen, and why.

    ``parts`` names what moved its rank with each part's contribution; they sum to ``score``. ``voices`` tells what
    stands behind the part ``sequence``, where the model can: what each kind of evidence adds to the model's own score
    (in the model's unit, not that of the parts) against the average candidate, below 0 where it speaks against.
    """

    track: Track
    score: float
    reason: str
    parts: Mapping[str, float] = field(default_factory=dict)
    voices: Mapping[str, float] = field(default_factory=dict)
