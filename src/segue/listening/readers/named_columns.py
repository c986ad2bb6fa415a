"""Tables with named columns (comma, semicolon or tab between), as exporters and people write them.

The first line names the columns; which are meant is told by their names in any case, in the order of ``COLUMNS`` where
several would do. A title and a time are needed. A time that is an end (``ended_at``) becomes the beginning by what was
played. See RFC 4180 for the quoting.
"""

import csv
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from pathlib import Path

from segue.listening.readers.lines import lines
from segue.listening.readers.rows import Heard, Problem, Row, place
from segue.listening.readers.sample import Sample
from segue.listening.readers.times import seconds, unix_seconds

__all__ = ["COLUMNS", "NAME", "UNDERSTANDS", "read", "recognises"]

NAME = "csv"
UNDERSTANDS = "a table (.csv, .tsv) whose first line names its columns, at least title and listened_at"

COLUMNS: dict[str, tuple[str, ...]] = {
    "artist": ("artist", "artist_name", "artists"),
    "title": ("title", "track", "track_name", "track_title", "song", "name"),
    "album": ("album", "release", "release_name", "album_name", "album_title"),
    "started_at": ("listened_at", "started_at", "uts", "timestamp", "played_at", "utc_time", "date", "time"),
    "ended_at": ("ended_at",),
    "duration_s": ("duration_s", "duration_seconds"),
    "duration_ms": ("duration_ms",),
    "played_s": ("played_s", "seconds_played", "duration_played"),
    "ms_played": ("ms_played", "played_ms"),
    "skipped": ("skipped",),
    "recording_mbid": ("recording_mbid", "track_mbid", "mbid"),
    "isrc": ("isrc",),
    "listener": ("listener", "user", "user_name", "username"),
}
"""What a column means, and the names it goes by, the most telling first."""

_DELIMITERS = (",", ";", "\t")
_YES = {"true", "1", "yes", "y", "t"}
_NO = {"false", "0", "no", "n", "f"}


def recognises(sample: Sample) -> bool:
    """Whether the first line names a title and a time."""
    return sample.members is None and bool(_layout(sample))


def read(path: Path) -> Iterator[Row]:
    """The rows of a recognised table, streamed."""
    layout = _layout(Sample.of(path))
    assert layout, "read follows recognises"
    delimiter, header, columns = layout
    # A column that is missing points to the empty cell put behind every row.
    chosen = itemgetter(*(columns.get(meaning, -1) for meaning in COLUMNS))
    width = max(columns.values()) + 1
    long_lines: list[int] = []
    with path.open("rb") as stream:
        text = chain.from_iterable(lines(stream, path, long_lines.append))
        table = csv.reader((f"{line.decode('utf-8', 'replace')}\n" for line in text), delimiter=delimiter)
        last = 0
        while True:
            first = last + 1
            try:
                cells = next(table, None)
            except csv.Error as error:
                last = table.line_num
                yield Problem(place("", first), f"the row can't be taken apart ({error})")
                continue
            if cells is None:
                break
            last = table.line_num
            if last <= header or not any(cells):
                continue
            if last > first:
                yield Problem(f"lines {first} to {last}", "one row runs over several lines: a quotation mark is open")
                continue
            del cells[width:]
            cells.extend([""] * (width + 1 - len(cells)))
            yield _row(chosen(cells), last)
    for line in long_lines:
        yield Problem(place("", line), "the line is too long to be a listen")


def _row(cells: tuple[str, ...], line: int) -> Row:
    """One row; ``cells`` are in the order of ``COLUMNS``."""
    (
        artist,
        title,
        album,
        started,
        ended,
        duration,
        duration_ms,
        played,
        ms_played,
        skipped,
        recording_mbid,
        isrc,
        listener,
    ) = cells
    if not title or title.isspace():
        return Problem(place("", line), "it has no title")
    duration_s = seconds(duration_ms, 1000) if duration_ms else seconds(duration) if duration else None
    played_s = seconds(ms_played, 1000) if ms_played else seconds(played) if played else None
    started_at = unix_seconds(started) if started else None
    if started_at is None:
        ended_at = unix_seconds(ended) if ended else None
        if ended_at is None:
            told = started or ended
            return Problem(place("", line), f"its time can't be read ({told[:40]!r})" if told else "it has no time")
        started_at = ended_at - round(played_s or duration_s or 0)
    flag = skipped.strip().lower()
    return Heard(
        title,
        artist or None,
        album or None,
        recording_mbid or None,
        isrc or None,
        started_at,
        None,
        played_s,
        duration_s,
        True if flag in _YES else False if flag in _NO else None,
        None,
        listener or None,
        "",
        line,
    )


def _layout(sample: Sample) -> tuple[str, int, dict[str, int]] | None:
    """The delimiter, the header's line number, and where each meaning stands; None where it is no such table."""
    header = next(((number, line) for number, line in enumerate(sample.lines, start=1) if line.strip()), None)
    if header is None:
        return None
    number, line = header
    found = [
        (delimiter, _columns(line.decode("utf-8", "replace").rstrip("\r"), delimiter)) for delimiter in _DELIMITERS
    ]
    delimiter, columns = max(found, key=lambda each: len(each[1]))
    if "title" not in columns or not {"started_at", "ended_at"} & columns.keys():
        return None
    return delimiter, number, columns


def _columns(line: str, delimiter: str) -> dict[str, int]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return {}
    names = [cell.strip().casefold().replace(" ", "_").replace("-", "_") for cell in cells]
    return {
        meaning: names.index(called[0])
        for meaning, spellings in COLUMNS.items()
        if (called := [spelling for spelling in spellings if spelling in names])
    }
