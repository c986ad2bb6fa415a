"""From sound to descriptors: of the eight windows that are decoded anyway, or of a whole file.

What each window tells is gathered first (its onset strength, its pitch classes, its mean spectrum), a few kilobytes,
and summed up at the end: so that a whole file of any length fits into memory, and both ways share every formula.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame

from segue.audio.decode import Excerpts, read_excerpts, read_frames
from segue.audio.descriptors.chroma import chroma_of
from segue.audio.descriptors.key import key_of
from segue.audio.descriptors.loudness import LoudnessMeter, integrated_lufs, range_lu, window_powers
from segue.audio.descriptors.onsets import STRENGTH_RATE_HZ, onset_strength, onsets_per_s
from segue.audio.descriptors.pulse import pulse_of
from segue.audio.descriptors.spectrum import centroid_hz, magnitudes
from segue.audio.descriptors.values import Descriptors
from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES, mel_power
from segue.audio.resample import Resampler

__all__ = ["describe_excerpts", "describe_file"]

RANGE_LEAST_S = 60.0
"""In less than a minute there are too few stretches of three seconds for their percentiles to say much."""
FAINT = 1e-6
"""A window 60 dB below the loudest is a pause; what it holds would be measured as if it were music."""

Floats = npt.NDArray[np.float32]
Powers = npt.NDArray[np.float64]


def describe_excerpts(excerpts: Excerpts, power: Floats | None = None) -> Descriptors:
    """The descriptors of a track from its eight windows.

    Parameters
    ----------
    power
        float32 (8, 512, 96): ``mel_power`` of its windows, where it is known already.
    """
    y = excerpts.y
    power = mel_power(y) if power is None else power
    samples = round(excerpts.length_s * RATE_HZ)
    if samples < WINDOW_SAMPLES:  # such a track was repeated to fill its windows, which would be a rhythm of its own
        y, power = y[:1, :samples], power[:1, : int(excerpts.length_s * STRENGTH_RATE_HZ)]
    gathered = _Gathered()
    gathered.add(y, power)
    # One channel that plays from both sides is twice as loud, and what differs between them is in no mean of them.
    both = 2 * (1 + excerpts.side) if excerpts.channels > 1 else 1
    found = gathered.sum_up(both * window_powers(y, RATE_HZ), excerpts.length_s, whole=False)
    # How much more than two channels lose in their mean is not known.
    return found if excerpts.channels <= 2 else replace(found, loudness_lufs=None)


def describe_file(path: str | os.PathLike[str], *, whole: bool = False) -> Descriptors:
    """The descriptors of a file.

    Parameters
    ----------
    whole
        Hear all of it, in all of its channels and at its own rate as far as loudness is concerned.

    Raises
    ------
    UnreadableAudio
        As ``read_windows``.
    """
    excerpts = read_excerpts(path)  # also where all is to be heard: it knows what can't be
    if not whole:
        return describe_excerpts(excerpts)
    gathered, loudness = _Gathered(), _Loudness()
    samples = 0
    for window in _windows(path, loudness):
        samples += len(window)
        short = WINDOW_SAMPLES - len(window)
        if short and samples > WINDOW_SAMPLES:
            continue  # the last, incomplete one
        power = mel_power(np.pad(window, (0, short))[None])
        gathered.add(window[None], power[:, : int(len(window) / RATE_HZ * STRENGTH_RATE_HZ)])
    return gathered.sum_up(loudness.powers(), samples / RATE_HZ, whole=True)


class _Gathered:
    """What was learned of each window so far."""

    def __init__(self) -> None:
        self._means: list[float] = []
        self._strengths: list[Floats] = []
        self._chromas: list[Powers] = []
        self._spectra: list[Floats] = []

    def add(self, y: Floats, power: Floats) -> None:
        """Take windows (windows, samples) and the power of their mel bands (windows, frames, bands)."""
        self._strengths += list(onset_strength(power))
        for window in y:
            self._means.append(float(window @ window) / len(window))
            spectrum = magnitudes(window[None])
            self._chromas.append(chroma_of(spectrum))
            self._spectra.append(spectrum.mean(0))

    def sum_up(self, powers: Powers, length_s: float, *, whole: bool) -> Descriptors:
        """The descriptors, with loudness from the weighted powers of tenths of a second."""
        loudest = max(self._means, default=0.0)
        heard = [place for place, mean in enumerate(self._means) if mean > FAINT * loudest]
        if not heard:
            return Descriptors(whole=whole)
        strength = np.stack([self._strengths[place] for place in heard])
        pulse = pulse_of(strength, length_s)
        return Descriptors(
            tempo_bpm=pulse.tempo_bpm,
            other_tempo_bpm=pulse.other_bpm,
            tempo_confidence=pulse.confidence,
            key=key_of(np.mean([self._chromas[place] for place in heard], axis=0)),
            loudness_lufs=integrated_lufs(powers),
            loudness_range_lu=range_lu(powers) if length_s >= RANGE_LEAST_S else None,
            brightness_hz=centroid_hz(np.stack([self._spectra[place] for place in heard])),
            onsets_per_s=onsets_per_s(strength),
            pulse_clarity=pulse.clarity,
            whole=whole,
        )


class _Loudness:
    """A meter for a file, whatever the form of its frames; where that changes, a new one goes on."""

    def __init__(self) -> None:
        self._form: tuple[int, str, str] | None = None
        self._floats: av.AudioResampler | None = None
        self._meters: list[LoudnessMeter] = []

    def push(self, frame: AudioFrame) -> None:
        form = (frame.sample_rate, frame.format.name, frame.layout.name)
        if form != self._form:
            self._form = form
            self._floats = av.AudioResampler("fltp", frame.layout, frame.sample_rate)
            self._meters.append(LoudnessMeter(frame.sample_rate, frame.layout.nb_channels))
        assert self._floats is not None
        for block in self._floats.resample(frame):
            self._meters[-1].push(np.asarray(block.to_ndarray(), np.float32))

    def powers(self) -> Powers:
        return np.concatenate([meter.powers() for meter in self._meters])


def _windows(path: str | os.PathLike[str], loudness: _Loudness) -> Iterator[Floats]:
    """The whole file in pieces of a window's length, mono at 16 kHz; the last may be shorter."""
    left = np.zeros(0, dtype=np.float32)
    resampler: Resampler | None = None
    for frame in read_frames(path):
        loudness.push(frame)
        if resampler is None or not resampler.takes(frame):
            if resampler is not None:
                left = np.concatenate([left, resampler.finish()])
            resampler = Resampler(frame)
        resampler.push(frame)
        if resampler.pending >= WINDOW_SAMPLES / RATE_HZ * frame.sample_rate:
            left = np.concatenate([left, resampler.pull()])
        while len(left) >= WINDOW_SAMPLES:
            yield left[:WINDOW_SAMPLES]
            left = left[WINDOW_SAMPLES:]
    if resampler is not None:
        left = np.concatenate([left, resampler.finish()])
    while len(left):
        yield left[:WINDOW_SAMPLES]
        left = left[WINDOW_SAMPLES:]
