"""One score from named parts, and the one place where their weights stand.

The parts ``sequence``, ``sound``, ``habit`` and ``seed`` come in units of their own, so each is standardised over the
playable tracks (``standard``). ``artist`` (-1 to 1), ``liked`` (0 or 1) and ``avoid`` (0 to 1.5) have a natural zero
that must stay zero: they are added as they are. ``novelty`` comes last (``lift``): a history speaks of what was heard,
so that without it no track would ever be new. Every contribution is kept, so that a pick can say what moved it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segue.taste.contract import top_k

__all__ = ["FEW_LISTENS", "NOTHING_KNOWN", "WEIGHTS", "YOUR_LISTENING", "Ranking", "lift", "standard"]

Floats = npt.NDArray[np.float32]

YOUR_LISTENING = "your listening"
FEW_LISTENS = "a few listens"
NOTHING_KNOWN = "nothing known yet: a varied start from the library"

WEIGHTS: Mapping[str, Mapping[str, float]] = {
    # The blend knows habits and artists: what stands beside it is there to be said, and may not outvote it. A skip, a
    # like and a seed are wishes, which no history foretells.
    YOUR_LISTENING: {
        "sequence": 2.0,
        "sound": 0.2,
        "habit": 0.06,
        "artist": 0.2,
        "liked": 0.5,
        "avoid": -1.5,
        "seed": 3.0,
    },
    # Too few listens for a habit: the sound of what was heard leads, the model's prior helps.
    FEW_LISTENS: {
        "sequence": 0.5,
        "sound": 1.0,
        "artist": 0.5,
        "liked": 0.5,
        "avoid": -1.5,
        "seed": 3.0,
    },
    NOTHING_KNOWN: {"sequence": 1.0, "seed": 3.0},
}
"""What one standard score of each part counts, by the basis of the answer."""

LIFTED = 1_024
"""Best new tracks that are set among the known ones by rank; those behind them move with the last of these."""


def standard(values: npt.NDArray[np.floating], known: npt.NDArray[np.bool_] | None = None) -> Floats:
    """Values in standard scores, their tails drawn in by asinh: float32, mean near 0.

    A rule that fires for three tracks in ten thousand would be 50 standard deviations out and drown every other
    part; ``asinh`` keeps the order and small values as they are, and grows like a logarithm from there.

    Parameters
    ----------
    values
        (places,): any unit; ``-inf`` (a model that can say nothing) counts as the lowest finite value.
    known
        bool (places,): places that have a value at all; the others get 0, the middle.

    Examples
    --------
    >>> [round(float(score), 2) for score in standard(np.array([0.0, 1.0, 2.0]))]
    [-1.03, 0.0, 1.03]
    """
    values = np.asarray(values, dtype=np.float32)
    if known is not None and not known.all():
        scores = np.zeros(len(values), dtype=np.float32)
        if known.any():
            scores[known] = standard(values[known])
        return scores
    finite = np.isfinite(values)
    if not finite.all():
        if not finite.any():
            return np.zeros(len(values), dtype=np.float32)
        values = np.where(finite, values, values[finite].min())
    if not len(values):
        return values
    scores = values - np.float32(values.mean(dtype=np.float64))
    deviation = float(np.sqrt(np.dot(scores, scores) / len(scores)))
    if deviation <= 1e-6 * max(1.0, abs(float(values[0]))):
        return np.zeros(len(values), dtype=np.float32)
    scores /= np.float32(deviation)
    size = np.abs(scores)
    # asinh by the logarithm, which NumPy vectorises: a station standardises 100,000 scores for each pick.
    return np.asarray(np.copysign(np.log(size + np.sqrt(size * size + 1)), scores))


def lift(score: Floats, new: npt.NDArray[np.bool_], free: npt.NDArray[np.bool_], share: float) -> Floats:
    """What new tracks must gain, so that they are this share of any beginning of the order: float32 (places,).

    The best new tracks get the scores that stand at their places in the order of known ones. Their own order stays.

    Parameters
    ----------
    score
        float32 (places,): what all other parts say.
    new, free
        bool (places,): tracks never heard; tracks that may be picked (the others don't count).
    share
        Above 0; 1 puts all new tracks first.

    Examples
    --------
    >>> score = np.array([9, 8, 7, 6, 3, 2, 1], dtype=np.float32)
    >>> new = np.array([False] * 4 + [True] * 3)
    >>> lifted = score + lift(score, new, np.ones(7, dtype=bool), 0.5)
    >>> [bool(new[place]) for place in np.argsort(-lifted)]
    [False, True, False, True, False, True, False]
    """
    gain = np.zeros(len(score), dtype=np.float32)
    fresh, known = np.flatnonzero(new & free), np.flatnonzero(~new & free)
    if not len(fresh) or not len(known):
        return gain
    fresh = fresh[top_k(score[fresh], LIFTED)]
    # New track j stands behind so many known ones.
    behind = (np.arange(len(fresh)) + 0.5) * (1 - share) / share
    order = score[known[top_k(score[known], int(behind[-1]) + 2)]]
    met = int(np.searchsorted(behind, len(order) - 1, side="right"))
    gains = np.interp(behind[: max(met, 1)], np.arange(len(order)), order) - score[fresh[: max(met, 1)]]
    gain[new] = gains[-1]
    gain[fresh[: len(gains)]] = gains
    return gain


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every playable track's score.

    Attributes
    ----------
    parts
        Each part's contribution, float32 (places,), weights applied.
    total
        float32 (places,): their sum.
    """

    parts: Mapping[str, Floats]
    total: Floats

    @classmethod
    def of(cls, values: Mapping[str, Floats], weights: Mapping[str, float], places: int) -> "Ranking":
        """Weigh and add; a part without a weight, or of weight 0, is left out."""
        parts = {name: np.float32(weights[name]) * value for name, value in values.items() if weights.get(name)}
        total = np.zeros(places, dtype=np.float32)
        for part in parts.values():
            total += part
        return cls(parts, total)

    def plus(self, name: str, part: Floats) -> "Ranking":
        """The ranking with one more part, weighed already."""
        return Ranking({**self.parts, name: part}, self.total + part)

    def parts_at(self, place: int) -> dict[str, float]:
        """What moved one place, part by part; parts that are exactly zero there are left out."""
        return {name: float(part[place]) for name, part in self.parts.items() if part[place] != 0}
