"""The catalogue as the other rooms see it: tracks with a file, one track by id, one track by what a person typed."""

import json
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Text, cast, func, select

from segue.catalogue.names import normalise
from segue.catalogue.walk import Skipped, text_of
from segue.errors import NotFound
from segue.store import Database
from segue.store.schema import file, track
from segue.types import Track

__all__ = ["Catalogue"]

LEAST_PREFIX = 4
"""Digits of an id that a person has to type."""
SHOWN = 5
"""Tracks that an answer "did you mean" names."""


class Catalogue:
    """What scans have found.

    Parameters
    ----------
    database
        The store.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def tracks(self) -> list[Track]:
        """Every track with a readable file, sorted by id; ``path`` is the first one (sorted as bytes) that holds it."""
        present = self._present().subquery()
        query = select(*_columns(present.c.path)).join(present, present.c.track_id == track.c.id).order_by(track.c.id)
        with self.database.reading() as connection:
            return [_track(row) for row in connection.execute(query)]

    def get(self, track_id: str) -> Track | None:
        """One track; ``path`` is None when no file holds it now. None when no scan ever met it."""
        found = self._by_ids([track_id])
        return found[0] if found else None

    def resolve(self, text: str) -> Track:
        """The one track that a person means.

        Parameters
        ----------
        text
            An id, the beginning of one, the path of a scanned file, "Artist - Title", or a title.

        Raises
        ------
        NotFound
            No track is called so (the message names the nearest), or several are (it names them).
        """
        text = text.strip()
        exact = (self.get(text) if text.isascii() else None) or self._at(text)
        if exact is not None:
            return exact
        with self.database.reading() as connection:
            names = connection.execute(select(track.c.id, track.c.title, track.c.artists).order_by(track.c.id)).all()
        found: list[str] = []
        for spelled in (_folded, normalise):
            wanted = spelled(text)
            found = found or [one.id for one in names if wanted and wanted in map(spelled, _spellings(*one[1:]))]
        if not found and len(text) >= LEAST_PREFIX:
            found = [one.id for one in names if one.id.startswith(text.casefold())]
        if len(found) > 1:  # of two tracks with one name, the one that can be played is meant
            found = [one.id for one in self._by_ids(found) if one.path is not None] or found
        if len(found) == 1:
            return self._by_ids(found)[0]
        if found:
            shown = _listed(self._by_ids(found[:SHOWN]), len(found))
            raise NotFound(f"{text!r} can mean {len(found)} tracks: give the id of one: {shown}")
        if not names:
            raise NotFound(f"no track is called {text!r}: nothing has been scanned yet: run 'segue scan FOLDER' first")
        near = _listed(self._by_ids(_nearest(text, names)), SHOWN)
        raise NotFound(f"no track is called {text!r}: give an id, a path, 'Artist - Title' or a title; near it: {near}")

    def problems(self) -> list[Skipped]:
        """The files that are there and can't be used, with the reason; sorted by path."""
        query = (
            select(file.c.path, file.c.problem).where(~file.c.gone, file.c.problem.is_not(None)).order_by(file.c.path)
        )
        with self.database.reading() as connection:
            return [Skipped(text_of(path), problem) for path, problem in connection.execute(query)]

    def _present(self) -> Any:
        held = select(file.c.track_id, func.min(file.c.path).label("path"))
        return held.where(~file.c.gone, file.c.problem.is_(None)).group_by(file.c.track_id)

    def _by_ids(self, track_ids: Sequence[str]) -> list[Track]:
        present = self._present().where(file.c.track_id.in_(track_ids)).subquery()
        query = select(*_columns(present.c.path)).outerjoin(present, present.c.track_id == track.c.id)
        with self.database.reading() as connection:
            found = {row[0]: _track(row) for row in connection.execute(query.where(track.c.id.in_(track_ids)))}
        return [found[track_id] for track_id in track_ids if track_id in found]

    def _at(self, text: str) -> Track | None:
        try:
            places = [os.fsencode(place) for place in (Path(text).absolute(), Path(text).expanduser().resolve())]
        except (OSError, RuntimeError, ValueError):  # no path at all: a NUL, a home of nobody
            return None
        query = select(file.c.track_id).where(file.c.path.in_(places), file.c.track_id.is_not(None)).limit(1)
        with self.database.reading() as connection:
            track_id = connection.execute(query).scalar()
        return None if track_id is None else self.get(track_id)


def _columns(path: Any) -> list[Any]:
    """What ``_track`` takes, in the order of ``Track``'s fields; lists as their text, which repeats a lot."""
    columns = [cast(column, Text) if isinstance(column.type, JSON) else column for column in track.columns]
    return [*columns, path]


def _track(row: Sequence[Any]) -> Track:
    values = list(row)
    for place in _LISTS:
        values[place] = _list(values[place])
    if values[-1] is not None:
        values[-1] = Path(os.fsdecode(values[-1]))
    return Track(*values)


@lru_cache(maxsize=1 << 14)
def _list(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


_LISTS = [place for place, column in enumerate(track.columns) if isinstance(column.type, JSON)]


def _folded(text: str) -> str:
    return " ".join(text.replace("–", "-").replace("—", "-").casefold().split())


def _spellings(title: str, artists: Sequence[str]) -> list[str]:
    """How a person may write it: the title, alone or by all artists or by one of them."""
    return [title, *(f"{artist} - {title}" for artist in (", ".join(artists), " & ".join(artists), *artists))]


def _nearest(text: str, names: Iterable[Any]) -> list[str]:
    """Ids of the tracks whose names share the most trigrams with ``text`` (Jaccard), the nearest first."""
    asked = _trigrams(normalise(text))
    likeness = []
    for track_id, title, artists in names:
        spelled = [_trigrams(normalise(spelling)) for spelling in _spellings(title, artists)]
        likeness.append((-max(len(asked & have) / len(asked | have) for have in spelled), track_id))
    return [track_id for _, track_id in sorted(likeness)[:SHOWN]]


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[start : start + 3] for start in range(len(padded) - 2)}


def _listed(tracks: Sequence[Track], known: int) -> str:
    shown = "; ".join(f"{one.id[:8]} {one}" for one in tracks)
    return shown + (" …" if known > len(tracks) else "")
