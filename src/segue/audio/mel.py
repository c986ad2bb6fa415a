"""Log-mel spectrograms: windows of sound go in, the strength of 96 bands of hearing at 31.25 frames a second comes out.

The numbers are those of the music taggers that work at 16 kHz (Pons and Serra, "musicnn", 2019): a periodic Hann
window of 512 samples every 256, power, 96 triangles on Slaney's mel scale of equal area, and log10(1 + 10⁴·power).
Pairs of frames are then averaged: half the frames, and nothing that was measured to matter is lost.

The filters are nearly empty (two of 96 overlap in any bin), so they are applied as a sparse matrix, window by
window: half the time of a dense product, and the same bits whatever the batch and the threads.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "BIN_HZ",
    "FRAMES",
    "FRAME_RATE_HZ",
    "HOP",
    "MELS",
    "N_FFT",
    "RATE_HZ",
    "WINDOW_SAMPLES",
    "in_pairs",
    "log_levels",
    "log_mel",
    "log_mel_frames",
    "mel_filters",
    "mel_power",
]

RATE_HZ = 16_000
"""Samples a second of everything Segue listens to."""
WINDOW_SAMPLES = 131_072
"""Samples in a window: 8.192 s."""
N_FFT = 512
HOP = 256
BIN_HZ = RATE_HZ / N_FFT
MELS = 96
FRAMES = WINDOW_SAMPLES // HOP // 2
"""Frames in a window, after pairs were averaged."""
FRAME_RATE_HZ = RATE_HZ / HOP / 2

LOG10_E = np.float32(np.log10(np.e))

Floats = npt.NDArray[np.float32]


def log_mel(y: Floats) -> Floats:
    """float32 (windows, 256, 96): how strong each mel band is over time, log10(1 + 10⁴·power), 0 to about 7.

    Parameters
    ----------
    y
        float32 (windows, 131072): mono sound at 16 kHz, full scale ±1.

    Raises
    ------
    ValueError
        ``y`` has another shape.

    Examples
    --------
    >>> t = np.arange(WINDOW_SAMPLES) / RATE_HZ
    >>> tone = np.sin(2 * np.pi * 1000 * t, dtype=np.float32)
    >>> log_mel(tone[None]).shape
    (1, 256, 96)
    >>> int(log_mel(tone[None])[0, 128].argmax())  # the band around 1 kHz
    31
    """
    return in_pairs(log_mel_frames(y))


def in_pairs(levels: Floats) -> Floats:
    """float32 (windows, 256, 96): the mean of each two frames that follow one another."""
    return np.float32(0.5) * (levels[:, 0::2] + levels[:, 1::2])


def log_mel_frames(y: Floats) -> Floats:
    """float32 (windows, 512, 96): the frames at 62.5 a second whose pairs ``log_mel`` averages.

    Parameters
    ----------
    y
        float32 (windows, 131072): mono sound at 16 kHz, full scale ±1.

    Raises
    ------
    ValueError
        ``y`` has another shape.

    Examples
    --------
    >>> log_mel_frames(np.zeros((1, WINDOW_SAMPLES), dtype=np.float32)).shape
    (1, 512, 96)
    """
    return log_levels(mel_power(y))


def log_levels(power: Floats) -> Floats:
    """float32: log10(1 + 10⁴·power), as the ear counts; of the same shape."""
    # NumPy's natural logarithm is vectorised, its log10 is not.
    levels: Floats = np.log(1 + 1e4 * power) * LOG10_E
    return levels


def mel_power(y: Floats) -> Floats:
    """float32 (windows, 512, 96): the power in each mel band, 62.5 frames a second.

    Parameters
    ----------
    y
        float32 (windows, 131072): mono sound at 16 kHz, full scale ±1.

    Raises
    ------
    ValueError
        ``y`` has another shape.
    """
    if y.ndim != 2 or y.shape[1] != WINDOW_SAMPLES:
        raise ValueError(f"sound must have shape (windows, {WINDOW_SAMPLES}), not {y.shape}")
    filters, hann = _sparse_filters(), _hann()
    powers = np.empty((len(y), 2 * FRAMES, MELS), dtype=np.float32)
    # Frame t sees the samples around 256·t + 128; the edges are mirrored, so that a window gives 512 frames exactly.
    margin = (N_FFT - HOP) // 2
    for window, sound in enumerate(np.asarray(y, dtype=np.float32)):
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, margin, mode="reflect"), N_FFT)[::HOP]
        spectrum = rfft(frames * hann, axis=1)
        powers[window] = (filters @ (spectrum.real**2 + spectrum.imag**2).T).T
    return powers


@cache
def mel_filters() -> Floats:
    """float32 (96, 257): triangles of equal area on Slaney's mel scale from 0 to 8 kHz (Auditory Toolbox, 1998).

    The scale is linear below 1 kHz (200/3 Hz a mel) and logarithmic above (27 mels for a factor of 6.4). A
    triangle's height is 2 / its width in Hz.
    """
    top = _mel_of(RATE_HZ / 2)
    edges = _hz_of(np.linspace(0.0, top, MELS + 2))[:, None]
    hz = np.arange(N_FFT // 2 + 1) * BIN_HZ
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.clip(np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre)), 0.0, None)
    filters = (triangles * (2.0 / (high - low))).astype(np.float32)
    filters.setflags(write=False)
    return filters


def _mel_of(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000) / np.log(6.4))


def _hz_of(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


@cache
def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@cache
def _sparse_filters() -> "csr_array[np.float32]":
    from scipy.sparse import csr_array  # 0.1 s, not needed to know the shapes

    return csr_array(mel_filters())
