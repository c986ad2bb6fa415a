import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_world import NOW, heard, recommender

from segue.listening.events import Items
from segue.recommend.shelf import Shelf, version_key
from segue.recommend.spacing import Spacing
from segue.types import Track


def shelf(artists: list[int], albums: list[int], titles: list[str] | None = None) -> Shelf:
    tracks = [Track(str(number), titles[number] if titles else f"title {number}") for number in range(len(artists))]
    items = Items(
        tuple(track.id for track in tracks),
        artist=np.array(artists, dtype=np.int32),
        album=np.array(albums, dtype=np.int32),
    )
    return Shelf(tracks, items)


def breaks(place: int, before: list[int], codes: list[int], between: int) -> bool:
    """By the words of the rule: fewer than ``between`` tracks stand between this one and one of the same code."""
    if codes[place] < 0:
        return False
    window = before[-between:] if between else []
    return any(codes[other] == codes[place] for other in window)


codes = st.lists(st.integers(-1, 5), min_size=1, max_size=60)


@settings(deadline=None, max_examples=200)
@given(codes, st.integers(0, 5), st.integers(0, 7), st.integers(1, 70), st.randoms(use_true_random=False))
def test_spacing_holds_unless_no_other_track_would_fit(artists, apart, album_apart, k, random) -> None:
    albums = [random.randint(-1, 8) for _ in artists]
    order = list(range(len(artists)))
    random.shuffle(order)
    spacing = Spacing(shelf(artists, albums), apart, album_apart)
    chosen = spacing.arrange(np.array(order), k)
    assert len(chosen) == min(k, len(order))
    assert len(set(chosen)) == len(chosen)
    told = 0
    for position, place in enumerate(chosen):
        before, left = chosen[:position], [other for other in order if other not in chosen[:position]]

        def fits(other: int, before=before) -> bool:
            return not breaks(other, before, artists, apart) and not breaks(other, before, albums, album_apart)

        if fits(place):
            best = next(other for other in left if fits(other))
            assert place == best
        else:
            told += 1
            assert not any(fits(other) for other in left)
            # Albums give way before artists, and then the best of those that keep to the rule is taken.
            kept = [other for other in left if not breaks(other, before, artists, apart)]
            if kept:
                assert place == kept[0]
            else:
                assert breaks(place, before, artists, apart)
    assert bool(told) == bool(spacing.notes())


def test_without_a_need_the_order_stays() -> None:
    spacing = Spacing(shelf([0, 1, 2, 3, 4, 0], [0, 1, 2, 3, 4, 5]), 4, 6)
    assert spacing.arrange(np.arange(6), 6) == [0, 1, 2, 3, 4, 5]
    assert spacing.notes() == ()


def test_unknown_artists_and_albums_are_not_kept_apart() -> None:
    spacing = Spacing(shelf([-1] * 5, [-1] * 5), 4, 6)
    assert spacing.arrange(np.arange(5), 5) == [0, 1, 2, 3, 4]
    assert spacing.notes() == ()


def test_one_artist_only_gives_way_with_a_note() -> None:
    spacing = Spacing(shelf([0] * 5, [-1] * 5), 4, 6)
    assert sorted(spacing.arrange(np.arange(5), 5)) == [0, 1, 2, 3, 4]
    assert spacing.notes() == ("the same artist came closer than set 4×: nothing else was left to choose",)


def test_versions_of_one_title_are_not_side_by_side() -> None:
    titles = ["Take Five", "Take Five (Live)", "take five [Remaster 2003]", "Other", "Another"]
    spacing = Spacing(shelf([0, 1, 2, 3, 4], [-1] * 5, titles), 1, 1)
    assert spacing.arrange(np.arange(5), 5) == [0, 3, 1, 4, 2]
    assert version_key("(Intro)") == "(intro)"


@pytest.mark.parametrize(("artist", "album"), [(0, 0), (2, 3), (4, 6)])
def test_the_recommenders_list_keeps_its_settings(artist: int, album: int) -> None:
    box = recommender(artist_spacing=artist, album_spacing=album)
    answer = box.recommend(heard([0, 1, 2, 3]), {}, k=12, at=NOW)
    places = [int(pick.track.id[1:]) for pick in answer.picks]
    by, on = box.shelf.artist.tolist(), box.shelf.album.tolist()
    for position, place in enumerate(places):
        assert not breaks(place, places[:position], by, artist)
        assert not breaks(place, places[:position], on, album)
    assert answer.notes == ()
