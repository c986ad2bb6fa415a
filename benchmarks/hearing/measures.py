"""The questions: vectors and what is known of the music go in, figures with intervals for each contender come out.

Rankings are full, by cosine; intervals draw whole albums (games, pieces), and the differences to Segue's ears are
paired: both are asked the same in every draw.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.hearing.intervals import Draws, Estimate, Figure
from benchmarks.hearing.listening import Vectors
from benchmarks.hearing.metrics import cosine, csls, found_first, hubs, retrieval
from benchmarks.hearing.probes import class_probabilities, numbers

__all__ = ["OURS", "Known", "Outcome", "albums", "artists", "halves", "hubness", "key", "labels", "robustness", "tempo"]

OURS = "ears"
"""Whose differences to the others are told."""
WITHIN = 0.08
"""How far a tempo may be off, as a share of it (as MIREX asks)."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
All = Mapping[str, Vectors]


class Known(Protocol):
    """What is known of a track; its package stands for its album."""

    @property
    def package(self) -> str: ...  # noqa: D102
    @property
    def artist(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Outcome:
    """One measure of all contenders.

    Attributes
    ----------
    section, name
        The table and the column.
    asked
        Of how many queries and groups it speaks.
    estimates
        By contender's key.
    differences
        Segue's ears minus this contender.
    """

    section: str
    name: str
    asked: str
    estimates: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]


def albums(tracks: Sequence[Known], heard: All, seed: int) -> Iterator[Outcome]:
    """Tracks of the same album, found among all others."""
    packages = _names([one.package for one in tracks])
    relevant = _same(packages)
    yield from _retrieved("same album", packages, heard, relevant, _others(len(packages)), seed)


def artists(tracks: Sequence[Known], heard: All, seed: int) -> Iterator[Outcome]:
    """Tracks of the same artist among those whose artist is known: among all, in other albums, within the album."""
    packages, who = _names([one.package for one in tracks]), _names([(one.artist or "").casefold() for one in tracks])
    known = who != ""
    together, same = _same(packages), _same(who) & known[:, None] & known[None]
    everybody = _others(len(who)) & known[:, None] & known[None]
    yield from _retrieved("same artist", packages, heard, same, everybody, seed)
    yield from _retrieved("same artist in other albums", packages, heard, same, everybody & ~together, seed)
    within = everybody & together
    varied = np.array([_varied(who[(packages == package) & known]) for package in packages])
    within &= varied[:, None]
    yield from _retrieved("same artist within the album", packages, heard, same, within, seed)


def halves(tracks: Sequence[Known], heard: All, seed: int) -> Iterator[Outcome]:
    """A track's other half, nearest of all: the mean of both directions."""
    own = np.arange(len(tracks))
    draws = Draws([one.package for one in tracks], seed)

    def share(vectors: Vectors) -> Figure:
        similarity = cosine(vectors.first, vectors.second)
        return draws.mean((found_first(similarity, own) + found_first(similarity.T.copy(), own)) / 2)

    able = {name: vectors for name, vectors in heard.items() if vectors.halves}
    yield _outcome("halves", "other half first", f"{len(own)} tracks", {who: share(one) for who, one in able.items()})


def labels(section: str, said: Sequence[str | None], groups: Sequence[str], heard: All, seed: int) -> Iterator[Outcome]:
    """A label read by logistic regression from albums (games) it never saw; only labels that two of them have."""
    groups_of: dict[str, set[str]] = {}
    for label, group in zip(said, groups, strict=True):
        if label:
            groups_of.setdefault(label, set()).add(group)
    names = sorted(label for label, having in groups_of.items() if len(having) > 1)
    if len(names) < 2:
        return
    rows = np.array([row for row, label in enumerate(said) if label in names], dtype=np.int64)
    classes = np.array([names.index(said[row] or "") for row in rows], dtype=np.int64)
    yield from _classified(section, classes, [groups[row] for row in rows], len(names), _only(heard, rows), seed)


def key(tonics: Sequence[int], groups: Sequence[str], heard: All, seed: int) -> Iterator[Outcome]:
    """The tonic, one of twelve, read by logistic regression from pieces it never saw."""
    found, classes = np.unique(np.asarray(tonics, dtype=np.int64), return_inverse=True)
    yield from _classified("key", classes.reshape(-1).astype(np.int64), groups, len(found), heard, seed)


def tempo(beats_a_minute: Sequence[float], groups: Sequence[str], heard: All, seed: int) -> Iterator[Outcome]:
    """The tempo read by ridge regression on its logarithm: within 8 %, and also when told double or half."""
    true = np.log2(np.asarray(beats_a_minute, dtype=np.float64))
    draws = Draws(groups, seed)
    off = {who: numbers(one.whole, true, groups, seed) - true for who, one in heard.items()}
    asked = f"{len(true)} pieces in {draws.count} groups"

    def right(errors: Floats) -> Figure:
        return draws.mean((np.abs(2**errors - 1) <= WITHIN).astype(np.float64))

    def octave(errors: Floats) -> Floats:
        return np.asarray(errors - np.clip(errors.round(), -1, 1))

    yield _outcome("tempo", "within 8 %", asked, {who: right(errors) for who, errors in off.items()})
    yield _outcome("tempo", "or an octave off", asked, {who: right(octave(errors)) for who, errors in off.items()})


def robustness(
    tracks: Sequence[Known],
    heard: All,
    queries: Sequence[int],
    distorted: Mapping[str, All],
    seed: int,
) -> Iterator[Outcome]:
    """The undistorted track, nearest of all to its distorted self.

    Parameters
    ----------
    queries
        Which tracks were distorted.
    distorted
        By the name of the distortion: the vectors of these, in order.
    """
    own = np.asarray(queries, dtype=np.int64)
    draws = Draws([tracks[row].package for row in queries], seed)
    asked = f"{len(own)} tracks in {draws.count} albums, found among {len(tracks)}"
    hits = {
        name: {
            who: np.where(np.isnan(one.whole).any(1), np.nan, found_first(cosine(one.whole, heard[who].whole), own))
            for who, one in made.items()
        }
        for name, made in distorted.items()
    }
    for name, by in hits.items():
        yield _outcome("robustness", name, asked, {who: draws.mean(found) for who, found in by.items()})
    everybody = set.intersection(*(set(by) for by in hits.values())) if hits else set()
    whole = {who: draws.mean(_mean([by[who] for by in hits.values()])) for who in heard if who in everybody}
    if whole:
        yield _outcome("robustness", "all", asked, whole)


def hubness(heard: All) -> Iterator[Outcome]:
    """How unevenly tracks are among the nearest ten of others, by cosine and after CSLS."""
    similarities = {who: cosine(one.whole, one.whole) for who, one in heard.items()}
    for way, change in (("", lambda similarity: similarity), (" (CSLS)", csls)):
        counted = {who: hubs(change(similarity)) for who, similarity in similarities.items()}
        for name, aspect in (("skew", "skew"), ("never near", "never"), ("largest hub", "largest")):
            yield Outcome(
                "hubs", name + way, "", {who: Estimate(float(getattr(one, aspect))) for who, one in counted.items()}, {}
            )


def _retrieved(
    section: str, groups: npt.NDArray[np.str_], heard: All, relevant: Flags, candidate: Flags, seed: int
) -> Iterator[Outcome]:
    asking = (relevant & candidate).any(1)
    if not asking.any():
        return
    draws = Draws(groups[asking].tolist(), seed)
    asked = f"{int(asking.sum())} queries in {draws.count} albums"
    found = {
        who: retrieval(cosine(one.whole[asking], one.whole), relevant[asking], candidate[asking])
        for who, one in heard.items()
    }
    for name, aspect in (("mAP", "average_precision"), ("P@1", "first"), ("R-precision", "r_precision")):
        yield _outcome(section, name, asked, {who: draws.mean(getattr(one, aspect)) for who, one in found.items()})


def _classified(
    section: str, classes: npt.NDArray[np.int64], groups: Sequence[str], count: int, heard: All, seed: int
) -> Iterator[Outcome]:
    draws = Draws(groups, seed)
    asked = f"{len(classes)} tracks in {draws.count} groups, {count} classes"
    said = {who: class_probabilities(one.whole, classes, groups, seed) for who, one in heard.items()}
    accuracy = {who: draws.balanced_accuracy(one.argmax(1) == classes, classes) for who, one in said.items()}
    yield _outcome(section, "balanced accuracy", asked, accuracy)
    yield _outcome(section, "macro-AUC", asked, {who: draws.auc(one, classes) for who, one in said.items()})


def _outcome(section: str, name: str, asked: str, figures: Mapping[str, Figure]) -> Outcome:
    own = figures.get(OURS)
    others = {who: figure for who, figure in figures.items() if who != OURS}
    differences = {} if own is None else {who: (own - figure).estimate for who, figure in others.items()}
    return Outcome(section, name, asked, {who: figure.estimate for who, figure in figures.items()}, differences)


def _only(heard: All, rows: npt.NDArray[np.int64]) -> dict[str, Vectors]:
    return {who: one.only(rows) for who, one in heard.items()}


def _names(names: Sequence[str]) -> npt.NDArray[np.str_]:
    return np.asarray(names, dtype=np.str_)


def _same(names: npt.NDArray[np.str_]) -> Flags:
    return np.asarray(names[:, None] == names[None])


def _others(count: int) -> Flags:
    return ~np.eye(count, dtype=np.bool_)


def _varied(who: npt.NDArray[np.str_]) -> bool:
    """At least two artists with at least two tracks each."""
    return int((np.unique(who, return_counts=True)[1] > 1).sum()) > 1


def _mean(lines: Sequence[Floats]) -> Floats:
    stacked = np.stack(lines)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, stacked, 0).sum(0) / known.sum(0), dtype=np.float64)
