"""Sound files under folders, with the size and time that tell whether one changed. No file is opened.

Folders and single files flow in; ``Found`` and ``Skipped`` flow out, the same ones in the same order for the same
tree. Links are followed, and each folder is entered once, whatever names lead to it; a folder's own place goes
before a link to it, so that removing the link moves nothing.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segue.errors import BadInput, NotFound

__all__ = ["SOUND_ENDINGS", "Found", "Skipped", "resolve_roots", "text_of", "walk"]

SOUND_ENDINGS = frozenset(b".mp3 .flac .ogg .oga .opus .m4a .aac .wav .aif .aiff .aifc .wma .ape .wv".split())
"""Endings of file names (lower case, bytes) that a scan looks at."""


@dataclass(frozen=True, slots=True)
class Found:
    """A sound file: its path (bytes, absolute), size (bytes) and time of change (nanoseconds)."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that could not be used, and why."""

    path: str
    reason: str


def text_of(path: bytes) -> str:
    r"""A path for people to read; bytes that are no UTF-8 are spelled out.

    >>> text_of(b"caf\xe9.mp3")
    'caf\\xe9.mp3'
    """
    return path.decode("utf-8", "backslashreplace")


def resolve_roots(roots: Sequence[str | os.PathLike[str]]) -> list[bytes]:
    """Absolute paths of folders and files to scan, links resolved, sorted, each once.

    Raises
    ------
    NotFound
        There is no such folder or file.
    BadInput
        It can't be read, or is neither a folder nor a sound file, or none was given.
    """
    if not roots:
        raise BadInput("no folder to scan was given: name the folder your music lies in")
    resolved = set()
    for root in roots:
        shown = text_of(os.fsencode(root))
        try:
            place = Path(root).expanduser().resolve(strict=True)
            mode = place.stat().st_mode
            if stat.S_ISDIR(mode):
                os.scandir(place).close()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no folder or file {shown}: check the name, or mount the disk it is on") from error
        except PermissionError as error:
            raise BadInput(f"{shown} can't be read (permission denied): give this user the right to read it") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise BadInput(f"{shown} can't be scanned ({error}): name a folder of music") from error
        name = os.fsencode(place)
        if not stat.S_ISDIR(mode) and not (stat.S_ISREG(mode) and _is_sound(name)):
            raise BadInput(f"{shown} is neither a folder nor a sound file: name a folder of music")
        resolved.add(name)
    return sorted(resolved)


def walk(roots: Sequence[bytes]) -> Iterator[Found | Skipped]:
    """Every sound file under ``roots`` (from ``resolve_roots``), and what could not be looked at.

    Hidden names (beginning with a dot) and files with other endings are passed over without a word.
    """
    seen_folders: set[tuple[int, int]] = set()
    given_files = [root for root in roots if not os.path.isdir(root)]  # noqa: PTH112 (bytes)
    folders = [root for root in reversed(roots) if os.path.isdir(root)]  # noqa: PTH112 (bytes)
    links: list[bytes] = []
    covered = tuple(folder.rstrip(b"/") + b"/" for folder in folders)
    for path in given_files:
        if not path.startswith(covered):
            yield _look(path)
    while folders or links:
        if not folders:
            links.sort(reverse=True)
            folders.append(links.pop())
        folder = folders.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 (bytes)
            if (status.st_dev, status.st_ino) in seen_folders:
                continue
            seen_folders.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(text_of(folder), f"the folder can't be read ({error.strerror})")
            continue
        deeper: list[bytes] = []
        for entry in inside:
            if entry.name.startswith(b"."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError:  # a circle of links
                is_folder = False
            if is_folder:
                (links if entry.is_symlink() else deeper).append(entry.path)
            elif _is_sound(entry.name):
                yield _look(entry.path)
        folders += reversed(deeper)


def _is_sound(name: bytes) -> bool:
    return os.path.splitext(name)[1].lower() in SOUND_ENDINGS  # noqa: PTH122 (bytes)


def _look(path: bytes) -> Found | Skipped:
    try:
        status = os.stat(path)  # noqa: PTH116 (bytes)
    except OSError as error:
        return Skipped(text_of(path), f"the file can't be looked at ({error.strerror})")
    if not stat.S_ISREG(status.st_mode):
        return Skipped(text_of(path), "not a file of its own kind: a pipe, a socket or a device")
    return Found(path, status.st_size, status.st_mtime_ns)
