"""What a file says about itself: tags of every format in one frozen value, cleaned.

A path flows in, ``Tags`` flows out. tinytag (MIT) reads the formats it knows and FFmpeg the rest (APEv2 in ``.ape``
and ``.wv``); both become one mapping of plain field names to lists, from which one pure function makes ``Tags``.
Where a file has no title, its name gives one. Nothing a file may hold makes this fail: values that can't be true
(year 0, 0 bpm) become None.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av.error
import tinytag

from segue.catalogue.identity import open_sound

__all__ = ["Tags", "clean", "read_tags", "tags_from"]

LONGEST = 500
"""Characters kept of one value: what is longer is no title."""

_NUMBERED = re.compile(
    r"""(?: (?P<disc>[0-9]{1,2}) - (?P<in_disc>[0-9]{2}) (?: \s*[-.)]\s* | \s+ )  # 1-03 Title
        | (?P<marked>[0-9]{1,3}) (?: \s+-\s+ | \s*[.)]\s*(?![0-9]) | -(?![0-9]) )  # 3 - Title, 3. Title
        | (?P<zero>0[0-9]{1,2}) \s+  # 03 Title, but not 99 Luftballons
        ) (?=\S)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Tags:
    """A file's description of its music; the names and units are those of ``segue.types.Track``."""

    title: str
    artists: tuple[str, ...] = ()
    album: str | None = None
    album_artist: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    bpm: float | None = None
    replaygain_db: float | None = None
    isrc: str | None = None
    recording_mbid: str | None = None
    release_mbid: str | None = None
    artist_mbids: tuple[str, ...] = ()


def read_tags(path: Path) -> Tags:
    """The tags of one file.

    Raises
    ------
    OSError
        The file can't be read. (A file without tags, or with broken ones, is no error.)
    """
    return tags_from(_fields(path), path)


def clean(text: str) -> str | None:
    r"""A value fit to store and to show: valid UTF-8, NFC, one line, at most 500 characters. None if nothing is left.

    >>> clean(" Sigur\x00  Ro\u0301s\n")
    'Sigur Rós'
    """
    text = re.sub(r"[\ud800-\udfff]", "\ufffd", text).replace("\ufeff", "")
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text)
    return " ".join(text.split())[:LONGEST].rstrip() or None


def tags_from(fields: Mapping[str, Sequence[str]], path: Path) -> Tags:
    """Tags from fields (``field_name`` spelling) and, where they give no title, from the file's name.

    >>> tags_from({}, Path("/music/Blue Train/03 - John Coltrane - Locomotion.flac"))
    Tags(title='Locomotion', artists=('John Coltrane',), album='Blue Train', ...track_number=3, ...)
    """
    artists = _artists(fields.get("artist", ()))
    tags = Tags(
        title=_first(fields, "title") or "",
        artists=artists,
        album=_first(fields, "album"),
        album_artist=_first(fields, "albumartist"),
        track_number=_number(fields, "track", "tracknumber"),
        disc_number=_number(fields, "disc", "discnumber"),
        year=_year(fields),
        genres=_several(fields.get("genre", ())),
        moods=_several(_values(fields, "mood", "tmoo", "wmmood")),
        bpm=_real(fields, 20.0, 400.0, "bpm", "tbpm", "tempo"),
        replaygain_db=_replaygain(fields),
        isrc=_isrc(fields),
        recording_mbid=next(iter(_mbids(fields, "musicbrainztrackid", "ufid")), None),
        release_mbid=next(iter(_mbids(fields, "musicbrainzalbumid")), None),
        artist_mbids=_mbids(fields, "musicbrainzartistid"),
    )
    return tags if tags.title else _named_by(path, tags)


def _fields(path: Path) -> dict[str, list[str]]:
    try:
        found: Iterable[tuple[str, object]] = tinytag.TinyTag.get(path, duration=False).as_dict().items()
    except tinytag.TinyTagException:
        found = _fields_by_ffmpeg(path)
    fields: dict[str, list[str]] = {}
    for name, value in found:
        values = value if isinstance(value, list) else [value]
        fields.setdefault(_field_name(name), []).extend(map(str, values))
    return fields


def _fields_by_ffmpeg(path: Path) -> list[tuple[str, object]]:
    try:
        with open_sound(path) as container:
            of_streams = [pair for stream in container.streams.audio[:1] for pair in stream.metadata.items()]
            return [*container.metadata.items(), *of_streams]
    except (av.error.FFmpegError, ValueError):
        return []


def _field_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _values(fields: Mapping[str, Sequence[str]], *names: str) -> list[str]:
    return [value for name in names for value in fields.get(name, ())]


def _first(fields: Mapping[str, Sequence[str]], name: str) -> str | None:
    return next(filter(None, map(clean, fields.get(name, ()))), None)


def _several(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, in order; ";" and NUL part them, "/", "," and "&" belong to names (AC/DC)."""
    parts = (clean(part) for value in values for part in re.split(r"[;\x00]", value))
    return tuple(dict.fromkeys(part for part in parts if part))


def _artists(values: Sequence[str]) -> tuple[str, ...]:
    """The credited artists; a credit line ("A feat. B") gives way to the list of its artists where both stand."""
    artists = _several(values)
    if len(artists) > 2:
        line = artists[0].casefold()
        if all(artist.casefold() in line for artist in artists[1:]):
            return artists[1:]
    return artists


def _number(fields: Mapping[str, Sequence[str]], *names: str) -> int | None:
    for value in _values(fields, *names):
        found = re.match(r"\s*([0-9]{1,4})(?![0-9])", value)
        if found and int(found[1]) > 0:
            return int(found[1])
    return None


def _year(fields: Mapping[str, Sequence[str]]) -> int | None:
    for value in _values(fields, "year", "date", "originaldate", "originalyear"):
        for digits in re.findall(r"(?<![0-9])[0-9]{4}(?![0-9])", value):
            if 1000 <= int(digits) <= 2200:
                return int(digits)
    return None


def _real(fields: Mapping[str, Sequence[str]], least: float, most: float, *names: str) -> float | None:
    for value in _values(fields, *names):
        found = re.match(r"\s*([-+]?[0-9]{1,9}(?:\.[0-9]{1,9})?)", value.replace("\u2212", "-").replace(",", "."))
        if found and least <= float(found[1]) <= most:
            return float(found[1])
    return None


def _replaygain(fields: Mapping[str, Sequence[str]]) -> float | None:
    gain_db = _real(fields, -60.0, 60.0, "replaygaintrackgain")
    if gain_db is None:
        # RFC 7845, 5.2.1: Q7.8 decibels to −23 LUFS; ReplayGain 2.0 aims at −18 LUFS, 5 dB above.
        opus = _real(fields, -32768.0, 32767.0, "r128trackgain")
        gain_db = None if opus is None else opus / 256 + 5
    return gain_db


def _isrc(fields: Mapping[str, Sequence[str]]) -> str | None:
    for value in _values(fields, "isrc", "tsrc", "wmisrc"):
        found = re.search(r"(?<![A-Z0-9])[A-Z]{2}[A-Z0-9]{3}[0-9]{7}(?![0-9])", re.sub(r"[\s-]", "", value).upper())
        if found:
            return found[0]
    return None


def _mbids(fields: Mapping[str, Sequence[str]], *names: str) -> tuple[str, ...]:
    pattern = r"(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])"
    values = _values(fields, *names)
    return tuple(dict.fromkeys(mbid for value in values for mbid in re.findall(pattern, value.lower())))


def _named_by(path: Path, tags: Tags) -> Tags:
    """The tags completed from "03 - Artist - Title.mp3" in a folder named like the album."""
    stem = _name_text(path.stem)
    if " " not in stem:
        stem = stem.replace("_", " ")
    stem = clean(stem) or "Untitled"
    number = disc = None
    if numbered := _NUMBERED.match(stem):
        disc, number = numbered["disc"], numbered[numbered.lastgroup or ""]
        stem = stem[numbered.end() :]
    parts = [part.strip() for part in re.split(r"\s+[-–—]\s+", stem)]
    if len(parts) == 3 and re.fullmatch(r"[0-9]{1,3}", parts[1]):
        number, parts = parts[1], [parts[0], parts[2]]
    clear = len(parts) == 2 and all(parts) and not parts[0].isdecimal()
    untagged = not (tags.artists or tags.album)
    return replace(
        tags,
        title=parts[1] if clear else stem,
        artists=tags.artists or ((parts[0],) if clear else ()),
        album=(clean(_name_text(path.parent.name)) if untagged else tags.album),
        track_number=tags.track_number or (int(number) if number else None) or None,
        disc_number=tags.disc_number or (int(disc) if disc else None) or None,
    )


def _name_text(name: str) -> str:
    """A file's name as text; one whose bytes are no UTF-8 was mostly written by an old Windows."""
    try:
        written = os.fsencode(name)
    except UnicodeEncodeError:  # not a name that this platform's files can have; ``clean`` mends it
        return name
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        return written.decode("cp1252", "replace")
