import numpy as np
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.markov import EVERYBODY, POPULARITY, Markov
from segue.types import Outcome

ITEMS = Items(tuple("abcdefgh"))


def history(*tracks: int, outcomes: list[int] | None = None) -> Events:
    return Events.make(["ada"], [0] * len(tracks), tracks, range(len(tracks)), outcomes)


def fitted(*tracks: int, outcomes: list[int] | None = None) -> Markov:
    model = Markov()
    model.fit(history(*tracks, outcomes=outcomes), ITEMS)
    return model


def test_everybodys_shares_of_what_came_next() -> None:
    model = fitted(0, 1, 0, 1, 0, 2)
    scores = model.score(model.step(model.start(), Event(0, 9)))
    np.testing.assert_allclose(scores[[1, 2, 3]], [EVERYBODY * 2 / 3, EVERYBODY / 3, 0], atol=2 * POPULARITY)


def test_a_skipped_follower_is_half_a_follower() -> None:
    model = fitted(0, 1, 0, 2, outcomes=[1, int(Outcome.SKIPPED), 1, 1])
    scores = model.score(model.step(model.start(), Event(0, 9)))
    np.testing.assert_allclose(scores[[1, 2]], [EVERYBODY / 3, EVERYBODY * 2 / 3], atol=2 * POPULARITY)


def test_transitions_do_not_cross_from_one_listener_to_the_next() -> None:
    model = Markov()
    model.fit(Events.make(["ada", "bob"], [0, 1], [0, 1], [1, 2]), ITEMS)
    assert model.score(model.step(model.start(), Event(0, 9)))[1] <= POPULARITY


def test_the_listeners_own_chain_goes_before_everybodys_and_acts_at_once() -> None:
    model = fitted(*([0, 1] * 20))
    scores = model.score(model.follow(history(0, 5, 3, 0)))
    assert scores[5] == pytest.approx(1, abs=1e-4)
    assert int(np.argmax(scores)) == 5


def test_own_transitions_are_shares_and_skips_halve_them() -> None:
    model = fitted()
    outcomes = [1, int(Outcome.SKIPPED), 1, 1, 1]
    scores = model.score(model.follow(history(0, 4, 0, 5, 0, outcomes=outcomes)))
    np.testing.assert_allclose(scores[[4, 5]], [1 / 3, 2 / 3], rtol=1e-5)


def test_only_the_last_track_counts() -> None:
    model = fitted(0, 1, 2, 3)
    scores = model.score(model.follow(history(0, 2)))
    assert int(np.argmax(scores)) == 3
    assert scores[1] <= POPULARITY


def test_popularity_orders_the_rest() -> None:
    model = fitted(3, 3, 3, 4)
    assert np.argsort(-model.score(model.start()), kind="stable")[:2].tolist() == [3, 4]
