"""Exact search against the plainest possible one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.encoders.search import Vectors


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def brute(vectors: Vectors, query: np.ndarray, k: int, without: set[str]) -> list[tuple[str, float]]:
    wanted = query.astype(np.float64) / np.linalg.norm(query.astype(np.float64))
    similarity = [np.float32((row.astype(np.float64) * wanted).sum()) for row in vectors.matrix]
    order = sorted(range(len(vectors)), key=lambda row: (-similarity[row], row))
    return [(vectors.ids[row], round(float(similarity[row]), 6)) for row in order if vectors.ids[row] not in without][
        :k
    ]


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**31),
    tracks=st.integers(1, 300),
    dim=st.sampled_from([1, 2, 7, 64, 129]),
    kinds=st.integers(1, 40),
    k=st.integers(0, 320),
    without=st.sets(st.integers(0, 320), max_size=30),
)
def test_search_is_brute_force(seed: int, tracks: int, dim: int, kinds: int, k: int, without: set[int]) -> None:
    rng = np.random.default_rng(seed)
    # Fewer kinds than tracks: equal vectors must come in order of position.
    matrix = unit(rng.standard_normal((kinds, dim)))[rng.integers(kinds, size=tracks)]
    vectors = Vectors(tuple(f"t{row}" for row in range(tracks)), matrix)
    query = rng.standard_normal(dim) * 10 ** rng.uniform(-3, 3)
    left_out = {f"t{row}" for row in without}
    assert vectors.search(query, k, left_out) == brute(vectors, query, k, left_out)


@pytest.mark.parametrize("seed", range(5))
def test_tracks_that_are_nearly_equal_are_told_apart(seed: int) -> None:
    """Their similarities differ by less than a float32 product's error."""
    rng = np.random.default_rng(seed)
    query = rng.standard_normal(129)
    matrix = unit(query / np.linalg.norm(query) + 1e-4 * rng.standard_normal((500, 129)) / np.sqrt(129))
    vectors = Vectors(tuple(f"t{row}" for row in range(500)), matrix)
    for k in (1, 7, 100):
        assert vectors.search(query, k) == brute(vectors, query, k, set())


def test_a_track_is_most_like_itself() -> None:
    matrix = unit(np.random.default_rng(0).standard_normal((5_000, 96)))
    vectors = Vectors(tuple(map(str, range(5_000))), matrix)
    for row in (0, 17, 4_999):
        assert vectors.search(matrix[row], 1) == [(str(row), 1.0)]
        assert vectors.search(matrix[row], 3, [str(row)])[0][1] < 0.9


def test_rows_by_id() -> None:
    vectors = Vectors(("a", "b"), unit(np.array([[3.0, 4.0], [1.0, 0.0]])))
    found = vectors.matrix_for(["b", "nobody", "a", "b"])
    assert found.dtype == np.float32
    assert np.allclose(found, [[1, 0], [0, 0], [0.6, 0.8], [1, 0]])
    assert vectors.matrix_for([]).shape == (0, 2)
    assert "a" in vectors
    assert "nobody" not in vectors
    assert (len(vectors), vectors.dim) == (2, 2)


def test_an_empty_set_finds_nothing() -> None:
    vectors = Vectors((), np.zeros((0, 3), np.float32))
    assert vectors.search(np.ones(3), 5) == []
    assert vectors.matrix_for(["a"]).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("query", [np.ones(3), np.ones((1, 2)), np.zeros(2), [np.nan, 1.0], [np.inf, 1.0]])
def test_a_query_that_is_no_direction_is_refused(query: object) -> None:
    vectors = Vectors(("a",), np.array([[1.0, 0.0]], np.float32))
    with pytest.raises(ValueError, match="query"):
        vectors.search(query, 1)  # type: ignore[arg-type]


def test_rows_and_ids_must_fit() -> None:
    for matrix in (np.zeros((2, 3), np.float32), np.zeros((1, 3)), np.zeros(3, np.float32)):
        with pytest.raises(ValueError, match="float32 rows"):
            Vectors(("a",), matrix)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Vectors((), np.zeros((0, 3), np.float32)).ids = ("a",)  # type: ignore[misc]
