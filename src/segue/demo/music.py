"""Openly licensed music, fetched once: packages of music out of the Debian archive, without installing them.

In: the list in ``music.toml``. Out: ``CACHE/music/TITLE/`` with a package's music files and its copyright file, and
``CACHE/SOURCES.json``, which says of each package its version, its SHA256 as the archive states it, its licence and
its files. Files without tags are named by their artist, so that a catalogue can tell whose they are.
``apt-get download`` needs no root and checks the archive's signatures; the machine's own package lists are used where
they know a package, and lists of our own (in the cache) where they don't, so that a bare machine works.

A package is there when SOURCES.json says so, and that is written last: whatever a killed fetch left is swept away.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
import threading
import tomllib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path, PurePosixPath

from segue.catalogue.tags import read_tags
from segue.errors import BadInput, NotReady
from segue.home import write_text
from segue.progress import Progress, silent

__all__ = ["FEWEST_TRACKS", "OWN_MUSIC", "Package", "Source", "fetch", "packages"]

FEWEST_TRACKS = 60
"""With less music than this the demo would show nothing worth seeing."""

OWN_MUSIC = "pass a folder of your own music: make demo MUSIC=/path/to/music (or segue demo --music DIR)"

AT_ONCE = 3

SETTINGS = """
Dir::Cache "{cache}/apt";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
"""No hook of the machine runs and its state stays as it is. As root, apt would take a user who can't write here."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the list: what it holds and which of its files are music (see ``music.toml``).

    Files below a folder that is named in ``without`` are left out.
    """

    name: str
    title: str
    by: str
    style: str
    licence: str
    tracks: int
    megabytes: float
    keep: tuple[str, ...]
    inside: str | None = None
    artist: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a folder of music came from; ``sha256`` is the archive's word, and the download had it."""

    package: str
    version: str
    sha256: str
    title: str
    by: str
    style: str
    licence: str
    files: tuple[str, ...]


def packages() -> tuple[Package, ...]:
    """The packages that the demo listens to, from ``music.toml``.

    Examples
    --------
    >>> len({package.style for package in packages()}) >= 8
    True
    """
    written = tomllib.loads(resources.files("segue.demo").joinpath("music.toml").read_text("utf-8"))
    return tuple(Package(**{**entry, "keep": tuple(entry["keep"])}) for entry in written["package"])


def fetch(
    cache: Path,
    *,
    chosen: Sequence[Package] | None = None,
    fewest: int = FEWEST_TRACKS,
    say: Callable[[str], None] = lambda line: None,  # noqa: ARG005 (a listener that hears nothing)
    progress: Progress = silent,
) -> tuple[Source, ...]:
    """Have the music in ``cache/music/TITLE/``; what is there already is not fetched again.

    Parameters
    ----------
    cache
        Where the music, the package lists and SOURCES.json lie.
    chosen
        Other packages than the list's.
    fewest
        The tracks without which there is no demo.
    say
        Told, in a line, of each package that could not be had.
    progress
        Told the megabytes fetched.

    Raises
    ------
    NotReady
        This machine has no apt.
    BadInput
        Fewer than ``fewest`` tracks could be had.
    """
    wanted = tuple(packages() if chosen is None else chosen)
    cache.mkdir(parents=True, exist_ok=True)
    for leftover in cache.glob("part-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    shelf = _Shelf(cache)
    missing = [package for package in wanted if package.name not in shelf.sources]
    if missing:
        problems = _fetch_missing(shelf, missing, fewest, progress)
        for name, problem in sorted(problems.items()):
            say(f"{name}: not fetched, {problem}")
        tracks = shelf.tracks(wanted)
        if tracks < fewest:
            raise BadInput(
                f"only {tracks} tracks of open music could be fetched ({'; '.join(sorted(set(problems.values())))}): "
                f"check the network and run it again, or {OWN_MUSIC}"
            )
    return tuple(shelf.sources[package.name] for package in wanted if package.name in shelf.sources)


class _Shelf:
    """The music in the cache, and SOURCES.json as the one truth of what is whole."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._file = cache / "SOURCES.json"
        self._lock = threading.Lock()
        self.sources: dict[str, Source] = {}
        if self._file.exists():
            try:
                for entry in json.loads(self._file.read_text("utf-8")):
                    source = Source(**{**entry, "files": tuple(entry["files"])})
                    if all((self.folder(source) / name).is_file() for name in source.files):
                        self.sources[source.package] = source
            except (ValueError, TypeError, KeyError):
                self.sources = {}  # not ours or not whole: everything is fetched again

    def folder(self, source: Source) -> Path:
        return self.cache / "music" / source.title

    def tracks(self, wanted: Sequence[Package]) -> int:
        return sum(len(self.sources[package.name].files) for package in wanted if package.name in self.sources)

    def put(self, source: Source, filled: Path) -> None:
        """Take a filled folder in, and only then say that it is there."""
        place = self.folder(source)
        with self._lock:
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            filled.rename(place)
            self.sources[source.package] = source
            entries = [asdict(self.sources[name]) for name in sorted(self.sources)]
            write_text(self._file, json.dumps(entries, indent=1, ensure_ascii=False))


def _fetch_missing(shelf: _Shelf, missing: Sequence[Package], fewest: int, progress: Progress) -> dict[str, str]:
    """Fetch packages, first by the machine's lists, then by our own; the reason of each that could not be had."""
    apt = _Apt(shelf.cache)
    problems: dict[str, str] = {}
    remaining = list(missing)
    enough = shelf.tracks(missing) + sum(package.tracks for package in missing)
    for own_lists in (False, True):
        if own_lists:
            # A package that this distribution does not carry is no reason to fetch all its lists.
            failed = any(not problem.startswith("this ") for problem in problems.values())
            if not failed and enough - sum(package.tracks for package in remaining) >= fewest:
                break
            apt.update(progress)
        stated = apt.show([package.name for package in remaining])
        problems = {
            package.name: "this machine's package sources do not carry it"
            for package in remaining
            if package.name not in stated
        }
        known = [package for package in remaining if package.name in stated]
        problems |= _download_all(apt, shelf, known, stated, progress)
        remaining = [package for package in remaining if package.name in problems]
        if not remaining:
            break
    return problems


def _download_all(
    apt: "_Apt", shelf: _Shelf, known: Sequence[Package], stated: Mapping[str, Mapping[str, str]], progress: Progress
) -> dict[str, str]:
    problems: dict[str, str] = {}
    sizes = {package.name: int(stated[package.name]["Size"]) for package in known}
    total = round(sum(sizes.values()) / 1e6)

    def one(package: Package, part: Path) -> None:
        try:
            deb = apt.download(package.name, stated[package.name], part)
            shelf.put(*_unpack(package, stated[package.name], deb, part))
        except _NotHad as reason:
            problems[package.name] = str(reason)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        parts = {package.name: Path(tempfile.mkdtemp(prefix="part-", dir=shelf.cache)) for package in known}
        # The large ones first: at the end no thread waits for one long download.
        queue = sorted(known, key=lambda package: -sizes[package.name])
        running = {threads.submit(one, package, parts[package.name]): package.name for package in queue}
        waiting, done = set(running), 0
        while waiting:
            finished, waiting = wait(waiting, timeout=0.2)
            there = sum(
                sizes[name] if future not in waiting else min(_bytes_in(parts[name]), sizes[name])
                for future, name in running.items()
            )
            done = max(done, round(there / 1e6))  # a package being unpacked has no bytes to count
            progress("fetching music, MB", done, total)
            for future in finished:
                future.result()
    return problems


class _NotHad(Exception):
    """Why one package could not be had; the others still can."""


class _Apt:
    """apt with a cache of its own, and lists of its own once ``update`` has run."""

    def __init__(self, cache: Path) -> None:
        tools = {name: shutil.which(name) for name in ("apt-get", "apt-cache", "dpkg-deb")}
        absent = [name for name, place in tools.items() if place is None]
        if absent:
            raise NotReady(
                f"this machine has no {' and no '.join(absent)}, which fetch the demo's open music: {OWN_MUSIC}"
            )
        self._cache = cache.absolute()
        self._settings = self._cache / "apt" / "apt.conf"
        (self._cache / "apt" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        write_text(self._settings, SETTINGS.format(cache=self._cache))

    def update(self, progress: Progress) -> None:
        """Fetch package lists into the cache. One dead source among several is no failure."""
        lists = self._cache / "apt" / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        write_text(self._settings, SETTINGS.format(cache=self._cache) + f'Dir::State::Lists "{lists}";\n')
        progress("fetching package lists", 0, 1)
        self._run("apt-get", "update")
        progress("fetching package lists", 1, 1)

    def show(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """What the lists state of packages (Version, Size, SHA256); those they don't know are missing."""
        stated: dict[str, dict[str, str]] = {}
        for stanza in self._run("apt-cache", "--no-all-versions", "show", *names).stdout.split("\n\n"):
            lines = (line.partition(": ") for line in stanza.splitlines() if not line.startswith(" "))
            fields = {key: value for key, _, value in lines}
            if {"Package", "Version", "Size", "SHA256"} <= fields.keys():
                stated[fields["Package"]] = fields
        return stated

    def download(self, name: str, stated: Mapping[str, str], part: Path) -> Path:
        """The package's file, with the SHA256 that the lists state."""
        ran = self._run("apt-get", "download", f"{name}={stated['Version']}", cwd=part)
        found = sorted(part.glob("*.deb"))
        if ran.returncode != 0 or not found:
            raise _NotHad(f"apt-get download: {_last_line(ran.stderr)}")
        with found[0].open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        if sha256 != stated["SHA256"]:
            raise _NotHad("what came is not what the archive states (SHA256)")
        return found[0]

    def _run(self, tool: str, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 (a list, no shell; the names are ours)
            [tool, "-q", "-c", str(self._settings), *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            stdin=subprocess.DEVNULL,
        )


def _unpack(package: Package, stated: Mapping[str, str], deb: Path, part: Path) -> tuple[Source, Path]:
    """The music of a package in a folder of its own, flat, with its copyright file beside it."""
    tree, filled = part / "tree", part / "music"
    filled.mkdir()
    ran = subprocess.run(  # noqa: S603 (as above)
        ["dpkg-deb", "-x", str(deb), str(tree)],  # noqa: S607 (dpkg lies where the machine says)
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode != 0:
        raise _NotHad(f"dpkg-deb: {_last_line(ran.stderr)}")
    if package.inside is not None:
        archives = sorted(tree.rglob(package.inside))
        if not archives:
            raise _NotHad(f"version {stated['Version']} does not hold {package.inside}")
        for archive in archives:
            _from_archive(archive, package.keep, filled)
    else:
        for pattern in package.keep:
            for file in sorted(tree.rglob(pattern)):
                if file.is_file() and not set(package.without) & set(file.relative_to(tree).parts):
                    name = file.name if not (filled / file.name).exists() else f"{file.parent.name} {file.name}"
                    shutil.move(file, filled / name)
    if package.artist is not None:
        for file in sorted(filled.iterdir()):
            if not read_tags(file).artists:
                file.rename(file.with_name(f"{package.artist} - {_as_title(file.stem)}{file.suffix.lower()}"))
    files = tuple(sorted(file.name for file in filled.iterdir()))
    if not files:
        raise _NotHad(f"version {stated['Version']} holds its music elsewhere")
    for notice in sorted((tree / "usr/share/doc" / package.name).glob("copyright*")):
        shutil.copyfile(notice, filled / notice.name)
    source = Source(
        package=package.name,
        version=stated["Version"],
        sha256=stated["SHA256"],
        title=package.title,
        by=package.by,
        style=package.style,
        licence=package.licence,
        files=files,
    )
    return source, filled


def _from_archive(archive: Path, keep: Sequence[str], filled: Path) -> None:
    with zipfile.ZipFile(archive) as members:
        for member in members.namelist():
            if any(fnmatchcase(member, pattern) for pattern in keep):
                (filled / PurePosixPath(member).name).write_bytes(members.read(member))


def _as_title(stem: str) -> str:
    return " ".join(word if word != word.lower() else word.capitalize() for word in stem.replace("_", " ").split())


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.glob("*.deb*"):
        try:
            total += file.stat().st_size
        except FileNotFoundError:  # renamed or removed while we counted
            continue
    return total


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
