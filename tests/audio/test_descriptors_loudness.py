"""Loudness on the reference signals of the standards: tones whose loudness and range are written down."""

import numpy as np
import pytest

from segue.audio.descriptors.loudness import LoudnessMeter, integrated_lufs, k_weighting, range_lu, window_powers

RATE_HZ = 48_000


def tones(*parts: tuple[float, float | list[float]], rate_hz: int = RATE_HZ, channels: int = 2, hz: float = 1000.0):
    """A sine in every channel: seconds and level in dBFS of each part, one after the other without a break."""
    begun, made = 0, []
    for seconds, level_db in parts:
        time_s = (np.arange(round(seconds * rate_hz)) + begun) / rate_hz
        begun += len(time_s)
        level = 10 ** (np.broadcast_to(level_db, channels)[:, None] / 20)
        made.append(level * np.sin(2 * np.pi * hz * time_s))
    return np.concatenate(made, 1)


def powers(y, rate_hz: int = RATE_HZ):
    meter = LoudnessMeter(rate_hz, len(y))
    for first in range(0, y.shape[1], 50_001):  # blocks that fit no step
        meter.push(y[:, first : first + 50_001])
    return meter.powers()


def test_the_filter_at_48_khz_is_the_one_of_the_standard() -> None:
    shelf, high_pass = k_weighting(48_000)
    # ITU-R BS.1770, tables 1 and 2
    expected = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    np.testing.assert_allclose(shelf, expected, atol=1e-8)
    np.testing.assert_allclose(high_pass, [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], atol=1e-8)


@pytest.mark.parametrize(
    ("parts", "channels", "expected"),
    [
        ([(20, -23)], 2, -23),
        ([(20, -33)], 2, -33),
        ([(10, -36), (60, -23), (10, -36)], 2, -23),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], 2, -23),
        ([(20, -26), (20.1, -20), (20, -26)], 2, -23),
        ([(20, [-28, -28, -24, -30, -30])], 5, -23),
    ],
)
def test_the_signals_of_ebu_tech_3341(parts, channels: int, expected: float) -> None:
    """Test cases 1 to 6 ("minimum requirements test signals"), which allow 0.1 LU."""
    assert integrated_lufs(powers(tones(*parts, channels=channels))) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(
    ("levels_db", "expected"),
    [([-20, -30], 10), ([-20, -15], 5), ([-40, -20], 20), ([-50, -35, -20, -35, -50], 15)],
)
def test_the_signals_of_ebu_tech_3342(levels_db: list[float], expected: float) -> None:
    """Test cases 1 to 4, which allow 1 LU."""
    assert range_lu(powers(tones(*((20, level) for level in levels_db)))) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_the_reference_tone_is_as_loud_at_every_rate(rate_hz: int) -> None:
    """997 Hz at 0 dBFS in one channel is −3.01 LKFS (BS.1770, annex 1)."""
    y = tones((5, 0), rate_hz=rate_hz, channels=1, hz=997)
    assert integrated_lufs(powers(y, rate_hz)) == pytest.approx(
        -3.01, abs=0.13
    )  # the shelf bends near the top of 8 kHz


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 3.5])
def test_gain_moves_loudness_by_as_much_and_leaves_the_range(gain_db: float) -> None:
    y = np.random.default_rng(0).standard_normal((2, 20 * RATE_HZ)) * np.linspace(0.02, 0.1, 20 * RATE_HZ)
    before, after = powers(y), powers(y * 10 ** (gain_db / 20))
    assert integrated_lufs(after) == pytest.approx(integrated_lufs(before) + gain_db, abs=1e-6)
    assert range_lu(after) == pytest.approx(range_lu(before), abs=1e-6)


def test_what_can_not_be_measured_has_no_loudness() -> None:
    assert integrated_lufs(powers(np.zeros((2, RATE_HZ)))) is None
    assert integrated_lufs(powers(tones((5, -75)))) is None
    assert integrated_lufs(powers(tones((0.3, -10)))) is None  # less than one block
    assert range_lu(powers(tones((2, -10)))) is None
    assert range_lu(powers(np.zeros((1, 10 * RATE_HZ)))) is None


def test_windows_are_measured_apart_and_without_a_click_where_they_begin() -> None:
    y = tones((40, -23), rate_hz=16_000, channels=1).reshape(8, -1).astype(np.float32)
    offset = np.float32(0.5)  # a filter that began from silence would ring
    assert integrated_lufs(2 * window_powers(y, 16_000)) == pytest.approx(-23, abs=0.1)
    assert integrated_lufs(2 * window_powers(y + offset, 16_000)) == pytest.approx(-23, abs=0.1)
