"""Files of listens and of vectors, checked and brought to one shape.

In: Parquet (or CSV) with the columns a person has. Out: a ``Table`` with ids as text, one moment to order by, and
how each listen ended. Every fault is one sentence that names the file, the column and the number of rows, because
an evaluation that guesses at its input measures the guess.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from segue.errors import BadInput, NotFound
from segue.listening.outcomes import completions, outcomes

__all__ = ["Table", "fingerprint", "read_tables", "read_vectors"]

NEEDED = "a table of listens needs listener (or playlist), played_at (or position) and track"
TEXTS = ("listener", "playlist", "track", "artist")
ACCEPTED = (*TEXTS, "played_at", "position", "duration_s", "played_s", "skipped", "target")

UNITS = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""Microseconds in a unit of played_at, by the size of its numbers: below 10¹¹ they are seconds since 1970 (to the
year 5138), below 10¹⁴ milliseconds, below 10¹⁷ microseconds."""


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
    """

    frame: pl.DataFrame
    given: pl.DataFrame
    group: str
    order: str

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: npt.NDArray[np.int64], target: npt.NDArray[np.bool_]) -> "Table":
        """These rows in this order, numbered from 0, with new marks of what is to be predicted."""
        mark = pl.Series("target", target, dtype=pl.Boolean)
        frame = self.frame[rows].with_columns(mark, row=pl.int_range(pl.len(), dtype=pl.Int64))
        return replace(self, frame=frame, given=self.given[rows].with_columns(mark))


def read_tables(paths: Sequence[Path], groups: Sequence[str] = ("listener", "playlist")) -> list[Table]:
    """Read tables that belong together, so all by the same group and the same order.

    Parameters
    ----------
    paths
        Parquet files, or CSV where the name ends so.
    groups
        Which column groups the rows, the preferred one first. Playlists go by ``position`` before ``played_at``,
        listeners the other way round.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        A file can't be read, or lacks a column, or a column holds what it must not.
    """
    frames = [_read(path, ACCEPTED, TEXTS) for path in paths]
    group = _choose(paths, frames, groups)
    order = _choose(paths, frames, ("position", "played_at") if group == "playlist" else ("played_at", "position"))
    _choose(paths, frames, ("track",))
    return [_shape(path, frame, group, order) for path, frame in zip(paths, frames, strict=True)]


def read_vectors(path: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Track ids, and float32 (tracks, dim) of unit length: how each sounds.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        It lacks ``track`` or ``vector``, or a vector is missing, of another length, or not finite.
    """
    frame = _read(path, ("track", "vector"), ("track",))
    for name in ("track", "vector"):
        if name not in frame.columns:
            raise BadInput(f"{path} has no column {name}: vectors need track (an id) and vector (a list of numbers)")
    if not len(frame):
        raise BadInput(f"{path} has no rows: leave --vectors out, or give a file with vectors")
    ids = _text(path, frame, "track")
    if twice := len(ids) - ids.n_unique():
        raise BadInput(f"{path}: {twice} rows of track repeat an id that has a vector already; keep one vector a track")
    column = frame["vector"]
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if not isinstance(column.dtype, pl.List) or not column.dtype.inner.is_numeric():
        raise BadInput(f"{path}: column vector is of type {column.dtype}; it must hold lists of numbers")
    lengths = column.list.len()
    dim = lengths[0]
    if wrong := int((lengths != dim).sum()) + column.null_count() if dim else len(column):
        raise BadInput(f"{path}: {wrong} rows of vector are empty or differ in length from the first ({dim})")
    matrix = column.explode().cast(pl.Float32).to_numpy().reshape(len(ids), dim).astype(np.float32)
    if wrong := int(np.count_nonzero(~np.isfinite(matrix).all(axis=1))):
        raise BadInput(f"{path}: {wrong} rows of vector hold nulls, NaN or infinity; leave those tracks out")
    norm = np.linalg.norm(matrix, axis=1, keepdims=True)
    return ids.to_list(), np.divide(matrix, norm, out=np.zeros_like(matrix), where=norm > 0)


def fingerprint(path: Path) -> dict[str, Any]:
    """The name and SHA-256 of a file, so that a report says which data it speaks of."""
    with path.open("rb") as file:
        return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _read(path: Path, accepted: Sequence[str], texts: Sequence[str]) -> pl.DataFrame:
    if not path.is_file():
        raise NotFound(f"there is no file {path}: give the path of a Parquet or CSV file")
    try:
        if path.suffix.lower() == ".csv":
            # Ids stay text: read as numbers, "007" would meet "7".
            names = pl.read_csv(path, n_rows=0).columns
            kept = [name for name in names if name in accepted]
            types = {name: pl.String for name in kept if name in texts}
            return pl.read_csv(
                path, columns=kept, schema_overrides=types, try_parse_dates=True, infer_schema_length=None
            )
        names = list(pl.read_parquet_schema(path))
        return pl.read_parquet(path, columns=[name for name in names if name in accepted])
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path} can't be read as a table ({reason}): give a Parquet or CSV file") from error


def _choose(paths: Sequence[Path], frames: Sequence[pl.DataFrame], names: Sequence[str]) -> str:
    for name in names:
        if all(name in frame.columns for frame in frames):
            return name
    for path, frame in zip(paths, frames, strict=True):
        if not any(name in frame.columns for name in names):
            has = ", ".join(frame.columns) or "none of them"
            raise BadInput(f"{path} has no column {' or '.join(names)}: {NEEDED}; it has {has}")
    raise BadInput(f"{' and '.join(map(str, paths))} share no column {' or '.join(names)}: both need the same one")


def _shape(path: Path, given: pl.DataFrame, group: str, order: str) -> Table:
    if not len(given):
        raise BadInput(f"{path} has no rows: give a table with listens in it")
    moment = _moment(path, given, order)
    seconds = moment // 1_000_000 if order == "played_at" else pl.zeros(len(given), dtype=pl.Int64, eager=True)
    played_s, duration_s = _amount(path, given, "played_s"), _amount(path, given, "duration_s")
    outcome = outcomes(played_s, duration_s, _skips(path, given))
    target = given["target"] if "target" in given.columns else pl.ones(len(given), dtype=pl.Boolean, eager=True)
    if target.dtype != pl.Boolean or target.null_count():
        raise BadInput(f"{path}: column target must be true or false in every row ({target.null_count()} are null)")
    nobody = pl.Series([None], dtype=pl.String).new_from_index(0, len(given))
    frame = pl.DataFrame(
        {
            "row": pl.int_range(len(given), dtype=pl.Int64, eager=True),
            "group": _text(path, given, group),
            "moment": moment,
            "started_at": seconds,
            "track": _text(path, given, "track"),
            "artist": _text(path, given, "artist", nulls=True) if "artist" in given.columns else nobody,
            "outcome": outcome,
            "completion": completions(played_s, duration_s),
            "target": target,
        }
    )
    return Table(frame, given, group, order)


def _text(path: Path, frame: pl.DataFrame, name: str, *, nulls: bool = False) -> pl.Series:
    column = frame[name]
    if (missing := column.null_count()) and not nulls:
        raise BadInput(f"{path}: {missing} rows of {name} are null; fill them or leave those rows out")
    if column.dtype.is_nested():
        raise BadInput(f"{path}: column {name} is of type {column.dtype}; it must hold text or numbers")
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"{path}: column {name} can't be read as text ({column.dtype})") from error


def _moment(path: Path, frame: pl.DataFrame, name: str) -> pl.Series:
    column = frame[name]
    if nulls := column.null_count():
        raise BadInput(f"{path}: {nulls} rows of {name} are null; fill them or leave those rows out")
    if column.dtype.is_float() and (wrong := int((~column.is_finite()).sum())):
        raise BadInput(f"{path}: {wrong} rows of {name} are not finite; fill them or leave those rows out")
    if name == "position":
        if not column.dtype.is_numeric():
            raise BadInput(f"{path}: column position is of type {column.dtype}; it must hold numbers")
        return column.cast(pl.Float64)
    if isinstance(column.dtype, pl.Datetime):  # without a zone it is taken as UTC
        return column.dt.epoch("us")
    if not column.dtype.is_numeric():
        raise BadInput(
            f"{path}: column played_at is of type {column.dtype}; give dates with times, or unix seconds "
            "(or milliseconds) as numbers"
        )
    least, most = float(column.min()), float(column.max())  # type: ignore[arg-type]
    for bound, factor in UNITS:
        if most < bound:
            if factor < 1_000_000 and least < bound / 1_000:
                raise BadInput(f"{path}: played_at mixes seconds and smaller units; give unix seconds in every row")
            if column.dtype.is_float():
                return (column * factor).round().cast(pl.Int64)
            return column.cast(pl.Int64) * factor
    raise BadInput(f"{path}: played_at holds {most:.3g}, which is no unix time in seconds or milliseconds")


def _amount(path: Path, frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name not in frame.columns or frame[name].dtype == pl.Null:
        return np.full(len(frame), np.nan)
    column = frame[name]
    if not column.dtype.is_numeric():
        raise BadInput(f"{path}: column {name} is of type {column.dtype}; it must hold seconds as numbers")
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if wrong := int(np.count_nonzero((values < 0) | np.isinf(values))):
        raise BadInput(f"{path}: {wrong} rows of {name} are below zero or infinite; leave such values empty")
    return values


def _skips(path: Path, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    if "skipped" not in frame.columns or frame["skipped"].dtype == pl.Null:
        return np.zeros(len(frame), dtype=bool)
    column = frame["skipped"]
    if column.dtype != pl.Boolean and not (column.dtype.is_integer() and column.drop_nulls().is_in([0, 1]).all()):
        raise BadInput(f"{path}: column skipped is of type {column.dtype}; it must hold true, false or null")
    return column.cast(pl.Boolean).fill_null(value=False).to_numpy()
