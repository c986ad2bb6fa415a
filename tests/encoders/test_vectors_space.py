"""What is known of a library's middle and of how crowded it is around each track."""

import numpy as np
import pytest

from segue.encoders import space
from segue.encoders.space import TOLERANCE, Space


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def named(tracks: int) -> tuple[str, ...]:
    return tuple(f"t{row}" for row in range(tracks))


def every(of: Space) -> np.ndarray:
    return np.arange(len(of.matrix))


@pytest.fixture
def grouped() -> np.ndarray:
    """Six hundred tracks in sixty groups, some tighter than others, all to one side."""
    rng = np.random.default_rng(0)
    groups = np.repeat(rng.standard_normal((60, 48)), 10, axis=0)
    return unit(groups + rng.lognormal(-0.5, 0.6, (600, 1)) * rng.standard_normal((600, 48)) + 0.5)


def test_the_middle_of_a_library_is_its_mean_and_of_a_few_tracks_is_near_zero(grouped: np.ndarray) -> None:
    mean = grouped.mean(0)
    assert np.linalg.norm(Space(named(600), grouped).centre - mean) < 0.02
    assert np.linalg.norm(Space(("t0",), grouped[:1]).centre) == pytest.approx(1 / 11)
    alike = np.repeat(grouped[:1], 500, axis=0)
    assert np.linalg.norm(Space(named(500), alike).centre) == pytest.approx(0.9)


def test_what_is_rough_is_within_the_tolerance_of_what_is_exact(grouped: np.ndarray) -> None:
    one = Space(named(600), grouped)
    direction = one.direction(np.random.default_rng(1).standard_normal(48) / 7)
    assert np.abs(one.cosines(direction) - one.exact(every(one)) @ direction).max() < TOLERANCE / 10
    assert np.abs(one.crowding(every(one)) - one.exact_crowding(every(one))).max() < TOLERANCE / 10
    assert (one.least_crowding <= one.exact_crowding(every(one)) + TOLERANCE).all()


def test_equal_vectors_are_no_neighbours_of_each_other_and_are_equally_crowded(
    grouped: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only one of them is a reference."""
    monkeypatch.setattr(space, "REFERENCES", 64)
    twice = Space(named(1200), np.vstack([grouped, grouped]))
    assert len(twice.references) < 64
    crowding = twice.exact_crowding(every(twice))
    assert np.array_equal(crowding[:600], crowding[600:])
    assert crowding.max() < 1 - 1e-6


def test_references_know_how_crowded_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a track's surroundings are many more than ten: half of six then still lie all around."""
    rng = np.random.default_rng(0)
    surroundings = np.repeat(rng.standard_normal((6, 48)), 100, axis=0)
    grouped = unit(surroundings + rng.lognormal(-0.5, 0.6, (600, 1)) * rng.standard_normal((600, 48)) + 0.5)
    all_of_them = Space(named(600), grouped)
    known = all_of_them.crowding(every(all_of_them))
    monkeypatch.setattr(space, "REFERENCES", 300)
    half = Space(named(600), grouped)
    assert len(half.references) == 300
    assert np.corrcoef(known, half.crowding(every(half)))[0, 1] > 0.95


def test_usual_crowding_is_that_of_the_whole_library_not_of_where_it_begins(grouped: np.ndarray) -> None:
    """A thousand tracks sorted by how close together they lie: those at the front are far more crowded."""
    rng = np.random.default_rng(1)
    groups = np.repeat(rng.standard_normal((50, 48)), 20, axis=0)
    one = Space(named(1000), unit(groups + np.linspace(0.1, 2, 1000)[:, None] * rng.standard_normal((1000, 48))))
    crowding = one.exact_crowding(every(one))
    assert crowding[: space.TYPICAL].mean() > crowding.mean() + 0.1
    assert one.usual_crowding == pytest.approx(crowding.mean(), abs=0.03)
    few = Space(named(600)[:400], grouped[:400])
    assert few.usual_crowding == pytest.approx(few.exact_crowding(every(few)).mean(), abs=1e-6)


def test_a_few_more_tracks_change_few_references(grouped: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "REFERENCES", 100)
    before = set(Space(named(590), grouped[:590]).references.tolist())
    after = set(Space(named(600), grouped).references.tolist())
    assert len(before - after) <= 10
    assert before != set(range(100))


def test_nothing_is_written_back_to_the_vectors(grouped: np.ndarray) -> None:
    grouped.setflags(write=False)
    one = Space(named(600), grouped)
    kept = grouped.copy()
    one.crowding(every(one))
    one.cosines(one.direction(grouped[0].astype(np.float64)))
    assert np.isfinite(one.usual_crowding)
    assert np.array_equal(grouped, kept)
