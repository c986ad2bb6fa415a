"""Keys of cadences and scales that were written down, and what has no key."""

import numpy as np
import pytest

from segue.audio.descriptors.chroma import chroma_of
from segue.audio.descriptors.key import MODES, NAMES, Key, key_of
from segue.audio.descriptors.spectrum import centroid_hz, magnitudes
from segue.audio.mel import RATE_HZ

DEGREES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 11)}  # minor with its leading note
CADENCE = (0, 4, 0, 3, 4, 0)


def note(midi: float, seconds: float):
    """A plucked note with eight partials."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hz = 440 * 2 ** ((midi - 69) / 12)
    partials = sum(np.sin(2 * np.pi * hz * n * time_s) / n for n in range(1, 9) if hz * n < RATE_HZ / 2)
    return partials * np.exp(-2 * time_s)


def cadence(tonic: int, mode: str, cents: float = 0):
    """I V I IV V I, a second each, in four parts."""
    scale, chords = DEGREES[mode], []
    for root in CADENCE:
        places = [root - 7, root, root + 2, root + 4]
        pitches = [60 + tonic + 12 * (place // 7) + scale[place % 7] + cents / 100 for place in places]
        chords.append(sum(note(pitch, 1.0) for pitch in pitches))
    return np.concatenate(chords).astype(np.float32) / 16


def heard(y):
    return key_of(chroma_of(magnitudes(np.asarray(y, dtype=np.float32)[None])))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tonic", range(12))
def test_a_cadence_in_every_key(tonic: int, mode: str) -> None:
    found = heard(cadence(tonic, mode))
    assert (found.tonic, found.mode) == (tonic, mode)
    assert found.confidence > 0.5


@pytest.mark.parametrize("cents", [-40, -20, 15, 30, 45])
def test_a_cadence_out_of_tune(cents: float) -> None:
    for tonic, mode in ((2, "minor"), (9, "major")):
        found = heard(cadence(tonic, mode, cents))
        assert (found.tonic, found.mode) == (tonic, mode)


@pytest.mark.parametrize("tonic", range(12))
def test_a_scale_that_rests_on_its_tonic(tonic: int) -> None:
    degrees = [0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0]
    tune = np.concatenate([note(60 + tonic + one, 0.5) for one in degrees] + [note(60 + tonic, 1.5)])
    found = heard(tune)
    assert (found.tonic, found.mode) == (tonic, "major")


@pytest.mark.parametrize("gain", [1e-3, 0.1, 5.0])
def test_gain_changes_neither_key_nor_brightness(gain: float) -> None:
    y = cadence(4, "minor")
    assert heard(gain * y).tonic == 4
    before, after = (centroid_hz(magnitudes(np.float32(times) * y[None])) for times in (1, gain))
    assert after == pytest.approx(before, rel=1e-4)


def test_what_has_no_key() -> None:
    dice = np.random.default_rng(0)
    time_s = np.arange(8 * RATE_HZ) / RATE_HZ
    white = dice.standard_normal(8 * RATE_HZ)
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1))
    click = np.zeros(8 * RATE_HZ)
    click[20_000] = 1
    tone, fifth = (np.sin(2 * np.pi * hz * time_s) for hz in (440, 660))
    for y in (np.zeros(8 * RATE_HZ), tone, tone + fifth, white, pink, click):
        assert heard(y) is None


def test_every_key_has_its_place_on_the_camelot_wheel() -> None:
    wheel = {
        "8B": "C major", "9B": "G major", "10B": "D major", "11B": "A major", "12B": "E major", "1B": "B major",
        "2B": "F♯ major", "3B": "D♭ major", "4B": "A♭ major", "5B": "E♭ major", "6B": "B♭ major", "7B": "F major",
        "8A": "A minor", "9A": "E minor", "10A": "B minor", "11A": "F♯ minor", "12A": "D♭ minor", "1A": "A♭ minor",
        "2A": "E♭ minor", "3A": "B♭ minor", "4A": "F minor", "5A": "C minor", "6A": "G minor", "7A": "D minor",
    }  # fmt: skip
    keys = [Key(tonic, mode, 1.0) for tonic in range(len(NAMES)) for mode in MODES]
    assert {key.camelot: key.name for key in keys} == wheel


def test_brightness_of_tones_noise_and_silence() -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    for hz in (250, 1000, 4000):
        tone = np.sin(2 * np.pi * hz * time_s).astype(np.float32)
        assert centroid_hz(magnitudes(tone[None])) == pytest.approx(hz, rel=0.02)
    noise = np.random.default_rng(0).standard_normal(2 * RATE_HZ).astype(np.float32)
    assert centroid_hz(magnitudes(noise[None])) == pytest.approx(4000, rel=0.02)
    assert centroid_hz(magnitudes(np.zeros((1, RATE_HZ), dtype=np.float32))) is None
