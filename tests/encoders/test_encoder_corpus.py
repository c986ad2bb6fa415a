"""What the networks learn from: the split by group, the pairs, the statistics, the fingerprint."""

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
def test_a_batch_is_two_windows_of_each_track_and_a_round_has_no_track_twice(tracks: int) -> None:
    corpus = Corpus(numbered(tracks, windows=3), ["album"] * tracks)
    size = min(3, tracks)
    batches_a_round = tracks // size
    for turn in range(8):
        seen: list[float] = []
        for place in range(batches_a_round):
            batch = corpus.batch(turn * batches_a_round + place, 3, 32, seed=0)
            assert batch.mels.shape == (2 * size, 32, MELS)
            first, second = np.split(batch.mels[:, 0, 0], 2)
            assert (first // 10 == second // 10).all()
            assert (first != second).all()
            seen += list(first // 10)
        assert len(set(seen)) == len(seen) == batches_a_round * size
    everything = [corpus.batch(step, 3, 32, seed=0).mels[:, 0, 0] // 10 for step in range(40)]
    assert set(np.concatenate(everything)) == set(range(tracks))


def test_a_batch_depends_on_seed_and_step_only() -> None:
    corpus = Corpus(numbered(9, windows=3), ["album"] * 9)
    for step in (5, 0, 5):
        assert (
            corpus.batch(step, 3, 64, 1).mels == Corpus(corpus.mels, corpus.groups).batch(step, 3, 64, 1).mels
        ).all()
    assert any((corpus.batch(0, 3, 64, 1).mels != corpus.batch(0, 3, 64, seed).mels).any() for seed in (2, 3))


def test_a_track_of_one_window_is_paired_with_itself() -> None:
    batch = Corpus(numbered(2, windows=1), ["a", "b"]).batch(0, 2, FRAMES, 0)
    assert (batch.mels[:2] == batch.mels[2:]).all()
    assert batch.taught is None


def test_a_batch_says_which_tracks_are_of_one_album() -> None:
    batch = Corpus(numbered(8), list("aabbccdd")).batch(0, 8, FRAMES, 0)
    albums = batch.mels[:8, 0, 0] // 20
    assert ((batch.groups[:, None] == batch.groups) == (albums[:, None] == albums)).all()


def test_a_teacher_speaks_of_the_windows_in_the_batch() -> None:
    mels = numbered(12, windows=3)
    taught = mels[:, :, 0, :1].astype(np.float16)
    corpus = Corpus(mels, [str(track // 2) for track in range(12)], 0, taught)
    watched = corpus.held_out_batch(16)
    assert watched is not None
    for batch in (corpus.batch(3, 4, 128, 0), watched):
        assert batch.taught is not None
        assert (batch.taught[:, 0] == batch.mels[:, 0, 0]).all()
    assert Corpus(mels, corpus.groups, 0).taught_by(taught).fingerprint == corpus.fingerprint
    assert Corpus(mels, corpus.groups, 0).fingerprint != corpus.fingerprint


def test_with_a_teacher_the_middle_of_a_window_stays_in_the_middle() -> None:
    mels = np.broadcast_to(np.arange(FRAMES, dtype=np.float16)[:, None], (4, 2, FRAMES, MELS))
    batch = Corpus(mels, list("abcd"), 0, np.zeros((4, 2, 3), np.float16)).batch(0, 4, 128, 0)
    assert (batch.mels[:, 0, 0] == 64).all()


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
    assert (one.batch(0, 4, 64, 1).mels == other.batch(0, 4, 64, 1).mels).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Corpus(numbered(2)[:, :, :, :80], ["a", "b"])
    with pytest.raises(ValueError, match="2 tracks, but 1 groups"):
        Corpus(numbered(2), ["a"])
    with pytest.raises(ValueError, match="every window"):
        Corpus(numbered(2), ["a", "b"], 0, np.zeros((2, 1, 4), np.float16))
