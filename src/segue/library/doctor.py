"""What is well with an installation and a home folder, what is not, and what to do about it."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select, text

from segue.errors import SegueError
from segue.home import Home
from segue.library import training
from segue.store import Database
from segue.store.schema import file, listen, mention, unheard
from segue.types import Track

if TYPE_CHECKING:
    from segue.encoders.contract import Encoder
    from segue.encoders.search import Vectors

__all__ = ["Finding", "examine"]

CODECS = ("mp3", "flac", "vorbis", "opus", "aac", "alac", "pcm_s16le", "pcm_s16be", "wmav2", "ape", "wavpack")
LOW_DISK_BYTES = 1 << 30
FEWEST_FOR_HUBS = 50
"""Among fewer tracks, ten nearest are everybody."""
SHOWN = 3
"""Tracks that are named where many could be."""
UNEVEN_SKEW, UNEVEN_NEVER = 3.0, 0.1
"""Neighbourhoods more uneven than this after the correction make the same few tracks come up again and again."""


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
            tracks = Catalogue(database).tracks()
            findings += sound_neighbours(vectors, tracks)
            findings += unlike_music(current[0], vectors, tracks)
            taste = home.latest(training.TASTE)
            if taste is not None:
                load_model(taste, training.build_items(database, tracks, vectors))
    except SegueError as error:
        findings.append(Finding("bad", "models", str(error), "segue train"))
    return findings


def sound_neighbours(vectors: "Vectors", tracks: Sequence[Track]) -> list[Finding]:
    """How evenly the library's tracks are each other's neighbours, and how neighbours are searched for."""
    from segue.encoders.approximate import is_there
    from segue.encoders.hubs import HubFigures
    from segue.encoders.search import EXACT_UP_TO
    from segue.encoders.space import NEAREST

    findings = []
    figures = HubFigures.of(vectors)
    if figures.tracks >= FEWEST_FOR_HUBS:
        after, before = figures.corrected, figures.plain
        names = {track.id: f"“{track}”" for track in tracks}
        said = (
            f"skew {after.skew:.1f} ({before.skew:.1f} by plain cosine); {after.never:.0%} of {figures.tracks} tracks "
            f"({before.never:.0%}) are never among another's {NEAREST} nearest; most often is "
            f"{names.get(after.largest, after.largest)}, {after.times}× "
            f"({names.get(before.largest, before.largest)}, {before.times}×)"
        )
        if after.skew > UNEVEN_SKEW or after.never > UNEVEN_NEVER:
            remedy = "segue train --adapt may tell this library's tracks apart better"
            findings.append(Finding("note", "hubs", said, remedy))
        else:
            findings.append(Finding("good", "hubs", said))
    if len(vectors) > EXACT_UP_TO and not is_there():
        said = f"exact over {len(vectors)} tracks; an index would answer sooner where many ask"
        findings.append(Finding("note", "search", said, "pip install 'segue[faiss]'"))
    return findings


def unlike_music(encoder: "Encoder", vectors: "Vectors", tracks: Sequence[Track]) -> list[Finding]:
    """Which tracks do not sound like music, where the encoder can tell."""
    from segue.encoders.joint import Ears
    from segue.encoders.musiclike import THRESHOLD

    if not isinstance(encoder, Ears) or encoder.likeness is None or not len(vectors):
        return []
    scores = encoder.likeness.score(vectors.matrix)
    odd = [place for place in scores.argsort(kind="stable").tolist() if scores[place] < THRESHOLD]
    if not odd:
        return [Finding("good", "music-likeness", f"all {len(vectors)} tracks sound like music")]
    names = {track.id: f"“{track}”" for track in tracks}
    worst = ", ".join(
        f"{names.get(vectors.ids[place], vectors.ids[place])} ({scores[place]:.2f})" for place in odd[:SHOWN]
    )
    said = (
        f"{len(odd)} of {len(vectors)} tracks do not sound like music (a score below {THRESHOLD}), first of all {worst}"
    )
    remedy = "move speech and effects out of the scanned folders, then segue scan (some music is taken for them)"
    return [Finding("note", "music-likeness", said, remedy)]


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
