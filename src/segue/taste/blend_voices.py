"""Which evidence moved a candidate: the blend's score taken apart by kinds of evidence, and the tracks behind them.

In: the network's weights, candidates with their evidence, the listener's past. Out: for each kind of evidence what it
adds to a candidate's score, against the average candidate (``blend_network.contributions``), and of the tracks heard
last the one that is most responsible for it, where the evidence has one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.taste.blend_inputs import Candidates
from segue.taste.blend_network import contributions
from segue.taste.contract import TasteModel
from segue.taste.evidence import MADE_BY, OWN, places_around
from segue.taste.neighbours import Sharing, heaviest
from segue.taste.past import Lived
from segue.taste.rules import AS_PLAY, own_followers

__all__ = ["KINDS", "by_kind", "causes", "kinds"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

KINDS = ("habit", "after", "around", "artist", "together", "order", "sound", "popularity")
"""How often and how lately the listener heard it; what came after, and what stood around, the last tracks in their own
past; who made it; what sessions of anybody hold beside the last tracks; the order that the GRU foretells; how it
sounds; how much everybody plays it, by which the network mostly takes off what the parts give to popular tracks."""

AFTER = 6
AROUND = slice(6, 8)
"""Columns of ``OWN``: the first of them tell what followed, these what stood around; the others are habit."""

BY_PART: Mapping[str, str] = {
    "artist": "artist",
    "gru": "order",
    "sound": "sound",
    "most-played": "habit",
    "activation": "habit",
    "popularity": "popularity",
    "recent-popularity": "popularity",
    "hourly-popularity": "popularity",
}
"""The kind of evidence that a part brings; every other one tells what is heard together."""

OF_LATE = 100


def kinds(evidence: Floats, parts: Sequence[str], scales: int) -> npt.NDArray[np.int64]:
    """int64 (n, columns): which of ``KINDS`` each number of the evidence is.

    The rules' columns hold own and everybody's rules in one. One's own weigh five times as much: where a track has
    followed before they speak for its own past, else for what is heard together.
    """
    own = np.full(len(OWN), KINDS.index("habit"))
    own[:AFTER], own[AROUND] = KINDS.index("after"), KINDS.index("around")
    of_parts = [KINDS.index(BY_PART.get(part, "together")) for part in parts for _ in range(scales)]
    line = np.array([*own, *[KINDS.index("artist")] * len(MADE_BY), KINDS.index("popularity"), *of_parts])
    found = np.tile(line, (len(evidence), 1))
    if "rules" in parts:
        first = len(OWN) + len(MADE_BY) + 1 + scales * list(parts).index("rules")
        followed = evidence[:, OWN.index("followed, faint")] > 0
        found[followed, first : first + scales] = KINDS.index("after")
    return found


def by_kind(
    weights: Mapping[str, Floats], candidates: Candidates, parts: Sequence[str], scales: int, tracks: Ints
) -> dict[str, tuple[Floats, npt.NDArray[np.bool_]]]:
    """By kind: what it adds to these tracks' scores, float32 (n,), and whether there is more of it than on average.

    What is no candidate has 0 of everything.
    """
    place = np.searchsorted(candidates.tracks, tracks)
    place[place == len(candidates.tracks)] = 0
    here = np.flatnonzero(candidates.tracks[place] == tracks) if len(candidates.tracks) else place[:0]
    adds, amount = np.zeros((2, len(KINDS), len(tracks)), dtype=np.float32)
    if len(here):
        chosen = place[here]
        by_column = contributions(weights, candidates.evidence, chosen)
        of = kinds(candidates.evidence[chosen], parts, scales)
        cell = of + len(KINDS) * np.arange(len(here))[:, None]
        more = (candidates.evidence[chosen] - candidates.evidence.mean(axis=0)) / weights["deviation"]
        for found, values in ((adds, by_column), (amount, more)):
            total = np.bincount(cell.ravel(), values.ravel(), minlength=len(KINDS) * len(here))
            found[:, here] = total.reshape(len(here), len(KINDS)).T
    return {kind: (adds[number], amount[number] > 0) for number, kind in enumerate(KINDS)}


def causes(
    state: Lived, artist: npt.NDArray[np.int32], parts: Sequence[tuple[TasteModel[Any], Any]], tracks: Ints
) -> dict[str, Ints]:
    """int64 (n,) by kind: the row of the heard track that is most responsible, -1 for none; kinds that have one only.

    Parameters
    ----------
    state
        The listener's past.
    artist
        int32 (items,): who made each item, -1 where that is unknown.
    parts
        The blend's models, each with its own state.
    tracks
        int64 (n,): rows of items, each once.
    """
    together = np.full(len(tracks), -1, dtype=np.int64)
    # Item neighbours, who stand behind session neighbours, tell exactly and cost less, so they are asked first.
    for part, own in reversed(parts):
        unnamed = np.flatnonzero(together < 0)
        if isinstance(part, Sharing) and len(unnamed):
            together[unnamed] = part.shared(own, tracks[unnamed])
    return {
        "after": _after(state, tracks),
        "around": _around(state, tracks),
        "artist": _of_late(state, artist, tracks),
        "together": together,
    }


def _after(state: Lived, tracks: Ints) -> Ints:
    """int64 (n,): of the last tracks, the one after which each of these came most in the own past; -1 for none."""
    followers = own_followers(state)
    found = state.past.tracks[followers.places]
    return _heard(state, heaviest(found, followers.back, followers.weights, tracks))


def _around(state: Lived, tracks: Ints) -> Ints:
    """int64 (n,): of the last tracks, the one around which each of these stood most in the own past; -1 for none."""
    near = list(places_around(state))
    if not near:
        return np.full(len(tracks), -1, dtype=np.int64)
    found = state.past.tracks[np.concatenate([places for _, places, _ in near])]
    back = np.repeat([back for back, _, _ in near], [len(places) for _, places, _ in near])
    weight = np.repeat([weight for _, _, weight in near], [len(places) for _, places, _ in near])
    return _heard(state, heaviest(found, back, weight, tracks))


def _of_late(state: Lived, artist: npt.NDArray[np.int32], tracks: Ints) -> Ints:
    """int64 (n,): the latest play among the last hundred events that is by the artist of each of these; -1 for none."""
    late = slice(max(0, state.length - OF_LATE), state.length)
    latest = state.past.tracks[late][AS_PLAY[state.past.outcomes[late]] > 0][::-1]
    same = (artist[latest][None] == artist[tracks][:, None]) & (artist[tracks] >= 0)[:, None]
    if not same.size:
        return np.full(len(tracks), -1, dtype=np.int64)
    return np.where(same.any(axis=1), latest[same.argmax(axis=1)], -1).astype(np.int64)


def _heard(state: Lived, back: Ints) -> Ints:
    """int64 (n,): the row of the track that lies so far back, 0 for the latest; -1 for -1."""
    rows = np.full(len(back), -1, dtype=np.int64)
    rows[back >= 0] = state.past.tracks[state.length - 1 - back[back >= 0]]
    return rows
