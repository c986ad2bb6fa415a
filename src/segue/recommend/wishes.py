"""What somebody wishes of the picks, and how well each playable track fits it.

``Wishes`` is what people say, one object for every way of asking. A ``Wish`` is one part of it over one shelf: soft, it
steers the ranking as a part of its own; where all are ``strict``, tracks that don't fit are left out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from segue.errors import BadInput, NotFound
from segue.recommend.scoring import Ranking

__all__ = ["FITS", "WISH", "Range", "Wish", "Wishes", "fit_range", "reasons_of", "require", "steered"]

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WISH = 8.0
"""What a perfect fit counts in the score: about what the strongest habit does."""

FITS = 0.5
"""A track fits a wish above this."""


@dataclass(frozen=True, slots=True)
class Range:
    """From ``least`` to ``most``, both included; one of them may be infinite."""

    least: float
    most: float

    @classmethod
    def read(cls, text: str, what: str) -> "Range":
        """A range as people write it: "120..130", "120..", "..130", or one number.

        Raises
        ------
        BadInput
            It is none, or holds nothing.

        Examples
        --------
        >>> Range.read("1990..1999", "year"), str(Range.read("..130", "tempo"))
        (Range(least=1990.0, most=1999.0), 'up to 130')
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)?\s*(\.\.)?\s*(\d+(?:\.\d+)?)?\s*", text)
        least, dots, most = found.groups() if found else (None, None, None)
        if (least is None and most is None) or (not dots and most is not None):
            raise BadInput(f"'{text}' is no {what}: write one number, or a range such as 120..130, 120.. or ..130")
        low = float(least) if least else -np.inf
        high = float(most) if most else np.inf if dots else low
        if low > high:
            raise BadInput(f"no {what} lies in '{text}': write the smaller number first")
        return cls(low, high)

    def __str__(self) -> str:
        if self.least == self.most:
            return f"{self.least:g}"
        if np.isinf(self.least):
            return f"up to {self.most:g}"
        return f"from {self.least:g}" + ("" if np.isinf(self.most) else f" to {self.most:g}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wished; None is no wish.

    Attributes
    ----------
    genre
        A genre in anybody's words.
    year, tempo
        Years of release, beats a minute.
    mood
        A mood in anybody's words.
    energy, valence
        From 0 to 1, as shares of the library.
    strict
        Leave out what does not fit, in place of setting it back.
    """

    genre: str | None = None
    year: Range | None = None
    tempo: Range | None = None
    mood: str | None = None
    energy: Range | None = None
    valence: Range | None = None
    strict: bool = False

    def __bool__(self) -> bool:
        parts = (self.genre, self.year, self.tempo, self.mood, self.energy, self.valence)
        return any(part is not None for part in parts)


@dataclass(frozen=True)
class Wish:
    """One wish over one shelf.

    Attributes
    ----------
    name
        The part of the score: "genre", "year", "tempo", "mood", "energy", "valence".
    said
        What is wished, in words that follow "tracks": "of techno", "from 1990 to 1999".
    fit
        float32 (places,), 0 to 1.
    because
        Why a place fits, in words.
    strict
        Whether a place that does not fit is left out.
    """

    name: str
    said: str
    fit: Floats
    because: Callable[[int], str] = field(compare=False)
    strict: bool = False

    @property
    def met(self) -> Mask:
        """bool (places,): which places fit."""
        return np.asarray(self.fit > FITS)


def fit_range(values: npt.NDArray[np.floating], wished: Range, scale: float, *, ratio: bool = False) -> Floats:
    """float32 (places,): 1 within the range, ½ at its edge outside and half as much every ``scale`` further; NaN is 0.

    ``ratio``: distances are ratios (a tempo's), and ``scale`` one as well.

    Examples
    --------
    >>> fit_range(np.array([1995, 2004, np.nan]), Range(1990, 1999), 5).round(2).tolist()
    [1.0, 0.25, 0.0]
    """
    values, bounds = np.asarray(values, dtype=np.float64), np.array([wished.least, wished.most])
    if ratio:
        with np.errstate(divide="ignore"):
            values, bounds, scale = np.log(values), np.log(np.maximum(bounds, 1e-9)), np.log(scale)
    apart = np.maximum(np.maximum(bounds[0] - values, values - bounds[1]), 0)
    return np.asarray(
        np.nan_to_num(np.where(apart > 0, FITS * np.exp2(-apart / scale), 1 + apart), nan=0.0), dtype=np.float32
    )


def reasons_of(wishes: Sequence[Wish], place: int) -> dict[str, str]:
    """Why a place fits each wish that it fits at all, by the wish's part of the score."""
    return {wish.name: wish.because(place) for wish in wishes if wish.fit[place] > 0}


def steered(ranking: Ranking, wishes: Sequence[Wish]) -> Ranking:
    """The ranking with each wish as one more part."""
    for wish in wishes:
        ranking = ranking.plus(wish.name, np.float32(WISH) * wish.fit)
    return ranking


def require(wishes: Sequence[Wish], free: Mask) -> Mask:
    """Which places are free and fit all strict wishes, bool (places,).

    Raises
    ------
    NotFound
        None is left; the message names the wish that emptied it.
    """
    strict = [wish for wish in wishes if wish.strict]
    left = free.copy()
    for wish in strict:
        left &= wish.met
    if left.any() or not free.any():
        return left
    alone: Mapping[str, int] = {wish.name: int(np.count_nonzero(free & wish.met)) for wish in strict}
    for wish in strict:
        if not alone[wish.name]:
            best = float(wish.fit[free].max(initial=0))
            place = int(np.flatnonzero(free)[np.argmax(wish.fit[free])])
            near = f"; the nearest is {wish.because(place)}" if best > 0 else ""
            raise NotFound(f"no playable track is {wish.said}{near}: ask without --strict, or for something else")
    without = {
        wish.name: int(np.count_nonzero(free & np.logical_and.reduce([one.met for one in strict if one is not wish])))
        for wish in strict
    }
    looser = max(strict, key=lambda wish: without[wish.name])
    said = " and ".join(wish.said for wish in strict)
    raise NotFound(
        f"no playable track is {said} at once: {without[looser.name]} are without the wish for {looser.name}"
    )
