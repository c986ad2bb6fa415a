"""Log-mels against the definition, written out in double precision."""

import numpy as np
import pytest
from scipy.signal import get_window

from segue.audio.mel import FRAMES, HOP, MELS, N_FFT, RATE_HZ, WINDOW_SAMPLES, log_mel, log_mel_frames, mel_filters


def hz_of(mel: float) -> float:
    return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def reference(y: np.ndarray) -> np.ndarray:
    """One window, frame by frame and band by band."""
    top = 15 + 27 * np.log(8) / np.log(6.4)
    edges = [hz_of(top * i / (MELS + 1)) for i in range(MELS + 2)]
    padded = np.concatenate([y[128:0:-1], y, y[-2:-130:-1]]).astype(np.float64)
    hann = get_window("hann", N_FFT, fftbins=True)
    level = np.empty((2 * FRAMES, MELS))
    hz = np.arange(N_FFT // 2 + 1) * RATE_HZ / N_FFT
    weights = np.array(
        [
            2 / (edges[band + 2] - edges[band]) * np.interp(hz, edges[band : band + 3], [0, 1, 0], left=0, right=0)
            for band in range(MELS)
        ]
    )
    for frame in range(2 * FRAMES):
        power = np.abs(np.fft.rfft(padded[frame * HOP : frame * HOP + N_FFT] * hann)) ** 2
        level[frame] = np.log10(1 + 1e4 * weights @ power)
    return level.reshape(FRAMES, 2, MELS).mean(axis=1)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((3, WINDOW_SAMPLES)) * [[1e-4], [0.1], [1.0]]).astype(np.float32)


def test_log_mels_are_what_the_definition_says(noise: np.ndarray) -> None:
    found = log_mel(noise)
    assert found.shape == (3, FRAMES, MELS)
    assert found.dtype == np.float32
    for window, sound in zip(found, noise, strict=True):
        assert np.abs(window - reference(sound)).max() < 2e-4


def test_log_mels_are_the_means_of_pairs_of_frames(noise: np.ndarray) -> None:
    frames = log_mel_frames(noise)
    assert frames.shape == (3, 2 * FRAMES, MELS)
    assert frames.dtype == np.float32
    assert np.array_equal(log_mel(noise), frames.reshape(3, FRAMES, 2, MELS).mean(axis=2))
    with pytest.raises(ValueError, match="131072"):
        log_mel_frames(noise[0])


def test_a_window_does_not_depend_on_its_neighbours(noise: np.ndarray) -> None:
    together = log_mel(noise)
    for window, sound in zip(together, noise, strict=True):
        assert np.array_equal(window, log_mel(sound[None])[0])


@pytest.mark.parametrize("hz", [100, 440, 1000, 2500, 6000, 7900])
def test_a_tone_lies_in_its_band(hz: float) -> None:
    tone = np.sin(2 * np.pi * hz * np.arange(WINDOW_SAMPLES) / RATE_HZ).astype(np.float32)
    top = 15 + 27 * np.log(8) / np.log(6.4)
    centres = np.array([hz_of(top * (i + 1) / (MELS + 1)) for i in range(MELS)])
    loudest = log_mel(tone[None])[0].mean(axis=0).argmax()
    assert abs(int(loudest) - int(np.abs(centres - hz).argmin())) <= 1


def test_a_click_is_heard_when_it_happens() -> None:
    y = np.zeros((1, WINDOW_SAMPLES), np.float32)
    y[0, 100 * 2 * HOP + HOP] = 1.0
    assert log_mel(y)[0].sum(axis=1).argmax() == 100


def test_every_filter_hears_something_and_has_unit_area() -> None:
    filters = mel_filters()
    assert filters.shape == (MELS, N_FFT // 2 + 1)
    assert (filters.max(axis=1) > 0).all()
    wide = filters[60:]  # the triangles below are narrower than a few bins, and their sums vary with the grid
    assert np.allclose(wide.sum(axis=1) * RATE_HZ / N_FFT, 1, atol=0.05)


def test_silence_is_zero_and_other_shapes_are_refused() -> None:
    assert not log_mel(np.zeros((2, WINDOW_SAMPLES), np.float32)).any()
    assert log_mel(np.zeros((0, WINDOW_SAMPLES), np.float32)).shape == (0, FRAMES, MELS)
    for shape in ((WINDOW_SAMPLES,), (2, WINDOW_SAMPLES - 1), (1, 1, WINDOW_SAMPLES)):
        with pytest.raises(ValueError, match="131072"):
            log_mel(np.zeros(shape, np.float32))
