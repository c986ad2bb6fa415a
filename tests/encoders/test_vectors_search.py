"""Exact search against the plainest possible one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.encoders import search, space
from segue.encoders.search import Vectors


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def brute(vectors: Vectors, query: np.ndarray, k: int, without: set[str]) -> list[tuple[str, float]]:
    """Every track measured against every other, in double precision, as the paper has it."""
    rows = vectors.matrix.astype(np.float64)
    centre = rows.sum(0) / (len(rows) + 10)
    centre *= min(1, 0.9 / max(np.linalg.norm(centre), 1e-12))

    def seen(vector: np.ndarray) -> np.ndarray:
        return (vector - centre) / np.sqrt(((vector - centre) ** 2).sum())

    wanted = seen(query.astype(np.float64) / np.linalg.norm(query.astype(np.float64)))
    places = [seen(row) for row in rows]
    different = {row.tobytes(): place for row, place in zip(rows, places, strict=True)}
    crowding = {}
    stacked = np.array(list(different.values()))
    for number, (row, place) in enumerate(different.items()):
        others = np.sort(np.delete((stacked * place).sum(1), number))
        crowding[row] = float(np.mean(others[-10:])) if len(others) else 0.0
    usual = np.mean(list(crowding.values()))
    scores = []
    for row, place in zip(rows, places, strict=True):
        cosine = float((place * wanted).sum())
        same = cosine >= 1 - 1e-6
        scores.append(np.float32(cosine + 2 if same else cosine - (crowding[row.tobytes()] - usual) / 2))
    order = sorted(range(len(rows)), key=lambda row: (-scores[row], row))
    found = [(vectors.ids[row], float(np.clip(scores[row], -1, 1))) for row in order if vectors.ids[row] not in without]
    return found[:k]


def assert_equal(found: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [track_id for track_id, _ in found] == [track_id for track_id, _ in expected]
    assert [shown for _, shown in found] == pytest.approx([shown for _, shown in expected], abs=2e-6)


def test_all_the_same_sound_with_one_left_out() -> None:
    vectors = Vectors(tuple("abcd"), np.repeat(np.array([[1.0, 0.0]], np.float32), 4, axis=0))
    assert vectors.search(np.array([1, 0]), 3, ["b"]) == [("a", 1.0), ("c", 1.0), ("d", 1.0)]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    tracks=st.integers(1, 120),
    dim=st.sampled_from([1, 2, 7, 64, 129]),
    kinds=st.integers(1, 60),
    shift=st.sampled_from([0.0, 0.5, 3.0]),
    k=st.integers(0, 130),
    without=st.sets(st.integers(0, 130), max_size=30),
    known=st.booleans(),
)
def test_search_is_brute_force(
    seed: int, tracks: int, dim: int, kinds: int, shift: float, k: int, without: set[int], known: bool
) -> None:
    rng = np.random.default_rng(seed)
    # Fewer kinds than tracks: equal vectors must come in order of position.
    matrix = unit(rng.standard_normal((kinds, dim)) + shift)[rng.integers(kinds, size=tracks)]
    vectors = Vectors(tuple(f"t{row}" for row in range(tracks)), matrix)
    query = matrix[0].copy() if known else rng.standard_normal(dim) * 10 ** rng.uniform(-3, 3)
    left_out = {f"t{row}" for row in without}
    assert_equal(vectors.search(query, k, left_out), brute(vectors, query, k, left_out))


@pytest.mark.parametrize("k", [1, 10, 700])
def test_only_those_that_could_be_among_the_best_are_measured(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More tracks than are looked at first, in groups of thirty: the answer is that of looking at all."""
    monkeypatch.setattr(space, "TYPICAL", 1200)  # as brute force does it; a sample's mean would shift all alike
    rng = np.random.default_rng(k)
    groups = rng.standard_normal((40, 48))
    matrix = unit(np.repeat(groups, 30, axis=0) + rng.lognormal(-1, 0.7, (1200, 1)) * rng.standard_normal((1200, 48)))
    vectors = Vectors(tuple(f"t{row}" for row in range(1200)), matrix)
    assert_equal(vectors.search(matrix[7], k), brute(vectors, matrix[7], k, set()))
    assert k > 1 or np.isnan(vectors.space._crowding).any()
    far = rng.standard_normal(48)
    assert_equal(vectors.search(far, k), brute(vectors, far, k, set()))


def test_a_lone_track_is_found_behind_a_crowd_larger_than_what_is_looked_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six hundred tracks have a higher cosine, but crowd each other; a like crowd opposite keeps the middle at zero."""
    monkeypatch.setattr(space, "TYPICAL", 1201)
    rng = np.random.default_rng(0)
    crowd, lone = np.eye(48)[:2]
    crowds = np.repeat([[1.0], [-1.0]], 600, axis=0) * crowd + 0.02 * rng.standard_normal((1200, 48))
    vectors = Vectors(tuple(f"t{row}" for row in range(1201)), unit(np.vstack([crowds, lone])))
    query = 0.78 * crowd + 0.62 * lone
    assert (vectors.matrix @ query > vectors.matrix[-1] @ query).sum() == 600 > search.CANDIDATES
    assert vectors.search(query, 1)[0][0] == "t1200"
    assert_equal(vectors.search(query, 3), brute(vectors, query, 3, set()))


@pytest.mark.parametrize("seed", range(3))
def test_tracks_that_are_nearly_equal_are_told_apart(seed: int) -> None:
    """Their similarities differ by less than a float32 product's error."""
    rng = np.random.default_rng(seed)
    query = rng.standard_normal(129)
    matrix = unit(query / np.linalg.norm(query) + 1e-4 * rng.standard_normal((200, 129)) / np.sqrt(129))
    vectors = Vectors(tuple(f"t{row}" for row in range(200)), matrix)
    for k in (1, 7, 100):
        assert_equal(vectors.search(query, k), brute(vectors, query, k, set()))


def test_a_track_is_most_like_itself() -> None:
    matrix = unit(np.random.default_rng(0).standard_normal((5_000, 96)))
    vectors = Vectors(tuple(map(str, range(5_000))), matrix)
    for row in (0, 17, 4_999):
        assert vectors.search(matrix[row], 1) == [(str(row), 1.0)]
        assert vectors.search(matrix[row], 3, [str(row)])[0][1] < 0.9


def test_a_hub_that_is_asked_for_comes_first_and_else_steps_back() -> None:
    """In the middle of twenty groups of which each track is nearer to it than to its own kind."""
    rng = np.random.default_rng(3)
    middle = np.eye(2048)[0]  # so many numbers that every track has nearly the expected cosines, 0.41 and 0.27
    around = 0.8 * rng.standard_normal((20, 2048)).repeat(12, axis=0) + 2.1 * rng.standard_normal((240, 2048))
    matrix = unit(np.vstack([middle, around / np.sqrt(2048) + middle]))
    vectors = Vectors(tuple(map(str, range(241))), matrix)
    assert vectors.search(matrix[0], 1) == [("0", 1.0)]
    cosines = matrix @ matrix.T
    np.fill_diagonal(cosines, -1)
    assert (cosines[1:].argmax(1) == 0).all()
    first = [int(vectors.search(matrix[row], 1, [str(row)])[0][0]) for row in range(1, 241, 12)]
    assert sum((row - 1) // 12 == group for group, row in enumerate(first)) >= 18


def test_a_library_of_one_kind_of_music_is_seen_from_its_own_middle() -> None:
    """Far from where the encoder was centred, plain cosine finds fewer of a track's own group."""
    rng = np.random.default_rng(5)
    groups = np.repeat(rng.standard_normal((50, 64)), 8, axis=0)
    aside = 2 * rng.standard_normal(64) + groups + rng.lognormal(0, 0.5, (400, 1)) * rng.standard_normal((400, 64))
    matrix = unit(aside)
    vectors = Vectors(tuple(map(str, range(400))), matrix)

    def own(nearest: list[int], row: int) -> float:
        return sum(other // 8 == row // 8 for other in nearest) / 7

    cosines = matrix @ matrix.T
    np.fill_diagonal(cosines, -1)
    plain = np.mean([own(list(np.argsort(-cosines[row])[:7]), row) for row in range(400)])
    found = [[int(one) for one, _ in vectors.search(matrix[row], 7, [str(row)])] for row in range(400)]
    assert np.mean([own(nearest, row) for row, nearest in enumerate(found)]) > plain + 0.05


def test_the_same_vectors_give_the_same_answer_in_any_order_of_asking() -> None:
    rng = np.random.default_rng(2)
    matrix = unit(rng.standard_normal((900, 64)) + 0.5)
    once, again = (Vectors(tuple(map(str, range(900))), matrix) for _ in range(2))
    queries = rng.standard_normal((6, 64))
    forward = [once.search(query, 10) for query in queries]
    assert [again.search(query, 10) for query in queries[::-1]][::-1] == forward


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
