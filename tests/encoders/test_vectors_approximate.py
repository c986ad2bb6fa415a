"""The index against exact search: at least 99 of 100 of the ten best."""

import numpy as np
import pytest

from segue.encoders.approximate import Index, is_there
from segue.encoders.search import Vectors

pytestmark = pytest.mark.skipif(not is_there(), reason="faiss is not installed: pip install 'segue[faiss]'")


def clustered(tracks: int, dim: int, seed: int = 0) -> Vectors:
    """Groups of twenty, some tighter than others, to one side."""
    rng = np.random.default_rng(seed)
    groups = rng.standard_normal((tracks // 20, dim), dtype=np.float32)
    rows = groups[rng.integers(len(groups), size=tracks)]
    rows += rng.lognormal(-0.5, 0.4, (tracks, 1)).astype(np.float32) * rng.standard_normal(rows.shape, dtype=np.float32)
    rows += 0.5 * rng.standard_normal(dim, dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return Vectors(tuple(f"t{row}" for row in range(tracks)), rows)


def recall(exact: Vectors, indexed: Vectors, queries: np.ndarray) -> float:
    found = [[{one for one, _ in vectors.search(query, 10)} for vectors in (exact, indexed)] for query in queries]
    return float(np.mean([len(wanted & got) / 10 for wanted, got in found]))


def test_the_index_finds_what_exact_search_finds() -> None:
    exact = clustered(6_000, 48)
    indexed = exact.indexed(beyond=1_000)
    assert indexed is not exact
    queries = exact.matrix[::120]
    assert recall(exact, indexed, queries) >= 0.99
    first, similarity = indexed.search(queries[3], 1)[0]
    assert (first, similarity) == ("t360", 1.0)
    assert indexed.search(queries[3], 5, ["t360"])[0][0] != "t360"
    assert np.array_equal(indexed.matrix_for(["t5"])[0], exact.matrix[5])


def test_an_index_with_too_few_answers_gives_way_to_exact_search() -> None:
    exact = clustered(3_000, 16)
    indexed = exact.indexed(beyond=100)
    assert indexed.search(exact.matrix[0], 2_950) == exact.search(exact.matrix[0], 2_950)


def test_few_tracks_are_not_indexed() -> None:
    vectors = clustered(200, 8)
    assert vectors.indexed() is vectors


def test_the_same_vectors_give_the_same_index() -> None:
    vectors = clustered(2_000, 16)
    one, other = (Index(vectors.space.exact, 2_000, 16) for _ in range(2))
    direction = vectors.space.direction(vectors.matrix[7].astype(np.float64))
    assert np.array_equal(one.nearest(direction, 50), other.nearest(direction, 50))


@pytest.mark.slow
def test_the_index_finds_what_exact_search_finds_among_very_many() -> None:
    exact = clustered(250_000, 128)
    indexed = exact.indexed()
    assert indexed is not exact
    assert recall(exact, indexed, exact.matrix[::2_500]) >= 0.99
