import numpy as np
import pytest
from recommend_world import NOBODY, NOW, cluster, heard, library, recommender

from segue.errors import NotReady
from segue.listening.events import Items
from segue.recommend.recommender import Recommender
from segue.settings import RecommendSettings
from segue.types import Opinion


def test_ranks_are_those_of_the_scores() -> None:
    box = recommender(model=True)
    events = heard([*range(40)])
    found = [box.explain(events, {}, f"t{number:03}", at=NOW) for number in range(96)]
    assert sorted(one.rank for one in found) == list(range(1, 97))
    by_rank = sorted(found, key=lambda one: one.rank)
    assert [one.score for one in by_rank] == pytest.approx(sorted((one.score for one in found), reverse=True), abs=1e-5)
    first = box.recommend(events, {}, k=1, at=NOW).picks[0]
    assert by_rank[0].track == first.track
    assert by_rank[0].score == pytest.approx(first.score)
    assert by_rank[0].reason == first.reason
    assert all(one.of == 96 for one in found)


def test_equal_scores_have_ranks_of_their_own() -> None:
    box = recommender(sound=False)
    ranks = [box.explain(heard([0]), {}, f"t{number:03}", at=NOW).rank for number in range(96)]
    assert sorted(ranks) == list(range(1, 97))


def test_neighbours_are_true() -> None:
    box = recommender()
    found = box.explain(heard([0, 1, 30]), {"t040": Opinion.DISLIKE, "t003": Opinion.LIKE}, "t005", at=NOW)
    assert {one.track_id for one in found.near} <= {"t000", "t001", "t030", "t003"}
    assert found.near[0].track_id in {"t000", "t001", "t003"}
    assert [one.how for one in found.away] == ["disliked"]
    for one in (*found.near, *found.away):
        other = int(one.track_id[1:])
        assert one.similarity == pytest.approx(float(box.shelf.vectors[5] @ box.shelf.vectors[other]), abs=1e-5)


def test_why_a_track_is_not_picked() -> None:
    box = recommender()
    events = heard([0, 1], ended=NOW - 3 * 3600)
    opinions = {"t010": Opinion.BAN, "t011": Opinion.DISLIKE}
    assert box.explain(events, opinions, "t001", at=NOW).filtered == "heard 3 hours ago"
    assert box.explain(events, opinions, "t010", at=NOW).filtered == "banned"
    assert box.explain(events, opinions, "t011", at=NOW).filtered == "disliked"
    assert box.explain(events, opinions, "t020", at=NOW).filtered is None
    assert "discover = 0" in recommender(discover=0.0).explain(events, {}, "t020", at=NOW).filtered
    assert "already heard" in recommender(discover=1.0, recent_hours=1.0).explain(events, {}, "t001", at=NOW).filtered


def test_nobody_known_is_said() -> None:
    assert recommender().explain(NOBODY, {}, "t003", at=NOW).reason == "nothing is known of this listener yet"


def test_similar_gives_the_nearest_and_what_they_share() -> None:
    box = recommender()
    tracks, items = library()
    picks = box.similar(items.vectors[30] * 7, k=5, without=["t030", "unknown", "heard:0"], like=tracks[30])
    true = np.argsort(-(items.vectors[:96] @ items.vectors[30]))[1:6]
    assert [int(pick.track.id[1:]) for pick in picks] == true.tolist()
    for pick in picks:
        assert cluster(pick.track) == 1
        assert pick.score == pytest.approx(pick.parts["sound"])
        assert f"similarity {pick.score:.2f}" in pick.reason
        assert "also genre 1" in pick.reason
        assert ("also by" in pick.reason) == (pick.track.artist == tracks[30].artist)
    assert len(box.similar(items.vectors[0], k=1000)) == 96
    assert box.similar(items.vectors[0], k=0) == []


def test_a_track_without_a_sound_is_like_nothing() -> None:
    tracks, items = library()
    sounds = items.vectors.copy()
    sounds[5] = 0
    box = Recommender(tracks, Items(items.ids, sounds, items.artist, items.album), None, RecommendSettings())
    picks = box.similar(items.vectors[4], k=96)
    assert len(picks) == 95
    assert "t005" not in [pick.track.id for pick in picks]


def test_similar_names_album_and_artist() -> None:
    tracks, items = library()
    picks = recommender().similar(items.vectors[0], k=96, like=tracks[0])
    assert any("also by Artist 0; also genre 0" in pick.reason for pick in picks)


@pytest.mark.parametrize("vector", [np.zeros(16), np.full(16, np.nan), np.ones(3), np.ones((2, 16))])
def test_similar_to_nothing_is_refused(vector) -> None:
    with pytest.raises(ValueError, match="vector"):
        recommender().similar(vector)


def test_similar_needs_sounds() -> None:
    with pytest.raises(NotReady, match="no track's sound"):
        recommender(sound=False).similar(np.ones(16))
