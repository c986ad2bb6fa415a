"""Wishes steer the order, strict ones leave the rest out, and what can't be met is said."""

import numpy as np
import pytest
from recommend_world import NOBODY, NOW, cluster, heard, recommender

from segue.errors import BadInput, NotFound, NotReady
from segue.recommend.wishes import WISH, Range, Wish, fit_range
from segue.types import Opinion


def of_cluster(wanted: int, *, strict: bool = False, name: str = "genre", share: float = 1.0) -> Wish:
    shelf = recommender().shelf
    fit = np.array([share if cluster(track) == wanted else 0 for track in shelf.tracks], dtype=np.float32)
    return Wish(name, f"of cluster {wanted}", fit, lambda place: f"it is of cluster {wanted}", strict)


def test_a_wish_leads_away_from_habit_and_says_so() -> None:
    history = heard([0, 1, 2, 3, 4] * 8)
    box = recommender(model=True)
    assert cluster(box.recommend(history, {}, k=1, at=NOW).picks[0].track) == 0
    answer = box.recommend(history, {}, k=8, at=NOW, wishes=[of_cluster(2)])
    assert [cluster(pick.track) for pick in answer.picks] == [2] * 8
    for pick in answer.picks:
        assert pick.reason.startswith("it is of cluster 2 – ")
        assert pick.parts["genre"] == pytest.approx(WISH)
        assert sum(pick.parts.values()) == pytest.approx(pick.score, rel=1e-5)


def test_without_the_wish_a_pick_that_it_named_falls_back() -> None:
    history, box = heard([0, 1, 2, 3, 4] * 8), recommender(model=True)
    wished = [pick.track.id for pick in box.recommend(history, {}, k=10, at=NOW, wishes=[of_cluster(2)]).picks]
    order = [pick.track.id for pick in box.recommend(history, {}, k=90, at=NOW).picks]
    assert all(order.index(one) > place for place, one in enumerate(wished) if one in order)


def test_a_soft_wish_that_few_fit_is_filled_up_with_a_note() -> None:
    answer = recommender().recommend(heard([0, 1]), {}, k=40, at=NOW, wishes=[of_cluster(3)])
    assert len(answer.picks) == 40
    assert sum(cluster(pick.track) == 3 for pick in answer.picks) == 24
    assert any(note.startswith("24 of 40 picks are of cluster 3, of 24 tracks that are") for note in answer.notes)


def test_a_strict_wish_leaves_the_rest_out() -> None:
    answer = recommender().recommend(heard([0, 1]), {}, k=40, at=NOW, wishes=[of_cluster(3, strict=True)])
    assert {cluster(pick.track) for pick in answer.picks} == {3}
    assert len(answer.picks) == 24


def test_somebody_unknown_gets_what_they_wish_for() -> None:
    answer = recommender().recommend(NOBODY, {}, k=6, at=NOW, wishes=[of_cluster(1)])
    assert {cluster(pick.track) for pick in answer.picks} == {1}
    assert answer.picks[0].reason == "a varied start of what is wished: it is of cluster 1"
    assert sum(answer.picks[0].parts.values()) == pytest.approx(answer.picks[0].score)


def test_what_is_disliked_is_not_wished_back() -> None:
    answer = recommender().recommend(NOBODY, {"t048": Opinion.DISLIKE}, k=40, at=NOW, wishes=[of_cluster(2)])
    assert "t048" not in [pick.track.id for pick in answer.picks]


def test_strict_wishes_that_leave_nothing_say_which() -> None:
    box = recommender()
    with pytest.raises(NotFound, match="no playable track is of cluster 2; the nearest is it is of cluster 2: ask"):
        box.recommend(NOBODY, {}, at=NOW, wishes=[of_cluster(2, strict=True, share=0.3)])
    both = [of_cluster(2, strict=True), of_cluster(1, strict=True, name="year")]
    with pytest.raises(NotFound, match="of cluster 2 and of cluster 1 at once: 24 are without the wish for"):
        box.recommend(NOBODY, {}, at=NOW, wishes=both)


def test_a_station_plays_what_is_wished_for_as_long_as_it_plays() -> None:
    station = recommender(model=True).station(heard([0, 1, 2, 3, 4] * 8), {}, at=NOW, wishes=[of_cluster(2)])
    picks = [next(station) for _ in range(12)]
    assert sum(cluster(pick.track) == 2 for pick in picks) >= 11
    assert all("it is of cluster 2" in pick.reason for pick in picks if cluster(pick.track) == 2)
    assert all(sum(pick.parts.values()) == pytest.approx(pick.score, rel=1e-5) for pick in picks)
    station.skip(picks[-1])
    assert cluster(next(station).track) == 2


def test_a_station_with_a_strict_wish_turns_among_the_few_that_fit() -> None:
    """24 fit, and a quarter of them is always free to choose from; when all are banned, it says why it ends."""
    station = recommender().station(NOBODY, {}, at=NOW, wishes=[of_cluster(3, strict=True)])
    picks = [next(station) for _ in range(60)]
    assert {cluster(pick.track) for pick in picks} == {3}
    assert all(len({pick.track.id for pick in picks[first : first + 18]}) == 18 for first in range(40))
    for pick in {pick.track.id: pick for pick in picks}.values():
        station.ban(pick)
    with pytest.raises(NotReady, match="every playable track that fits the strict wishes is banned or disliked"):
        next(station)
    with pytest.raises(NotFound, match="no playable track is of cluster 3"):
        recommender().station(NOBODY, {}, at=NOW, wishes=[of_cluster(3, strict=True, share=0.2)])


def test_an_explanation_holds_the_wish_and_what_a_strict_one_leaves_out() -> None:
    history, box = heard([0, 1, 2, 3, 4] * 8), recommender(model=True)
    wish = of_cluster(2, strict=True)
    inside, outside = "t050", "t010"
    plain = box.explain(history, {}, inside, at=NOW)
    wished = box.explain(history, {}, inside, at=NOW, wishes=[wish])
    assert wished.rank < plain.rank
    assert wished.parts["genre"] == pytest.approx(WISH)
    assert wished.score - plain.score == pytest.approx(WISH, rel=1e-4)
    assert "it is of cluster 2" in wished.reason
    assert wished.filtered is None
    left_out = box.explain(history, {}, outside, at=NOW, wishes=[wish])
    assert left_out.filtered == "not of cluster 2, which was wished strictly"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("120", 120, 120), ("120..130", 120, 130), ("..130", -np.inf, 130), (" 120 .. ", 120, np.inf), ("1.5", 1.5, 1.5)],
)
def test_a_range_is_read_as_people_write_it(text: str, least: float, most: float) -> None:
    assert Range.read(text, "tempo") == Range(least, most)


@pytest.mark.parametrize("text", ["", "..", "fast", "120 130", "1..2..3", "-5", "nan", "130..120"])
def test_what_is_no_range_is_one_clear_error(text: str) -> None:
    with pytest.raises(BadInput, match="tempo"):
        Range.read(text, "tempo")


def test_a_fit_falls_by_half_in_its_unit() -> None:
    tempos = np.array([100, 106, 112.36, 94, np.nan, 0])
    fit = fit_range(tempos, Range(100, 100), 1.06, ratio=True)
    np.testing.assert_allclose(fit, [1, 0.25, 0.125, 0.2396, 0, 0], atol=1e-3)
    assert fit_range(np.array([1900.0]), Range(-np.inf, 1980), 5).tolist() == [1]
