"""Labels are learned from few examples, told alike in any company, and said with the certainty they deserve."""

import numpy as np
import pytest

from segue.qualities.heads import FOLDS, fit_heads, folds_of, platt


def world(tracks: int, noise: float, seed: int = 0, artists: int = 40) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Two labels along two directions, artists somewhere of their own: vectors, labels, artists."""
    chance = np.random.default_rng(seed)
    by = chance.integers(0, artists, tracks)
    where = np.random.default_rng(9).standard_normal((artists, 32))
    labels = np.stack([where[by, 0] > 0.5, where[by, 1] > 0], axis=1)
    vectors = where[by] + noise * chance.standard_normal((tracks, 32))
    return vectors, labels, by.tolist()


def test_a_label_is_heard_in_artists_never_met() -> None:
    vectors, labels, by = world(1200, 0.5, artists=300)
    old = np.array(by) < 200
    heads = fit_heads(vectors[old], labels[old], ["a", "b"], [artist for artist in by if artist < 200])
    told = heads(vectors[~old]) > 0.5
    assert (told == labels[~old]).mean(axis=0).min() > 0.78
    np.testing.assert_allclose(heads(vectors[:1])[0], heads(vectors)[0], rtol=0, atol=1e-12)


def test_chances_are_as_frequent_as_they_say() -> None:
    vectors, labels, by = world(3000, 2.0, artists=600)
    chances = fit_heads(vectors, labels, ["a", "b"], by).held_out
    for column in range(2):
        bins = np.digitize(chances[:, column], np.linspace(0.1, 0.9, 9))
        apart = [
            np.count_nonzero(bins == one)
            * abs(labels[bins == one, column].mean() - chances[bins == one, column].mean())
            for one in np.unique(bins)
        ]
        assert sum(apart) / len(labels) < 0.05


def test_five_examples_say_something_and_do_not_make_certainty() -> None:
    chance = np.random.default_rng(3)
    vectors = chance.standard_normal((60, 16))
    labels = np.zeros((60, 1), dtype=bool)
    labels[:5] = True
    vectors[:5, 0] += 4
    heads = fit_heads(vectors, labels, ["rare"], list(range(60)))
    new = np.zeros((2, 16))
    new[0, 0] = 4
    like, unlike = heads(new)[:, 0]
    assert 0.3 < like < 0.99
    assert unlike < 0.1


def test_labels_that_sound_like_anything_are_told_by_their_frequency() -> None:
    chance = np.random.default_rng(0)
    vectors, labels = chance.standard_normal((400, 8)), chance.random((400, 1)) < 0.3
    told = fit_heads(vectors, labels, ["any"], list(range(400)))(vectors)
    assert abs(told.mean() - labels.mean()) < 0.03
    assert told.std() < 0.08


def test_platt_finds_the_curve_that_made_the_labels() -> None:
    chance = np.random.default_rng(1)
    scores = 3 * chance.standard_normal((20_000, 1)) + 5
    labels = (chance.random(scores.shape) < 1 / (1 + np.exp(-(0.8 * scores - 3)))).astype(float)
    slope, offset = platt(scores, labels)
    np.testing.assert_allclose([slope[0], offset[0]], [0.8, -3], rtol=0.05)


def test_folds_keep_groups_whole_and_level() -> None:
    groups = np.random.default_rng(0).integers(0, 30, 600).tolist()
    fold = folds_of(groups)
    assert len({(group, one) for group, one in zip(groups, fold.tolist(), strict=True)}) == len(set(groups))
    assert np.bincount(fold, minlength=FOLDS).min() > 90


@pytest.mark.parametrize("labels", [np.zeros((4, 1), dtype=bool), np.ones((4, 1), dtype=bool), np.zeros((3, 1), bool)])
def test_labels_that_say_nothing_are_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"nowhere or everywhere|do not belong together"):
        fit_heads(np.eye(4), labels, ["x"], list(range(4)))
