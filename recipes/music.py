"""The open music that the shipped weights learn from, and the music that they never hear.

Both are packages of the Debian archive; ``music.tsv`` says which side each is on, wholly. In: that list. Out:
``CACHE/music/PACKAGE/…``, fetched as the demo fetches its music, tracker modules rendered by ``openmpt123`` and MIDI by
``recipes.midi`` (external programs both), and a ``Recording`` for every file that is music: at least twenty seconds
long, no stem of another.
"""

import csv
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av

from recipes import midi
from segue.catalogue.tags import read_tags
from segue.demo.music import Package, Source
from segue.demo.music import fetch as fetch_packages
from segue.errors import NotReady
from segue.progress import Progress, silent

__all__ = ["Recording", "fetch", "packages", "recordings"]

Role = Literal["train", "test"]

SOUNDS = (".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav")
MODULES = (".it", ".mod", ".s3m", ".xm")
PIECES = (".mid", ".wad")
RENDERED = ".rendered.flac"
LONGEST_MODULE_S = 240
SHORTEST_S = 20.0
STEMS = ("guitar", "rhythm", "drums")
"""Files of these names beside a song are parts of it (Frets on Fire)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of music: its package stands for an album."""

    path: Path
    package: str
    artist: str | None
    title: str
    style: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of ``music.tsv``."""

    role: Role
    package: str
    style: str | None
    licence: str
    megabytes: float
    without: tuple[str, ...]
    """Folders that hold no music."""
    keep: tuple[str, ...]
    """Patterns of what is music, where endings don't tell; MIDI only where it is asked for."""
    inside: str | None
    """Archives that the package keeps its files in."""


def packages(role: Role | None = None) -> tuple[Listed, ...]:
    """The list; of one side only where it is named."""
    with (Path(__file__).parent / "music.tsv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    return tuple(
        Listed(
            "train" if line["role"] == "train" else "test",
            line["package"],
            line["style"] or None,
            line["licence"],
            float(line["megabytes"]),
            tuple(filter(None, line["without"].split(","))),
            tuple(filter(None, line["keep"].split(","))),
            line["inside"] or None,
        )
        for line in lines
        if role in (None, line["role"])
    )


def fetch(cache: Path, listed: Sequence[Listed], progress: Progress = silent) -> tuple[Source, ...]:
    """Have these packages in ``cache/music``, modules rendered; what is there is not fetched or rendered again.

    Raises
    ------
    BadInput
        A package could not be had.
    NotReady
        There is no apt, no openmpt123, or no fluidsynth.
    """
    patterns = tuple(f"*{ending}" for end in (*SOUNDS, *MODULES) for ending in (end, end.upper()))
    chosen = [
        Package(
            name=one.package,
            title=one.package,
            by="",
            style=one.style or "",
            licence=one.licence,
            tracks=1,
            megabytes=one.megabytes,
            keep=one.keep or patterns,
            inside=one.inside,
            without=one.without,
        )
        for one in listed
    ]
    sources = fetch_packages(cache, chosen=chosen, fewest=len(chosen), progress=progress)
    scores = [
        score
        for source in sources
        for path in sorted((cache / "music" / source.title).iterdir())
        for score in (midi.lumps(path) if path.suffix.lower() == ".wad" else [path])
        if score.suffix.lower() in (*MODULES, *PIECES)
    ]
    for done, score in enumerate(scores):
        progress("rendering modules and MIDI", done, len(scores))
        _render(score)
    return sources


def recordings(folder: Path, role: Role) -> list[Recording]:
    """Every file of music of one side below ``folder`` (``CACHE/music``), in a stable order."""
    found = []
    for one in packages(role):
        for path in sorted((folder / one.package).glob("*")):
            if path.suffix.lower() in (*SOUNDS, "") and not path.stem.endswith(STEMS) and _seconds(path) >= SHORTEST_S:
                tags = read_tags(path)
                artist = tags.artists[0] if tags.artists else None
                found.append(Recording(path, one.package, artist, tags.title or path.stem, one.style))
    return found


def _seconds(path: Path) -> float:
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            return (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, OSError):
        return 0.0


def _render(score: Path) -> None:
    rendered = score.with_name(score.name + RENDERED)
    if rendered.exists():
        return
    if score.suffix.lower() == ".mid":
        midi.render(score, rendered)
        return
    program = shutil.which("openmpt123")
    if program is None:
        raise NotReady("tracker modules are rendered by openmpt123: apt-get install openmpt123")
    flac = score.with_name(score.name + ".flac")
    limits = ["--samplerate", "32000", "--channels", "2", "--end-time", str(LONGEST_MODULE_S)]
    command = [program, "--quiet", "--render", "--output-type", "flac", "--force", *limits, str(score)]
    subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    if flac.exists():  # not every file with such an ending is a module
        flac.rename(rendered)
