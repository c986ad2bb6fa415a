import threading

import numpy as np
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.past import Past
from segue.taste.rules import EVERYBODY, POPULARITY, Rules
from segue.types import Outcome

ITEMS = Items(tuple("abcdefgh"))


def history(*tracks: int, outcome: int = 0) -> Events:
    count = len(tracks)
    return Events.make(["ada"], [0] * count, tracks, range(count), [outcome] * count)


def fitted(*tracks: int) -> Rules:
    model = Rules()
    model.fit(history(*tracks), ITEMS)
    return model


def test_everybodys_shares_fall_with_the_distance() -> None:
    """a b c: after a, b holds 1 / (1 + 1/2) and c the rest."""
    model = fitted(0, 1, 2)
    scores = model.score(model.step(model.start(), Event(0, 9)))
    assert scores[1] == pytest.approx(EVERYBODY * 2 / 3, abs=5e-4)
    assert scores[2] == pytest.approx(EVERYBODY / 3, abs=5e-4)
    assert scores[3] == 0


def test_rules_do_not_cross_from_one_listener_to_the_next() -> None:
    model = Rules()
    model.fit(Events.make(["ada", "bob"], [0, 1], [0, 1], [1, 2]), ITEMS)
    assert model.score(model.step(model.start(), Event(0, 9)))[1] <= POPULARITY


def test_the_listeners_own_past_goes_before_everybodys() -> None:
    model = fitted(*([0, 1] * 20))
    own = model.follow(history(0, 5, 3, 4, 6, 7, 0))
    assert int(np.argmax(model.score(own))) == 5


def test_a_track_met_today_is_answered_today() -> None:
    model = fitted()
    state = model.follow(history(2, 7, 3, 4, 2))
    assert int(np.argmax(model.score(state))) == 7


def test_the_follower_at_the_right_distance_is_preferred() -> None:
    """Heard before: 0 1 2 3. Heard now: 0 1. What came two after 0 and one after 1 comes next."""
    model = fitted()
    assert int(np.argmax(model.score(model.follow(history(0, 1, 2, 3, 6, 7, 4, 5, 0, 1))))) == 2


def test_a_skipped_follower_is_half_a_follower() -> None:
    model = fitted()
    state = model.follow(history(0))
    liked = model.step(model.step(state, Event(1, 0, int(Outcome.FINISHED))), Event(0, 0))
    skipped = model.step(model.step(state, Event(1, 0, int(Outcome.SKIPPED))), Event(0, 0))
    assert 0 < model.score(skipped)[1] < model.score(liked)[1]


def test_later_habits_weigh_more() -> None:
    model = fitted()
    turned = model.follow(history(*([0, 1, 7] * 10), *([0, 2, 7] * 10), 0))
    scores = model.score(turned)
    assert scores[2] > scores[1]


def test_popularity_orders_the_rest() -> None:
    model = fitted(3, 3, 3, 4)
    assert np.argsort(-model.score(model.start()), kind="stable")[:2].tolist() == [3, 4]


def test_a_step_does_not_copy_the_past() -> None:
    model = fitted()
    state = model.follow(history(*range(8)))
    assert model.step(state, Event(1, 0)).past is state.past
    assert model.step(state, Event(2, 0)).past is not state.past  # others went on from there


def test_states_that_part_in_threads_stay_apart() -> None:
    model = fitted()
    origin = model.follow(history(0, 1, 2))
    ends: dict[int, Past] = {}

    def go_on(track: int) -> None:
        state = origin
        for _ in range(300):
            state = model.step(state, Event(track, 0))
        ends[track] = state.past

    threads = [threading.Thread(target=go_on, args=(track,)) for track in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for track, past in ends.items():
        assert past.tracks[:303].tolist() == [0, 1, 2] + [track] * 300
        assert sum(len(past.before(met, 303)) for met in set(past.tracks[:303].tolist())) == 303
