"""How loud a piece is, and how much its loudness moves, as broadcasters measure it (EBU R 128).

Sound flows in by blocks, at any rate, with any channels; what flows out are the K-weighted powers of its tenths of a
second, from which integrated loudness (ITU-R BS.1770-5) and loudness range (EBU Tech 3342) are computed. Nothing else
is kept, so that a day of music fits into memory as well as a song.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt, sosfilt_zi

__all__ = ["BLOCK_S", "LoudnessMeter", "integrated_lufs", "k_weighting", "range_lu", "window_powers"]

STEP_S = 0.1
BLOCK_S, SHORT_S = 0.4, 3.0
"""What momentary and short-term loudness look at (EBU Tech 3341); both move on by a step, a tenth of a second."""
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU, RANGE_GATE_LU = -70.0, -10.0, -20.0
OFFSET_LU = -0.691
"""Makes up for the K-weighting at 1 kHz (BS.1770-5, eq. 2)."""
SURROUND_WEIGHT = 1.41
"""Of channels beside or behind the listener; the low-frequency channel of 5.1 counts nothing (BS.1770-5, table 3)."""
WEIGHTS = {
    5: (1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT),
    6: (1.0, 1.0, 1.0, 0.0, SURROUND_WEIGHT, SURROUND_WEIGHT),
}
"""By number of channels, in FFmpeg's order (left, right, centre, low, surrounds); all others count fully."""

SHELF_HZ, SHELF_DB, SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
LEAST_RATE_HZ = 4000
HIGH_PASS_HZ, HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773
"""The analogue filters behind the coefficients that BS.1770 gives for 48 kHz (De Man, AES 145, 2018)."""

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.floating]


@lru_cache(8)
def k_weighting(rate_hz: int) -> Floats:
    """float64 (2, 6): the K-weighting filter for this rate, as second-order sections (BS.1770-5, annex 1).

    A shelf that raises what is above 2 kHz by 4 dB, as a head does, and a high pass. Both are bilinear transforms of
    analogue filters; at 48 kHz they are those of the standard's tables 1 and 2. Rates below 4 kHz have no room for the
    shelf, and nothing that it would raise.

    Examples
    --------
    >>> k_weighting(48_000).round(5).tolist()[0]
    [1.53512, -2.6917, 1.19839, 1.0, -1.69066, 0.73248]
    """
    k, gain = math.tan(math.pi * SHELF_HZ / rate_hz), 10 ** (SHELF_DB / 20)
    middle = gain**0.4996667741545416
    below = 1 + k / SHELF_Q + k * k
    shelf = [
        (gain + middle * k / SHELF_Q + k * k) / below,
        2 * (k * k - gain) / below,
        (gain - middle * k / SHELF_Q + k * k) / below,
        1.0,
        2 * (k * k - 1) / below,
        (1 - k / SHELF_Q + k * k) / below,
    ]
    k = math.tan(math.pi * HIGH_PASS_HZ / rate_hz)
    below = 1 + k / HIGH_PASS_Q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / below, (1 - k / HIGH_PASS_Q + k * k) / below]
    sections = np.array([shelf if rate_hz >= LEAST_RATE_HZ else [1.0, 0.0, 0.0, 1.0, 0.0, 0.0], high_pass])
    sections.setflags(write=False)
    return sections


class LoudnessMeter:
    """Takes sound block by block and gathers the power of each tenth of a second.

    Parameters
    ----------
    rate_hz
        Samples a second.
    channels
        How many; they count by ``WEIGHTS``.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._step = round(STEP_S * rate_hz)
        self._sections = k_weighting(rate_hz).copy()  # SciPy takes no read-only filter
        self._weights = np.array(WEIGHTS.get(channels, (1.0,) * channels))
        self._state = np.zeros((len(self._sections), channels, 2))
        self._left = np.zeros(0)
        self._powers: list[Floats] = []

    def push(self, y: Samples) -> None:
        """Take more sound: (channels, samples), full scale ±1."""
        weighted, self._state = sosfilt(self._sections, y.astype(np.float64), axis=1, zi=self._state)
        power = np.concatenate([self._left, self._weights @ weighted**2])
        whole = len(power) // self._step * self._step
        self._powers.append(power[:whole].reshape(-1, self._step).mean(1))
        self._left = power[whole:]

    def powers(self) -> Floats:
        """float64 (steps,): the weighted power of each whole tenth of a second so far, summed over the channels."""
        return np.concatenate([np.zeros(0), *self._powers])


def window_powers(y: npt.NDArray[np.float32], rate_hz: int) -> Floats:
    """float64 (windows, steps): the K-weighted power of each tenth of a second of windows (windows, samples).

    The filter begins each window as if its first sample had always been there, so that it does not ring.
    """
    sections = k_weighting(rate_hz).astype(np.float32)
    state = sosfilt_zi(k_weighting(rate_hz)).astype(np.float32)[:, None, :] * y[None, :, :1]
    weighted, _ = sosfilt(sections, y, axis=1, zi=state)
    step = round(STEP_S * rate_hz)
    steps = y.shape[1] // step
    cut = weighted[:, : steps * step].reshape(len(y), steps, step)
    powers: Floats = np.einsum("wts,wts->wt", cut, cut).astype(np.float64) / step
    return powers


def integrated_lufs(powers: Floats) -> float | None:
    """Integrated loudness in LUFS, gated twice (BS.1770-5, eq. 3 to 7); None where nothing is louder than −70 LUFS.

    Parameters
    ----------
    powers
        float64 (..., steps): of tenths of a second; blocks do not reach from one row into the next.
    """
    blocks = _blocks(powers, BLOCK_S)
    loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    return _lufs(loud[loud > loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)].mean())


def range_lu(powers: Floats) -> float | None:
    """Loudness range in LU: from the 10th to the 95th percentile of short-term loudness (EBU Tech 3342).

    Parameters
    ----------
    powers
        float64 (..., steps), as for ``integrated_lufs``. None where no three seconds of it are louder than −70 LUFS.
    """
    blocks = _blocks(powers, SHORT_S)
    loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    kept = loud[loud > loud.mean() * 10 ** (RANGE_GATE_LU / 10)]
    low, high = np.percentile(kept, [10, 95])
    return _lufs(high) - _lufs(low)


def _blocks(powers: Floats, length_s: float) -> Floats:
    steps = round(length_s / STEP_S)
    if powers.shape[-1] < steps:
        return np.zeros(0)
    sums = np.cumsum(np.concatenate([np.zeros((*powers.shape[:-1], 1)), powers], axis=-1), axis=-1)
    blocks: Floats = (sums[..., steps:] - sums[..., :-steps]) / steps
    return blocks.reshape(-1)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))


def _lufs(power: float) -> float:
    return OFFSET_LU + 10 * math.log10(power)
