"""Ranks, top lists, gains and intervals against brute force, an independent library and known answers."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segue.evaluate.intervals import Clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import NOWHERE, Ranking, ranks
from segue.evaluate.results import figures, verdict
from segue.listening.tables import read_tables
from segue.taste.contract import top_k

FEW = st.sampled_from([0.0, 1.0, 2.0, -np.inf, np.inf])  # few values, so that ties are everywhere
LINES = arrays.arrays(np.float32, st.tuples(st.just(1), st.integers(1, 120)), elements=FEW)


@given(LINES, st.data())
def test_rank_is_the_worst_place_a_sort_could_give(scores: np.ndarray, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, scores.shape[1] - 1))
    order = sorted(range(scores.shape[1]), key=lambda track: (-scores[0, track], track == target))
    found, closed = ranks(scores, np.array([target]))
    assert found.tolist() == closed.tolist() == [order.index(target) + 1]


@given(LINES, st.data())
def test_the_closed_rank_is_the_rank_with_all_others_taken_away(scores: np.ndarray, data: st.DataObject) -> None:
    tracks = scores.shape[1]
    target = data.draw(st.integers(0, tracks - 1))
    inside = np.array(data.draw(st.lists(st.booleans(), min_size=tracks, max_size=tracks)))
    found, closed = ranks(scores, np.array([target]), inside)
    assert found.tolist() == ranks(scores, np.array([target]))[0].tolist()
    if inside[target]:
        there = int(np.count_nonzero(inside[:target]))
        assert closed.tolist() == ranks(scores[:, inside], np.array([there]))[0].tolist()
        assert closed[0] <= found[0]
    else:
        assert closed.tolist() == [NOWHERE]
        assert not gains(closed).any()


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
    moved = ranks(scores[:, order], np.array([int(np.flatnonzero(order == 0)[0])]))[0]
    assert moved.tolist() == ranks(scores, np.array([0]))[0].tolist()


def test_nan_counts_as_minus_infinity() -> None:
    scores = np.array([[np.nan, 1, 2], [np.nan, np.nan, np.nan], [0, np.nan, np.nan]], dtype=np.float32)
    assert ranks(scores, np.array([0, 1, 0]))[0].tolist() == [3, 3, 1]


@given(arrays.arrays(np.int32, st.integers(1, 50), elements=st.integers(1, 10**9)))
def test_gains_lie_between_nothing_and_one_and_agree_with_their_definitions(rank: np.ndarray) -> None:
    found = gains(rank)
    assert found.shape == (len(rank), len(GAINS))
    for line, place in zip(found.tolist(), rank.tolist(), strict=True):
        expected = [float(place <= k) for k in (1, 10, 20, 100)] + [1 / place if place <= 20 else 0]
        expected += [1 / math.log2(1 + place) if place <= k else 0 for k in (10, 20, 100)]
        assert line == pytest.approx(expected)
        assert all(0 <= gain <= 1 for gain in line)
        assert line[:4] == sorted(line[:4])
        assert line[4] <= line[6] <= line[2]
        assert line[5:] == sorted(line[5:])


def test_gains_are_those_of_ir_measures_also_where_scores_tie() -> None:
    """trec_eval breaks ties in ways of its own, so it is shown the ties broken against the target."""
    import ir_measures
    from ir_measures import RR, R, nDCG

    asked = {"recall@1": R @ 1, "recall@10": R @ 10, "recall@20": R @ 20, "recall@100": R @ 100, "mrr@20": RR @ 20}
    asked |= {"ndcg@10": nDCG @ 10, "ndcg@20": nDCG @ 20, "ndcg@100": nDCG @ 100}
    assert list(asked) == list(GAINS)
    generator = np.random.default_rng(4)
    for levels in (3, 12, 10**6):  # nearly all tie, some tie, none does
        scores = (generator.integers(levels, size=(60, 150)) / levels).astype(np.float32)
        target = generator.integers(150, size=60)
        lines = np.arange(60)
        scores[lines, target] = -np.sort(-scores, axis=1)[lines, 2 * lines]  # from the best place to a bad one
        scores[lines[:5], target[:5]] += 1
        found = gains(ranks(scores, target)[0])
        qrels = [ir_measures.Qrel(str(line), str(track), 1) for line, track in enumerate(target)]
        run = []
        for line, track in enumerate(target):
            order = sorted(range(150), key=lambda other: (-scores[line, other], other == track))
            run += [ir_measures.ScoredDoc(str(line), str(other), 1000.0 - place) for place, other in enumerate(order)]
        theirs = {
            (metric.measure, int(metric.query_id)): metric.value
            for metric in ir_measures.iter_calc(list(asked.values()), qrels, run)
        }
        for column, measure in enumerate(asked.values()):
            expected = [theirs[measure, line] for line in range(60)]
            np.testing.assert_allclose(found[:, column], expected, rtol=0, atol=1e-9)
            assert 0 < found[:, column].mean() < 1 or levels < 10**6


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


def small_problem(tmp_path: Any) -> Problem:
    rows = 60
    frame = pl.DataFrame(
        {
            "listener": [f"l{row % 40}" for row in range(2 * rows)],
            "played_at": range(2 * rows),
            "track": [f"t{row % 7}" for row in range(2 * rows)],
        }
    )
    frame[:rows].write_parquet(tmp_path / "train.parquet")
    frame[rows:].write_parquet(tmp_path / "test.parquet")
    return pose(*read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"]))


def ranked(problem: Problem, rank: Any) -> Ranking:
    line = np.broadcast_to(rank, len(problem)).astype(np.int32)
    return Ranking(line, line, np.full((len(problem), 20), -1, dtype=np.int32), 0, 0.0, 0.0)


def test_intervals_over_seeds_hold_the_luck_with_the_seed(tmp_path: Any) -> None:
    """A lucky and an unlucky fit, each the same on every target: all there is of doubt is which fit one gets."""
    problem = small_problem(tmp_path)
    fits = [ranked(problem, 1), ranked(problem, 500), ranked(problem, 1), ranked(problem, 1)]
    found = figures(problem, {"steady": [ranked(problem, 2)], "lucky": fits}, draws=500)
    steady, lucky = (found["models"][name] for name in ("steady", "lucky"))
    assert steady["segments"]["all"]["mrr@20"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert lucky["segments"]["all"]["mrr@20"] == {"value": 0.75, "low": 0.0, "high": 1.0}
    assert steady["seeds"]["mrr@20"] == {"values": [0.5], "sd": None}
    assert lucky["seeds"]["fits"] == 4
    assert lucky["seeds"]["mrr@20"] == {"values": [1.0, 0.0, 1.0, 1.0], "sd": 0.5}
    gain = found["winner"]
    assert (gain["model"], gain["next"]) == ("lucky", "steady")
    assert gain["mrr@20"] == {"value": 0.25, "low": -0.5, "high": 0.5, "relative": 0.5, "verdict": "undecided"}


def test_the_winner_is_set_against_the_next_best_whatever_it_is(tmp_path: Any) -> None:
    problem = small_problem(tmp_path)
    rankings = {name: [ranked(problem, rank)] for name, rank in (("popularity", 9), ("a", 3), ("b", 1), ("rules", 4))}
    found = figures(problem, rankings, draws=50)
    assert (found["winner"]["model"], found["winner"]["next"]) == ("b", "a")
    assert found["winner"]["ndcg@20"]["value"] == 0.5
    assert found["winner"]["ndcg@20"]["verdict"] == "better"
    assert found["best_baseline"] == "rules"
    assert figures(problem, {"a": [ranked(problem, 3)]}, draws=50)["winner"] is None
