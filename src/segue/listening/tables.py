"""Files of listens as tables.

In: Parquet (or CSV) with the columns a person has. Out: a ``Table`` a file (see ``shaping``), all by the same group and
the same order. A file that is too long to be held goes slice by slice instead (``long_histories``).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from segue.errors import BadInput, NotFound
from segue.listening.shaping import Columns, Table, shaped

__all__ = ["ACCEPTED", "choose_columns", "fingerprint", "is_csv", "read_columns", "read_tables", "reading"]

NEEDED = "a table of listens needs listener (or playlist), played_at (or position) and track"
TEXTS = ("listener", "playlist", "track", "artist")
ACCEPTED = (*TEXTS, "played_at", "position", "duration_s", "played_s", "skipped", "target")


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
    columns = choose_columns(paths, groups)
    return [shaped(path, read_columns(path, ACCEPTED), columns) for path in paths]


def fingerprint(path: Path) -> dict[str, Any]:
    """The name and SHA-256 of a file, so that a report says which data it speaks of."""
    with path.open("rb") as file:
        return {"file": path.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def choose_columns(paths: Sequence[Path], groups: Sequence[str] = ("listener", "playlist")) -> Columns:
    """Which columns group and order the rows of all these files; nothing but their heads is read.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        A file can't be read or lacks a column, or two have none in common.
    """
    heads = [[name for name in _head(path) if name in ACCEPTED] for path in paths]
    group = _shared(paths, heads, groups)
    order = _shared(paths, heads, ("position", "played_at") if group == "playlist" else ("played_at", "position"))
    _shared(paths, heads, ("track",))
    return Columns(group, order)


def read_columns(path: Path, accepted: Sequence[str]) -> pl.DataFrame:
    """The accepted columns of a file.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        It can't be read.
    """
    kept = [name for name in _head(path) if name in accepted]
    with reading(path):
        if is_csv(path):
            # Ids stay text: read as numbers, "007" would meet "7".
            types = {name: pl.String for name in kept if name in TEXTS}
            return pl.read_csv(
                path, columns=kept, schema_overrides=types, try_parse_dates=True, infer_schema_length=None
            )
        return pl.read_parquet(path, columns=kept)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What goes wrong in reading a file is one sentence."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"{path} can't be read as a table ({reason}): give a Parquet or CSV file") from error


def is_csv(path: Path) -> bool:
    """Whether a file is CSV by its name; all others are taken for Parquet."""
    return path.suffix.lower() == ".csv"


def _head(path: Path) -> list[str]:
    if not path.is_file():
        raise NotFound(f"there is no file {path}: give the path of a Parquet or CSV file")
    with reading(path):
        return pl.read_csv(path, n_rows=0).columns if is_csv(path) else list(pl.read_parquet_schema(path))


def _shared(paths: Sequence[Path], heads: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    for name in names:
        if all(name in head for head in heads):
            return name
    for path, head in zip(paths, heads, strict=True):
        if not any(name in head for name in names):
            has = ", ".join(head) or "none of them"
            raise BadInput(f"{path} has no column {' or '.join(names)}: {NEEDED}; it has {has}")
    odd = [next(path for path, head in zip(paths, heads, strict=True) if name not in head) for name in reversed(names)]
    raise BadInput(f"{' and '.join(map(str, odd))} share no column {' or '.join(names)}: all files need the same one")
