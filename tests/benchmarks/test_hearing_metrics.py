"""Rankings with answers known by hand, and hubs that were planted."""

import numpy as np
import pytest

from benchmarks.hearing.metrics import cosine, csls, found_first, hubs, retrieval

TABLE = np.array(  # who is how near, from the first track's ear: 1 > 2 > 3 > 4
    [
        [1.0, 0.9, 0.8, 0.7, 0.6],
        [0.9, 1.0, 0.1, 0.5, 0.2],
        [0.8, 0.1, 1.0, 0.2, 0.3],
        [0.7, 0.5, 0.2, 1.0, 0.4],
        [0.6, 0.2, 0.3, 0.4, 1.0],
    ]
)
OTHERS = ~np.eye(5, dtype=bool)


def relevant(*pairs: tuple[int, int]) -> np.ndarray:
    made = np.zeros((5, 5), dtype=bool)
    for query, track in pairs:
        made[query, track] = True
    return made


def test_average_precision_and_r_precision_are_those_of_the_textbook() -> None:
    found = retrieval(TABLE, relevant((0, 2), (0, 4), (1, 0), (3, 4)), OTHERS)
    # track 0 finds its two at ranks 2 and 4; track 1 its one at rank 1; track 3 its one at rank 3
    np.testing.assert_allclose(found.average_precision, [(1 / 2 + 2 / 4) / 2, 1, np.nan, 1 / 3, np.nan])
    np.testing.assert_allclose(found.r_precision, [1 / 2, 1, np.nan, 0, np.nan])
    np.testing.assert_allclose(found.first, [0, 1, np.nan, 0, np.nan])


def test_a_query_is_no_answer_to_itself_and_no_candidate_is_ranked() -> None:
    itself = retrieval(TABLE, np.eye(5, dtype=bool), OTHERS)
    assert np.isnan(itself.average_precision).all()
    without_two_and_three = OTHERS.copy()
    without_two_and_three[0, [1, 2]] = False
    found = retrieval(TABLE, relevant((0, 2), (0, 4)), without_two_and_three)
    assert found.average_precision[0] == 1 / 2  # 3 before 4, and 2 is neither ranked nor missed


def test_ties_and_vectors_that_are_no_numbers_earn_nothing() -> None:
    found = retrieval(np.ones((5, 5)), relevant((0, 1)), OTHERS)
    assert found.average_precision[0] == 1 / 4
    assert found_first(np.ones((3, 3)), np.arange(3)).tolist() == [0, 0, 0]
    rows = np.eye(3)
    rows[1] = np.nan
    assert (cosine(rows, rows)[1] == -1).all()
    np.testing.assert_array_equal(found_first(cosine(rows, rows), np.arange(3)), [1, 0, 1])


def test_the_own_half_is_found_where_it_is_nearest_of_all() -> None:
    np.testing.assert_array_equal(
        found_first(np.array([[0.9, 0.1, 0.2], [0.8, 0.7, 0.1], [0.1, 0.2, 0.3]]), np.arange(3)), [1, 0, 1]
    )
    np.testing.assert_array_equal(found_first(np.array([[0.9, 0.1, 0.2]]), np.array([1])), [0])


@pytest.fixture
def with_a_hub() -> np.ndarray:
    """Directions drawn evenly, and a last one that the others lean to, not so far that it is near to every one of them:
    a hub that can't grow only lets the skew of the rest count.
    """
    drawn = np.random.default_rng(0).standard_normal((200, 64))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    hub = drawn.mean(0) / np.linalg.norm(drawn.mean(0))
    return np.vstack([drawn + 0.4 * hub, hub])


def test_a_planted_hub_is_the_largest_and_csls_puts_it_back(with_a_hub: np.ndarray) -> None:
    similarity = cosine(*[with_a_hub / np.linalg.norm(with_a_hub, axis=1, keepdims=True)] * 2)
    found, corrected = hubs(similarity), hubs(csls(similarity))
    assert found.largest > 150
    assert found.skew > 5
    assert corrected.largest < found.largest / 2
    assert corrected.skew < found.skew
    assert corrected.never < found.never


def test_csls_takes_off_how_near_each_track_is_to_its_nearest() -> None:
    similarity = np.array([[1, 0.9, 0.1], [0.9, 1, 0.5], [0.1, 0.5, 1]])
    corrected = csls(similarity, k=2)
    # the means of both others: 0.5, 0.7, 0.3
    np.testing.assert_allclose(corrected[0, 1], 2 * 0.9 - 0.5 - 0.7)
    np.testing.assert_allclose(corrected[2, :2], [2 * 0.1 - 0.3 - 0.5, 2 * 0.5 - 0.3 - 0.7])


def test_a_ring_has_no_hubs() -> None:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    found = hubs(-np.minimum(np.abs(d := angle[:, None] - angle[None]), 2 * np.pi - np.abs(d)).round(6))
    assert (found.never, found.largest, found.skew) == (0, 10, 0)


def test_never_counts_who_is_in_nobodys_nearest() -> None:
    # with one neighbour each: 0 and 1 have each other, 2 has 1, nobody has 2
    similarity = np.array([[1, 0.9, 0.1], [0.9, 1, 0.5], [0.1, 0.5, 1]])
    found = hubs(similarity, k=1)
    assert found.never == pytest.approx(1 / 3)
    assert found.largest == 2
