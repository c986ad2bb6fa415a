"""How much like music a vector is: planted sides are told apart, whole groups are held out, the threshold is placed."""

import numpy as np
import pytest
from safetensors.numpy import load, save

from segue.encoders.musiclike import THRESHOLD, MusicLike, _regress

DIM = 24


def planted(seed: int, tracks: int = 400, groups: int = 20, shift: float = 3.0):
    """Unit vectors of two sides apart along the first axis, and of groups that each lie elsewhere on the others."""
    rng = np.random.default_rng(seed)
    sides = []
    for sign in (1, -1):
        group = np.arange(tracks) % groups
        x = rng.standard_normal((tracks, DIM)) + rng.standard_normal((groups, DIM))[group]
        x[:, 0] += sign * shift
        vectors = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        sides.append((vectors, [f"{sign} {seed} {one}" for one in group]))
    return sides


def fitted(seed: int = 0, **changed) -> MusicLike:
    (music, music_groups), (other, other_groups) = planted(seed)
    return MusicLike.fit(music, other, music_groups, other_groups, **changed)


def test_unseen_groups_are_told_apart() -> None:
    likeness = fitted()
    (music, _), (other, _) = planted(1)
    high, low = likeness.score(music), likeness.score(other)
    assert high.dtype == np.float32
    assert high.shape == (400,)
    assert min(high.min(), low.min()) >= 0
    assert max(high.max(), low.max()) <= 1
    assert (high[:, None] > low[None]).mean() > 0.97
    assert (low < THRESHOLD).mean() > 0.6


@pytest.mark.parametrize("false_alarm", [0.01, 0.1])
def test_the_threshold_costs_the_stated_share_of_unseen_music(false_alarm: float) -> None:
    likeness = fitted(false_alarm=false_alarm)
    alarms = [(likeness.score(planted(seed)[0][0]) < THRESHOLD).mean() for seed in range(1, 9)]
    assert np.mean(alarms) == pytest.approx(false_alarm, rel=1)
    assert np.mean(alarms) > false_alarm / 4


def test_sides_weigh_the_same_however_many_there_are_of_each() -> None:
    (music, music_groups), (other, other_groups) = planted(0)
    once = MusicLike.fit(music, other, music_groups, other_groups)
    thrice = MusicLike.fit(music, np.tile(other, (3, 1)), music_groups, other_groups * 3)
    np.testing.assert_allclose(thrice.weight, once.weight, atol=2e-2 * np.abs(once.weight).max())
    assert thrice.bias == pytest.approx(once.bias, abs=0.2)


def test_the_regression_is_at_its_minimum() -> None:
    """The known answer of one point a side on a line: weight w with strength · w = σ(−w), bias nought."""
    weight, bias = _regress(np.array([[1.0], [-1.0]]), np.array([True, False]), 0.1)
    assert 0.1 * weight[0] == pytest.approx(1 / (1 + np.exp(weight[0])), rel=1e-3)
    assert bias == pytest.approx(0, abs=1e-5)


def test_one_vector_scores_as_among_many_and_the_same_data_fit_the_same() -> None:
    likeness = fitted()
    (music, _), _ = planted(2)
    alone = np.concatenate([likeness.score(row[None]) for row in music])
    np.testing.assert_array_equal(alone, likeness.score(music))
    again = fitted()
    np.testing.assert_array_equal(again.weight, likeness.weight)
    assert again.bias == likeness.bias
    assert likeness.score(music[:0]).shape == (0,)


def test_it_is_saved_among_other_tensors() -> None:
    likeness = fitted()
    tensors = load(save({"other": np.zeros(3, np.float32), **likeness.tensors()}))
    assert set(tensors) == {"other", "musiclike.weight", "musiclike.bias"}
    (music, _), _ = planted(2)
    np.testing.assert_array_equal(MusicLike.restore(tensors).score(music), likeness.score(music))


def test_what_does_not_fit_is_refused() -> None:
    (music, music_groups), (other, other_groups) = planted(0)
    with pytest.raises(ValueError, match="each has its group"):
        MusicLike.fit(music, other, music_groups[:-1], other_groups)
    with pytest.raises(ValueError, match="on both sides"):
        MusicLike.fit(music, other[:, :-1], music_groups, other_groups)
    with pytest.raises(ValueError, match="two groups"):
        MusicLike.fit(music, other, ["one"] * len(music), other_groups)
    with pytest.raises(ValueError, match=rf"\(n, {DIM}\)"):
        fitted().score(music[:, 1:])
