"""Playlist files that every player reads: extended M3U in UTF-8.

``#EXTM3U`` has no standard; this is the common subset of what players write: ``#EXTENC``, ``#PLAYLIST``, one
``#EXTINF:seconds,Artist - Title`` and one path a track. Replacing a playlist of the same name keeps its file.
"""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from segue.errors import BadInput
from segue.home import write_bytes
from segue.types import Track

__all__ = ["write_m3u8"]


def write_m3u8(path: Path, tracks: Sequence[Track], name: str, *, relative: bool = False) -> None:
    """Write a playlist, whole or not at all; an existing file is replaced.

    Parameters
    ----------
    path
        The playlist's file; its folder must exist.
    tracks
        In order; each has a file.
    name
        What players show.
    relative
        False writes absolute paths. True writes them relative to the playlist's folder, so that both can be moved
        together (a file on another drive stays absolute).

    Raises
    ------
    BadInput
        The file can't be written.
    ValueError
        A track has no file.
    """
    lines = [b"#EXTM3U", b"#EXTENC: UTF-8", b"#PLAYLIST:" + _bytes(one_line(name))]
    for track in tracks:
        if track.path is None:
            raise ValueError(f"{track} has no file, so it can't stand in a playlist")
        seconds = -1 if track.duration_s is None else round(track.duration_s)
        lines.append(b"#EXTINF:%d,%s" % (seconds, _bytes(one_line(f"{track.artist} - {track.title}"))))
        lines.append(location(track.path, path.absolute().parent if relative else None))
    try:
        write_bytes(path, b"\n".join(lines) + b"\n")
    except OSError as error:
        raise BadInput(f"the playlist {path} can't be written ({error.strerror}): give a folder that can be") from error


def one_line(text: str) -> str:
    r"""Text without line ends and other control characters, single spaces between words.

    Examples
    --------
    >>> one_line("Two\r\nlines\x00 \u2028here ")
    'Two lines here'
    """
    visible = "".join(" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in text)
    return " ".join(visible.split())


def location(file: Path, folder: Path | None) -> bytes:
    r"""A path as a playlist's line: the file name's own bytes, whatever their encoding.

    A name that holds a line end can't stand in a line: it is written as a ``file:`` address.

    Examples
    --------
    >>> location(Path("/music/a.ogg"), Path("/music/lists"))
    b'../a.ogg'
    """
    file = file.absolute()
    if any(sign in str(file) for sign in "\r\n"):
        return file.as_uri().encode("ascii")
    if folder is None:
        return os.fsencode(file)
    try:
        line = Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive
        return os.fsencode(file)
    # A line that begins with # is a comment.
    return os.fsencode(f"./{line}" if line.startswith("#") else line)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
