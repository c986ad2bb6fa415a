"""Open the database, bring its tables up to date, and hand out connections."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from segue.errors import BadInput, DamagedHome, HomeBusy, SegueError

__all__ = ["Database"]

HEAD = "0002"
"""The newest migration; a test holds it against the folder ``migrations/versions``."""


class Database:
    """The store behind one URL.

    Parameters
    ----------
    where
        A SQLite file, or an SQLAlchemy URL (``postgresql+psycopg://…``).

    Raises
    ------
    DamagedHome
        The file is no database, is damaged, or was written by a newer Segue.
    BadInput
        It can't be opened or written.
    HomeBusy
        Another process holds it for long.

    ``reading`` and ``writing`` raise the same whenever the database fails later.
    """

    def __init__(self, where: Path | str) -> None:
        self.name = str(where)
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        self.engine: Engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        with self._failing_in_words():
            self._migrate()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the data."""
        with self._failing_in_words(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of the block is kept, or nothing."""
        with self._failing_in_words(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    @contextmanager
    def _failing_in_words(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:  # the second where rows are taken straight from the driver
            told = self._explained(error.orig if isinstance(error, DBAPIError) else error)
            if told is None:
                raise
            raise told from error

    def _explained(self, error: BaseException | None) -> SegueError | None:
        """What a failure of SQLite means to its user; None for what is a defect of ours."""
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return DamagedHome(
                f"{self.name} is damaged or no Segue database ({error}): restore a copy, or move it away and scan again"
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return HomeBusy(f"{self.name} is held by another process: wait until it has ended")
        if name.startswith("SQLITE_FULL"):
            return SegueError(f"{self.name} can't grow ({error}): make room on the disk and run again")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")):
            return BadInput(
                f"{self.name} can't be used ({error}): see to its folder's rights, or give another with --home DIR"
            )
        return None

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            version = None
            if inspect(connection).has_table("alembic_version"):
                version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            raise DamagedHome(f"{self.name} was written by a newer Segue ({version} > {HEAD}): upgrade segue")
        from alembic import command  # 0.2 s, needed once in a database's life
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _prepare_sqlite(connection: object, _record: object) -> None:
    # Each is per connection. FULL: what was committed outlives a power cut, not only a killed process.
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
