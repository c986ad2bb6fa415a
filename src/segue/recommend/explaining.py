"""Why a track is, or is not, recommended: its rank, every part of its score, and the tracks that moved it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segue.recommend.profile import Profile
from segue.recommend.reasons import ago, foremost, reason
from segue.recommend.scoring import NOTHING_KNOWN, Ranking
from segue.recommend.wishes import Wish, reasons_of
from segue.types import Track

__all__ = ["Explanation", "Neighbour", "explanation"]

NAMED = 3
"""Tracks named on each side."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A track the listener heard or spoke of that moves another by its sound.

    ``name`` is its artist and title, ``how`` what the listener did with it, ``similarity`` the cosine, ``weight``
    how much it counts now (1: one finished listen just now).
    """

    track_id: str
    name: str
    how: str
    similarity: float
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a track stands for one listener.

    Attributes
    ----------
    track
        Which.
    rank, of
        Its rank by score among all playable tracks, 1 is best, before anything is filtered or spaced.
    score, parts
        The score and what it is the sum of.
    voices
        What stands behind the part ``sequence``, as in ``Pick``.
    basis
        What answers for this listener rest on.
    reason
        The line that a pick of it would carry.
    near, away
        What pulls it up and what pushes it down by sound, strongest first.
    filtered
        Why it would not be picked now, or None.
    """

    track: Track
    rank: int
    of: int
    score: float
    parts: Mapping[str, float]
    voices: Mapping[str, float]
    basis: str
    reason: str
    near: tuple[Neighbour, ...]
    away: tuple[Neighbour, ...]
    filtered: str | None


def explanation(profile: Profile, ranking: Ranking, place: int, at: int, wishes: Sequence[Wish] = ()) -> Explanation:
    """The explanation of one place of the profile's shelf; the ranking holds the wishes already."""
    shelf = profile.shelf
    parts = ranking.parts_at(place)
    better = ranking.total > ranking.total[place]
    # Equal scores rank by place, as they do when picks are made.
    earlier = ranking.total[:place] == ranking.total[place]
    (said,) = profile.voices(np.array([place]), at)
    influences = [] if said else profile.influences(np.array([place]), at)
    after = foremost([(event, float(by[0])) for event, by in influences])
    unknown = profile.basis == NOTHING_KNOWN and not parts
    return Explanation(
        track=shelf.tracks[place],
        rank=1 + int(better.sum()) + int(earlier.sum()),
        of=len(shelf),
        score=sum(parts.values()),
        parts=parts,
        voices={kind: one.adds for kind, one in said.items()},
        basis=profile.basis,
        reason="nothing is known of this listener yet"
        if unknown
        else reason(profile, parts, place, at, after=after, voices=said, wished=reasons_of(wishes, place)),
        near=_neighbours(profile, place, toward=True),
        away=_neighbours(profile, place, toward=False),
        filtered=_filtered(profile, place, at) or _unfit(wishes, place),
    )


def _unfit(wishes: Sequence[Wish], place: int) -> str | None:
    unmet = [wish.said for wish in wishes if wish.strict and not wish.met[place]]
    return f"not {' or '.join(unmet)}, which was wished strictly" if unmet else None


def _neighbours(profile: Profile, place: int, *, toward: bool) -> tuple[Neighbour, ...]:
    shelf = profile.shelf
    return tuple(
        Neighbour(
            track_id=shelf.items.ids[pull.row],
            name=shelf.name(pull.row),
            how=pull.how,
            similarity=similarity,
            weight=abs(profile.leaning.weight(pull)),
        )
        for pull, similarity in profile.leaning.nearest(place, toward=toward, k=NAMED)
    )


def _filtered(profile: Profile, place: int, at: int) -> str | None:
    if profile.banned[place]:
        return "banned"
    if profile.disliked[place]:
        return "disliked"
    if profile.recent(at)[place]:
        return f"heard {ago(at - int(profile.habits.last[place]))}"
    if profile.outside()[place]:
        return "already heard, and discover = 1" if profile.settings.discover else "not heard yet, and discover = 0"
    return None
