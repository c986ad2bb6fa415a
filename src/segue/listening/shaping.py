"""Rows of a table of listens, checked and brought to one shape.

In: the columns a person has, of a whole file or of a part of one. Out: a ``Table`` with ids as text, one moment to
order by, and how each listen ended. Every fault is one sentence that names the file, the column and the number of
rows, because an evaluation that guesses at its input measures the guess.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from segue.errors import BadInput
from segue.listening.outcomes import completions, outcomes

__all__ = ["Columns", "Table", "as_text", "most_named", "shaped"]

UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Microseconds in a unit of played_at, by the size of its numbers: below 10¹¹ they are seconds since 1970 (to the
year 5138), below 10¹⁴ milliseconds, below 10¹⁷ microseconds."""


class Columns(NamedTuple):
    """Which column groups the rows ("listener" or "playlist") and which orders them ("played_at" or "position")."""

    group: str
    order: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file in one shape.

    Attributes
    ----------
    frame
        row (Int64, counted from 0), group (String), moment (Int64 microseconds, or Float64 position), started_at
        (Int64 unix seconds, 0 where only positions are known), track (String), artist (String), outcome (Int8),
        completion (Float32), target (Boolean).
    given
        The accepted columns as the file has them, aligned with ``frame``.
    group
        "listener" or "playlist".
    order
        "played_at" or "position".
    unit
        Microseconds in a unit of played_at; None where it holds dates, or where rows go by position.
    """

    frame: pl.DataFrame
    given: pl.DataFrame
    group: str
    order: str
    unit: int | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: npt.NDArray[np.int64], target: npt.NDArray[np.bool_]) -> "Table":
        """These rows in this order, numbered from 0, with new marks of what is to be predicted."""
        mark = pl.Series("target", target, dtype=pl.Boolean)
        frame = self.frame[rows].with_columns(mark, row=pl.int_range(pl.len(), dtype=pl.Int64))
        return replace(self, frame=frame, given=self.given[rows].with_columns(mark))


def shaped(where: Path | str, given: pl.DataFrame, columns: Columns, unit: int | None = None) -> Table:
    """Rows of a file, checked and in one shape.

    Parameters
    ----------
    where
        What a complaint calls them: the file, or a part of it.
    given
        Its accepted columns.
    columns
        What groups and orders them.
    unit
        Microseconds in a unit of played_at in earlier rows of the same file, where there were any.

    Raises
    ------
    BadInput
        A column holds what it must not.
    """
    if not len(given):
        raise BadInput(f"{where} has no rows: give a table with listens in it")
    unit = _unit(where, given, unit) if columns.order == "played_at" else None
    moment = _moment(where, given, columns.order, unit)
    timed = columns.order == "played_at"
    seconds = moment // 1_000_000 if timed else pl.zeros(len(given), dtype=pl.Int64, eager=True)
    played_s, duration_s = _amount(where, given, "played_s"), _amount(where, given, "duration_s")
    outcome = outcomes(played_s, duration_s, _skips(where, given))
    target = given["target"] if "target" in given.columns else pl.ones(len(given), dtype=pl.Boolean, eager=True)
    if target.dtype != pl.Boolean or target.null_count():
        raise BadInput(f"{where}: column target must be true or false in every row ({target.null_count()} are null)")
    nobody = pl.Series([None], dtype=pl.String).new_from_index(0, len(given))
    frame = pl.DataFrame(
        {
            "row": pl.int_range(len(given), dtype=pl.Int64, eager=True),
            "group": as_text(where, given, columns.group),
            "moment": moment,
            "started_at": seconds,
            "track": as_text(where, given, "track"),
            "artist": as_text(where, given, "artist", nulls=True) if "artist" in given.columns else nobody,
            "outcome": outcome,
            "completion": completions(played_s, duration_s),
            "target": target,
        }
    )
    return Table(frame, given, columns.group, columns.order, unit)


def most_named(named: pl.DataFrame, tracks: int) -> npt.NDArray[np.int32] | None:
    """int32 (tracks,): the artist of each track as a number, -1 where nobody names one; None where nobody names any.

    Parameters
    ----------
    named
        track (a row), source (the lower one decides where it names anybody), artist (text, no nulls) and len: how often
        it is named so. The name most often given wins, then the first by alphabet.
    tracks
        How many there are.
    """
    if not len(named):
        return None
    chosen = named.sort(["track", "source", "len", "artist"], descending=[False, False, True, False]).unique(
        "track", keep="first", maintain_order=True
    )
    artist = np.full(tracks, -1, dtype=np.int32)
    artist[chosen["track"].to_numpy()] = chosen["artist"].rank("dense").cast(pl.Int32).to_numpy() - 1
    return artist


def as_text(where: Path | str, frame: pl.DataFrame, name: str, *, nulls: bool = False) -> pl.Series:
    """A column of ids as text.

    Raises
    ------
    BadInput
        It holds nulls (unless they may be), or what is neither text nor numbers.
    """
    column = frame[name]
    if (missing := column.null_count()) and not nulls:
        raise BadInput(f"{where}: {missing} rows of {name} are null; fill them or leave those rows out")
    if column.dtype.is_nested():
        raise BadInput(f"{where}: column {name} is of type {column.dtype}; it must hold text or numbers")
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{where}: column {name} can't be read as text ({column.dtype})") from error


def _unit(where: Path | str, frame: pl.DataFrame, earlier: int | None) -> int | None:
    """Microseconds in a unit of played_at; None where it holds dates."""
    column = frame["played_at"]
    _whole(where, column)
    if isinstance(column.dtype, pl.Datetime):
        return None
    if not column.dtype.is_numeric():
        raise BadInput(
            f"{where}: column played_at is of type {column.dtype}; give dates with times, or unix seconds "
            "(or milliseconds) as numbers"
        )
    least, most = float(column.min()), float(column.max())  # type: ignore[arg-type]
    for bound, factor in UNITS:
        if most < bound:
            if (factor < 1_000_000 and least < bound / 1_000) or earlier not in (None, factor):
                raise BadInput(f"{where}: played_at mixes seconds and smaller units; give unix seconds in every row")
            return factor
    raise BadInput(f"{where}: played_at holds {most:.3g}, which is no unix time in seconds or milliseconds")


def _moment(where: Path | str, frame: pl.DataFrame, name: str, unit: int | None) -> pl.Series:
    column = frame[name]
    if name == "position":
        _whole(where, column)
        if not column.dtype.is_numeric():
            raise BadInput(f"{where}: column position is of type {column.dtype}; it must hold numbers")
        return column.cast(pl.Float64)
    if unit is None:  # dates; without a zone they are taken as UTC
        return column.dt.epoch("us")
    if column.dtype.is_float():
        return (column * unit).round().cast(pl.Int64)
    return column.cast(pl.Int64) * unit


def _whole(where: Path | str, column: pl.Series) -> None:
    if nulls := column.null_count():
        raise BadInput(f"{where}: {nulls} rows of {column.name} are null; fill them or leave those rows out")
    if column.dtype.is_float() and (wrong := int((~column.is_finite()).sum())):
        raise BadInput(f"{where}: {wrong} rows of {column.name} are not finite; fill them or leave those rows out")


def _amount(where: Path | str, frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in frame.columns or frame[name].dtype == pl.Null:
        return np.full(len(frame), np.nan)
    column = frame[name]
    if not column.dtype.is_numeric():
        raise BadInput(f"{where}: column {name} is of type {column.dtype}; it must hold seconds as numbers")
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if wrong := int(np.count_nonzero((values < 0) | np.isinf(values))):
        raise BadInput(f"{where}: {wrong} rows of {name} are below zero or infinite; leave such values empty")
    return values


def _skips(where: Path | str, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    if "skipped" not in frame.columns or frame["skipped"].dtype == pl.Null:
        return np.zeros(len(frame), dtype=bool)
    column = frame["skipped"]
    if column.dtype != pl.Boolean and not (column.dtype.is_integer() and column.drop_nulls().is_in([0, 1]).all()):
        raise BadInput(f"{where}: column skipped is of type {column.dtype}; it must hold true, false or null")
    return column.cast(pl.Boolean).fill_null(value=False).to_numpy()
