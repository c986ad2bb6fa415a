"""How strong each of the twelve pitch classes is, whatever the octave and whatever the tuning.

Peaks of the spectrum become pitches. Each also speaks for the notes of which it may be an overtone, so that the third,
which the fifth partial of a tonic plays along, is not taken for a note of its own (Gómez, INFORMS J. on Computing 18,
2006, section 3). What is heard above 1 kHz is mostly overtones, and is left out.
"""

import numpy as np
import numpy.typing as npt

from segue.audio.descriptors.spectrum import LINE_HZ

__all__ = ["chroma_of"]

LOWEST_HZ, HIGHEST_HZ = 60.0, 1000.0
PARTIALS = 4
FADING = 0.8
"""How much less a peak speaks for a note with each partial that lies between them."""
COMPRESSION = 10.0
"""Peaks count by the logarithm of their height, down to a tenth of the loudest of their window."""
LEAST = 1e-3
"""Lines below this share of their frame's highest are no peaks."""
PROMINENCE, REACH = 1.3, 2
"""A peak exceeds one of the lines so far from it by this factor: what is flat, as a click is, has no pitch."""
OFFSETS = (-REACH, -1, 0, 1, REACH)
A4 = 69
"""Its number in MIDI, where C is 0 in every octave."""

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


def chroma_of(spectrum: Floats) -> Numbers:
    """float64 (12,): the strength of C, C♯, …, B in one window, each frame's strongest being 1; zeros for silence.

    Parameters
    ----------
    spectrum
        float32 (frames, lines): see ``segue.audio.descriptors.spectrum.magnitudes``.

    Examples
    --------
    >>> from segue.audio.descriptors.spectrum import magnitudes
    >>> t = np.arange(16_000) / 16_000
    >>> a = magnitudes(np.sin(2 * np.pi * 440 * t, dtype=np.float32)[None])
    >>> int(chroma_of(a).argmax())
    9
    """
    frame, hz, height = _peaks(spectrum)
    if not len(hz):
        return np.zeros(12)
    weight = np.log1p(COMPRESSION * height / height.max())
    pitch = A4 + 12 * np.log2(hz / 440)
    # The mean direction of all deviations from equal temperament at 440 Hz is the tuning (Dressler and Streich, 2007).
    pitch -= np.angle(np.sum(weight * np.exp(2j * np.pi * pitch))) / (2 * np.pi)
    sums = np.zeros(12 * len(spectrum))
    for partial in range(1, PARTIALS + 1):
        sought = pitch - 12 * np.log2(partial)
        nearest = np.round(sought)
        share = np.cos(np.pi * (sought - nearest)) ** 2 * FADING ** (partial - 1)
        cells = 12 * frame + nearest.astype(np.int64) % 12
        sums += np.bincount(cells, weight * share, len(sums))
    strengths = sums.reshape(-1, 12)
    highest = strengths.max(1, keepdims=True)
    heard = highest[:, 0] > LEAST * highest.max()
    shares: Numbers = (strengths[heard] / highest[heard]).sum(0) / len(spectrum)
    return shares


def _peaks(spectrum: Floats) -> tuple[npt.NDArray[np.intp], Numbers, Numbers]:
    """Frame, frequency and height of each peak, between the lines by a parabola through the logarithms."""
    first, last = int(LOWEST_HZ / LINE_HZ), int(HIGHEST_HZ / LINE_HZ)
    around = spectrum[:, first - REACH : last + REACH]
    lower, below, at, above, higher = (around[:, REACH + off : last - first + REACH + off] for off in OFFSETS)
    floor = np.maximum(LEAST * around.max(1, keepdims=True), np.finfo(np.float32).tiny)
    stands_out = at > PROMINENCE * np.minimum(lower, higher)
    frame, line = np.nonzero((at > below) & (at >= above) & (at > floor) & stands_out)
    tiny = np.finfo(np.float32).tiny
    left, middle, right = (np.log(side[frame, line].astype(np.float64) + tiny) for side in (below, at, above))
    curved = left - 2 * middle + right
    off = np.where(curved < 0, 0.5 * (left - right) / np.minimum(curved, -tiny), 0.0).clip(-0.5, 0.5)
    return frame, (line + first + off) * LINE_HZ, at[frame, line].astype(np.float64)
