"""Intervals over groups: they cover as often as they say, and differences are paired."""

import numpy as np
import pytest

from benchmarks.hearing.intervals import Draws


def test_the_figures_are_those_without_any_drawing() -> None:
    draws = Draws(["a", "a", "b", "c"])
    assert draws.mean(np.array([1.0, 0, 1, np.nan])).value == pytest.approx(2 / 3)
    right, classes = np.array([True, True, False, True]), np.array([0, 0, 0, 1])
    assert draws.balanced_accuracy(right, classes).value == pytest.approx((2 / 3 + 1) / 2)
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.4, 0.6]])
    assert draws.auc(scores, classes).value == pytest.approx(2.5 / 3)  # two won, one tied


def test_nine_of_ten_intervals_and_more_hold_the_truth_where_albums_differ() -> None:
    """Albums that are alike within: intervals over single tracks would hold it half as often."""
    generator = np.random.default_rng(1)
    albums = [f"{album}" for album in range(40) for _ in range(8)]
    tracks = [str(number) for number in range(len(albums))]
    over_albums = over_tracks = 0
    for trial in range(100):
        values = np.repeat(generator.standard_normal(40), 8) + 0.3 * generator.standard_normal(320)
        for groups in (albums, tracks):
            found = Draws(groups, seed=trial, draws=300).mean(values).estimate
            holds = found.low <= 0 <= found.high
            over_albums += holds and groups is albums
            over_tracks += holds and groups is tracks
    assert over_albums >= 87
    assert over_tracks < 70


def test_a_difference_is_paired_and_the_draws_are_seeded() -> None:
    groups = [str(number // 4) for number in range(80)]
    noisy = np.random.default_rng(2).standard_normal(80) * 10
    draws = Draws(groups, seed=5)
    better = (draws.mean(noisy + 1) - draws.mean(noisy)).estimate
    assert (better.low, better.value, better.high) == pytest.approx((1, 1, 1))
    assert Draws(groups, seed=5).mean(noisy).estimate == draws.mean(noisy).estimate
    assert Draws(groups, seed=6).mean(noisy).estimate != draws.mean(noisy).estimate


def test_the_interval_of_an_auc_covers_chance_and_excludes_it_where_there_is_something() -> None:
    generator = np.random.default_rng(3)
    groups = [str(number // 3) for number in range(90)]
    classes = np.arange(90) % 2
    scores = generator.standard_normal((90, 2))
    nothing = Draws(groups).auc(scores, classes).estimate
    assert nothing.low < 0.5 < nothing.high
    scores[np.arange(90), classes] += 2
    assert Draws(groups).auc(scores, classes).estimate.low > 0.6
