import numpy as np
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.habits import AGE_UNIT_S, DECAY, Activation, MostPlayed
from segue.types import Outcome

ITEMS = Items(tuple("abcdefgh"))
NOW = 1_700_000_000
DAY_S = 86_400


def history(*tracks: int, gap_s: int = 200, outcome: int = 0, timed: bool = True) -> Events:
    count = len(tracks)
    return Events.make(["ada"], [0] * count, tracks, timed * (NOW + gap_s * np.arange(count)), [outcome] * count)


def fitted(kind: type[MostPlayed], *tracks: int) -> MostPlayed:
    model = kind()
    model.fit(history(*tracks), ITEMS)
    return model


def test_most_played_counts_the_listeners_own_plays() -> None:
    model = fitted(MostPlayed, 7, 7, 7, 7)
    scores = model.score(model.follow(history(1, 2, 1, 1)))
    np.testing.assert_allclose(scores[[1, 2, 3]], [3, 1, 0])
    assert np.argsort(-scores, kind="stable")[:3].tolist() == [1, 2, 7]  # popularity orders the rest, far below
    assert scores[7] < 1e-3


@pytest.mark.parametrize("kind", [MostPlayed, Activation])
@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.FAILED])
def test_a_skip_or_a_failure_is_no_play(kind: type[MostPlayed], outcome: Outcome) -> None:
    model = fitted(kind)
    state = model.step(model.start(), Event(1, NOW, int(outcome)))
    assert not model.score(state, NOW + 5).any()
    assert not model.score(model.follow(history(1, 1, outcome=int(outcome))), NOW + 5).any()


def test_activation_is_the_sum_of_powers_of_the_ages() -> None:
    model = fitted(Activation)
    ages = np.array([4, 9, 100]) * AGE_UNIT_S
    state = model.follow(Events.make(["ada"], [0] * 3, [1, 1, 2], NOW - ages[[1, 0, 2]]))
    np.testing.assert_allclose(model.score(state, NOW)[[1, 2]], [4**-DECAY + 9**-DECAY, 100**-DECAY], rtol=1e-5)


def test_activation_without_times_counts_events() -> None:
    model = fitted(Activation)
    scores = model.score(model.follow(history(1, 2, 1, timed=False)), NOW)
    np.testing.assert_allclose(scores[[1, 2]], [1 + 3**-DECAY, 2**-DECAY], rtol=1e-5)


def test_activation_fades_while_counts_stay() -> None:
    for kind, first in ((MostPlayed, 1), (Activation, 2)):
        model = fitted(kind)
        state = model.follow(Events.make(["ada"], [0] * 3, [1, 1, 2], [NOW - 900 * DAY_S, NOW - 899 * DAY_S, NOW]))
        assert int(np.argmax(model.score(state, NOW + 60))) == first


def test_a_time_before_the_last_play_is_no_trouble() -> None:
    model = fitted(Activation)
    scores = model.score(model.follow(history(1, 2, 1)), NOW - DAY_S)
    np.testing.assert_allclose(scores[[1, 2]], [2, 1], rtol=1e-5)


def test_any_play_goes_before_what_was_never_played() -> None:
    model = fitted(Activation, 7, 7, 7)
    state = model.follow(Events.make(["ada"], [0], [1], [NOW - 50 * 365 * DAY_S]))
    assert int(np.argmax(model.score(state, NOW))) == 1


@pytest.mark.parametrize("kind", [MostPlayed, Activation])
def test_an_earlier_state_does_not_see_later_plays(kind: type[MostPlayed]) -> None:
    model = fitted(kind)
    state = model.step(model.start(), Event(1, NOW))
    before = model.score(state, NOW)
    later = model.step(state, Event(2, NOW))
    assert later.past is state.past
    assert np.array_equal(model.score(state, NOW), before)
