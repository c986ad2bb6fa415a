"""The home folder: where everything Segue knows about one household lies.

::

    HOME/segue.sqlite            catalogue, listens, opinions (WAL)
    HOME/segue.toml              settings, written by a person
    HOME/vectors/NAME/           row-aligned matrices, one folder a kind
    HOME/models/NAME/VERSION/    safetensors + card.json
    HOME/reports/  HOME/cache/   what can be made again

Every file is written beside its place, fsynced and renamed, so that a killed process leaves the old file or the
new one and never half of either. One process at a time may change the folder; readers are never kept waiting.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from segue.errors import BadInput, HomeBusy

__all__ = ["Home", "new_directory", "write_bytes", "write_text"]


class Home:
    """The folder and its places.

    Parameters
    ----------
    root
        The folder; None takes ``SEGUE_HOME``, or else the platform's data folder. It is made when missing.

    Raises
    ------
    BadInput
        The folder can't be made or written.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        chosen = root or os.environ.get("SEGUE_HOME") or platformdirs.user_data_dir("segue", appauthor=False)
        self.root = Path(chosen).expanduser().absolute()
        try:
            for place in (self.vectors, self.models, self.reports, self.cache):
                place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"the home folder {self.root} can't be used ({error.strerror}): "
                "give another with --home DIR or SEGUE_HOME=DIR"
            ) from error

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "segue.sqlite"

    @property
    def settings_file(self) -> Path:
        """The settings a person wrote (may be missing)."""
        return self.root / "segue.toml"

    @property
    def vectors(self) -> Path:
        """Row-aligned matrices."""
        return self.root / "vectors"

    @property
    def models(self) -> Path:
        """Trained models, one folder a name, one folder a version in it."""
        return self.root / "models"

    @property
    def reports(self) -> Path:
        """Reports and pages."""
        return self.root / "reports"

    @property
    def cache(self) -> Path:
        """What can be fetched or computed again."""
        return self.root / "cache"

    def latest(self, name: str) -> Path | None:
        """The newest version of a trained model, or None."""
        versions = sorted(place for place in (self.models / name).glob("[0-9]*") if (place / "card.json").exists())
        return versions[-1] if versions else None

    @contextmanager
    def publish(self, name: str) -> Iterator[Path]:
        """Fill a folder for the next version of a model; it is there whole or not at all."""
        taken = [int(place.name) for place in (self.models / name).glob("[0-9]*")]  # with those that lost their card
        version = f"{max(taken, default=0) + 1:04d}"
        with new_directory(self.models / name / version) as directory:
            yield directory

    @contextmanager
    def changing(self, task: str) -> Iterator[None]:
        """Hold the folder for a change; ``task`` is what the next process is told.

        The lock belongs to the process, so that a killed one leaves no stale lock behind.

        Raises
        ------
        HomeBusy
            Another process holds it.
        """
        import filelock

        lock = filelock.FileLock(self.root / ".lock", timeout=0)
        note = self.root / ".lock.json"
        try:
            lock.acquire()
        except filelock.Timeout:
            raise HomeBusy(f"{self._holder(note)} is changing {self.root}: wait until it has ended") from None
        try:
            write_text(note, json.dumps({"pid": os.getpid(), "task": task, "since": int(time.time())}))
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

    @staticmethod
    def _holder(note: Path) -> str:
        with suppress(OSError, ValueError, KeyError, TypeError):
            held = json.loads(note.read_text("utf-8"))
            since = time.strftime("%H:%M:%S", time.localtime(held["since"]))
            return f"'segue {held['task']}' (process {held['pid']}, since {since})"
        return "another segue process"


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: beside, fsync, rename, fsync of the folder."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def write_text(path: Path, content: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Fill a folder beside its place and put it there whole when the block ends well.

    Folders left by a killed process (``.NAME.*.part``) are swept away first.

    Raises
    ------
    FileExistsError
        ``path`` is there already: what was published does not change.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(leftover, ignore_errors=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.mkdir()
    try:
        yield beside
        for file in beside.rglob("*"):
            if file.is_file():
                with file.open("rb") as content:
                    os.fsync(content.fileno())
        _sync_directory(beside)
        beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # Windows opens no folders; its rename is durable enough
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
