"""The fine spectrum that key and brightness are read from: half a second of sound at a time, two hertz a line."""

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft
from scipy.signal.windows import hann

from segue.audio.mel import RATE_HZ

__all__ = ["LINE_HZ", "N_FFT", "centroid_hz", "magnitudes"]

N_FFT = 8192
"""512 ms: semitones are told apart from 130 Hz on, and their overtones tell the lower ones."""
HOP = N_FFT // 2
LINE_HZ = RATE_HZ / N_FFT

Floats = npt.NDArray[np.float32]


def magnitudes(y: Floats) -> Floats:
    """float32 (frames, 4097): the amplitude spectrum of each half second, frame after frame and window after window.

    Parameters
    ----------
    y
        float32 (windows, samples): mono sound at 16 kHz. Less than ``N_FFT`` samples are followed by silence.
    """
    if y.shape[1] < N_FFT:
        y = np.pad(y, ((0, 0), (0, N_FFT - y.shape[1])))
    frames = np.lib.stride_tricks.sliding_window_view(y, N_FFT, axis=1)[:, ::HOP]
    shape = hann(N_FFT, sym=False).astype(np.float32)
    spectrum: Floats = np.abs(rfft(frames * shape, axis=2))
    return spectrum.reshape(-1, spectrum.shape[2])


def centroid_hz(spectrum: Floats) -> float | None:
    """The spectral centroid of amplitude in Hz, each frame counting by its amplitude; None for silence.

    The best single correlate of what listeners call brightness (Schubert and Wolfe, Acta Acustica 92, 2006).

    Examples
    --------
    >>> t = np.arange(16_000) / 16_000
    >>> round(centroid_hz(magnitudes(np.sin(2 * np.pi * 1000 * t, dtype=np.float32)[None])), -1)
    1000.0
    """
    mean = spectrum.mean(0, dtype=np.float64)
    total = mean.sum()
    return float(mean @ np.arange(len(mean)) * LINE_HZ / total) if total > 0 else None
