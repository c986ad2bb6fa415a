"""What is EASE's own: the closed form over sessions is the one over tracks, and what goes into a bag."""

from pathlib import Path

import numpy as np
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.ease import Bag, Ease, session_bags
from segue.types import Outcome

START = 1_700_000_000
MINUTE = 60


def playlists(rows: list[list[int]]) -> Events:
    listener = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return Events.make([str(n) for n in range(len(rows))], listener, np.concatenate(rows), np.zeros(len(listener)))


def items(count: int) -> Items:
    return Items(tuple(str(number) for number in range(count)))


def some_playlists(tracks: int = 30, count: int = 12) -> Events:
    chance = np.random.default_rng(0)
    return playlists([chance.integers(0, tracks, chance.integers(1, 15)).tolist() for _ in range(count)])


def matrix(events: Events, tracks: int) -> np.ndarray:
    """X, float64 (bags, tracks), dense."""
    bags = session_bags(events, 10_000)
    dense = np.zeros((bags.size, tracks))
    dense[bags.bag, bags.track] = bags.weight
    return dense


def closed_form(dense: np.ndarray, ridge: float) -> np.ndarray:
    """Steck 2019, eq. 8, as it stands there."""
    inverse = np.linalg.inv(dense.T @ dense + ridge * np.eye(dense.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("ridge", [0.5, 100.0])
@pytest.mark.parametrize("count", [12, 80], ids=["fewer playlists than tracks", "more"])
def test_the_form_over_sessions_equals_the_closed_form_over_tracks(ridge: float, count: int) -> None:
    events = some_playlists(count=count)
    model = Ease(ridge=ridge)
    model.fit(events, items(30))
    expected = closed_form(matrix(events, 30), ridge)
    for track in range(30):
        found = model._times_b(np.array([track]), np.ones(1, dtype=np.float32))
        np.testing.assert_allclose(found, expected[track], atol=1e-5)
    bag = np.array([2, 7, 19])
    weights = np.array([0.3, 1.1, 0.7], dtype=np.float32)
    np.testing.assert_allclose(model._times_b(bag, weights), weights @ expected[bag], atol=1e-5)


def test_scores_are_the_products_clipped_with_popularity_far_below() -> None:
    events = some_playlists(count=80)
    model = Ease()
    model.fit(events, items(31))
    scores = model.score(model.step(model.start(), Event(4, 0)))
    expected = np.log(2) * closed_form(matrix(events, 31), 100.0)[4]
    assert expected.min() < -1e-4
    np.testing.assert_allclose(scores, np.maximum(expected, 0), atol=1e-5)
    assert scores[30] == 0, "a track nobody played has nothing to say"
    assert np.all(scores[:30] > 0), "popularity orders the rest"
    assert scores[4] < 1e-5, "no track explains itself"


def test_what_is_played_together_is_found_and_what_never_met_is_not() -> None:
    """Ten islands of four tracks; each playlist holds one island and a stray, track 0 most often."""
    chance = np.random.default_rng(0)
    strays = np.where(chance.random(90) < 0.5, 0, chance.integers(0, 40, 90)).tolist()
    rows = [[*range(4 * (number % 10), 4 * (number % 10) + 4), stray] for number, stray in enumerate(strays)]
    model = Ease()
    model.fit(playlists(rows), items(40))
    for island in range(10):
        best, _ = model.recommend(model.step(model.start(), Event(4 * island, 0)), 3)
        assert sorted(best.tolist()) == [4 * island + n for n in (1, 2, 3)]


def test_a_bag_is_a_session_and_pauses_grow_until_bags_are_few_enough() -> None:
    times = START + MINUTE * np.array([0, 4, 40, 44, 400, 404])
    events = Events.make(["ada"], [0] * 6, [1, 2, 3, 3, 4, 1], times)
    bags = session_bags(events, 10)
    assert bags.size == 3
    assert bags.bag.tolist() == [0, 0, 1, 2, 2]
    assert bags.track.tolist() == [1, 2, 3, 1, 4]
    np.testing.assert_allclose(bags.weight, np.log1p([1, 1, 2, 1, 1]))
    assert session_bags(events, 2).bag.tolist() == [0, 0, 0, 1, 1]
    assert session_bags(events, 1).size == 1


def test_playlists_beyond_the_limit_are_drawn_by_the_seed() -> None:
    events = some_playlists(count=50)
    bags = session_bags(events, 20, seed=1)
    assert bags.size == 20
    assert np.array_equal(np.unique(bags.bag), np.arange(20))
    again, other = session_bags(events, 20, seed=1), session_bags(events, 20, seed=2)
    assert np.array_equal(bags.track, again.track)
    assert not np.array_equal(bags.track, other.track)


def test_skips_and_failures_are_in_no_bag_and_half_listens_half() -> None:
    outcomes = [int(outcome) for outcome in Outcome]
    events = Events.make(["ada"], [0] * 5, range(5), START + np.arange(5), outcomes)
    bags = session_bags(events, 10)
    assert bags.track.tolist() == [0, 1, 2]
    np.testing.assert_allclose(bags.weight, np.log1p([1, 1, 0.5]))
    assert session_bags(events.rows(slice(3, 5)), 10).size == 0


def test_the_listeners_bag_fades_by_plays_and_by_pauses() -> None:
    def after(*events: Event) -> dict[int, float]:
        bag = Bag()
        for event in events:
            bag = bag.add(event, half_life_plays=1, after_a_pause=0.1, memory=3)
        tracks, weights = bag.weights()
        return dict(zip(tracks.tolist(), np.expm1(weights).astype(np.float64).round(5).tolist(), strict=True))

    assert after(Event(5, START), Event(3, START + 60), Event(5, START + 120)) == {3: 0.5, 5: 1.25}
    assert after(Event(5, START), Event(3, START + 1800)) == {3: 1.0, 5: 0.05}
    assert after(Event(5, START), Event(3, START, int(Outcome.SKIPPED))) == {5: 1.0}
    assert after(Event(5, 0), Event(3, 0)) == {3: 1.0, 5: 0.5}, "no times: no pauses"
    assert after(*(Event(n, START) for n in range(6))) == {3: 0.25, 4: 0.5, 5: 1.0}
    assert after() == {}


@pytest.mark.parametrize(
    "events",
    [
        playlists([[3]]),
        playlists([[3] * 50, [3]]),
        Events.make(["ada", "bob"], [0] * 20 + [1] * 20, [*range(20), *range(20)], np.full(40, START)),
    ],
    ids=["one listen", "all of one track", "equal times"],
)
def test_degenerate_listening_gives_finite_scores(events: Events, tmp_path: Path) -> None:
    model = Ease()
    model.fit(events, items(25))
    model.save(tmp_path)
    for served in (model, Ease.load(tmp_path, items(25))):
        state = served.follow(Events.make(["eve"], [0] * 3, [24, 3, 3], np.full(3, START)))
        assert np.isfinite(served.score(state)).all()
        assert (served.score(state) >= 0).all()


def test_a_track_that_has_gone_takes_nothing_from_the_others(tmp_path: Path) -> None:
    events = some_playlists(count=80)
    model = Ease()
    model.fit(events, items(30))
    model.save(tmp_path)
    fewer = Ease.load(tmp_path, Items((*(str(n) for n in range(29, 9, -1)), "new")))
    scores = fewer.score(fewer.step(fewer.start(), Event(0, 0)))
    expected = model.score(model.step(model.start(), Event(29, 0)))
    np.testing.assert_allclose(scores[:20], expected[29:9:-1], atol=1e-7)
    assert scores[20] == 0
    assert fewer.score(fewer.step(fewer.start(), Event(20, 0)))[:20].max() < 1e-5
