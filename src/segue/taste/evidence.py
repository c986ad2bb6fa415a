"""What a listener's own past says of each track they know: one column a question, one row a track.

In: a state of a past, the time, who made each track. Out: float32 numbers with names (``OWN``), which the blend weighs
beside the scores of the other models. All of it is read off the past when it is asked for, so that every event acts at
once; nothing is learned here.

Columns fade and saturate on purpose: sums of many weak hints and one strong hint must both be seen, so masses are
given as log(1 + mass / scale), where a mass of zero stays zero.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from segue.taste.past import Lived
from segue.taste.rules import AS_PLAY, own_followers

__all__ = ["MADE_BY", "OWN", "OwnEvidence", "made_by", "own_evidence", "places_around", "unheard"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

OWN = (
    "followed",
    "followed, faint",
    "came right after",
    "came after two alike",
    "came after four alike",
    "came second after",
    "stood around",
    "stood around, faint",
    "active by events",
    "active by events, faint",
    "active for long",
    "active by hours",
    "active by hours, faint",
    "plays",
    "skips",
    "share of skips",
    "events ago",
    "hours ago",
    "in this session",
    "was the last",
    "was among the last five",
    "was among the last sixty",
)
"""What is told of a track that was heard before; of another one every number is 0, but for the two ages."""

MADE_BY = ("artist of the last", "artist of the last ten", "artist of the last hundred", "plays of the artist")
"""What is told of any track whose artist is known."""

READ = 30_000
"""Events of the past that are read, the latest ones."""

CONTEXT = 10
OCCURRENCES = 100
AROUND, AROUND_OCCURRENCES = 15, 12
ALIKE = 5
"""The last tracks looked up; how many earlier places of the last track are compared; events to both sides of how many
earlier places of each that count as around it; tracks in a row that are compared."""

SLOW, BY_HOURS = 0.4, 0.7
"""Powers by which plays fade with the events, and with the hours, that have passed."""

LEAST_H = 1 / 12
SESSION_GAP_S = 1_800
NEVER_EVENTS, NEVER_H = 1e6, 1e5
"""The ages of what was never heard."""

SKIPPED_ARTIST = 0.3


class OwnEvidence(NamedTuple):
    """Of the tracks met so far: their rows among the items, int64 (met,), and their numbers, float32 (met, OWN)."""

    tracks: Ints
    columns: Floats


def own_evidence(state: Lived, at: int) -> OwnEvidence:
    """The columns of ``OWN`` for every track in this past, before the event at this unix time (0: unknown)."""
    past, length = state
    met = state.met
    first = max(0, length - READ)
    own, outcomes = past.own[first:length], past.outcomes[first:length]
    started_at = past.started_at[first:length]
    now = at or (int(started_at[-1]) if length else 0)

    behind = np.arange(length - first, 0, -1, dtype=np.float64)
    hours = np.maximum((now - started_at) / 3_600, LEAST_H) if now else behind
    played = AS_PLAY[outcomes]
    followers = own_followers(state)
    mass = {
        "followed": np.bincount(past.own[followers.places], followers.weights, minlength=met),
        "events": np.bincount(own, played / behind, minlength=met),
        "long": np.bincount(own, played * behind**-SLOW, minlength=met),
        "hours": np.bincount(own, played * hours**-BY_HOURS, minlength=met),
        "plays": np.bincount(own, played, minlength=met),
    }
    skips = np.bincount(own, 1 - played, minlength=met)
    latest = np.full(met, -1, dtype=np.int64)
    latest[own] = np.arange(len(own))  # the last of equal indices stays
    ago = np.where(latest >= 0, len(own) - latest, NEVER_EVENTS)
    hours_ago = np.where(latest >= 0, hours[latest] if length else 0, NEVER_H)
    after = _after_alike(state, met)
    around = _around(state, met)
    columns = [
        _log(mass["followed"], 1e-1),
        _log(mass["followed"], 1e-3),
        *(_log(one, 1e-1) for one in after),
        _log(around, 1e-1),
        _log(around, 1e-3),
        _log(mass["events"], 1e-1),
        _log(mass["events"], 1e-3),
        _log(mass["long"], 1e-1),
        _log(mass["hours"], 1e-1),
        _log(mass["hours"], 1e-3),
        np.log1p(mass["plays"]),
        np.log1p(skips),
        skips / (mass["plays"] + skips + 2),
        np.log(ago),
        np.log(hours_ago),
        _in_session(started_at, now, latest),
        ago == 1,
        ago <= 5,
        ago <= 60,
    ]
    return OwnEvidence(past.distinct[:met].astype(np.int64), np.stack(columns, axis=1).astype(np.float32))


def unheard() -> Floats:
    """float32 (OWN,): what is told of a track that was never heard."""
    line = np.zeros(len(OWN), dtype=np.float32)
    line[OWN.index("events ago")] = np.log(NEVER_EVENTS)
    line[OWN.index("hours ago")] = np.log(NEVER_H)
    return line


def made_by(state: Lived, artist: npt.NDArray[np.int32], tracks: Ints) -> Floats:
    """float32 (tracks, MADE_BY): how present the makers of these tracks are in this past.

    Parameters
    ----------
    artist
        int32 (items,): who made each item, -1 where that is unknown.
    tracks
        int64 (tracks,): rows of items.
    """
    past, length = state
    everyone = int(artist.max(initial=-1)) + 1
    count = np.zeros((len(MADE_BY), everyone + 1))
    heard = artist[past.tracks[max(0, length - READ) : length]]
    weight = np.where(AS_PLAY[past.outcomes[length - len(heard) : length]] > 0, 1.0, SKIPPED_ARTIST)
    fade = np.arange(len(heard) - 1, -1, -1)
    for column, (reach, kept) in enumerate(((1, 1.0), (10, 0.8), (100, 0.97))):
        part = slice(max(0, len(heard) - reach), None)
        # Unknown makers are counted in the last place and forgotten.
        count[column] = np.bincount(heard[part] % (everyone + 1), weight[part] * kept ** fade[part], everyone + 1)
    count[3] = np.bincount(heard % (everyone + 1), minlength=everyone + 1)
    count[:, everyone] = 0
    of = count[:, artist[tracks] % (everyone + 1)]
    return np.stack([of[0], _log(of[1], 0.1), _log(of[2], 0.1), np.log1p(of[3])], axis=1).astype(np.float32)


def _after_alike(state: Lived, met: int) -> list[npt.NDArray[np.float64]]:
    """What came right after the last track before: ever, after two alike, after four alike; and what came second."""
    past, length = state
    if not length:
        return [np.zeros(met)] * 4
    context = past.tracks[max(0, length - CONTEXT) : length][::-1]
    earlier = past.before(int(context[0]), length - 1, OCCURRENCES)
    if not len(earlier):
        return [np.zeros(met)] * 4
    weight = 1.0 / np.arange(len(earlier), 0, -1)
    alike, going_on = np.ones(len(earlier)), np.ones(len(earlier), dtype=bool)
    for back in range(1, min(ALIKE + 1, len(context))):
        going_on &= (earlier >= back) & (past.tracks[np.maximum(earlier - back, 0)] == context[back])
        alike += going_on
    right_after = [(earlier[alike >= least] + 1, weight[alike >= least]) for least in (1, 2, 4)]
    second = earlier + 2 < length
    named = [*right_after, (earlier[second] + 2, weight[second])]
    return [np.bincount(past.own[places], weights, minlength=met).astype(np.float64) for places, weights in named]


def _around(state: Lived, met: int) -> npt.NDArray[np.float64]:
    """What stood near the last tracks before, on either side, each track's earlier places sharing one vote."""
    found, votes = [], []
    for _, near, vote in places_around(state):
        found.append(near)
        votes.append(np.full(len(near), vote))
    if not found:
        return np.zeros(met)
    whose = state.past.own[np.concatenate(found)]
    return np.bincount(whose, np.concatenate(votes), minlength=met).astype(np.float64)


def places_around(state: Lived) -> Iterator[tuple[int, Ints, float]]:
    """For each of the last tracks that stood somewhere before: which, the places near there, and what each weighs.

    Yields
    ------
    back, near, weight
        How far back the track lies, 0 for the latest; int64 (n,); of each of the places.
    """
    past, length = state
    reach = np.concatenate([np.arange(-AROUND, 0), np.arange(1, AROUND + 1)])
    for distance, track in enumerate(past.tracks[max(0, length - CONTEXT) : length][::-1].tolist(), 1):
        earlier = past.before(track, length - distance, AROUND_OCCURRENCES)
        if len(earlier):
            near = earlier[:, None] + reach
            yield distance - 1, near[(near >= 0) & (near < length)], 1 / ((distance + 2) * len(earlier))


def _in_session(started_at: npt.NDArray[np.int64], now: int, latest: Ints) -> npt.NDArray[np.bool_]:
    """Which tracks were heard since the last pause; without times everything is one session."""
    pauses = np.flatnonzero(np.diff(np.append(started_at, now)) > SESSION_GAP_S)
    return latest > (pauses[-1] if len(pauses) else -1)


def _log(mass: npt.NDArray[Any], scale: float) -> npt.NDArray[np.float64]:
    return np.asarray(np.log1p(mass / scale), dtype=np.float64)
