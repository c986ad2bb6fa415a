"""Sound from log-mels, heard again: the pitch, the moment, the strength and the silence are what they were."""

import numpy as np
import pytest

from segue.audio.invert import invert
from segue.audio.mel import FRAME_RATE_HZ, FRAMES, MELS, RATE_HZ, WINDOW_SAMPLES, log_mel

TIME_S = np.arange(WINDOW_SAMPLES) / RATE_HZ


def tone(hz: float, strength: float = 0.3) -> np.ndarray:
    return (strength * np.sin(2 * np.pi * hz * TIME_S)).astype(np.float32)


def melody() -> np.ndarray:
    """Eight struck notes with overtones, a second each, over faint noise."""
    y = 1e-3 * np.random.default_rng(0).standard_normal(WINDOW_SAMPLES)
    for note, hz in enumerate([220, 330, 440, 262, 392, 523, 294, 587]):
        since = TIME_S - note
        struck = np.exp(-3 * since) * (since >= 0)
        y += sum(0.2 / k * struck * np.sin(2 * np.pi * hz * k * since) for k in (1, 2, 3, 5))
    return y.astype(np.float32)


def amiss_db(mels: np.ndarray, again: np.ndarray) -> float:
    return float(10 * np.abs(mels - again).mean())


@pytest.mark.parametrize("hz", [110, 440, 1000, 2500, 6000])
def test_a_tone_keeps_its_pitch_and_its_strength(hz: float) -> None:
    again = invert(log_mel(tone(hz)[None]), iterations=32)[0]
    middle = again[RATE_HZ:-RATE_HZ]
    strengths = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    loudest = np.fft.rfftfreq(len(middle), 1 / RATE_HZ)[strengths.argmax()]
    assert abs(loudest - hz) <= max(20, 0.03 * hz)  # a mel band is 31 Hz wide or 3 %
    assert np.sqrt(np.square(middle).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.3)


def test_what_is_heard_of_the_sound_is_what_was_asked_for() -> None:
    mels = log_mel(np.stack([melody(), 0.05 * np.random.default_rng(1).standard_normal(WINDOW_SAMPLES)]))
    again = log_mel(invert(mels))
    assert amiss_db(mels[0], again[0]) < 0.31
    assert amiss_db(mels[1], again[1]) < 0.6
    few = log_mel(invert(mels, iterations=2))
    assert amiss_db(mels, few) > amiss_db(mels, again)


def test_a_click_comes_when_it_came() -> None:
    y = np.zeros((1, WINDOW_SAMPLES), np.float32)
    y[0, 3 * RATE_HZ] = 1.0
    again = invert(log_mel(y))[0]
    assert abs(int(np.abs(again).argmax()) - 3 * RATE_HZ) <= RATE_HZ / FRAME_RATE_HZ


def test_silence_stays_silent() -> None:
    assert not invert(np.zeros((1, FRAMES, MELS), np.float32), iterations=4).any()


def test_half_silent_is_half_silent() -> None:
    y = tone(440)
    y[WINDOW_SAMPLES // 2 :] = 0
    mels = log_mel(y[None])
    again = invert(mels, iterations=16)
    assert np.abs(again[0, WINDOW_SAMPLES // 2 + 2048 :]).max() < 1e-6
    less_than_nothing = np.where(mels == 0, np.float32(-1), mels)
    assert np.array_equal(invert(less_than_nothing, iterations=16), again)


def test_the_same_bits_whatever_else_is_inverted() -> None:
    mels = log_mel(np.stack([melody(), tone(440)]))
    together = invert(mels, iterations=4)
    assert together.dtype == np.float32
    for window, sound in zip(mels, together, strict=True):
        assert np.array_equal(invert(window[None], iterations=4)[0], sound)
    assert not np.array_equal(invert(mels, iterations=4, seed=1), together)


@pytest.mark.parametrize(
    ("mels", "complaint"),
    [
        (np.zeros((FRAMES, MELS), np.float32), "shape"),
        (np.zeros((1, FRAMES, MELS + 1), np.float32), "shape"),
        (np.full((1, FRAMES, MELS), np.nan, np.float32), "finite"),
    ],
)
def test_what_is_no_log_mel_is_refused(mels: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        invert(mels)


def test_nothing_gives_nothing() -> None:
    assert invert(np.zeros((0, FRAMES, MELS), np.float32)).shape == (0, WINDOW_SAMPLES)
