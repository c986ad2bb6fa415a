"""A file of listening history into the database: read, match, keep, report.

The file is read to its end first, into columns of about 40 bytes a listen; nothing is written before it has proved
readable. Then one transaction holds the whole import, so that a killed process leaves nothing of it and the next run
gives the same rows. What is in the database already (the same listener, second and mention) is left as it is, so that
a file may be imported twice, and exports may overlap.
"""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, insert, or_, select, update

from segue.catalogue.match import Matcher
from segue.errors import BadInput
from segue.home import write_text
from segue.listening.mentions import Mention, Settled, insert_new, keep
from segue.listening.outcomes import outcomes
from segue.listening.people import clean_name, keep_listener, listener_id
from segue.listening.readers.registry import read_history
from segue.listening.readers.rows import Problem
from segue.listening.staging import NO_HINT, History, Staged
from segue.progress import Progress, silent
from segue.store.database import Database
from segue.store.schema import feedback, import_run, listen, mention
from segue.types import Track

__all__ = ["ImportReport", "import_history", "write_unmatched"]

ROWS_A_STATEMENT = 20_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found.

    Attributes
    ----------
    format
        The reader that took the file.
    listens, new, already_known
        Listens of this listener in the file; ``new + already_known == listens``.
    others
        Listens of other people in the same file, left out.
    opinions
        Likes, dislikes and their withdrawals in the file.
    matched, unmatched, by_method
        Listens (not recordings) that a track of the library fits, and how it was found.
    mentions, unmatched_mentions
        Distinct recordings as the file names them, and those that no track fits.
    problems, problem_count
        The first 100 rows that could not be used, and how many there were.
    first_at, last_at
        The earliest and the latest listen, unix seconds; None without listens.
    import_id
        The row of ``import_run``.
    """

    format: str
    listens: int
    new: int
    already_known: int
    others: int
    opinions: int
    matched: int
    unmatched: int
    by_method: dict[str, int]
    mentions: int
    unmatched_mentions: int
    problems: tuple[Problem, ...]
    problem_count: int
    first_at: int | None
    last_at: int | None
    import_id: int


def import_history(
    database: Database,
    tracks: Sequence[Track],
    path: Path,
    listener: str,
    *,
    now: int,
    progress: Progress = silent,
) -> ImportReport:
    """Take one file into the database and tell what it held.

    Parameters
    ----------
    tracks
        The library, to match with.
    listener
        Whose history it is; made when new. In a table with a listener column only their rows are taken.
    now
        Unix seconds; a listen more than a day later is a problem.

    Raises
    ------
    NotFound
        There is no such file.
    UnreadableHistory
        It is no history that is understood, or damaged. Nothing was written.
    BadInput
        The name can't be a listener's, or the file holds several people and none is called so.
    """
    name = clean_name(listener)
    format_name, rows = read_history(path)
    staged = Staged(now)
    staged.take(rows, progress)
    history = staged.of_listener(name, path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    progress("match", 0, len(history.mentions))
    matcher, lengths_s = Matcher(tracks), {track.id: track.duration_s for track in tracks}
    with database.writing() as connection:
        who = keep_listener(connection, name)
        settled = keep(connection, matcher, lengths_s.keys(), history.mentions)
        progress("match", len(settled), len(settled))
        run = insert(import_run).values(
            listener_id=who, source=path.name, format=format_name, sha256=sha256, imported_at=now, counts={}
        )
        import_id = int(connection.execute(run.returning(import_run.c.id)).scalar_one())
        _write_listens(connection, history, settled, lengths_s, who, format_name, import_id, progress)
        _write_opinions(connection, history, settled, matcher, lengths_s.keys(), who)
        new = connection.execute(select(func.count()).where(listen.c.import_id == import_id)).scalar_one()
        report = _report(staged, history, settled, format_name, new, import_id)
        counts = {name: value for name, value in asdict(report).items() if name not in {"problems", "import_id"}}
        connection.execute(update(import_run).where(import_run.c.id == import_id).values(counts=counts))
    return report


def write_unmatched(database: Database, listener: str, path: Path) -> int:
    """Write the recordings of a listener that no track fits as a table a person can mend; return how many.

    Columns: ``plays`` (most first), ``artist``, ``title``, ``album``, ``recording_mbid``, ``isrc``, ``mention`` (the
    row's key), and an empty ``track`` to write a track's id into.

    Raises
    ------
    NotFound
        Nobody is called so.
    BadInput
        The file can't be written.
    """
    with database.reading() as connection:
        who = listener_id(connection, listener)
        plays = (
            select(listen.c.mention_id, func.count().label("plays"))
            .where(listen.c.listener_id == who)
            .group_by(listen.c.mention_id)
            .subquery()
        )
        judged = select(feedback.c.mention_id).where(feedback.c.listener_id == who)
        named = (mention.c.artist, mention.c.title, mention.c.album, mention.c.recording_mbid, mention.c.isrc)
        query = (
            select(func.coalesce(plays.c.plays, 0).label("plays"), *named, mention.c.key)
            .outerjoin_from(mention, plays, plays.c.mention_id == mention.c.id)
            .where(mention.c.matched_by.is_(None), or_(plays.c.plays.is_not(None), mention.c.id.in_(judged)))
        )
        rows = sorted(connection.execute(query), key=lambda row: (-row.plays, row.artist or "", row.title, row.key))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["plays", "artist", "title", "album", "recording_mbid", "isrc", "mention", "track"])
    writer.writerows([*row, ""] for row in rows)
    try:
        write_text(path, table.getvalue())
    except OSError as error:
        raise BadInput(f"{path} can't be written ({error.strerror}): give another file") from error
    return len(rows)


def _write_listens(
    connection: Connection,
    history: History,
    settled: Sequence[Settled],
    lengths_s: Mapping[str, float | None],
    who: int,
    source: str,
    import_id: int,
    progress: Progress,
) -> None:
    known_s = np.array([_length(each, place, lengths_s) for each, place in zip(history.mentions, settled, strict=True)])
    duration_s = np.where(np.isnan(history.duration_s), known_s[history.mention], history.duration_s)
    ended = outcomes(history.played_s, duration_s, history.skipped)
    ended = np.where(history.hint == NO_HINT, ended, history.hint)
    mention_ids = np.array([place.id for place in settled], dtype=np.int64)[history.mention]
    added = insert_new(connection, listen)
    same = {"listener_id": who, "source": source, "import_id": import_id}
    for first in range(0, len(history), ROWS_A_STATEMENT):
        some = slice(first, first + ROWS_A_STATEMENT)
        columns = (column[some].tolist() for column in (mention_ids, history.started_at, history.played_s, ended))
        rows = [
            {
                "mention_id": mention_id,
                "started_at": started_at,
                "played_s": None if played_s != played_s else played_s,
                "outcome": outcome,
                **same,
            }
            for mention_id, started_at, played_s, outcome in zip(*columns, strict=True)
        ]
        connection.execute(added, rows)
        progress("write", first + len(rows), len(history))


def _length(told: Mention, place: Settled, lengths_s: Mapping[str, float | None]) -> float:
    """The recording's length in seconds: the library's, else what the source says of it, else NaN."""
    length_s = lengths_s.get(place.track_id)
    if length_s is None:
        length_s = told.duration_s
    return float("nan") if length_s is None else length_s


def _write_opinions(
    connection: Connection,
    history: History,
    settled: Sequence[Settled],
    matcher: Matcher,
    present: Container[str],
    who: int,
) -> None:
    said = [(settled[position].id, opinion, said_at) for position, opinion, said_at in history.opinions]
    for recording_mbid, opinion, said_at in history.nameless:
        # A mention with names first: the one without is only made when nobody has ever named the recording.
        known = (
            select(mention.c.id)
            .where(mention.c.recording_mbid == recording_mbid)
            .order_by(mention.c.artist.is_(None), mention.c.id)
            .limit(1)
        )
        mention_id = connection.execute(known).scalar()
        if mention_id is None:
            told = Mention.told(f"recording {recording_mbid}", None, None, recording_mbid, None)
            assert told is not None
            mention_id = keep(connection, matcher, present, [told])[0].id
        said.append((mention_id, opinion, said_at))
    if said:
        rows = [
            {"listener_id": who, "mention_id": mention_id, "opinion": str(opinion), "said_at": said_at}
            for mention_id, opinion, said_at in said
        ]
        connection.execute(insert_new(connection, feedback), rows)


def _report(
    staged: Staged, history: History, settled: Sequence[Settled], format_name: str, new: int, import_id: int
) -> ImportReport:
    listens_of = np.bincount(history.mention, minlength=len(settled)).tolist()
    by_method: Counter[str] = Counter()
    for place, listens in zip(settled, listens_of, strict=True):
        if place.how is not None:
            by_method[place.how] += listens
    matched = by_method.total()
    return ImportReport(
        format=format_name,
        listens=len(history),
        new=new,
        already_known=len(history) - new,
        others=history.others,
        opinions=len(history.opinions) + len(history.nameless),
        matched=matched,
        unmatched=len(history) - matched,
        by_method=dict(sorted(by_method.items())),
        mentions=len(settled),
        unmatched_mentions=sum(place.how is None for place in settled),
        problems=tuple(staged.problems),
        problem_count=staged.problem_count,
        first_at=int(history.started_at[0]) if len(history) else None,
        last_at=int(history.started_at[-1]) if len(history) else None,
        import_id=import_id,
    )
