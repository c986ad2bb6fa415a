"""Tempo, pulse and onsets of rhythms that are known because they were drawn."""

import numpy as np
import pytest

from segue.audio.descriptors.onsets import onset_strength, onsets_per_s
from segue.audio.descriptors.pulse import Pulse, pulse_of
from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES, mel_power

LENGTH = 8 * WINDOW_SAMPLES


def strokes(times_s, *, loud=None, length: int = LENGTH):
    """float32 (windows, 131072): bursts of noise of 30 ms, the same each time."""
    y = np.zeros(length + RATE_HZ)
    burst = np.random.default_rng(0).standard_normal(480) * np.exp(-np.arange(480) / 100)
    for number, time_s in enumerate(times_s):
        at = round(time_s * RATE_HZ)
        if at < length:
            y[at : at + 480] += 0.3 * burst * (1 if loud is None else loud[number % len(loud)])
    return y[:length].astype(np.float32).reshape(-1, WINDOW_SAMPLES)


def strength(y):
    return onset_strength(mel_power(y))


@pytest.mark.parametrize("bpm", [60, 72, 85, 96, 110, 120, 128, 140, 155, 168, 180])
def test_a_metronome(bpm: int) -> None:
    heard = strength(strokes(np.arange(0.1, LENGTH / RATE_HZ, 60 / bpm)))
    pulse = pulse_of(heard)
    octaves = {round(pulse.tempo_bpm / bpm, 1), round(pulse.other_bpm / bpm, 1)}
    assert 1.0 in octaves
    nearest = min((pulse.tempo_bpm, pulse.other_bpm), key=lambda one: abs(one - bpm))
    assert nearest == pytest.approx(bpm, rel=0.01)
    if 70 <= bpm <= 140:  # farther from the middle the half or the double is as good an answer
        assert pulse.tempo_bpm == pytest.approx(bpm, rel=0.01)
    assert pulse.clarity > 0.6
    assert onsets_per_s(heard) == pytest.approx(bpm / 60, rel=0.1)


@pytest.mark.parametrize("swing", [0.5, 0.58, 2 / 3])
@pytest.mark.parametrize("bpm", [80, 100, 125])
def test_a_drum_pattern_with_swing(bpm: int, swing: float) -> None:
    """Loud beats, soft off-beats, which come late."""
    beats = np.arange(0.1, LENGTH / RATE_HZ, 60 / bpm)
    both = np.stack([beats, beats + swing * 60 / bpm], 1).reshape(-1)
    pulse = pulse_of(strength(strokes(both, loud=(1.0, 0.2))))
    if swing == 0.5:  # then the off-beats may be beats of twice the tempo
        assert min(abs(one / bpm - 1) for one in (pulse.tempo_bpm, pulse.other_bpm)) < 0.01
    else:
        assert pulse.tempo_bpm == pytest.approx(bpm, rel=0.01)


def test_a_played_pulse_is_less_clear_than_a_metronome() -> None:
    beats = np.arange(0.1, LENGTH / RATE_HZ, 0.5)
    played = beats + np.random.default_rng(0).normal(0, 0.03, len(beats))
    exact, loose = pulse_of(strength(strokes(beats))), pulse_of(strength(strokes(played)))
    assert exact.clarity > 1.5 * loose.clarity
    assert loose.tempo_bpm == pytest.approx(120, rel=0.04)


@pytest.mark.parametrize("gain", [1e-3, 0.1, 3.0])
def test_gain_changes_nothing(gain: float) -> None:
    y = strokes(np.arange(0.1, LENGTH / RATE_HZ, 0.55), loud=(1, 0.3, 0.6, 0.3))
    y += np.random.default_rng(1).standard_normal(y.shape).astype(np.float32) * np.float32(1e-3)
    before, after = strength(y), strength(np.float32(gain) * y)
    assert pulse_of(after).tempo_bpm == pytest.approx(pulse_of(before).tempo_bpm, rel=1e-3)
    assert onsets_per_s(after) == pytest.approx(onsets_per_s(before), rel=0.02)


def test_what_has_no_pulse_has_no_tempo() -> None:
    dice = np.random.default_rng(0)
    white = dice.standard_normal((8, WINDOW_SAMPLES)).astype(np.float32)
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(spectrum.shape[1]) + 1)).astype(np.float32)
    time_s = np.arange(LENGTH) / RATE_HZ
    tone = np.sin(2 * np.pi * 440 * time_s).astype(np.float32).reshape(8, -1)
    click = strokes([20.0])
    random = strokes(np.sort(dice.uniform(0, LENGTH / RATE_HZ, 150)))
    for y in (white, pink, tone, click, random):
        pulse = pulse_of(strength(y))
        assert (pulse.tempo_bpm, pulse.other_bpm, pulse.confidence) == (None, None, None)
        assert pulse.clarity is None or 0 <= pulse.clarity < 0.5


def test_less_than_three_seconds_have_no_pulse() -> None:
    heard = strength(strokes(np.arange(0.1, LENGTH / RATE_HZ, 0.5)))
    assert pulse_of(heard[:1, :180]) == Pulse()
    assert pulse_of(heard[:1, :400]).tempo_bpm == pytest.approx(120, rel=0.02)
    assert pulse_of(np.zeros((8, 512), dtype=np.float32)) == Pulse()


def test_onsets_of_silence_and_of_one_click() -> None:
    assert onsets_per_s(strength(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32))) == 0
    assert onsets_per_s(strength(strokes([3.0], length=WINDOW_SAMPLES))) == pytest.approx(1 / 8.192)
