"""What is well with an installation and a home folder, what is not, and what to do about it."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, text

from segue.errors import SegueError
from segue.home import Home
from segue.library import training
from segue.store import Database
from segue.store.schema import file, listen, mention, unheard

__all__ = ["Finding", "examine"]

CODECS = ("mp3", "flac", "vorbis", "opus", "aac", "alac", "pcm_s16le", "pcm_s16be", "wmav2", "ape", "wavpack")
LOW_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not well."""

    level: Literal["good", "note", "bad"]
    what: str
    is_so: str
    remedy: str | None = None


def examine(home: Home, database: Database) -> list[Finding]:
    """Look at everything; never changes anything."""
    findings = [_python(), _torch(), _codecs(), _disk(home)]
    looks: dict[str, Callable[[], list[Finding]]] = {
        "database": lambda: [_database(database)],
        "catalogue": lambda: _catalogue(database),
        "models": lambda: _models(home, database),
        "history": lambda: _history(database),
    }
    for what, look in looks.items():
        try:
            findings += look()
        except SegueError as error:  # what is damaged is a finding like any other
            findings.append(Finding("bad", what, str(error)))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("good", "python", version)


def _torch() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("bad", "torch", f"does not load ({error})", "pip install 'torch>=2.8'")
    where = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "on the CPU"
    return Finding("good", "torch", f"{torch.__version__}, {where}")


def _codecs() -> Finding:
    try:
        import av
    except ImportError as error:
        return Finding("bad", "decoder", f"PyAV does not load ({error})", "pip install --force-reinstall av")
    missing = [codec for codec in CODECS if codec not in av.codecs_available]
    if missing:
        return Finding("note", "decoder", f"PyAV {av.__version__} lacks {', '.join(missing)}", "pip install -U av")
    return Finding("good", "decoder", f"PyAV {av.__version__} reads {', '.join(CODECS)}")


def _disk(home: Home) -> Finding:
    free = shutil.disk_usage(home.root).free
    said = f"{home.root}, {free / 1e9:.1f} GB free"
    if free < LOW_DISK_BYTES:
        return Finding("bad", "home folder", said, "make room, or move it with --home DIR")
    return Finding("good", "home folder", said)


def _database(database: Database) -> Finding:
    with database.reading() as connection:
        if connection.dialect.name != "sqlite":
            return Finding("good", "database", database.engine.url.render_as_string(hide_password=True))
        verdict = connection.execute(text("PRAGMA quick_check")).scalar()
    if verdict != "ok":
        return Finding("bad", "database", f"{database.name} is damaged: {verdict}", "restore a copy, or scan again")
    return Finding("good", "database", f"{database.name} is whole")


def _catalogue(database: Database) -> list[Finding]:
    with database.reading() as connection:
        present = file.c.gone.is_(False)
        readable = connection.execute(select(func.count()).where(present, file.c.track_id.is_not(None))).scalar_one()
        broken = connection.execute(select(func.count()).where(present, file.c.problem.is_not(None))).scalar_one()
        gone = connection.execute(select(func.count()).where(file.c.gone.is_(True))).scalar_one()
        silent = connection.execute(select(func.count()).select_from(unheard)).scalar_one()
        reasons = connection.execute(
            select(unheard.c.reason, func.count()).group_by(unheard.c.reason).order_by(func.count().desc()).limit(1)
        ).first()
    if not readable:
        return [Finding("note", "catalogue", "no music has been scanned", "segue scan FOLDER")]
    findings = [Finding("good", "catalogue", f"{readable} files can be read")]
    if broken:
        findings.append(Finding("note", "files", f"{broken} can't be read", "segue scan --problems lists them"))
    if gone:
        findings.append(
            Finding("note", "files", f"{gone} are gone; their listens and vectors are kept", "scan where they are now")
        )
    if silent and reasons:
        findings.append(
            Finding("note", "sound", f"{silent} tracks give no vector, most often because: {reasons[0]}", None)
        )
    return findings


def _models(home: Home, database: Database) -> list[Finding]:
    from segue.catalogue.tracks import Catalogue
    from segue.taste.registry import load_model

    findings = []
    for name, kind in ((training.EARS, "encoder"), (training.TASTE, "taste model")):
        place = home.latest(name)
        if place is None:
            findings.append(Finding("note", kind, "not trained yet", "segue train"))
        else:
            findings.append(Finding("good", kind, f"{name} version {place.name}"))
    try:
        current = training.current_encoder(home)
        if current is not None:
            vectors = training.current_vectors(home, database)
            findings.append(
                Finding("good", "vectors", f"{len(vectors.ids)} tracks, {vectors.matrix.shape[1]} numbers each")
            )
            taste = home.latest(training.TASTE)
            if taste is not None:
                load_model(taste, training.build_items(database, Catalogue(database).tracks(), vectors))
    except SegueError as error:
        findings.append(Finding("bad", "models", str(error), "segue train"))
    return findings


def _history(database: Database) -> list[Finding]:
    with database.reading() as connection:
        listens = connection.execute(select(func.count()).select_from(listen)).scalar_one()
        matched = connection.execute(
            select(func.count())
            .select_from(listen.join(mention, listen.c.mention_id == mention.c.id))
            .where(mention.c.matched_by.is_not(None))
        ).scalar_one()
    if not listens:
        return [Finding("note", "history", "no listens; sound alone answers", "segue import FILE --listener NAME")]
    said = f"{listens} listens, {matched / listens:.0%} of them of tracks in the library"
    return [Finding("good" if matched else "note", "history", said, None if matched else "scan the folder they are of")]
