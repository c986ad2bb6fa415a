"""How fast a piece goes, and how plainly: the periods in its onset strength.

Two views of the same curve are multiplied. Its autocorrelation is high at the beat and at every multiple of it, its
spectrum at the beat and at every fraction: what is high in both is the beat (Peeters, EURASIP JASP 2007). A preference
for moderate tempi, log-normal as in Ellis (JNMR 36, 2007), decides between a tempo and its double.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from segue.audio.descriptors.onsets import STRENGTH_RATE_HZ, onset_count

__all__ = ["Pulse", "pulse_of"]

SLOWEST_BPM, FASTEST_BPM = 40.0, 240.0
STEP = 0.005
"""Candidates are half a percent apart."""
PREFERRED_BPM, SPREAD_OCTAVES = 100.0, 0.7
MULTIPLES = ((1, 1.0), (2, 0.5), (4, 0.5))
"""Beats apart at which the autocorrelation is asked, and how much it counts: beat, half bar, bar."""
FRACTIONS = ((1, 1.0), (2, 0.5), (4, 0.25))
"""Strokes a beat at which the spectrum is asked: beat, eighths, sixteenths."""
N_FFT = 2048
SURE = 3.0
"""The power of a candidate's score that says how likely it is; fitted to pieces of known tempo."""
SAME = 0.08
"""The other tempo that is reported is at least so much faster or slower."""
LEAST_STRENGTH = 1e-3
"""A mean rise below this is the numerical noise of a steady tone."""
SIGNIFICANT = 6.0
"""Standard deviations of the autocorrelation of noise (Bartlett 1946: 1/√n) that a pulse must exceed."""
FEWEST_ONSETS = 6
"""Fewer things happen at some distance from one another, and it means nothing."""
PERIODS_S = (0.25, 1.5)
"""Periods that are felt as a pulse (240 to 40 a minute)."""

Floats = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pulse:
    """Tempo and how plain it is (see ``Descriptors``)."""

    tempo_bpm: float | None = None
    other_bpm: float | None = None
    confidence: float | None = None
    clarity: float | None = None


def pulse_of(strength: Floats, length_s: float = math.inf) -> Pulse:
    """The pulse of a piece.

    Parameters
    ----------
    strength
        float32 (windows, frames): see ``onset_strength``. Windows without onsets say nothing.
    length_s
        How long the piece is: of a short one the windows overlap, and what they agree on is no proof.

    Examples
    --------
    >>> strength = np.zeros((1, 512), dtype=np.float32)
    >>> strength[:, ::25] = 1  # 2.5 strokes a second
    >>> round(pulse_of(strength).tempo_bpm)
    150
    """
    heard = strength[strength.mean(1) > LEAST_STRENGTH].astype(np.float64)
    frames = strength.shape[1]
    if not len(heard) or onset_count(strength) < FEWEST_ONSETS or frames < 2 * PERIODS_S[1] * STRENGTH_RATE_HZ:
        return Pulse()
    heard -= heard.mean(1, keepdims=True)
    power = np.abs(rfft(heard, N_FFT, axis=1)) ** 2
    energy = power.mean(1, keepdims=True)
    power = (power / energy).mean(0)
    correlation = irfft(power)[:frames]
    correlation *= frames / (frames - np.arange(frames)) / correlation[0]
    first, last = (round(period_s * STRENGTH_RATE_HZ) for period_s in PERIODS_S)
    clarity = float(correlation[first : last + 1].max())
    if clarity < SIGNIFICANT / np.sqrt(min(heard.size, length_s * STRENGTH_RATE_HZ)):
        return Pulse(clarity=max(clarity, 0.0))
    bpm, score = _scores(correlation, np.sqrt(power))
    peaks = np.flatnonzero((score > np.pad(score, 1)[:-2]) & (score >= np.pad(score, 1)[2:]))
    peaks = peaks[np.argsort(-score[peaks], kind="stable")]
    if not len(peaks):
        return Pulse(clarity=clarity)
    best = peaks[0]
    others = peaks[np.abs(np.log(bpm[peaks] / bpm[best])) > SAME]
    likely = score[peaks] ** SURE
    return Pulse(
        tempo_bpm=_between(bpm, score, best),
        other_bpm=_between(bpm, score, others[0]) if len(others) else None,
        confidence=float(likely[0] / likely.sum()),
        clarity=min(clarity, 1.0),
    )


def _scores(correlation: Curve, amplitude: Curve) -> tuple[Curve, Curve]:
    """Candidate tempi and how well each fits."""
    bpm = np.exp(np.arange(np.log(SLOWEST_BPM), np.log(FASTEST_BPM), STEP))
    lag, line = 60 * STRENGTH_RATE_HZ / bpm, bpm / 60 / STRENGTH_RATE_HZ * N_FFT
    periodic = sum(weight * _at(correlation, lag * beats) for beats, weight in MULTIPLES)
    frequent = sum(weight * _at(amplitude, line * strokes) for strokes, weight in FRACTIONS)
    preference = np.exp(-0.5 * (np.log2(bpm / PREFERRED_BPM) / SPREAD_OCTAVES) ** 2)
    return bpm, np.maximum(periodic, 0) * frequent * preference


def _at(curve: Curve, places: Curve) -> Curve:
    return np.interp(places, np.arange(len(curve)), curve, right=0.0)


def _between(bpm: Curve, score: Curve, peak: int) -> float:
    """Where between the candidates a parabola through the peak and its neighbours is highest."""
    if not 0 < peak < len(bpm) - 1:
        return float(bpm[peak])
    before, at, after = score[peak - 1 : peak + 2]
    curved = before - 2 * at + after
    return float(bpm[peak] * np.exp(STEP * 0.5 * (before - after) / curved)) if curved < 0 else float(bpm[peak])
