"""ListenBrainz: the export zip, its ``.jsonl`` files on their own, and a page of its API.

The zip holds ``listens/YEAR/MONTH.jsonl`` and ``feedback.jsonl`` (and ``user.json``, ``pinned_recording.jsonl``, which
are left alone). Feedback names a recording by the service's ids only; its names are found in the listens of the same
file. Times are numbers with a fraction in the zip and without one elsewhere. ``duration_played`` is seconds.
See https://listenbrainz.readthedocs.io/en/latest/users/json.html.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pydantic_core import from_json

from segue.errors import UnreadableHistory
from segue.listening.readers.lines import lines, unreadable_when_damaged
from segue.listening.readers.rows import Heard, Problem, Row, Said, place
from segue.listening.readers.sample import Sample
from segue.listening.readers.times import seconds, unix_seconds
from segue.types import Opinion

__all__ = ["NAME", "UNDERSTANDS", "read", "recognises"]

NAME = "listenbrainz"
UNDERSTANDS = "a ListenBrainz export (.zip), listens (.jsonl) or API page (.json)"

LARGEST_PAGE_BYTES = 1 << 26
"""The API hands out 1,000 listens a page, about 2 MB; a page is read whole."""

_LISTENS = re.compile(r"(?:^|/)listens(?:/.*)?\.jsonl$")
_FEEDBACK = re.compile(r"(?:^|/)feedback\.jsonl$")
_MEMBERS = {"user.json", "feedback.jsonl", "pinned_recording.jsonl"}
_OPINIONS = {1: Opinion.LIKE, -1: Opinion.DISLIKE, 0: Opinion.NONE}


class _Opinions:
    """Opinions that wait for a listen to name their recording (by the service's id, or by MBID)."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str | None, Said]] = []
        self.wanted: set[str] = set()
        self.found: dict[str, Heard] = {}

    def add(self, item: dict[str, Any], part: str, line: int) -> Problem | None:
        score, msid, mbid = item.get("score"), _text(item.get("recording_msid")), _text(item.get("recording_mbid"))
        if isinstance(score, bool) or not isinstance(score, int) or score not in _OPINIONS:
            return Problem(place(part, line), "its score is none of 1, 0 and -1")
        said_at = unix_seconds(item.get("created")) or 0
        said = Said(None, None, None, mbid, None, said_at, _OPINIONS[score], None, part, line)
        self.waiting.append((msid, said))
        self.wanted.update(key for key in (msid, mbid) if key)
        return None

    def meet(self, heard: Heard, msid: str | None) -> None:
        for key in (msid, heard.recording_mbid, heard.mapped_mbid):
            if key in self.wanted:
                self.found.setdefault(key, heard)

    def resolved(self) -> Iterator[Said | Problem]:
        for msid, said in self.waiting:
            heard = self.found.get(msid or "") or self.found.get(said.recording_mbid or "")
            if heard:
                title, artist, album, recording_mbid, isrc, *_ = heard
                names = (title, artist, album, recording_mbid, isrc)
                yield Said(*names, said.said_at, said.opinion, heard.mapped_mbid, said.part, said.line)
            elif said.recording_mbid:
                yield said
            else:
                yield Problem(place(said.part, said.line), "the recording it speaks of is nowhere in this file")


def recognises(sample: Sample) -> bool:
    """Whether the file is one of the three forms."""
    if sample.members is not None:
        names = [name for name in sample.members if not _is_junk(name)]
        if any(_LISTENS.search(name) or _FEEDBACK.search(name) for name in names):
            return True
        return "user.json" in {PurePosixPath(name).name for name in names} <= _MEMBERS
    if _is_page(sample):
        return True
    return any(_is_record(item) for _, item in _parsed(sample.lines))


def read(path: Path) -> Iterator[Row]:
    """The rows of a recognised file, streamed."""
    sample = Sample.of(path)
    if sample.members is not None:
        return _read_zip(path)
    return _read_page(path) if _is_page(sample) else _read_lines(path)


def _read_zip(path: Path) -> Iterator[Row]:
    opinions = _Opinions()
    with unreadable_when_damaged(path):
        archive = zipfile.ZipFile(path)
    with archive:
        names = [name for name in archive.namelist() if not _is_junk(name)]
        feedback = [name for name in names if _FEEDBACK.search(name)]
        listens = sorted((name for name in names if _LISTENS.search(name)), key=_by_number)
        for name in (*feedback, *listens):
            with unreadable_when_damaged(path):
                stream = archive.open(name)
            with stream:
                yield from _rows(stream, path, name, opinions)
    yield from opinions.resolved()


def _read_lines(path: Path) -> Iterator[Row]:
    opinions = _Opinions()
    with path.open("rb") as stream:
        yield from _rows(stream, path, "", opinions)
    yield from opinions.resolved()


def _read_page(path: Path) -> Iterator[Row]:
    if path.stat().st_size > LARGEST_PAGE_BYTES:
        raise UnreadableHistory(f"{path} is too large for a page of the ListenBrainz API: give the export zip instead")
    try:
        listens = json.loads(path.read_bytes().decode("utf-8-sig", "replace"))["payload"]["listens"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise UnreadableHistory(
            f"{path} is a damaged or incomplete page of the ListenBrainz API: fetch it again"
        ) from error
    if not isinstance(listens, list):
        raise UnreadableHistory(f"{path} is a page of the ListenBrainz API without listens: fetch it again")
    yield from _told(enumerate(listens, start=1), "listen", _Opinions())


def _rows(stream: IO[bytes], path: Path, part: str, opinions: _Opinions) -> Iterator[Row]:
    long_lines: list[int] = []
    every_line = chain.from_iterable(lines(stream, path, long_lines.append))
    yield from _told(_parsed(every_line), part, opinions)
    for line in long_lines:
        yield Problem(place(part, line), "the line is too long to be a listen")


def _told(items: Iterable[tuple[int, Any]], part: str, opinions: _Opinions) -> Iterator[Row]:
    """The rows of parsed records. This loop runs once a listen: it looks at types itself and calls little."""
    nothing: dict[str, Any] = {}
    for line, item in items:
        told = item.get("track_metadata") if type(item) is dict else None
        if type(told) is not dict:
            problem = opinions.add(item, part, line) if _is_feedback(item) else _unusable(item, part, line)
            if problem:
                yield problem
            continue
        title = told.get("track_name")
        if type(title) is not str or not title or title.isspace():
            yield Problem(place(part, line), "it has no title")
            continue
        at = item.get("listened_at")
        started_at = at if type(at) is int else unix_seconds(at)
        if started_at is None:
            yield Problem(place(part, line), "it has no time")
            continue
        info = told.get("additional_info")
        if type(info) is not dict:
            info = nothing
        mapping = told.get("mbid_mapping")
        played, duration, duration_ms = info.get("duration_played"), info.get("duration"), info.get("duration_ms")
        heard = Heard(
            title,
            _text(told.get("artist_name")),
            _text(told.get("release_name")),
            _text(info.get("recording_mbid")),
            _text(info.get("isrc")),
            started_at,
            _text(mapping.get("recording_mbid")) if type(mapping) is dict else None,
            None if played is None else seconds(played),
            seconds(duration_ms, 1000) if duration_ms is not None else None if duration is None else seconds(duration),
            None,
            None,
            None,
            part,
            line,
        )
        if opinions.wanted:
            opinions.meet(heard, _text(told.get("recording_msid")))
        yield heard


def _unusable(item: object, part: str, line: int) -> Problem:
    return Problem(place(part, line), "the line is not JSON" if item is None else "it is no listen")


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[int, Any]]:
    """(line number, JSON value) of every line that is not blank; the value is None where the line is no JSON."""
    for number, line in enumerate(lines, start=1):
        try:
            yield number, from_json(line, cache_strings="keys")
        except ValueError:
            if line and not line.isspace():
                yield number, _mended(line)


def _mended(line: bytes) -> Any:
    """The value of a line with bytes that are no UTF-8 or halves of letters, which the fast parser refuses."""
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _is_page(sample: Sample) -> bool:
    head = sample.head.lstrip()
    return head.startswith(b"{") and b'"payload"' in head and b'"listens"' in head


def _is_record(item: object) -> bool:
    return (isinstance(item, dict) and "track_metadata" in item) or _is_feedback(item)


def _is_feedback(item: object) -> bool:
    return isinstance(item, dict) and "score" in item and ("recording_mbid" in item or "recording_msid" in item)


def _is_junk(name: str) -> bool:
    """Whether it is what a Mac adds to an archive."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith("._")


def _by_number(name: str) -> str:
    """A key that puts 2024/2 before 2024/10."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), name)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
