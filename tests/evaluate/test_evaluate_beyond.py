"""What top lists are like, against numbers worked out by hand and by brute force."""

import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from segue.evaluate.beyond import coverage, gini, mean_popularity, novelty, skip_rate, variety, variety_basis
from segue.evaluate.problem import pose
from segue.listening.events import Items
from segue.listening.tables import read_tables

NOTHING = np.full((2, 3), -1, dtype=np.int32)


def test_coverage_and_popularity_by_hand() -> None:
    top = np.array([[0, 1], [1, -1]], dtype=np.int32)
    assert coverage(top, 4) == 0.5
    plays = np.array([0, math.e**2 - 1, 9, 9])
    assert mean_popularity(top.ravel(), plays) == pytest.approx(4 / 3)
    assert math.isnan(mean_popularity(np.array([-1], dtype=np.int32), plays))


def test_gini_is_the_mean_difference_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    top = generator.zipf(1.5, size=(30, 20)).clip(max=50).astype(np.int32) - 1
    shown = np.bincount(top.ravel(), minlength=60)
    pairs = sum(abs(int(one) - int(other)) for one, other in itertools.product(shown, shown))
    assert gini(top, 60) == pytest.approx(pairs / (2 * 60 * shown.sum()))
    assert math.isnan(gini(NOTHING, 5))


def test_novelty_in_bits() -> None:
    plays = np.array([6, 0])  # shares of 7/8 and 1/8 with one play added to each
    assert novelty(np.array([1, -1], dtype=np.int32), plays) == 3
    assert novelty(np.array([0, 1], dtype=np.int32), plays) == pytest.approx((3 - math.log2(7 / 8)) / 2)
    assert math.isnan(novelty(NOTHING.ravel(), plays))


def test_variety_by_sound_is_one_less_the_mean_cosine_of_pairs_that_sound() -> None:
    generator = np.random.default_rng(1)
    vectors = generator.normal(size=(40, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[::4] = 0
    items = Items(tuple(map(str, range(40))), vectors=vectors)
    top = np.stack([generator.permutation(40)[:6] for _ in range(700)]).astype(np.int32)
    top[3, 2:] = -1
    top[5] = [0, 4, 8, 1, -1, -1]  # a single track that sounds: no pair, so the list is left out
    expected = []
    for line in top:
        pairs = [
            float(vectors[one] @ vectors[other])
            for one, other in itertools.combinations([track for track in line if track >= 0 and track % 4], 2)
        ]
        expected += [1 - np.mean(pairs)] if pairs else []
    assert len(expected) < 700
    assert variety_basis(items) == "sound"
    assert variety(top, items) == pytest.approx(np.mean(expected), abs=1e-6)
    assert math.isnan(variety(NOTHING, items))


def test_variety_without_vectors_counts_artists() -> None:
    artist = np.array([0, 0, 1, 2, -1], dtype=np.int32)
    items = Items(tuple("abcde"), artist=artist)
    assert variety_basis(items) == "artists"
    top = np.array([[0, 1, 2, 4], [2, 3, -1, -1], [4, 0, -1, -1]], dtype=np.int32)
    assert variety(top, items) == pytest.approx((2 / 3 + 1) / 2)
    nothing = Items(tuple("abcde"), vectors=np.zeros((5, 2), dtype=np.float32))
    assert variety_basis(nothing) == ""
    assert math.isnan(variety(top, nothing))


def test_skips_are_counted_among_outcomes_that_are_known(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "listener": "a",
            "played_at": range(6),
            "track": list("xyzxyz"),
            "played_s": [200.0, 200.0, 2.0, 200.0, None, 100.0],
            "duration_s": 200.0,
            "skipped": [False, True, False, False, False, False],
        }
    )
    frame[:1].write_parquet(tmp_path / "train.parquet")
    frame[1:].write_parquet(tmp_path / "test.parquet")
    problem = pose(*read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"]))
    every = np.ones(5, dtype=bool)
    assert skip_rate(problem, every) == 0.5  # two skips of four that are known
    assert skip_rate(problem, np.array([True, True, False, True, False])) == 1
    assert math.isnan(skip_rate(problem, np.array([False, False, False, True, False])))
