"""Ranks, top lists, gains and intervals against brute force and known answers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segue.evaluate.intervals import Clusters, interval, resample
from segue.evaluate.metrics import GAINS, coverage, gains, mean_popularity
from segue.evaluate.ranking import ranks
from segue.evaluate.results import verdict
from segue.taste.contract import top_k

FEW = st.sampled_from([0.0, 1.0, 2.0, -np.inf, np.inf])  # few values, so that ties are everywhere
LINES = arrays.arrays(np.float32, st.tuples(st.just(1), st.integers(1, 120)), elements=FEW)


@given(LINES, st.data())
def test_rank_is_the_worst_place_a_sort_could_give(scores: np.ndarray, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, scores.shape[1] - 1))
    order = sorted(range(scores.shape[1]), key=lambda track: (-scores[0, track], track == target))
    assert ranks(scores, np.array([target])).tolist() == [order.index(target) + 1]


@given(
    arrays.arrays(
        np.float32, st.sampled_from([1, 2, 5, 120, 1023, 1024, 2047, 2048, 2049, 5000]), elements=FEW, fill=FEW
    ),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 3, 20, 300, 600, 10_000]),
)
def test_top_k_is_a_stable_sort_cut_short(scores: np.ndarray, seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    some = generator.random(len(scores)) < generator.choice([0, 0.01, 1])
    scores = np.where(some, generator.random(len(scores), dtype=np.float32), scores)
    assert top_k(scores, k).tolist() == np.argsort(-scores, kind="stable")[:k].tolist()


@given(LINES, st.randoms(use_true_random=False))
def test_rank_does_not_depend_on_where_tracks_stand(scores: np.ndarray, random: object) -> None:
    order = np.random.default_rng(random.getrandbits(32)).permutation(scores.shape[1])  # type: ignore[attr-defined]
    moved = ranks(scores[:, order], np.array([int(np.flatnonzero(order == 0)[0])]))
    assert moved.tolist() == ranks(scores, np.array([0])).tolist()


def test_nan_counts_as_minus_infinity() -> None:
    scores = np.array([[np.nan, 1, 2], [np.nan, np.nan, np.nan], [0, np.nan, np.nan]], dtype=np.float32)
    assert ranks(scores, np.array([0, 1, 0])).tolist() == [3, 3, 1]


@given(arrays.arrays(np.int32, st.integers(1, 50), elements=st.integers(1, 10**9)))
def test_gains_lie_between_nothing_and_one_and_agree_with_their_definitions(rank: np.ndarray) -> None:
    found = gains(rank)
    assert found.shape == (len(rank), len(GAINS))
    for line, place in zip(found.tolist(), rank.tolist(), strict=True):
        expected = [float(place <= k) for k in (1, 10, 20, 100)]
        expected += [1 / place, 1 / math.log2(1 + place)] if place <= 20 else [0, 0]
        assert line == pytest.approx(expected)
        assert all(0 <= gain <= 1 for gain in line)
        assert line[:4] == sorted(line[:4])
        assert line[4] <= line[5] <= line[2]


def test_coverage_and_popularity_by_hand() -> None:
    top = np.array([[0, 1], [1, -1]], dtype=np.int32)
    assert coverage(top, 4) == 0.5
    plays = np.array([0, math.e**2 - 1, 9, 9])
    assert mean_popularity(top.ravel(), plays) == pytest.approx(4 / 3)
    assert math.isnan(mean_popularity(np.array([-1], dtype=np.int32), plays))


def test_the_interval_of_a_mean_covers_the_truth_as_often_as_it_says() -> None:
    """Clusters whose members are alike: intervals over single targets would cover half as often."""
    generator = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        level = np.repeat(generator.normal(size=60), 20)
        values = (level + 0.1 * generator.normal(size=1200))[:, None]
        over = Clusters(np.repeat(np.arange(60), 20), 60, "listener", "")
        low, high = interval(resample(values, np.ones(1200, dtype=bool), over, seed=seed, draws=300)[:, 0])
        covered += low <= 0 <= high
    assert 178 <= covered <= 199


def test_resampling_weighs_clusters_by_their_targets_and_skips_empty_draws() -> None:
    over = Clusters(np.array([0, 0, 0, 1]), 2, "listener", "")
    values = np.array([[1.0], [1.0], [1.0], [0.0]])
    drawn = resample(values, np.ones(4, dtype=bool), over, seed=0, draws=400)[:, 0]
    assert set(np.round(drawn, 6)) == {0.0, 0.75, 1.0}
    assert np.mean(drawn == 0.75) == pytest.approx(0.5, abs=0.08)
    partly = resample(values, np.array([True, True, True, False]), over, seed=0, draws=400)[:, 0]
    assert np.isnan(partly).any()
    assert interval(partly) == (1.0, 1.0)


def test_a_verdict_needs_an_interval_without_zero() -> None:
    assert verdict(0.5, 0.1, 0.2) == "better"
    assert verdict(-0.01, -0.2, -0.1) == "worse"
    assert verdict(-0.04, -0.2, 0.1) == "same"
    assert verdict(None, -0.1, 0.1) == "undecided"
