import numpy as np
import pytest

from segue.listening.events import Events, Items
from segue.taste.popularity import (
    PRIOR_PLAYS,
    HourlyPopularity,
    Popularity,
    RecentPopularity,
    relative_popularity,
)
from segue.types import Outcome

ITEMS = Items(("a", "b", "c"))
HOUR_S = 3_600
DAY_S = 86_400
WEEK_S = 7 * DAY_S


def test_skips_and_failures_are_no_plays() -> None:
    outcomes = [Outcome.UNKNOWN, Outcome.FINISHED, Outcome.PARTIAL, Outcome.SKIPPED, Outcome.FAILED]
    model = Popularity()
    model.fit(Events.make(["ada"], [0] * 5, [1] * 5, range(5), outcomes), ITEMS)
    np.testing.assert_allclose(model.score(None), np.log1p([0, 3, 0]), rtol=1e-6)


def test_an_old_play_counts_half_after_its_half_life() -> None:
    events = Events.make(["ada"], [0, 0], [0, 1], [DAY_S, 31 * DAY_S])
    model = Popularity(half_life_days=30)
    model.fit(events, ITEMS)
    np.testing.assert_allclose(model.score(None), np.log1p([0.5, 1, 0]), rtol=1e-6)


def test_this_week_goes_before_the_weeks_before() -> None:
    events = Events.make(["ada"], [0] * 4, [0, 0, 0, 1], [WEEK_S, WEEK_S, WEEK_S, 4 * WEEK_S])
    model = RecentPopularity()
    model.fit(events, ITEMS)
    np.testing.assert_allclose(model.score(None), np.log1p([3 / 8, 1, 0]), rtol=1e-6)


def test_relative_popularity_is_one_for_the_most_played() -> None:
    events = Events.make(["ada"], [0] * 4, [0, 1, 1, 1], range(4))
    np.testing.assert_allclose(relative_popularity(events, 3), [0.5, 1, 0])
    assert relative_popularity(events.rows(slice(0, 0)), 3).tolist() == [0, 0, 0]


def morning_and_evening() -> HourlyPopularity:
    """Track 0 at 8 o'clock of a hundred Thursdays, track 1 at 20 o'clock, twice."""
    times = np.concatenate([np.arange(1, 101) * WEEK_S + hour * HOUR_S for hour in (8, 20, 20)])
    model = HourlyPopularity()
    model.fit(Events.make(["ada"], [0] * 300, np.repeat([0, 1, 1], 100), times), ITEMS)
    return model


def test_the_hour_of_the_week_decides() -> None:
    model = morning_and_evening()
    shares = [(PRIOR_PLAYS / 3 + 100) / (PRIOR_PLAYS + 100), PRIOR_PLAYS * 2 / 3 / (PRIOR_PLAYS + 100), 0]
    np.testing.assert_allclose(model.score(None, 500 * WEEK_S + 8 * HOUR_S + 1), shares, rtol=1e-5)


def test_the_hours_around_count_half() -> None:
    model = morning_and_evening()
    share = (PRIOR_PLAYS / 3 + 50) / (PRIOR_PLAYS + 50)
    for hour in (7, 9):
        assert model.score(None, 500 * WEEK_S + hour * HOUR_S)[0] == pytest.approx(share, rel=1e-5)


def test_without_a_time_and_at_unknown_hours_it_is_the_share_of_all_plays() -> None:
    model = morning_and_evening()
    for at in (0, 500 * WEEK_S + 3 * DAY_S):
        np.testing.assert_allclose(model.score(None, at), [1 / 3, 2 / 3, 0], rtol=1e-5)


def test_plays_without_a_time_belong_to_no_hour() -> None:
    """Unix time 0 was a Thursday, 0:00; at that hour only the play of track 0 is known."""
    model = HourlyPopularity()
    model.fit(Events.make(["ada"], [0] * 3, [1, 1, 0], [0, 0, WEEK_S]), ITEMS)
    shares = np.array([PRIOR_PLAYS / 3 + 1, PRIOR_PLAYS * 2 / 3, 0]) / (PRIOR_PLAYS + 1)
    np.testing.assert_allclose(model.score(None, 5 * WEEK_S), shares, rtol=1e-5)
