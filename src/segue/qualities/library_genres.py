"""The genres of one library: told by its tags, and by sound where tags are silent.

In: tracks and their vectors. Out: for any genre somebody may ask for, how likely it fits each track. A genre that
covers almost everything says nothing and is left out, and one of fewer than ``FEWEST`` tracks is told by tags alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segue.qualities.genres import GenreTree, genre_tree
from segue.qualities.heads import Heads, fit_heads
from segue.types import Track

__all__ = ["GenreFit", "LibraryGenres", "group_of"]

FEWEST = 5
"""Tracks that a genre is learned from at least."""

ALMOST_ALL = 0.9
"""A genre on more of the tagged tracks than this parts nothing from anything."""


@dataclass(frozen=True)
class GenreFit:
    """How well one asked genre fits every track.

    Attributes
    ----------
    genres
        What it was taken for.
    chance
        float32 (tracks,): 1 where the tags say so, else how likely it is by the sound; 0 where nothing is known.
    tagged
        bool (tracks,): which tags say so.
    """

    genres: tuple[str, ...]
    chance: npt.NDArray[np.float32]
    tagged: npt.NDArray[np.bool_]


def group_of(track: Track) -> str:
    """What a track shares its making with: its (album's) artist, else its album, else nothing."""
    return (track.album_artist or "; ".join(track.artists) or track.album or track.id).casefold()


class LibraryGenres:
    """The genres of some tracks.

    Parameters
    ----------
    tracks
        All tracks that may be asked about.
    vectors
        float32 (tracks, dim), zero where a track has no sound; None where nothing has been heard.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        vectors: npt.NDArray[np.float32] | None,
        tree: GenreTree | None = None,
    ) -> None:
        self._tree = tree or genre_tree()
        self._tracks = tracks
        self._vectors = vectors
        self._genres = [self._tree.of_tags(track.genres) for track in tracks]

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many tracks have each genre (or a kind of it) in their tags, the frequent first."""
        counts: dict[str, int] = {}
        for genres in self._genres:
            for genre in genres:
                counts[genre] = counts.get(genre, 0) + 1
        tagged = sum(bool(genres) for genres in self._genres)
        few = sorted(counts, key=lambda genre: (-counts[genre], genre))
        return {genre: counts[genre] for genre in few if counts[genre] <= ALMOST_ALL * tagged or tagged < FEWEST}

    @cached_property
    def heads(self) -> Heads | None:
        """What was learned of the genres that have enough tracks with a sound; None if there are none."""
        if self._vectors is None:
            return None
        sounding = np.any(self._vectors != 0, axis=1)
        rows = [row for row, genres in enumerate(self._genres) if genres and sounding[row]]
        is_genre = np.array([[one in self._genres[row] for one in self.counts] for row in rows], dtype=bool)
        if not is_genre.size:
            return None
        held = is_genre.sum(axis=0)
        learned = (held >= FEWEST) & (held <= ALMOST_ALL * len(rows))
        if not learned.any():
            return None
        names = [genre for genre, there in zip(self.counts, learned, strict=True) if there]
        groups = [group_of(self._tracks[row]) for row in rows]
        return fit_heads(self._vectors[rows], is_genre[:, learned], names, groups)

    @cached_property
    def _chances(self) -> npt.NDArray[np.float32]:
        """float32 (tracks, learned genres): what the sound says; 0 without a sound."""
        heads, vectors = self.heads, self._vectors
        if heads is None or vectors is None:
            return np.zeros((len(self._tracks), 0), dtype=np.float32)
        return np.asarray(np.where(np.any(vectors != 0, axis=1)[:, None], heads(vectors), 0), dtype=np.float32)

    def fit(self, asked: str) -> GenreFit:
        """How well what is asked for fits every track.

        Raises
        ------
        NotFound
            No genre near it is in this library.
        """
        genres = self._tree.resolve(asked, self.counts)
        tagged = np.array([not held.isdisjoint(genres) for held in self._genres], dtype=bool)
        chance = tagged.astype(np.float32)
        learned = self.heads.labels if self.heads is not None else ()
        for genre in genres:
            if genre in learned:
                np.maximum(chance, self._chances[:, learned.index(genre)], out=chance)
        return GenreFit(tuple(genres), chance, tagged)

    def of(self, place: int, most: int = 3, least: float = 0.2) -> list[tuple[str, float]]:
        """The likeliest genres of one track, the closest names first; 1 means that a tag says so."""
        found = {genre: 1.0 for genre in self._genres[place] if genre in self.counts}
        if self.heads is not None:
            for genre, chance in zip(self.heads.labels, self._chances[place], strict=True):
                if chance >= least:
                    found.setdefault(genre, float(chance))
        depth = {genre: len(list(self._tree.upwards(genre))) for genre in found}
        return sorted(found.items(), key=lambda one: (-one[1], -depth[one[0]], one[0]))[:most]
