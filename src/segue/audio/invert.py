"""Sound from log-mel spectrograms: what was heard, or what a network remembers of it, becomes audible again.

Log-mels as ``segue.audio.mel`` makes them flow in, a waveform at 16 kHz flows out. What they lack is guessed:

1. The time between frames, by straight lines whose corners are moved until averages over pairs say what was given.
2. The strength of single frequencies in a mel band, as the non-negative spectrum of least Kullback-Leibler divergence
   (Lee and Seung 2001, eq. 5), which does justice to what is faint as squares would not.
3. The phases, by the fast Griffin-Lim algorithm (Perraudin, Balazs and Søndergaard 2013): from noise, a spectrogram is
   made by turns one that has these strengths and one that a sound can have.

The frames overlap by three quarters here, while those of the log-mels overlap by half: half is too little for phases to
be determined by strengths.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from segue.audio.mel import FRAMES, HOP, MELS, N_FFT, WINDOW_SAMPLES, mel_filters

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["invert"]

STEP = HOP // 2
"""Samples between the frames here."""
OVERLAP = N_FFT // STEP
LEAD = N_FFT - STEP
"""Silence on either side, so that every sample lies in as many frames as any other."""
STEPS = (WINDOW_SAMPLES + 2 * LEAD - N_FFT) // STEP + 1
FIRST, EACH = 3, 2 * HOP // STEP
"""Frame ``FIRST + EACH · i`` here lies in the middle of the pair that log-mel frame i averages."""
CORRECTIONS = 2
SPECTRUM_ITERATIONS = 30
MOMENTUM = 0.99
FAINT = 1e-10
"""Power far below what log10(1 + 10⁴·power) can tell from none."""

Floats = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]


def invert(mels: Floats, *, iterations: int = 64, seed: int = 0) -> Floats:
    """float32 (windows, 131072): a sound at 16 kHz with these log-mels, full scale ±1 where theirs was.

    Parameters
    ----------
    mels
        float32 (windows, 256, 96), as ``log_mel`` makes them; what is below 0 counts as 0.
    iterations
        Rounds of Griffin-Lim.
    seed
        Of the noise that the phases begin as. The same log-mels and seed give the same bits, whatever else is inverted.

    Raises
    ------
    ValueError
        ``mels`` has another shape, or holds what is not finite.

    Examples
    --------
    >>> from segue.audio.mel import RATE_HZ, log_mel
    >>> t = np.arange(WINDOW_SAMPLES) / RATE_HZ
    >>> heard = log_mel(np.sin(2 * np.pi * 1000 * t, dtype=np.float32)[None])
    >>> again = log_mel(invert(heard, iterations=8))
    >>> bool(again[0, 128].argmax() == heard[0, 128].argmax())  # the band around 1 kHz is the loudest as before
    True
    """
    if mels.ndim != 3 or mels.shape[1:] != (FRAMES, MELS):
        raise ValueError(f"log-mels must have shape (windows, {FRAMES}, {MELS}), not {mels.shape}")
    if not np.isfinite(mels).all():
        raise ValueError("log-mels must be finite")
    y = np.empty((len(mels), WINDOW_SAMPLES), dtype=np.float32)
    for window, levels in enumerate(np.asarray(mels, dtype=np.float32).clip(0)):
        magnitudes = np.sqrt(_spectrum(_mel_power(levels)))
        y[window] = _griffin_lim(magnitudes, iterations, np.random.default_rng(seed))
    return y


def _mel_power(levels: Floats) -> Floats:
    """(STEPS, MELS): the power in each mel band, from log-mels (FRAMES, MELS)."""
    at = ((np.arange(STEPS) - FIRST) / EACH).clip(0, FRAMES - 1)
    before = at.astype(np.intp)
    after = np.minimum(before + 1, FRAMES - 1)
    share = (at - before).astype(np.float32)[:, None]

    def lines(corners: Floats) -> Floats:
        return np.maximum(corners[before] * (1 - share) + corners[after] * share, 0)

    corners = levels
    for _ in range(CORRECTIONS):
        drawn = lines(corners)
        pairs = 0.5 * (drawn[FIRST - 1 :: EACH][:FRAMES] + drawn[FIRST + 1 :: EACH][:FRAMES])
        corners = corners + levels - pairs
    return np.asarray((10.0 ** lines(corners).astype(np.float64) - 1) / 1e4, dtype=np.float32)


def _spectrum(mel_power: Floats) -> Floats:
    """(STEPS, 257): a power spectrum that has this power (STEPS, MELS) in the mel bands; as smooth as they allow."""
    filters, spread = _sparse_filters()
    wanted = mel_power.T
    power = np.ones((N_FFT // 2 + 1, STEPS), dtype=np.float32)
    reach = mel_filters().sum(0)[:, None] + FAINT
    for _ in range(SPECTRUM_ITERATIONS):
        power *= (spread @ (wanted / (filters @ power + FAINT))) / reach
    return np.ascontiguousarray(power.T)


def _griffin_lim(magnitudes: Floats, iterations: int, rng: np.random.Generator) -> Floats:
    turns = rng.random(magnitudes.shape, dtype=np.float32)
    guess = np.exp(np.complex64(2j * np.pi) * turns)
    last = np.zeros_like(guess)
    for _ in range(iterations):
        possible = _analysed(_synthesised(_with_strength(guess, magnitudes)))
        guess = possible + np.float32(MOMENTUM) * (possible - last)
        last = possible
    return _synthesised(_with_strength(guess, magnitudes))


def _with_strength(guess: Spectrum, magnitudes: Floats) -> Spectrum:
    strength = np.abs(guess)
    return np.asarray(guess * (magnitudes / np.maximum(strength, FAINT)), dtype=np.complex64)


def _analysed(y: Floats) -> Spectrum:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, LEAD), N_FFT)[::STEP]
    return np.asarray(rfft(frames * _hann(), axis=1), dtype=np.complex64)


def _synthesised(spectrum: Spectrum) -> Floats:
    """The sound whose spectrogram is nearest to this one in squares (Griffin and Lim 1984, eq. 6)."""
    parts = (irfft(spectrum, N_FFT, axis=1) * _hann()).reshape(STEPS, OVERLAP, STEP)
    padded = np.zeros((STEPS + OVERLAP - 1, STEP), dtype=np.float32)
    for part in range(OVERLAP):
        padded[part : part + STEPS] += parts[:, part]
    # The squares of Hann windows at a quarter's distance add up to a constant.
    return (padded.ravel() / (OVERLAP * np.float32(3 / 8)))[LEAD : LEAD + WINDOW_SAMPLES]


@cache
def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)


@cache
def _sparse_filters() -> "tuple[csr_array[np.float32], csr_array[np.float32]]":
    """The mel filters, (96, 257), and their transpose."""
    from scipy.sparse import csr_array  # 0.1 s, not needed to know the shapes

    return csr_array(mel_filters()), csr_array(mel_filters().T)
