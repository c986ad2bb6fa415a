"""What every reader yields, and how its words are made clean.

A reader turns one file into ``Heard`` (a play), ``Said`` (an opinion) and ``Problem`` (a row that is neither, with its
place and the reason). Only what is named here leaves a file: addresses, user agents, account names and the like have
no field to travel in.
"""

from typing import NamedTuple, TypeAlias

from segue.types import Opinion, Outcome

__all__ = ["Heard", "Problem", "Row", "Said", "clean", "place"]

LONGEST_TEXT = 2000
"""Characters of a name that are kept; what is longer is no name."""


class Heard(NamedTuple):
    """One play as its source tells it. Times are unix seconds, UTC, when it began.

    The first five fields name the recording. ``recording_mbid`` is what the player said,
    ``mapped_mbid`` what a service guessed later: it may change from one export to the next, so it is no part of the
    name. ``outcome`` is set where the source says how the play ended, ``listener`` where one file holds several people.
    ``part`` and ``line`` are where the row stands.
    """

    title: str
    artist: str | None
    album: str | None
    recording_mbid: str | None
    isrc: str | None
    started_at: int
    mapped_mbid: str | None = None
    played_s: float | None = None
    duration_s: float | None = None
    skipped: bool | None = None
    outcome: Outcome | None = None
    listener: str | None = None
    part: str = ""
    line: int = 0


class Said(NamedTuple):
    """One opinion; its first five fields name the recording. ``title`` is None where the source gives an MBID only."""

    title: str | None
    artist: str | None
    album: str | None
    recording_mbid: str | None
    isrc: str | None
    said_at: int
    opinion: Opinion
    mapped_mbid: str | None = None
    part: str = ""
    line: int = 0


class Problem(NamedTuple):
    """A row that can't be used: where it stands, and why."""

    where: str
    reason: str


Row: TypeAlias = Heard | Said | Problem


def place(part: str, line: int) -> str:
    """Where a row stands, for a person.

    Examples
    --------
    >>> place("listens/2024/1.jsonl", 7)
    'listens/2024/1.jsonl line 7'
    """
    return f"{part} line {line}" if part else f"line {line}"


def clean(text: str | None) -> str | None:
    r"""A name that any database can hold: no control signs or lone surrogates, single spaces; None if nothing is left.

    Examples
    --------
    >>> clean("  Army\x00 of\tMe "), clean("\x07")
    ('Army of Me', None)
    """
    if text is None:
        return None
    if not text.isprintable():
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        text = "".join(sign if sign.isprintable() or ord(sign) > 0x9F else " " * sign.isspace() for sign in text)
    plain = " ".join(text.split())[:LONGEST_TEXT]
    return (text if plain == text else plain) or None  # the same object where it can be: histories repeat themselves
