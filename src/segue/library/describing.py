"""What people can say of each track's sound: told of any track or file, and kept for the whole library."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import NotFound, UnreadableAudio
from segue.progress import Progress, silent
from segue.store import Database
from segue.types import Track

if TYPE_CHECKING:
    from segue.audio.descriptors.values import Descriptors

__all__ = ["Description", "describe", "describe_tracks"]

BATCH_TRACKS = 64
"""Tracks between two commits: what a killed run hears again."""


@dataclass(frozen=True, slots=True)
class Description:
    """What can be said of one piece: ``track`` is None for a file from outside the library."""

    path: Path | None
    track: Track | None
    descriptors: "Descriptors"


def describe(database: Database, thing: str | os.PathLike[str] | Track, *, whole: bool = False) -> Description:
    """What can be said of a track of the library, or of any file.

    Parameters
    ----------
    whole
        Hear the whole file now; otherwise what the last training kept of a track is told, and a file's windows are
        heard.

    Raises
    ------
    NotFound
        No track and no file has this name, or the track's file is not there.
    UnreadableAudio
        No sound can be taken from it.
    """
    from segue.audio.descriptors.describe import describe_file
    from segue.audio.descriptors.kept import kept_descriptors
    from segue.catalogue.tracks import Catalogue

    track, path = (thing, thing.path) if isinstance(thing, Track) else (None, Path(thing).expanduser())
    if track is None:
        try:
            track = Catalogue(database).resolve(os.fspath(thing))  # type: ignore[arg-type]
            path = track.path
        except NotFound:
            if path is None or not path.is_file():
                raise
    if track is not None and not whole:
        kept = kept_descriptors(database, [track.id])
        if track.id in kept:
            return Description(path, track, kept[track.id])
    if path is None:
        raise NotFound(f"no file of '{track}' is there now: run 'segue scan FOLDER' where it is")
    return Description(path, track, describe_file(path, whole=whole))


def describe_tracks(
    database: Database, tracks: Sequence[Track], *, workers: int = 0, progress: Progress = silent
) -> int:
    """Describe the tracks that were heard before descriptors of this version were; how many are described now.

    Tracks without a sound, and files that can't be read just now, are left out.
    """
    from segue.audio.descriptors.hearing import descriptors_of_many
    from segue.audio.descriptors.kept import described, keep
    from segue.encoders.embedding import unheard_tracks

    done = described(database)
    passed = {*done, *unheard_tracks(database)}
    wanted = sorted({track.id: track.path for track in tracks if track.path and track.id not in passed}.items())
    found: dict[str, Descriptors] = {}
    if wanted:
        for position, one in descriptors_of_many([path for _, path in wanted], workers, progress):
            if not isinstance(one, UnreadableAudio):
                found[wanted[position][0]] = one
            if len(found) == BATCH_TRACKS:
                keep(database, found)
                found.clear()
        keep(database, found)
    return len(described(database) & {track.id for track in tracks})
