"""Energy and valence of a library's tracks, and moods that have names as places on that plane (Russell 1980).

In: descriptors. Out: two numbers a track from 0 to 1, each a share of the library: of a track at energy .8 four in five
have less. Nothing is learned. What raises either is known from experiments with listeners: loudness, many notes and
tempo raise energy, the major mode and tempo raise valence (Gabrielsson and Lindström 2010, "The role of structure in
the musical expression of emotions"). Each counts the same, by its rank. ``python -m benchmarks.moods`` says how often
people agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from segue.audio.descriptors.values import Descriptors
from segue.errors import NotFound

__all__ = ["MOODS", "Mood", "Plane", "mood_named", "plane"]

Floats = npt.NDArray[np.float32]

REACH = 0.25
"""So far from a mood's place on the plane a track fits it half."""


@dataclass(frozen=True, slots=True)
class Mood:
    """A place on the plane; None where a mood may be anything. ``words`` are other names of it."""

    name: str
    energy: float | None
    valence: float | None
    words: tuple[str, ...] = ()


MOODS = MappingProxyType(
    {
        mood.name: mood
        for mood in (
            Mood("calm", 0.15, 0.6, ("peaceful", "relaxed", "relaxing", "quiet", "mellow", "chill", "gentle")),
            Mood("happy", 0.65, 0.9, ("joyful", "cheerful", "uplifting", "sunny", "bright")),
            Mood("sad", 0.2, 0.1, ("melancholy", "melancholic", "sorrowful", "gloomy")),
            Mood("tense", 0.85, 0.1, ("aggressive", "angry", "nervous", "frantic")),
            Mood("energetic", 0.95, None, ("powerful", "driving", "exciting", "wild")),
            Mood("dreamy", 0.2, 0.4, ("ethereal", "hypnotic", "spacey")),
            Mood("dark", None, 0.05, ("sinister", "ominous", "menacing", "spooky")),
            Mood("romantic", 0.35, 0.8, ("tender", "warm", "loving", "sentimental")),
            Mood("focus", 0.4, 0.5, ("focused", "concentration", "study", "work")),
            Mood("party", 0.9, 0.85, ("dance", "danceable", "festive")),
        )
    }
)
"""Ten moods, placed by what the words mean on the plane; nobody's labels moved them."""


@dataclass(frozen=True)
class Plane:
    """float32 (tracks,) each, 0 to 1; NaN where nothing is known."""

    energy: Floats
    valence: Floats

    def fit(self, mood: Mood) -> Floats:
        """How well each track fits, float32 (tracks,): 1 at its place, ½ at ``REACH``, 0 where nothing is known."""
        away = np.zeros(len(self.energy))
        for values, wanted in ((self.energy, mood.energy), (self.valence, mood.valence)):
            if wanted is not None:
                away += (values - wanted) ** 2
        return np.nan_to_num(np.exp2(-away / REACH**2), nan=0.0).astype(np.float32)


def plane(told: Sequence[Descriptors | None]) -> Plane:
    """Where tracks lie among each other, from their descriptors; None is a track of which nothing is known."""
    known = np.array([one is not None for one in told], dtype=bool)
    loudness, onsets, tempo, major = (np.full(len(told), np.nan) for _ in range(4))
    for place, one in enumerate(told):
        if one is not None:
            loudness[place] = np.nan if one.loudness_lufs is None else one.loudness_lufs
            onsets[place] = np.nan if one.onsets_per_s is None else one.onsets_per_s
            tempo[place] = np.nan if one.tempo_bpm is None else one.tempo_bpm
            major[place] = np.nan if one.key is None else one.key.mode == "major"
    return Plane(_joined(known, loudness, onsets, tempo), _joined(known, major, tempo))


def mood_named(text: str) -> Mood:
    """The mood that somebody means.

    Raises
    ------
    NotFound
        None is called so; the message names the nearest, or all.

    Examples
    --------
    >>> mood_named("Melancholic").name
    'sad'
    """
    wanted = " ".join(text.casefold().split())
    for mood in MOODS.values():
        if wanted == mood.name or wanted in mood.words:
            return mood
    every = [word for mood in MOODS.values() for word in (mood.name, *mood.words)]
    near = get_close_matches(wanted, every, n=3)
    raise NotFound(
        f"no mood is called '{text}'; did you mean: {', '.join(near)}"
        if near
        else f"no mood is called '{text}': moods are {', '.join(MOODS)}"
    )


def _joined(known: npt.NDArray[np.bool_], *columns: npt.NDArray[np.float64]) -> Floats:
    """Ranks of the mean rank; a part that could not be told stands in the middle."""
    found = np.full(len(known), np.nan, dtype=np.float32)
    if known.any():
        mean = np.mean([np.nan_to_num(_shares(column[known]), nan=0.5) for column in columns], axis=0)
        found[known] = _shares(mean)
    return found


def _shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What share of the known values lies below each, equal ones half; NaN stays."""
    shares, told = np.full(len(values), np.nan), ~np.isnan(values)
    shares[told] = (rankdata(values[told]) - 0.5) / max(np.count_nonzero(told), 1)
    return shares
