"""An evening on the radio: twenty tracks, one like, one skip, and what they changed.

In: a library and a listener. Out: what was played beside what had been planned. The plan is the same station, from the
same moment and seed, to which nobody says a word; so every difference comes from the like and the skip.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segue.demo.story import Played
from segue.library import Library

__all__ = ["lessons", "play"]

RADIO = 20
LIKE_AT, SKIP_AT, SKIP_AFTER_S = 7, 10, 12.0
UNKNOWN_LENGTH_S = 240.0
NOTICEABLE = 0.02
"""A smaller difference of mean similarities is no difference anybody hears."""


def play(library: Library, listener: str, at: int, seed: int) -> tuple[Played, ...]:
    """Twenty tracks with a like and a skip, beside the same station as it would have gone without a word."""
    tracks = library.tracks()
    longest_min = max(track.duration_s or UNKNOWN_LENGTH_S for track in tracks) / 60
    planned = [pick.track for pick in library.programme(listener, minutes=RADIO * longest_min, at=at, seed=seed)]
    station = library.radio(listener, at=at, seed=seed)
    played: list[Played] = []
    for number in range(1, RADIO + 1):
        pick = next(station)
        before = planned[number - 1] if number <= len(planned) else None
        if number == SKIP_AT:
            station.skip(pick, after_s=SKIP_AFTER_S)
            played.append(Played(pick, "skipped", before, SKIP_AFTER_S))
            continue
        if number == LIKE_AT:
            station.like(pick)
        station.played(pick)
        played.append(Played(pick, "liked" if number == LIKE_AT else "played", before))
    return tuple(played)


def lessons(radio: Sequence[Played], vectors: Mapping[str, Any], *, listens: int) -> tuple[str, ...]:
    """What the like and the skip changed, in sentences, measured on the sound of what came after.

    Parameters
    ----------
    radio
        What ``play`` gave.
    vectors
        float32 (dim,) by track id, unit length.
    listens
        What the listener had behind them: one word weighs less beside many.
    """
    told = []
    for done in ("liked", "skipped"):
        place = next((row for row, played in enumerate(radio) if played.done == done), None)
        after = [] if place is None else [played for played in radio[place + 1 :] if played.planned is not None]
        if place is None or not after:
            continue
        track = radio[place].pick.track
        came = float(np.mean([vectors[played.pick.track.id] @ vectors[track.id] for played in after]))
        meant = float(np.mean([vectors[played.planned.id] @ vectors[track.id] for played in after if played.planned]))
        how = "more" if came > meant else "less"
        verdict = (
            f"sounds about as much like it as planned: one word beside {listens:,} listens"
            if abs(came - meant) < NOTICEABLE
            else f"sounds {how} like it than planned"
        )
        numbers = f"{came:.2f} instead of {meant:.2f}".replace("-", "−")
        told.append(f"After “{track.title}” was {done}, what came {verdict} (mean similarity {numbers}).")
    first = next((row for row, played in enumerate(radio) if played.done != "played"), len(radio))
    after = list(radio[first + 1 :])
    other = sum(played.planned is None or played.planned.id != played.pick.track.id for played in after)
    told.append(f"Of {len(after)} tracks after the like, {other} are others than planned at their place.")
    return tuple(told)
