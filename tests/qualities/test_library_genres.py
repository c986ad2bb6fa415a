"""Tags tell a genre, sound tells it of tracks without tags, and a genre of everything is no genre."""

import numpy as np
import pytest

from segue.errors import NotFound
from segue.qualities.library_genres import LibraryGenres
from segue.types import Track

STYLES = ("Dub Techno", "Jazz", "Punk Rock")


def library(tracks: int = 90, tagged: int = 60) -> tuple[list[Track], np.ndarray]:
    """Three styles around three directions, fifteen artists; the last tracks have no tags, the very last no sound."""
    chance = np.random.default_rng(0)
    vectors = np.zeros((tracks, 12), dtype=np.float32)
    found = []
    for place in range(tracks):
        style = place % 3
        vectors[place] = 0.3 * chance.standard_normal(12)
        vectors[place, style] += 1
        tags = ("Music", STYLES[style]) if place < tagged else ()
        found.append(Track(f"t{place}", "A title", (f"Artist {place % 15}",), genres=tags))
    vectors[-1] = 0
    return found, vectors


def test_untagged_tracks_are_told_by_their_sound() -> None:
    genres = LibraryGenres(*library())
    fit = genres.fit("jazz")
    assert fit.genres == ("jazz",)
    assert fit.tagged.sum() == 20
    untagged = np.arange(60, 89)
    jazz = untagged % 3 == 1
    assert fit.chance[untagged][jazz].min() > 0.5 > fit.chance[untagged][~jazz].max()
    assert fit.chance[-1] == 0
    assert genres.of(61)[0][0] == "jazz"
    assert genres.of(60)[0][0] in ("dub techno", "techno", "electronic")
    assert genres.of(0)[0] == ("dub techno", 1.0)


def test_a_genre_of_everything_is_left_out() -> None:
    genres = LibraryGenres(*library())
    assert "music" not in genres.counts
    with pytest.raises(NotFound, match="no genre 'music'"):
        genres.fit("music")


def test_a_genre_that_nobody_tagged_is_the_nearest_that_is_there() -> None:
    genres = LibraryGenres(*library())
    assert genres.fit("minimal techno").genres == ("techno",)
    assert genres.fit("rock").genres == ("rock",)


def test_a_genre_of_three_tracks_is_told_by_tags_alone() -> None:
    tracks, vectors = library()
    tracks[61:64] = [Track(f"r{n}", "A title", ("Artist 99",), genres=("Reggae",)) for n in range(3)]
    fit = LibraryGenres(tracks, vectors).fit("reggae")
    np.testing.assert_array_equal(np.flatnonzero(fit.chance), [61, 62, 63])


def test_without_tags_or_sounds_there_is_less_to_say() -> None:
    tracks, vectors = library(tagged=0)
    with pytest.raises(NotFound, match="too few tracks have genres"):
        LibraryGenres(tracks, vectors).fit("jazz")
    tracks, _ = library()
    fit = LibraryGenres(tracks, None).fit("jazz")
    np.testing.assert_array_equal(fit.chance > 0, fit.tagged)
