import numpy as np
import pytest

from segue.listening.context import SESSION_GAP_S
from segue.listening.events import Event, Events, Items
from segue.taste import session_neighbours
from segue.taste.contract import TasteModel
from segue.taste.item_neighbours import SHRINKAGE, ItemNeighbours
from segue.taste.neighbours import CONTEXT, Recent, answer, returns
from segue.taste.session_neighbours import NEIGHBOURS, Stan, VsKnn, Vstan, Weights
from segue.types import Outcome

ITEMS = Items(tuple(str(number) for number in range(12)))
NOW = 1_700_000_000
DAY_S = 86_400
ALL = [ItemNeighbours, VsKnn, Stan, Vstan]


def playlists(*lists: list[int], outcome: list[int] | None = None) -> Events:
    listener = np.repeat(np.arange(len(lists)), [len(tracks) for tracks in lists])
    names = [str(number) for number in range(len(lists))]
    return Events.make(names, listener, np.concatenate(lists), np.zeros(len(listener)), outcome)


def fitted(kind: type[TasteModel[Recent]], events: Events, items: Items = ITEMS) -> TasteModel[Recent]:
    model = kind()
    model.fit(events, items)
    return model


def weighing(weights: Weights) -> type[Vstan]:
    return type("Own", (Vstan,), {"weights": weights})


def heard(model: TasteModel[Recent], *tracks: int, at: int = 0) -> np.ndarray:
    state = model.start()
    for track in tracks:
        state = model.step(state, Event(track, at))
    return model.score(state, at)


def test_returns_counts_the_nearest_earlier_play_of_the_same_listener() -> None:
    events = Events.make(["ada", "bob"], [0, 0, 0, 0, 1], [7, 3, 3, 7, 7], range(5))
    assert returns(events)[:4].tolist() == pytest.approx([0.2, 0, 0.2, 0])
    often = Events.make(["ada"], [0] * 4, [7] * 4, range(4))
    assert returns(often)[:3].tolist() == [0.75, 0, 0]
    assert returns(events.rows(slice(0, 0))).tolist() == [0] * CONTEXT


def test_an_answer_is_a_probability() -> None:
    share = np.zeros(CONTEXT, dtype=np.float32)
    share[:2] = 0.3, 0.1
    scores = answer(np.array([5.0, 1, 3, 9, 0]), Recent((3, 0)), share, np.zeros(4, dtype=np.float32))
    np.testing.assert_allclose(scores, [0.3, 0.6 / 4, 0.6 * 3 / 4, 0.1], rtol=1e-6)


@pytest.mark.parametrize("kind", ALL)
def test_neighbours_of_the_same_sessions_come_first(kind: type[TasteModel[Recent]]) -> None:
    model = fitted(kind, playlists([0, 1, 2], [0, 2, 1], [5, 6, 7], [6, 5, 7, 8]))
    assert set(np.argsort(-heard(model, 0))[:2]) == {1, 2}
    assert set(np.argsort(-heard(model, 6))[:3]) == {5, 7, 8}


@pytest.mark.parametrize("kind", ALL)
def test_scores_are_probabilities(kind: type[TasteModel[Recent]]) -> None:
    chance = np.random.default_rng(0)
    model = fitted(kind, playlists(*(chance.integers(0, 12, 15).tolist() for _ in range(20))))
    for tracks in ((3,), (3, 4, 3), tuple(range(11))):
        scores = heard(model, *tracks)
        assert scores.min() >= 0
        assert scores.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", ALL)
def test_where_nothing_ever_comes_again_the_tracks_just_heard_come_last(kind: type[TasteModel[Recent]]) -> None:
    model = fitted(kind, playlists([0, 1, 2, 3], [0, 1, 2, 4]))
    scores = heard(model, 0, 1)
    assert max(scores[[0, 1]]) < 1e-5 < min(scores[[2, 3, 4]])


@pytest.mark.parametrize("kind", ALL)
def test_where_tracks_are_heard_over_and_over_the_last_one_comes_first(kind: type[TasteModel[Recent]]) -> None:
    model = fitted(kind, playlists([0, 0, 0, 0, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 0, 0, 0]))
    assert int(np.argmax(heard(model, 1))) == 1
    assert int(np.argmax(heard(model, 11))) == 11  # one nobody played before


@pytest.mark.parametrize("kind", ALL)
def test_sessions_part_at_pauses_and_listeners(kind: type[TasteModel[Recent]]) -> None:
    times = NOW + np.array([0, 100, 100 + SESSION_GAP_S, 200 + SESSION_GAP_S, 0])
    model = fitted(kind, Events.make(["ada", "bob"], [0, 0, 0, 0, 1], [0, 1, 2, 3, 4], times))
    scores = heard(model, 1, at=NOW)
    assert scores[0] > 0.5
    assert max(scores[[2, 3, 4]]) < 1e-5


@pytest.mark.parametrize("kind", ALL)
def test_no_neighbours_leave_popularity(kind: type[TasteModel[Recent]]) -> None:
    model = fitted(kind, playlists([3], [3], [4], [5, 6]))
    for scores in (heard(model), heard(model, 9)):
        assert np.argsort(-scores, kind="stable")[:2].tolist() == [3, 4]


@pytest.mark.parametrize("kind", ALL)
def test_the_latest_track_weighs_most(kind: type[TasteModel[Recent]]) -> None:
    model = fitted(kind, playlists([0, 1], [5, 6]))
    scores = heard(model, 0, 5)
    assert scores[6] > scores[1] > 0.1


def test_cosines_are_drawn_towards_zero_for_rare_tracks() -> None:
    """Track 0 stands in 2 sessions, 1 in both of them, 2 in one: cosines to the ratio of their formula."""
    scores = heard(fitted(ItemNeighbours, playlists([0, 1], [0, 1, 2])), 0)
    expected = (2 / np.sqrt(SHRINKAGE + 2)) / (1 / np.sqrt(SHRINKAGE + 1))
    assert scores[1] / scores[2] == pytest.approx(expected, rel=1e-4)


def test_a_track_twice_in_a_session_is_in_it_once() -> None:
    scores = heard(fitted(ItemNeighbours, playlists([0, 1, 1, 1, 2])), 0)
    assert scores[1] == pytest.approx(scores[2], rel=1e-4)


def test_sessions_of_late_weigh_more_where_times_are_known() -> None:
    times = NOW + np.array([0, 100, 900 * DAY_S, 900 * DAY_S + 100])
    events = Events.make(["ada"], [0] * 4, [0, 1, 0, 2], times)
    for kind, lean in ((Stan, True), (Vstan, True), (VsKnn, False)):
        scores = heard(fitted(kind, events), 0, at=NOW + 901 * DAY_S)
        assert (scores[2] > 10 * scores[1]) == lean


def test_what_stood_near_the_match_weighs_more() -> None:
    for kind, lean in ((Stan, True), (Vstan, True), (VsKnn, False)):
        scores = heard(fitted(kind, playlists([1, 0, 2, 3, 4, 5, 6, 7, 8, 9])), 0)
        assert scores[1] == pytest.approx(scores[2], rel=1e-3)
        assert (scores[2] > 2 * scores[9]) == lean


def test_rare_tracks_weigh_more_where_the_setting_says_so() -> None:
    events = playlists([0, 1], [0, 2], [2, 5], [2, 6], [2, 7], [2, 8])
    for kind, lean in ((VsKnn, True), (Vstan, True), (Stan, False)):
        scores = heard(fitted(kind, events), 0)
        assert (scores[1] > 1.1 * scores[2]) == lean


def test_a_skipped_track_of_a_session_is_half_a_track() -> None:
    events = playlists([0, 1], [0, 2], outcome=[1, 1, 1, int(Outcome.SKIPPED)])
    for kind in (VsKnn, Stan, Vstan):
        scores = heard(fitted(kind, events), 0)
        assert scores[1] / scores[2] == pytest.approx(2, rel=1e-4)


def test_only_the_sessions_most_alike_are_asked() -> None:
    """Many sessions share one track with the listener, one shares two."""
    items = Items(tuple(str(number) for number in range(NEIGHBOURS + 20)))
    lists = [[0, 1, 2], *([0, 3 + number] for number in range(NEIGHBOURS + 10))]
    scores = heard(fitted(Stan, playlists(*lists), items), 1, 0)
    assert int(np.argmax(scores)) == 2
    assert np.count_nonzero(scores > 1e-5) <= NEIGHBOURS


def test_the_latest_sessions_are_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_neighbours, "SAMPLE", 1)
    times = NOW + DAY_S * np.array([5, 5, 0, 0])
    scores = heard(fitted(VsKnn, Events.make(["ada", "bob"], [0, 0, 1, 1], [0, 1, 0, 2], times)), 0)
    assert scores[1] > 0.5
    assert scores[2] < 1e-5


def test_a_session_weighs_less_the_farther_back_its_latest_shared_track_lies() -> None:
    scores = heard(fitted(weighing(Weights(position=np.inf, match=2)), playlists([0, 1], [5, 6])), 0, 9, 9, 5)
    assert scores[6] / scores[1] == pytest.approx(np.exp(3 / 2), rel=1e-3)


def test_long_sessions_are_less_alike() -> None:
    scores = heard(fitted(weighing(Weights(position=1)), playlists([0, 1], [0, 2, 3, 4, 5, 6, 7, 8])), 0)
    assert scores[1] / scores[2] == pytest.approx(2, rel=1e-3)


def test_distances_count_from_the_latest_shared_track() -> None:
    model = fitted(weighing(Weights(position=np.inf, distance=1)), playlists([0, 5, 6, 7, 8, 1, 2]))
    assert int(np.argmax(heard(model, 0, 1)[[2, 5]])) == 0
    assert int(np.argmax(heard(model, 1, 0)[[2, 5]])) == 1
