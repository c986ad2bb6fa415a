"""The descriptors of one track, as one value."""

from dataclasses import dataclass

from segue.audio.descriptors.key import Key

__all__ = ["VERSION", "Descriptors"]

VERSION = 1
"""Goes up with every change that gives other numbers; what an older version kept is then heard again."""


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What people can say of a track's sound. None is what could not be told: no pulse, no key, silence, too short.

    Attributes
    ----------
    tempo_bpm
        Beats a minute, 40 to 240.
    other_tempo_bpm
        The next best answer, most often the double or the half.
    tempo_confidence
        How likely the tempo is the one that would be written down (0 to 1), rather than its double, half or another.
    key
        The key of most of it (see ``Key``).
    loudness_lufs
        Integrated loudness in LUFS (ITU-R BS.1770-5). From the eight windows it is an estimate: they are a part of the
        track, mixed to one channel, without what lies above 8 kHz (``docs/evaluation.md`` says how far it is off).
        Of more than two channels only the whole file tells it.
    loudness_range_lu
        How far soft and loud parts lie apart, in LU (EBU Tech 3342); None under a minute, of which it can't say much.
    brightness_hz
        The spectral centroid below 8 kHz, in Hz.
    onsets_per_s
        How often something begins, a second.
    pulse_clarity
        The highest autocorrelation of the onset strength, 0 (none) to 1 (a metronome): how plainly a beat can be
        felt, on which dancing depends (Lartillot et al., ISMIR 2008, "MaxAutocor").
    whole
        Whether the whole file was heard, not its windows.
    """

    tempo_bpm: float | None = None
    other_tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    key: Key | None = None
    loudness_lufs: float | None = None
    loudness_range_lu: float | None = None
    brightness_hz: float | None = None
    onsets_per_s: float | None = None
    pulse_clarity: float | None = None
    whole: bool = False
