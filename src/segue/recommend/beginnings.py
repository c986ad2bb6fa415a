"""A start for somebody of whom nothing is known: few tracks that together sound like most of the library.

Greedy facility location (Nemhauser, Wolsey and Fisher 1978): each step takes the track that most raises
``Σ_j max_i cos(i, j)`` over the library, within (1 - 1/e) of the best such set. Farthest-point choices would be varied
too, but of the oddest tracks: silence, speech, a bell.
"""

import numpy as np
import numpy.typing as npt

from segue.recommend.shelf import Shelf

__all__ = ["speaks_for", "varied_start"]

Ints = npt.NDArray[np.int64]

SAMPLE = 1_024
"""Tracks drawn from a large library to stand for it; a step then costs a million comparisons."""

GREEDY = 64
"""Tracks chosen by their coverage; what follows is in shuffled order."""


def varied_start(shelf: Shelf, allowed: Ints, seed: int) -> Ints:
    """int64: the allowed places, in an order whose beginning covers what the library sounds like.

    Without vectors, or where nothing has one, the order is shuffled.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(allowed)
    sounding = shuffled[shelf.has_sound[shuffled]][:SAMPLE]
    if shelf.vectors is None or len(sounding) < 2:
        return shuffled
    similarity = shelf.vectors[sounding] @ shelf.vectors[sounding].T
    covered = np.full(len(sounding), -1.0, dtype=np.float32)
    chosen: list[int] = []
    for _ in range(min(GREEDY, len(sounding))):
        gain = np.maximum(similarity - covered, 0).sum(axis=1)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        np.maximum(covered, similarity[best], out=covered)
    first = sounding[chosen]
    return np.concatenate([first, shuffled[~np.isin(shuffled, first)]])


def speaks_for(shelf: Shelf, chosen: Ints) -> npt.NDArray[np.float64]:
    """float64 (len(chosen),): the share of the sounding library that is nearest to each chosen place."""
    if shelf.vectors is None or not shelf.has_sound[chosen].any():
        return np.zeros(len(chosen))
    similarity = shelf.vectors[shelf.has_sound] @ shelf.vectors[chosen].T
    similarity[:, ~shelf.has_sound[chosen]] = -2
    return np.bincount(similarity.argmax(axis=1), minlength=len(chosen)) / len(similarity)
