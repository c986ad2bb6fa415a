"""Probes find what was planted, find nothing in noise, and never see the group they are asked about."""

import numpy as np

from benchmarks.hearing.probes import class_probabilities, folds, numbers

GROUPS = [f"album {number // 6}" for number in range(72)]
CLASSES = np.array([number // 6 % 3 for number in range(72)])


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def noise(seed: int = 0, dim: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((72, dim))


def test_a_planted_label_is_found_and_noise_holds_none() -> None:
    rows = noise()
    assert (class_probabilities(unit(rows), CLASSES, GROUPS, 0).argmax(1) == CLASSES).mean() < 0.55
    rows[np.arange(72), CLASSES] += 6
    said = class_probabilities(unit(rows), CLASSES, GROUPS, 0)
    assert (said.argmax(1) == CLASSES).mean() > 0.95
    np.testing.assert_allclose(said.sum(1), 1)


def test_what_only_names_the_album_is_not_taken_for_the_label() -> None:
    """With its album in training every track could be told; without it there is nothing to tell it by."""
    rows = noise()
    rows[np.arange(72), [number // 6 for number in range(72)]] += 20
    assert (class_probabilities(unit(rows), CLASSES, GROUPS, 0).argmax(1) == CLASSES).mean() < 0.6
    alone = [str(number) for number in range(72)]
    assert (class_probabilities(unit(rows), CLASSES, alone, 0).argmax(1) == CLASSES).mean() > 0.95


def test_a_planted_number_is_read_and_noise_holds_none() -> None:
    rows, values = unit(noise()), np.random.default_rng(1).uniform(6, 8, 72)
    nothing = numbers(rows, values, GROUPS, 0)
    assert np.abs(nothing - values).mean() > 0.4
    rows[:, 3] = (values - 7) / 4
    assert np.abs(numbers(rows, values, GROUPS, 0) - values).mean() < 0.1


def test_folds_leave_out_whole_groups_and_every_item_once() -> None:
    left_out = list(folds(GROUPS, 5, seed=0))
    assert len(left_out) == 5
    np.testing.assert_array_equal(np.sum(left_out, axis=0), 1)
    for out in left_out:
        inside = {group for group, left in zip(GROUPS, out, strict=True) if left}
        assert not inside & {group for group, left in zip(GROUPS, out, strict=True) if not left}
    assert [sum(out) for out in folds(GROUPS, 100, seed=0)] == [6] * 12


def test_the_same_seed_says_the_same() -> None:
    rows = unit(noise())
    np.testing.assert_array_equal(
        class_probabilities(rows, CLASSES, GROUPS, 4), class_probabilities(rows, CLASSES, GROUPS, 4)
    )
