"""Which key a piece is in: the one whose profile its pitch classes fit best."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["NAMES", "Key", "Mode", "key_of"]

Mode = Literal["major", "minor"]
MODES: tuple[Mode, ...] = ("major", "minor")
NAMES = ("C", "D♭", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
PROFILES = (
    (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
)
"""How often each degree sounds in major and in minor (Albrecht and Shanahan, Music Perception 31, 2013)."""
SURE = 18.0
"""How steeply likelihood rises with correlation; fitted to pieces of known key."""
FLAT = 0.25
"""Pitch classes that differ less than this (their deviation over their mean) are noise: that has .09 to .16, music .38
and more."""
FEWEST_CLASSES = 3.0
"""Fewer pitch classes than this (the exponential of their entropy) are a tone or an interval, and no key."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class, 0 is C), a mode, and how likely it is this key and no other (0 to 1).

    Examples
    --------
    >>> key = Key(9, "minor", 0.8)
    >>> key.name, key.camelot
    ('A minor', '8A')
    """

    tonic: int
    mode: Mode
    confidence: float

    @property
    def name(self) -> str:
        """As musicians write it: "A minor"."""
        return f"{NAMES[self.tonic]} {self.mode}"

    @property
    def camelot(self) -> str:
        """As DJs write it, a place on a wheel of fifths: "8A" for A minor, "8B" for C major."""
        major = self.tonic if self.mode == "major" else (self.tonic + 3) % 12
        return f"{(7 * major + 7) % 12 + 1}{'B' if self.mode == 'major' else 'A'}"


def key_of(chroma: Numbers) -> Key | None:
    """The key whose profile correlates best with the chroma (Krumhansl 1990, chapter 4); None for what has no key.

    Parameters
    ----------
    chroma
        float64 (12,): see ``chroma_of``.

    Examples
    --------
    >>> key_of(np.roll(PROFILES[1], 9))
    Key(tonic=9, mode='minor', confidence=0.9...)
    """
    total = chroma.sum()
    if total <= 0:
        return None
    share = chroma / total
    classes = np.exp(-np.sum(share * np.log(np.maximum(share, np.finfo(np.float64).tiny))))
    if share.std() < FLAT * share.mean() or classes < FEWEST_CLASSES:
        return None
    centred = share - share.mean()
    fit = _profiles() @ (centred / np.linalg.norm(centred))
    likely = np.exp(SURE * (fit - fit.max()))
    best = int(fit.argmax())
    return Key(best % 12, MODES[best // 12], float(likely[best] / likely.sum()))


@cache
def _profiles() -> Numbers:
    """float64 (24, 12): every key's profile, centred and of length 1; first the major keys from C on."""
    keys = np.array([np.roll(profile, tonic) for profile in PROFILES for tonic in range(12)])
    keys -= keys.mean(1, keepdims=True)
    return np.asarray(keys / np.linalg.norm(keys, axis=1, keepdims=True))
