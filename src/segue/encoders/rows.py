"""Rows of numbers a track, in one file a kind: what was heard, and the vectors made of it.

::

    vectors/NAME/header.json    shape and type of a row, and what made the rows
    vectors/NAME/rows.bin       the rows, little-endian, one after the other
    table vector_row            which row is which track's

The table decides what is there. Rows are written behind those it names, fsynced, and only then named, so that a
process killed at any moment leaves at worst some bytes that nobody names; the next writer begins on top of them.
Whether it was killed or not, the same rows appended in the same order make the same file.
"""

import errno
import json
import math
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from segue.errors import DamagedHome, NotReady, SegueError
from segue.home import write_text
from segue.store import Database
from segue.store.schema import vector_row

__all__ = ["RowStore"]


class RowStore:
    """The rows of one name. It is made when it is not there; one process at a time may append.

    Parameters
    ----------
    database
        Where the rows' tracks are recorded.
    directory
        The folder ``vectors`` of a home; the rows lie in its folder ``name``.
    name
        What kind of rows these are ("log_mel", "ears-0001").
    shape, dtype
        Of one row.
    source
        What makes the rows (a model's checksum). Rows that another source made are dropped: a model folder deleted
        by hand lets its version be given again.

    Raises
    ------
    DamagedHome
        What is there has rows of another form, or fewer than are recorded.
    """

    def __init__(
        self,
        database: Database,
        directory: Path,
        name: str,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        source: str = "",
    ) -> None:
        self.name = name
        self.source = source
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self._database = database
        self._folder = _folder(directory, name)
        self._file = self._folder / "rows.bin"
        self._row_bytes = math.prod(self.shape) * self.dtype.itemsize
        header = {"shape": list(self.shape), "dtype": self.dtype.str, "source": source}
        found = _header(self._folder)
        if found is not None and found["source"] != source:
            self.drop(database, directory, name)
            found = None
        if found is None:
            # A folder that somebody deleted takes its rows with it.
            with database.writing() as connection:
                connection.execute(delete(vector_row).where(vector_row.c.name == name))
            self._folder.mkdir(parents=True, exist_ok=True)
            write_text(self._folder / "header.json", json.dumps(header) + "\n")
        elif found != header:
            raise self.damaged(
                f"holds rows of {found['shape']} {found['dtype']}, not {header['shape']} {self.dtype.str}"
            )
        self._check()

    @classmethod
    def open(cls, database: Database, directory: Path, name: str) -> Self:
        """The rows of this name as they are; nothing is made.

        Raises
        ------
        NotReady
            There are none.
        DamagedHome
            See ``RowStore``.
        """
        header = _header(_folder(directory, name))
        if header is None:
            raise NotReady(f"nothing called {name} is kept in {directory}: run 'segue train' first")
        return cls(database, directory, name, tuple(header["shape"]), header["dtype"], header["source"])

    @staticmethod
    def drop(database: Database, directory: Path, name: str) -> None:
        """Take the rows of this name away, and what is recorded of them; nothing happens where there are none."""
        folder = _folder(directory, name)
        with database.writing() as connection:
            connection.execute(delete(vector_row).where(vector_row.c.name == name))
        # Renamed first: half a folder must never look like a whole one.
        doomed = folder.with_name(f".{folder.name}.dropped")
        shutil.rmtree(doomed, ignore_errors=True)
        if folder.exists():
            folder.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)

    def __len__(self) -> int:
        return self._recorded()

    def ids(self) -> list[str]:
        """Track ids in the order of the rows."""
        query = select(vector_row.c.track_id).where(vector_row.c.name == self.name).order_by(vector_row.c.row)
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def matrix(self) -> npt.NDArray[Any]:
        """(rows, *shape) as recorded now, read-only, mapped from the file."""
        rows = self._recorded()
        if rows == 0:
            empty = np.zeros((0, *self.shape), dtype=self.dtype)
            empty.setflags(write=False)
            return empty
        return np.memmap(self._file, dtype=self.dtype, mode="r", shape=(rows, *self.shape))

    def row_of(self, track_id: str) -> int | None:
        """Which row is this track's."""
        query = select(vector_row.c.row).where(vector_row.c.name == self.name, vector_row.c.track_id == track_id)
        with self._database.reading() as connection:
            row: int | None = connection.execute(query).scalar()
        return row

    def append(self, ids: Sequence[str], rows: npt.ArrayLike) -> None:
        """Keep more rows; when this returns they outlive a power cut.

        Parameters
        ----------
        ids
            Tracks that have no row yet, each once.
        rows
            (len(ids), *shape).

        Raises
        ------
        ValueError
            The shapes do not fit, or a track would have two rows.
        SegueError
            The disk is full or can't be written.
        """
        content = np.ascontiguousarray(rows, dtype=self.dtype)
        if content.shape != (len(ids), *self.shape):
            raise ValueError(f"rows of {self.name} must have shape {(len(ids), *self.shape)}, not {content.shape}")
        if not ids:
            return
        first = self._recorded()
        try:
            with self._file.open("r+b" if self._file.exists() else "w+b") as file:
                file.truncate(first * self._row_bytes)  # what a killed process left
                file.seek(first * self._row_bytes)
                file.write(content.data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            what = "make room on the disk" if error.errno == errno.ENOSPC else "see to the folder's rights and its disk"
            raise SegueError(f"{self._file} can't be written ({error.strerror}): {what} and run again") from error
        named = [{"name": self.name, "row": first + row, "track_id": one} for row, one in enumerate(ids)]
        try:
            with self._database.writing() as connection:
                connection.execute(insert(vector_row), named)
        except IntegrityError as error:
            raise ValueError(f"a track would have two rows in {self.name}") from error

    def _recorded(self) -> int:
        query = select(func.max(vector_row.c.row)).where(vector_row.c.name == self.name)
        with self._database.reading() as connection:
            last: int | None = connection.execute(query).scalar()
        return 0 if last is None else last + 1

    def _check(self) -> None:
        query = select(func.count()).where(vector_row.c.name == self.name)
        with self._database.reading() as connection:
            named = connection.execute(query).scalar_one()
        rows = self._recorded()
        there = self._file.stat().st_size // self._row_bytes if self._file.exists() else 0
        if named != rows or there < rows:
            raise self.damaged(f"holds {there} rows, and {named} of {rows} are recorded")

    def damaged(self, what: str) -> DamagedHome:
        """The error that says these rows are not what they must be, and what to do."""
        return DamagedHome(f"{self._folder} {what}: delete this folder and run 'segue train' again")


def _folder(directory: Path, name: str) -> Path:
    if not name or name.startswith(".") or Path(name).name != name:
        raise ValueError(f"{name!r} is no name for rows")
    return directory / name


def _header(folder: Path) -> dict[str, Any] | None:
    """What is said of the rows in a folder, or None where there are none."""
    path = folder / "header.json"
    try:
        header = json.loads(path.read_text("utf-8"))
        return {
            "shape": [int(length) for length in header["shape"]],
            "dtype": np.dtype(header["dtype"]).str,
            "source": str(header["source"]),
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedHome(
            f"{path} does not say what rows are there ({error}): delete {folder} and run 'segue train' again"
        ) from error
