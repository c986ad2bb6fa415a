"""What a ranking by similarity is worth: similarities go in, one number a query comes out.

Rankings are full: every candidate is ranked, none is sampled. Equal similarities count against the contender, so that
one whose vectors are all alike, or broken, earns nothing from its ties.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NEIGHBOURS", "Hubs", "Retrieval", "cosine", "csls", "found_first", "hubs", "retrieval"]

NEIGHBOURS = 10
"""Neighbours of which hubs are counted, and by which CSLS corrects."""
DIGITS = 6
"""Similarities that agree so far are equal: the rest is the rounding of a matrix product."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def cosine(queries: npt.NDArray[np.floating], candidates: npt.NDArray[np.floating]) -> Floats:
    """float64 (queries, candidates) of unit vectors; a vector that is no number is as unlike as can be."""
    product = queries.astype(np.float64) @ candidates.astype(np.float64).T
    return np.asarray(np.nan_to_num(product, nan=-1.0).round(DIGITS))


@dataclass(frozen=True)
class Retrieval:
    """float64 (queries,) each; NaN where a query has nothing to find."""

    average_precision: Floats
    first: Floats
    r_precision: Floats


def retrieval(similarity: Floats, relevant: Flags, candidate: Flags) -> Retrieval:
    """How early what is relevant comes, for each query.

    Average precision is the mean, over the relevant, of the precision at their ranks; R-precision is the precision
    at as many as are relevant (Manning, Raghavan & Schütze 2008, ch. 8).

    Parameters
    ----------
    similarity
        float64 (queries, tracks).
    relevant, candidate
        bool (queries, tracks); what is no candidate is neither ranked nor relevant.
    """
    found = np.full((3, len(similarity)), np.nan)
    for query, (line, wanted, ranked) in enumerate(zip(similarity, relevant & candidate, candidate, strict=True)):
        if wanted.any():
            places = np.flatnonzero(ranked)
            order = places[np.lexsort((wanted[places], -line[places]))]
            hits = wanted[order]
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            count = int(hits.sum())
            found[:, query] = precision[hits].mean(), hits[0], precision[count - 1]
    return Retrieval(*found)


def found_first(similarity: Floats, own: npt.NDArray[np.int64]) -> Floats:
    """float64 (queries,): 1 where the candidate that belongs to the query is nearer than every other, else 0."""
    rows = np.arange(len(similarity))
    others = similarity.copy()
    others[rows, own] = -np.inf
    return np.asarray(similarity[rows, own] > others.max(1, initial=-np.inf), dtype=np.float64)


def csls(similarity: Floats, k: int = NEIGHBOURS) -> Floats:
    """Cross-domain similarity local scaling (Conneau et al. 2018, eq. 2) within one set.

    2·cos(x, y) − r(x) − r(y), r being a track's mean similarity to its k nearest: who is near everybody is put back.
    """
    crowd = -np.sort(-_without_self(similarity), axis=1)[:, : min(k, len(similarity) - 1)].mean(1)
    return np.asarray(2 * similarity - crowd[:, None] - crowd[None])


@dataclass(frozen=True)
class Hubs:
    """How unevenly tracks are recommended.

    ``skew`` of the k-occurrence (Radovanović et al. 2010; 0 is even), the ``never`` share of tracks that are in
    nobody's nearest k, and in how many of them the ``largest`` hub is.
    """

    skew: float
    never: float
    largest: int


def hubs(similarity: Floats, k: int = NEIGHBOURS) -> Hubs:
    """Of every track among the nearest k of all others; float64 (tracks, tracks)."""
    nearest = np.argsort(-_without_self(similarity), axis=1, kind="stable")[:, : min(k, len(similarity) - 1)]
    occurrence = np.bincount(nearest.reshape(-1), minlength=len(similarity))
    deviation = occurrence.std()
    skew = float(np.power((occurrence - occurrence.mean()) / deviation, 3).mean()) if deviation > 0 else 0.0
    return Hubs(skew, float((occurrence == 0).mean()), int(occurrence.max()))


def _without_self(similarity: Floats) -> Floats:
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    return others
