"""The loop, the disguises and the loss: what they compute, checked against what must come out."""

import math

import numpy as np
import pytest
import torch

from segue.audio.mel import FRAMES, MELS
from segue.encoders.augment import gain_and_tilt, keep_patches, keep_stripes
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.corpus import Corpus
from segue.encoders.losses import nt_xent
from segue.encoders.training import Schedule, calm

RNG = np.random.default_rng(3)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_gain_is_the_one_of_a_louder_sound_and_silence_stays() -> None:
    power = torch.rand(2, 4, MELS) * 10
    mels = torch.log10(1 + 1e4 * power)
    louder = gain_and_tilt(mels, seeded(), tilt_db=0)
    factors = (10**louder - 1) / 1e4 / power
    drawn = 2 * torch.rand(2, 2, generator=seeded())[:, 0] - 1
    torch.testing.assert_close(factors, (10 ** (6 * drawn / 10))[:, None, None].expand_as(factors), rtol=1e-3, atol=0)
    assert (gain_and_tilt(torch.zeros(2, 4, MELS), seeded()) == 0).all()


def test_tilt_turns_one_end_up_and_the_other_down() -> None:
    mels = torch.full((1, 1, MELS), 3.0)
    change = (gain_and_tilt(mels, seeded(), gain_db=0) - mels)[0, 0]
    assert change[0] * change[-1] < 0
    assert (change.diff().sign() == change.diff().sign()[0]).all()


def test_patches_are_taken_out_whole() -> None:
    kept = keep_patches(torch.Size((50, FRAMES, MELS)), seeded())
    patches = kept.reshape(50, FRAMES // 16, 16, MELS // 16, 16).transpose(2, 3).flatten(3)
    assert set(patches.mean(3).unique().tolist()) == {0.0, 1.0}
    assert float(kept.mean()) == pytest.approx(0.7, abs=0.02)


def test_stripes_take_out_stretches_of_time_and_bands_of_frequency_and_nothing_else() -> None:
    kept = keep_stripes(torch.Size((200, FRAMES, MELS)), seeded(), frames=32, bins=12)
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    in_time, in_frequency = kept.amax(2), kept.amax(1)
    assert torch.equal(kept, in_time[:, :, None] * in_frequency[:, None, :])
    for spans, most in ((in_time, 32), (in_frequency, 12)):
        gone = (spans == 0).sum(1)
        assert most < int(gone.max()) <= 2 * most
        assert float(gone.float().mean()) == pytest.approx(most, rel=0.12)
        assert int((spans.diff(dim=1) == -1).sum(1).max()) <= 2
    assert bool((keep_stripes(torch.Size((3, 16, MELS)), seeded(), frames=0, bins=0) == 1).all())


def test_contrast_is_low_when_partners_are_near_and_nothing_for_one_track() -> None:
    towers = torch.eye(8)
    assert float(nt_xent(towers, towers)) < 0.01
    assert float(nt_xent(towers, towers.roll(1, 0))) > 5
    assert float(nt_xent(5 * towers, towers.roll(1, 0))) == pytest.approx(float(nt_xent(towers, towers.roll(1, 0))))
    everywhere = torch.ones(8, 4)
    assert float(nt_xent(everywhere, everywhere)) == pytest.approx(math.log(15), rel=1e-5)
    assert float(nt_xent(towers[:1], towers[:1])) == 0


def test_threads_and_determinism_are_put_back() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with calm():
            assert torch.get_num_threads() == 1
            assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(before)


def test_training_leaves_the_global_randomness_alone_and_reports_every_step() -> None:
    mels = RNG.gamma(2, 1, (4, 2, FRAMES, MELS)).astype(np.float16)
    settings = AutoencoderSettings(Schedule(3, tracks_per_batch=2, frames=32), widths=(4, 4, 4), latents=4)
    before, told = torch.get_rng_state(), []
    Autoencoder.fit(Corpus(mels, list("abcd")), settings, device="cpu", progress=lambda *said: told.append(said))
    assert (torch.get_rng_state() == before).all()
    assert told[:4] == [("training the autoencoder", step, 3) for step in range(4)]
    assert told[-1] == ("centring the autoencoder", 4, 4)


def melody(tracks: int) -> np.ndarray:
    """Tones that move: a window is known from few numbers."""
    bins, t = np.arange(MELS), np.arange(FRAMES)[:, None]
    centre = 48 + RNG.uniform(10, 40, (tracks, 2, 1, 1)) * np.sin(
        2 * np.pi * t / RNG.uniform(60, 200, (tracks, 2, 1, 1))
    )
    return (4 * np.exp(-np.square((bins - centre) / 8))).astype(np.float16)


def test_reconstruction_of_held_out_tracks_beats_the_mean() -> None:
    mels = melody(24)
    settings = AutoencoderSettings(
        Schedule(80, tracks_per_batch=8, frames=64, learning_rate=8e-3), widths=(12, 16, 24), latents=16, contrast=0
    )
    trained = Autoencoder.fit(Corpus(mels, [str(row // 2) for row in range(24)]), settings, device="cpu")
    measured, curves = trained.card["reconstruction"], trained.card["curves"]
    assert measured["measured_on"] == "held-out tracks"
    assert measured["autoencoder"] < 0.8 * measured["mean_of_each_bin"]
    assert measured["autoencoder"] == pytest.approx(min(curves["held_out"]), abs=1e-3)
    rebuilt = trained.reconstruct(mels[0])
    assert rebuilt.shape == mels[0].shape
    assert rebuilt.dtype == np.float32
    assert (rebuilt >= 0).all()
    assert np.square(rebuilt - mels[0]).mean() < np.square(mels[0] - mels.mean((0, 1, 2))).mean()
    assert trained.latents(mels[0]).shape == (2, FRAMES // 16, 64 + 16)


def test_training_ends_early_and_keeps_the_best_weights_when_the_held_out_tracks_gain_nothing() -> None:
    noise = RNG.gamma(2, 1, (20, 1, FRAMES, MELS)).astype(np.float16)
    schedule = Schedule(60, tracks_per_batch=2, frames=16, learning_rate=0.5, evaluations=30, patience=2)
    settings = AutoencoderSettings(schedule, widths=(4, 4, 4), latents=4, contrast=0)
    trained = Autoencoder.fit(Corpus(noise, [str(row) for row in range(20)]), settings, device="cpu")
    steps, errors = trained.card["curves"]["step"], trained.card["curves"]["held_out"]
    assert steps[-1] < 60
    assert min(errors) == errors[-3] < errors[-1]
    assert trained.card["reconstruction"]["autoencoder"] == pytest.approx(min(errors), rel=1e-3)
