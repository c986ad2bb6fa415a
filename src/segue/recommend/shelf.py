"""The playable tracks as columns: what can be picked at all.

In: tracks that have a file, and the ``Items`` that events and models speak of (which also hold tracks known from
listening only). Out: arrays over *places*, the positions of playable tracks. Every score in this room is an array
over places, so that a track without a file can take part in a history and never in an answer.
"""

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segue.encoders.search import Vectors
from segue.listening.events import Items
from segue.types import Track

__all__ = ["Shelf"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SAMPLE = 512
"""Tracks whose similarities to each other tell how widely a library's similarities spread."""

BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]\s*")


class Shelf:
    """The playable tracks of one library.

    Attributes
    ----------
    tracks
        Place p is ``tracks[p]``.
    rows
        int64 (places,): each place's row in ``items``.
    place_of
        int64 (items,): each item's place, -1 where it has no file.
    vectors
        float32 (places, dim), unit rows (zero without a sound), or None.
    has_sound
        bool (places,): which tracks have a vector.
    artist, album, version
        int64 (places,): equal numbers mean the same artist, album, or title without what stands in brackets;
        -1 is unknown.
    spread
        Half the standard deviation of similarities in this library: the distance over which nearness falls by e.
        Encoders differ in how close they put everything; this makes one formula fit them all.

    Raises
    ------
    ValueError
        A track is no item, or stands twice.
    """

    def __init__(self, tracks: Sequence[Track], items: Items) -> None:
        row_of = {track_id: row for row, track_id in enumerate(items.ids)}
        strangers = [track.id for track in tracks if track.id not in row_of]
        if strangers:
            raise ValueError(f"{len(strangers)} tracks are no items, the first is {strangers[0]}")
        self.items = items
        self.tracks = tuple(tracks)
        self.rows: Ints = np.array([row_of[track.id] for track in tracks], dtype=np.int64)
        if len(np.unique(self.rows)) != len(self.rows):
            raise ValueError("a track stands on the shelf twice")
        self.place_of: Ints = np.full(len(items), -1, dtype=np.int64)
        self.place_of[self.rows] = np.arange(len(self.rows))
        self.row_of = row_of
        self.vectors = None if items.vectors is None else np.ascontiguousarray(items.vectors[self.rows], np.float32)
        self.has_sound: npt.NDArray[np.bool_] = (
            np.zeros(len(self.rows), dtype=bool) if self.vectors is None else np.any(self.vectors != 0, axis=1)
        )
        self.artist = self._column(items.artist)
        self.album = self._column(items.album)
        codes: dict[str, int] = {}
        self.version: Ints = np.array(
            [codes.setdefault(version_key(track.title), len(codes)) for track in tracks], dtype=np.int64
        )
        self.spread = self._measured_spread()

    @cached_property
    def sounds(self) -> Vectors:
        """The playable tracks that have a sound, to be searched."""
        places = np.flatnonzero(self.has_sound)
        ids = tuple(self.tracks[place].id for place in places)
        return Vectors(ids, np.zeros((0, 1), np.float32) if self.vectors is None else self.vectors[places])

    def __len__(self) -> int:
        return len(self.tracks)

    def _column(self, column: npt.NDArray[np.int32] | None) -> Ints:
        if column is None:
            return np.full(len(self.rows), -1, dtype=np.int64)
        return column[self.rows].astype(np.int64)

    def _measured_spread(self) -> float:
        sounding = np.flatnonzero(self.has_sound)
        if self.vectors is None or len(sounding) < 3:
            return 0.1
        chosen = sounding[np.linspace(0, len(sounding) - 1, min(SAMPLE, len(sounding))).astype(np.int64)]
        similarities = self.vectors[chosen] @ self.vectors[chosen].T
        apart = similarities[~np.eye(len(chosen), dtype=bool)]
        return max(0.5 * float(apart.std()), 0.02)

    def similarity(self, vectors: Floats) -> Floats:
        """float32 (places,) or (places, n): cosine similarity of every place to one unit vector or to n of them."""
        if self.vectors is None:
            return np.zeros((len(self), *vectors.shape[:-1]), dtype=np.float32)
        return np.asarray(self.vectors @ vectors.T, dtype=np.float32)

    def sound_of(self, rows: npt.ArrayLike) -> Floats:
        """float32 (n, dim): the vectors of items, playable or not; zero rows without a sound."""
        if self.items.vectors is None:
            return np.zeros((np.size(rows), 0), dtype=np.float32)
        return np.asarray(self.items.vectors[np.atleast_1d(np.asarray(rows, dtype=np.int64))], dtype=np.float32)

    def name(self, row: int) -> str:
        """An item in words; only playable tracks are known by name here."""
        place = int(self.place_of[row])
        return f"“{self.tracks[place]}”" if place >= 0 else "a track outside your library"


def version_key(title: str) -> str:
    """The title that a live take, a remaster and the original share.

    Examples
    --------
    >>> version_key("Take Five (Live at Carnegie Hall) [Remaster]")
    'take five'
    """
    bare = " ".join(BRACKETS.sub(" ", title.casefold()).split())
    return bare or title.casefold()
