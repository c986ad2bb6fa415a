"""Tables of listens that are too long to be held as text: file after file, slice after slice, into compact columns.

In: Parquet (or CSV) files as ``segue evaluate`` takes them, with the same checks. Out: ``Events`` over ``Items``. What
is kept of a row is 21 bytes: the numbers of its listener and its track, its moment, how it ended. A slice's text goes
once its ids have numbers, so that memory follows the rows by those bytes and the text by the distinct ids only.

Listeners and tracks are sorted by id, events by listener, then moment, then the order of the files and the rows.
"""

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from segue.errors import NotFound
from segue.listening.events import Events, Items
from segue.listening.shaping import Columns, Table, most_named, shaped
from segue.listening.tables import ACCEPTED, choose_columns, is_csv, read_columns, reading
from segue.listening.vector_tables import aligned
from segue.progress import Progress, silent

__all__ = ["LongHistories", "files_matching", "read_histories"]

SLICE = 262_144
"""Rows of a Parquet file that are read at once; a CSV file, whose types show at its end only, is read whole."""

NAMED = {"track": pl.Int32, "artist": pl.String, "len": pl.UInt32}


@dataclass(frozen=True, slots=True)
class LongHistories:
    """What was read: the events, every track that they or the vectors name, and which columns said so."""

    events: Events
    items: Items
    columns: Columns


def files_matching(pattern: str) -> list[Path]:
    """The files of a path or a pattern (``*``, ``?``, ``[…]``, ``**``), sorted by name.

    Raises
    ------
    NotFound
        There is none.
    """
    if Path(pattern).is_file():
        return [Path(pattern)]
    matching = map(Path, glob.glob(pattern, recursive=True))  # noqa: PTH207 (a pattern may begin at the root)
    found = sorted(path for path in matching if path.is_file())
    if not found:
        raise NotFound(f"no file matches {pattern}: give a file, or a pattern in quotes such as 'listens/*.parquet'")
    return found


def read_histories(
    paths: Sequence[Path],
    vectors: tuple[Sequence[str], npt.NDArray[np.float32]] | None = None,
    *,
    progress: Progress = silent,
) -> LongHistories:
    """Read tables of listens one by one.

    Parameters
    ----------
    paths
        Files that belong together; the earlier one goes first where moments are equal.
    vectors
        Ids and float32 (ids, dim): how tracks sound. They may name tracks that nobody has heard.
    progress
        Told of each file.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        A file can't be read, or lacks a column, or a column holds what it must not.
    """
    columns = choose_columns(paths)
    listeners, tracks = _Numbers(), _Numbers()
    kept: list[list[npt.NDArray[Any]]] = []
    named = pl.DataFrame(schema=NAMED)
    for done, path in enumerate(paths, 1):
        for table in _slices(path, columns):
            frame = table.frame
            track = tracks.of(frame["track"])
            rest = [frame[name].to_numpy() for name in ("moment", "outcome", "completion")]
            kept.append([listeners.of(frame["group"]), track, *rest])
            named = _counted(named, track, frame["artist"])
        progress("read listens", done, len(paths))
    for name in vectors[0] if vectors else ():
        tracks.number(name)
    ids, place = tracks.sorted()
    named = named.with_columns(pl.Series("track", place[named["track"].to_numpy()]), source=pl.lit(0))
    items = Items(tuple(ids), aligned(ids, vectors), most_named(named, len(ids)))
    groups, group_place = listeners.sorted()
    return LongHistories(
        _events(tuple(groups), kept, group_place, place, timed=columns.order == "played_at"), items, columns
    )


def _counted(named: pl.DataFrame, track: npt.NDArray[np.int32], artist: pl.Series) -> pl.DataFrame:
    """How often each track was given each artist, with one slice more."""
    more = pl.DataFrame({"track": track, "artist": artist}).filter(pl.col("artist").is_not_null())
    counts = pl.concat([named, more.group_by("track", "artist").len().cast({"len": pl.UInt32})])
    return counts.group_by("track", "artist").agg(pl.col("len").sum())


def _events(
    listeners: tuple[str, ...],
    kept: list[list[npt.NDArray[Any]]],
    group_place: npt.NDArray[np.int32],
    track_place: npt.NDArray[np.int32],
    *,
    timed: bool,
) -> Events:
    columns = [list(parts) for parts in zip(*kept, strict=True)]
    kept.clear()  # so that the parts of a column go as soon as its whole stands
    listener, track, moment, outcome, completion = (np.concatenate(columns.pop(0)) for _ in range(len(columns)))
    listener, track = group_place[listener], track_place[track]
    order = np.lexsort((moment, listener))  # stable: equal moments keep the order of files and rows
    started_at = moment[order] // 1_000_000 if timed else np.zeros(len(order), dtype=np.int64)
    return Events(listeners, listener[order], track[order], started_at, outcome[order], completion[order])


def _slices(path: Path, columns: Columns) -> Iterator[Table]:
    if is_csv(path):
        yield shaped(path, read_columns(path, ACCEPTED), columns)
        return
    with reading(path):
        scan = pl.scan_parquet(path, glob=False)
        rows = int(scan.select(pl.len()).collect().item())
        kept = [name for name in scan.collect_schema().names() if name in ACCEPTED]
    unit: int | None = None
    for first in range(0, max(rows, 1), SLICE):
        with reading(path):
            given = scan.select(kept).slice(first, SLICE).collect()
        where = path if rows <= SLICE else f"{path}, rows from {first:,} on"
        table = shaped(where, given, columns, unit)
        unit = table.unit
        yield table


class _Numbers:
    """Ids and the numbers they were given in the order of their coming."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        return self._numbers.setdefault(name, len(self._numbers))

    def of(self, names: pl.Series) -> npt.NDArray[np.int32]:
        """int32 (names,): the number of each."""
        distinct = names.unique(maintain_order=True)
        numbers = pl.Series([self.number(name) for name in distinct], dtype=pl.Int32)
        return names.replace_strict(distinct, numbers, return_dtype=pl.Int32).to_numpy()

    def sorted(self) -> tuple[pl.Series, npt.NDArray[np.int32]]:
        """The ids in order, and int32 (ids,): the place there of what had each number."""
        names = pl.Series(list(self._numbers), dtype=pl.String)
        order = names.arg_sort().to_numpy()
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return names.gather(order), place
