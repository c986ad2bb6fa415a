"""The folder of a search: held by one process, and used again only for the same search."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import BadInput, HomeBusy, NotReady
from segue.tune.space import Number, Range
from segue.tune.study import Study

if TYPE_CHECKING:
    import optuna

__all__ = ["need_optuna", "opened"]

NAME = "segue"
STORE = "study.sqlite"


def need_optuna() -> None:
    """Refuse to go on without Optuna.

    Raises
    ------
    NotReady
        It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise NotReady("the search for settings needs Optuna: run pip install 'segue[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@contextmanager
def opened(
    directory: Path, about: Mapping[str, Any], space: Mapping[str, Range], default: Mapping[str, Number], *, seed: int
) -> Iterator[Study]:
    """The study of a folder, held for this process alone.

    Parameters
    ----------
    directory
        Made when missing.
    about
        What the study is of, plain enough for JSON: a study of something else is not gone on with.
    space, default, seed
        As ``Study`` takes them.

    Raises
    ------
    BadInput
        The folder can't be written, or holds the study of something else, or a file that is no study.
    HomeBusy
        Another process is at it.
    """
    import filelock

    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / ".lock", timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise HomeBusy(f"another process is searching in {directory}: wait until it has ended") from None
    except OSError as error:
        raise BadInput(f"{directory} can't be written ({error.strerror}): give another folder with --study") from error
    storage = None
    try:
        storage, study = _load(directory / STORE)
        told = study.user_attrs.get("about")
        if told is None:
            study.set_user_attr("about", dict(about))
        elif told != about:
            other = ", ".join(name for name in {**about, **told} if told.get(name) != about.get(name))
            raise BadInput(
                f"{directory} holds a search of something else (it differs in: {other}): "
                "give another folder with --study, or the table and options of that search"
            )
        found = Study(directory, study, space, default, seed)
        found.give_up()
        yield found
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()
        lock.release()


def _load(file: Path) -> "tuple[optuna.storages.RDBStorage, optuna.Study]":
    import optuna
    from sqlalchemy import URL
    from sqlalchemy.exc import SQLAlchemyError

    url = URL.create("sqlite", database=str(file)).render_as_string()
    try:
        storage = optuna.storages.RDBStorage(url)
        study = optuna.create_study(storage=storage, study_name=NAME, direction="maximize", load_if_exists=True)
    except (SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError) as error:  # the last: of another version
        reason = str(error).splitlines()[0]
        raise BadInput(f"{file} can't be used as a study ({reason}): give another folder with --study") from error
    return storage, study
