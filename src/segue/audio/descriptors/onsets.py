"""Where something begins: how much louder the bands of hearing become from one moment to the next."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from segue.audio.mel import HOP, RATE_HZ

__all__ = ["STRENGTH_RATE_HZ", "onset_count", "onset_strength", "onsets_per_s"]

STRENGTH_RATE_HZ = RATE_HZ / HOP
"""62.5 values a second."""
COMPRESSION = 300.0
"""What lies 25 dB below a window's mean power still counts about as its logarithm, what lies lower less and less."""
APART_FRAMES = 7
"""A peak is the highest of so many values, so that two onsets within 50 ms are one, as for the ear."""
AROUND_FRAMES = 15
RISE, FACTOR = 0.03, 1.3
"""An onset exceeds the mean of the quarter second around it by this factor, and by the rise (nats, over all bands)."""

Floats = npt.NDArray[np.float32]


def onset_strength(power: Floats) -> Floats:
    """float32 (windows, frames): the mean rise of the bands' logarithmic power since the frame before, 0 or more.

    Spectral flux (Bello et al., IEEE TSAP 13, 2005) on a logarithmic mel spectrum (Ellis, JNMR 36, 2007). Each window
    is measured by its own mean power, so that it makes no difference how loud a recording is.

    Parameters
    ----------
    power
        float32 (windows, frames, bands): see ``segue.audio.mel.mel_power``.
    """
    mean = np.maximum(power.mean((1, 2), keepdims=True), np.finfo(np.float32).tiny)
    levels = np.log(1 + np.float32(COMPRESSION) * (power / mean))
    rises = np.maximum(np.diff(levels, axis=1), 0).mean(2)
    return np.pad(rises, ((0, 0), (1, 0)))


def onsets_per_s(strength: Floats) -> float:
    """How many onsets a second there are (see ``onset_count``)."""
    return onset_count(strength) / strength.size * STRENGTH_RATE_HZ


def onset_count(strength: Floats) -> int:
    """How many onsets there are: peaks that stand out from the quarter second around them.

    Soft notes under loud ones are missed, and a hiss has its accidents (3 a second).

    Parameters
    ----------
    strength
        float32 (windows, frames): see ``onset_strength``.
    """
    top = maximum_filter1d(strength, APART_FRAMES, axis=1, mode="constant")
    around = uniform_filter1d(strength, AROUND_FRAMES, axis=1, mode="nearest")
    return int(((strength == top) & (strength > FACTOR * around + RISE)).sum())
