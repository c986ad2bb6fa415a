"""Open the database, bring its tables up to date, and hand out connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from segue.errors import DamagedHome, HomeBusy

__all__ = ["Database"]

HEAD = "0001"
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
        The file is no database, or was written by a newer Segue.
    """

    def __init__(self, where: Path | str) -> None:
        self.name = str(where)
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        self.engine: Engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        try:
            self._migrate()
        except OperationalError as error:
            raise HomeBusy(f"the database {self.name} can't be opened: {error.orig}") from error
        except DatabaseError as error:
            raise DamagedHome(
                f"{self.name} is not a Segue database ({error.orig}): move it away and scan again"
            ) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the data."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of the block is kept, or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

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
