import numpy as np

from segue.listening.events import Events, Items
from segue.taste.popularity import Popularity
from segue.types import Outcome

ITEMS = Items(("a", "b", "c"))
DAY_S = 86_400


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
