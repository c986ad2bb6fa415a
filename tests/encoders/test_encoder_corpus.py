"""What the networks learn from: the split by group, the pairs, the statistics, the fingerprint."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from segue.audio.mel import FRAMES, MELS
from segue.encoders.corpus import Corpus


def numbered(tracks: int, windows: int = 2) -> np.ndarray:
    """Each window full of the number 10 · track + window."""
    values = 10 * np.arange(tracks)[:, None] + np.arange(windows)
    return np.broadcast_to(values[:, :, None, None], (tracks, windows, FRAMES, MELS)).astype(np.float16)


@pytest.mark.parametrize("seed", range(5))
def test_no_album_is_on_both_sides(seed: int) -> None:
    groups = [f"album {track // 3}" for track in range(30)]
    corpus = Corpus(numbered(30), groups, seed)
    assert sorted([*corpus.training, *corpus.held_out]) == list(range(30))
    assert 3 <= len(corpus.held_out) <= 7
    assert not {groups[row] for row in corpus.training} & {groups[row] for row in corpus.held_out}


@pytest.mark.parametrize("groups", [["one"] * 20, list("abcdefg")])
def test_nothing_is_held_out_of_one_album_or_of_few_tracks(groups: list[str]) -> None:
    corpus = Corpus(numbered(len(groups)), groups)
    assert len(corpus.held_out) == 0
    assert "nothing was held out" in corpus.card()["note"]


@pytest.mark.parametrize("tracks", [1, 2, 5, 8])
def test_pairs_are_two_windows_of_one_track_and_a_round_has_every_track(tracks: int) -> None:
    corpus = Corpus(numbered(tracks, windows=3), ["album"] * tracks)
    batches = list(islice(corpus.pairs(3, 32, np.random.default_rng(0)), 16))
    size = min(3, tracks)
    seen = []
    for batch in batches:
        assert batch.shape == (2 * size, 32, MELS)
        first, second = np.split(batch[:, 0, 0], 2)
        assert (first // 10 == second // 10).all()
        assert (first != second).all()
        assert len(set(first // 10)) == size
        seen += list(first // 10)
    assert min(np.bincount(np.array(seen, dtype=int), minlength=tracks)) >= 16 * size // tracks - 1


def test_a_track_of_one_window_is_paired_with_itself() -> None:
    batch = next(Corpus(numbered(2, windows=1), ["a", "b"]).pairs(2, FRAMES, np.random.default_rng(0)))
    assert (batch[:2] == batch[2:]).all()


def test_bins_are_those_of_the_training_tracks_only() -> None:
    mels = np.random.default_rng(0).gamma(2, 1, (20, 2, FRAMES, MELS)).astype(np.float32)
    groups = [str(track // 2) for track in range(20)]
    corpus = Corpus(mels, groups)
    expected = mels[corpus.training].reshape(-1, MELS)
    np.testing.assert_allclose(corpus.bins[0], expected.mean(0), rtol=1e-5)
    np.testing.assert_allclose(corpus.bins[1], expected.std(0), rtol=1e-4)


def test_a_memory_map_serves_as_well_and_has_the_same_fingerprint(tmp_path: Path) -> None:
    mels = numbered(12)
    np.save(tmp_path / "mels.npy", mels)
    kept = np.load(tmp_path / "mels.npy", mmap_mode="r")
    groups = [str(track) for track in range(12)]
    one, other = Corpus(mels, groups), Corpus(kept, groups)
    assert one.fingerprint == other.fingerprint
    assert Corpus(mels, [*groups[:-1], "other"]).fingerprint != one.fingerprint
    changed = mels.copy()
    changed[5, 1, 7, 9] += 1
    assert Corpus(changed, groups).fingerprint != one.fingerprint
    pairs = [next(corpus.pairs(4, 64, np.random.default_rng(1))) for corpus in (one, other)]
    assert (pairs[0] == pairs[1]).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Corpus(numbered(2)[:, :, :, :80], ["a", "b"])
    with pytest.raises(ValueError, match="2 tracks, but 1 groups"):
        Corpus(numbered(2), ["a"])
