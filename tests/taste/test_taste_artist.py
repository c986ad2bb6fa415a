from pathlib import Path

import numpy as np

from segue.listening.events import Events, Items
from segue.taste.artist import Artist

NOW = 1_700_000_000
ITEMS = Items(tuple("abcdefg"), artist=np.array([0, 0, 0, 1, 1, -1, -1], dtype=np.int32))


def played(*tracks: int) -> Events:
    return Events.make(["ada"], [0] * len(tracks), tracks, NOW + 700 * np.arange(len(tracks)))


def fitted(*tracks: int) -> Artist:
    model = Artist()
    model.fit(played(*tracks), ITEMS)
    return model


def test_an_artist_that_was_heard_lifts_tracks_that_nobody_played() -> None:
    model = fitted(3, 3, 3, 5)
    scores = model.score(model.follow(played(0)), NOW)
    assert scores[2] > scores[3] > 0
    assert scores[1] == scores[2]


def test_an_artists_mass_is_parted_by_popularity() -> None:
    """Tracks 0 and 1 were played once and twice: shares (1 + 1, 2 + 1, 0 + 1) / 6 of one play just made."""
    model = fitted(0, 1, 1)
    scores = model.score(model.follow(played(2)), NOW)
    np.testing.assert_allclose(scores[:3], [2 / 6, 3 / 6, 1 / 6], rtol=1e-5)


def test_the_artist_heard_lately_goes_before_one_heard_long_ago() -> None:
    model = fitted()
    scores = model.score(model.follow(played(0, 0, 0, *[6] * 9, 3)), NOW + 700 * 13)
    assert scores[4] > 1.2 * scores[1] > 0


def test_tracks_of_unknown_artists_do_not_share_one() -> None:
    model = fitted()
    assert model.score(model.follow(played(5)), NOW)[6] == 0


def test_without_artists_it_is_popularity() -> None:
    model = Artist()
    model.fit(played(2, 2, 1), Items(tuple("abc")))
    assert np.argsort(-model.score(model.follow(played(0)))).tolist() == [2, 1, 0]


def test_a_new_track_takes_part_by_its_artist_after_loading(tmp_path: Path) -> None:
    fitted(0, 0, 3).save(tmp_path)
    model = Artist.load(tmp_path, Items(tuple("adz"), artist=np.array([4, 2, 4], dtype=np.int32)))
    scores = model.score(model.follow(played(0)), NOW)
    np.testing.assert_allclose(scores[[0, 2]], [3 / 4, 1 / 4], rtol=1e-5)
    assert scores[1] < 1e-6
