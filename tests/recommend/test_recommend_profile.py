"""The running sums: one event at a time must lead where the whole history leads."""

import numpy as np
import pytest
from recommend_world import NOW, Successor, heard, library

from segue.listening.events import Events
from segue.recommend.habits import FLOOR, NEVER, Habits
from segue.recommend.leaning import Leaning, strength
from segue.recommend.profile import Profile
from segue.recommend.scoring import lift, standard
from segue.recommend.shelf import Shelf
from segue.settings import RecommendSettings
from segue.types import Opinion, Outcome


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(*library())


def mixed(count: int, seed: int = 0) -> Events:
    random = np.random.default_rng(seed)
    return heard(random.integers(0, 98, count).tolist(), outcome=random.integers(0, 5, count).tolist())


@pytest.mark.parametrize("count", [0, 1, 2, 50, 300])
def test_leaning_by_event_equals_leaning_at_once(shelf: Shelf, count: int) -> None:
    events = mixed(count)
    once, single = Leaning(shelf), Leaning(shelf)
    once.hear_all(events)
    for row in range(len(events)):
        single.hear(events.event(row))
    assert (once.near is None) == (single.near is None)
    if once.near is not None:
        # Whole histories forget what pulls less than 1/64.
        np.testing.assert_allclose(np.exp(once.near), np.exp(single.near), rtol=0.05, atol=0.02)
    np.testing.assert_allclose(once.away, single.away, atol=0.02)
    np.testing.assert_allclose(once.artist, single.artist, atol=0.05)


def test_a_track_does_not_pull_on_itself_but_pushes_itself(shelf: Shelf) -> None:
    leaning = Leaning(shelf)
    leaning.hear_all(heard([3]))
    assert leaning.near.argmin() == 3
    leaning.hear_all(heard([5], outcome=int(Outcome.SKIPPED)))
    assert leaning.away.argmax() == 5


def test_recent_listens_pull_more_than_old_ones(shelf: Shelf) -> None:
    leaning = Leaning(shelf)
    leaning.hear_all(heard([*range(48)]))
    assert leaning.near[24:48].mean() > leaning.near[:24].mean() > leaning.near[48:96].mean()


def test_the_pulls_that_are_kept_stay_few(shelf: Shelf) -> None:
    leaning = Leaning(shelf)
    for row in range(1000):
        leaning.hear(heard([row % 96]).event(0))
    assert len(leaning.pulls) < 300


def test_strength_of_listens() -> None:
    assert strength(Outcome.UNKNOWN, np.nan) == 1
    assert strength(Outcome.SKIPPED, np.nan) == -1
    assert strength(Outcome.SKIPPED, 0.95) == pytest.approx(-0.05)
    assert strength(Outcome.FAILED, np.nan) == 0


def test_activation_is_that_of_the_paper(shelf: Shelf) -> None:
    ages_hours = [3.0, 99.0]
    events = Events.make(["ada"], [0, 0], [7, 7], [NOW - int(3600 * age) for age in ages_hours])
    activation = Habits(shelf, events).activation(NOW)
    assert activation[7] == pytest.approx(np.log(4**-0.5 + 100**-0.5), abs=1e-5)
    assert activation[8] == pytest.approx(FLOOR)


def test_habits_by_event_equal_habits_at_once(shelf: Shelf) -> None:
    events = mixed(200)
    once, single = Habits(shelf, events), Habits(shelf, heard([]))
    for row in range(len(events)):
        single.hear(events.event(row))
    np.testing.assert_allclose(once.activation(NOW), single.activation(NOW), rtol=1e-5)
    np.testing.assert_array_equal(once.last, single.last)
    np.testing.assert_array_equal(once.plays, single.plays)
    assert once.last[0] > NEVER


def test_lifted_tracks_are_their_share_of_every_beginning() -> None:
    random = np.random.default_rng(0)
    score = random.normal(size=3000).astype(np.float32)
    new = random.random(3000) < 0.6
    score[~new] += 5
    free = random.random(3000) < 0.9
    for share in (0.05, 0.3, 0.8):
        lifted = score + lift(score, new, free, share)
        order = np.flatnonzero(free)[np.argsort(-lifted[free])]
        for first in (20, 100, 400):
            assert abs(new[order[:first]].mean() - share) <= 1 / first + 0.01
        for kind in (new, ~new):
            own = order[kind[order]]
            assert (np.diff(score[own]) <= 0).all()
    assert not lift(score, np.zeros(3000, bool), free, 0.3).any()
    assert not lift(score, np.ones(3000, bool), free, 0.3).any()
    first_all = score + lift(score, new, np.ones(3000, bool), 1.0)
    assert new[np.argsort(-first_all, kind="stable")[:1000]].sum() >= 999


def test_few_known_tracks_leave_more_to_new_ones(shelf: Shelf) -> None:
    def share(known: int, discover: float = 0.3) -> float | None:
        settings = RecommendSettings(discover=discover)
        return Profile(shelf, None, settings, heard([*range(known)]), {}, NOW).share_of_new(NOW)

    assert share(10) is None
    assert share(24) == pytest.approx(0.65)
    assert share(48) == share(90) == pytest.approx(0.3)
    assert share(48, 0.0) is share(48, 1.0) is None


def test_a_profile_moved_event_by_event_ranks_as_one_built_at_once(shelf: Shelf) -> None:
    events = mixed(60)
    events = events.rows(events.outcome != Outcome.FAILED)
    model = Successor(shelf.items)

    def profile(known: Events) -> Profile:
        return Profile(shelf, model, RecommendSettings(), known, {}, NOW)

    moved = profile(events.rows(slice(0, 25)))
    for row in range(25, len(events)):
        moved.hear(events.event(row))
    moved.say(50, Opinion.LIKE)
    moved.say(10, Opinion.DISLIKE)
    built = profile(events)
    built.say(50, Opinion.LIKE)
    built.say(10, Opinion.DISLIKE)
    first, second = moved.ranking(NOW), built.ranking(NOW)
    for name in ("sequence", "artist", "habit", "liked", "avoid"):
        np.testing.assert_allclose(first.parts[name], second.parts[name], atol=0.05, err_msg=name)
    np.testing.assert_array_equal(moved.barred, built.barred)


def test_only_the_event_that_moved_the_model_has_influence(shelf: Shelf) -> None:
    """The planted model forgets all but the last track: leaving out an earlier one changes nothing."""
    profile = Profile(shelf, Successor(shelf.items), RecommendSettings(), heard([5, 10, 15, 20]), {}, NOW)
    (last, by_last), (_, by_second), (_, by_third) = profile.influences(np.arange(96), NOW)
    assert last.track == 20
    assert by_last.argmax() == 21
    assert by_last.argmin() == 16
    assert not by_second.any()
    assert not by_third.any()


def test_the_last_word_counts(shelf: Shelf) -> None:
    profile = Profile(shelf, None, RecommendSettings(), heard([1]), {"t004": Opinion.DISLIKE}, NOW)
    assert profile.barred[4]
    profile.say(4, Opinion.LIKE)
    assert not profile.barred[4]
    assert profile.liked[4]


def test_standard_scores() -> None:
    values = np.array([1, 2, 3, -np.inf], dtype=np.float32)
    scores = standard(values)
    assert scores[3] == scores[0] < scores[1] < scores[2]
    assert not standard(np.full(5, -np.inf)).any()
    assert not standard(np.full(5, 0.1)).any()
    assert standard(np.zeros(0)).shape == (0,)
    known = standard(np.array([1.0, 2.0, 50.0]), np.array([True, True, False]))
    assert known[2] == 0
    assert known[0] == -known[1]
    rare = np.zeros(100_000)
    rare[0] = 1
    assert 2 < standard(rare)[0] < 8
