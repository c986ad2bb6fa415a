"""The benchmark of heads: what it scores is right by hand, and no group teaches what is told of it."""

import numpy as np
import pytest

from benchmarks import heads
from benchmarks.heads import Question


def world(tracks: int = 240, packages: int = 12) -> tuple[Question, np.ndarray]:
    """Three styles around three directions, four packages each."""
    chance = np.random.default_rng(0)
    package = np.arange(tracks) % packages
    style = package % 3
    vectors = 0.5 * chance.standard_normal((tracks, 10))
    vectors[np.arange(tracks), style] += 1
    return Question(("a", "b", "c"), np.eye(3, dtype=bool)[style], [f"p{one}" for one in package]), vectors


def test_styles_of_one_package_are_not_asked() -> None:
    rows, question = heads.genres(["x", "y", "x", None, "z", "z"], ["p", "p", "q", "q", "r", "r"])
    assert rows.tolist() == [0, 2]
    assert (question.labels, question.groups) == (("x",), ["p", "q"])


def test_a_package_teaches_nothing_of_itself() -> None:
    question, _ = world()
    seen: list[tuple[set[str], set[str]]] = []

    def tell(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        groups = np.asarray(question.groups)
        seen.append((set(groups[known]), set(groups[asked])))
        return np.zeros((int(asked.sum()), 3))

    heads.held_out(question, tell)
    assert all(known.isdisjoint(asked) for known, asked in seen)
    assert set().union(*(asked for _, asked in seen)) == set(question.groups)
    # A label that only its own package has can't be told: nothing leaks.
    alone = Question(("a", "b"), np.array([[True, False]] * 5 + [[False, True]] * 15), ["p"] * 5 + list("qrs") * 5)
    chances = heads.held_out(alone, heads.telling(np.eye(20), alone))
    assert chances[:5, 0].tolist() == [0] * 5


def test_heads_are_better_than_majority_and_few_labels_are_worse() -> None:
    question, vectors = world()
    told = heads.telling(vectors, question)
    chances = heads.held_out(question, told)
    score, low, high = heads.macro_f1(question, heads.held_out(question, heads.raised(question, told)))
    assert low <= score <= high
    assert score > 0.75 > 0.3 > heads.macro_f1(question, heads.held_out(question, heads.majority(question)))[0]
    assert 0.45 < heads.from_few(question, vectors, 5) < score
    assert heads.calibration_error(question, chances) < 0.06


def test_scores_are_those_worked_out_by_hand() -> None:
    question = Question(("a", "b"), np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool), list("ppqq"))
    chances = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    assert heads.macro_f1(question, chances)[0] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert heads.balanced_accuracy(question, chances, 0)[0] == pytest.approx(0.75)
    assert heads.calibration_error(question, np.full((4, 2), 0.45)) == pytest.approx(0.05)


def test_what_is_unknown_counts_as_the_mean() -> None:
    rows = heads.standardised(np.array([[1.0, np.nan], [3.0, 5.0], [5.0, 7.0]]))
    np.testing.assert_allclose(rows[:, 0], [-1.2247, 0, 1.2247], atol=1e-4)
    np.testing.assert_allclose(rows[:, 1], [0, -1, 1], atol=1e-6)
