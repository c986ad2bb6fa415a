"""Simulated listeners: invented histories over real music, to show models of choice before anybody has listened.

In: tracks and the style of each. Out: one ListenBrainz-format file a listener, to go through the ordinary import.
Nothing here is measured on people. What is assumed:

* Everybody's world: a few tracks are liked by many (log-normal appeal), and tracks follow each other in habitual
  ways: the next one of the album, or one other track of the same style that goes well after it.
* A listener likes two or three styles, one in the morning and the others later, and some tracks for no reason.
* They listen in sittings of about nine tracks, at two hours of the day of their own, and stay within a style a while.
* A track just heard is worth little; it recovers over some hours.
* Off their taste they skip every second track after a few seconds, on it one in twenty; after three skips
  they go back to a track of their taste.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from segue.home import write_text
from segue.types import Track

__all__ = ["simulate"]

PREFIX = "simulated-"
"""Every simulated listener's name begins so."""

FOLLOWS_ALBUM, FOLLOWS_HABIT = 0.3, 0.25
SAME_STYLE = 4.0
RECOVERY_S = 6 * 3600.0
SITTING = 9.0
SKIPS_OFF_TASTE, SKIPS_ON_TASTE, SKIPS_BORED = 0.5, 0.05, 0.2
LENGTH_S = 180.0
"""Of a track whose length is not known."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def simulate(
    tracks: Sequence[Track],
    styles: Sequence[str],
    folder: Path,
    *,
    until: int,
    listeners: int = 40,
    listens: int = 20_000,
    days: int = 180,
    seed: int = 0,
) -> tuple[Path, ...]:
    """Write ``listens`` listens in all of so many listeners, as ``folder/simulated-NN.jsonl``.

    Parameters
    ----------
    tracks, styles
        What is listened to, and one style (or genre, or album) a track.
    folder
        Where the files go.
    until
        Unix seconds; every listen lies in the ``days`` before it. Hours of the day are UTC.
    listeners, listens, days, seed
        How many, and where randomness starts. The same values give the same bytes.
    """
    order = sorted(range(len(tracks)), key=lambda row: tracks[row].id)
    world = _World.of([tracks[row] for row in order], [styles[row] for row in order], np.random.default_rng([seed, 0]))
    shares = np.random.default_rng([seed, 1]).multinomial(listens, np.full(listeners, 1 / listeners))
    folder.mkdir(parents=True, exist_ok=True)
    width = max(2, len(str(listeners)))
    written = []
    for number, count in enumerate(shares, 1):
        rng = np.random.default_rng([seed, 2, number])
        path = folder / f"{PREFIX}{number:0{width}d}.jsonl"
        write_text(path, "".join(_life(world, int(count), until - days * 86_400, days, rng)))
        written.append(path)
    return tuple(written)


@dataclass(frozen=True, slots=True)
class _World:
    """What all simulated listeners share."""

    tracks: tuple[Track, ...]
    style: Ints
    styles: int
    appeal: Floats
    album_next: Ints
    habit_next: Ints
    length_s: Floats

    @classmethod
    def of(cls, tracks: Sequence[Track], styles: Sequence[str], rng: np.random.Generator) -> "_World":
        names = sorted(set(styles))
        style = np.array([names.index(name) for name in styles], dtype=np.int64)
        albums: dict[tuple[str, str], list[int]] = {}
        for row, track in enumerate(tracks):
            albums.setdefault((track.album_artist or "", track.album or f"\0{row}"), []).append(row)
        album_next = np.full(len(tracks), -1, dtype=np.int64)
        for rows in albums.values():
            rows.sort(key=lambda row: (tracks[row].disc_number or 0, tracks[row].track_number or 0, tracks[row].title))
            album_next[rows[:-1]] = rows[1:]
        habit_next = np.array([rng.choice(np.flatnonzero(style == own)) for own in style], dtype=np.int64)
        return cls(
            tracks=tuple(tracks),
            style=style,
            styles=len(names),
            appeal=rng.lognormal(0.0, 0.7, len(tracks)),
            album_next=album_next,
            habit_next=habit_next,
            length_s=np.array([track.duration_s or LENGTH_S for track in tracks]),
        )


def _life(world: _World, count: int, begin: int, days: int, rng: np.random.Generator) -> list[str]:
    """One listener's listens, one JSON line each, in order of time."""
    liked = rng.choice(world.styles, size=min(int(rng.integers(2, 4)), world.styles), replace=False)
    taste = np.full(world.styles, 0.03)
    taste[liked] = rng.dirichlet(np.full(len(liked), 4.0))
    morning, evening = taste.copy(), taste.copy()
    morning[liked[0]] *= 3
    evening[liked[1:]] *= 3
    fondness = world.appeal * rng.lognormal(0.0, 0.8, len(world.tracks))
    hours = (float(rng.uniform(6, 10)), float(rng.uniform(16, 23)))

    lengths: list[int] = []
    while sum(lengths) < count:
        lengths.append(int(rng.geometric(1 / SITTING)))
    late = rng.random(len(lengths)) < 0.6
    hour = np.where(late, hours[1], hours[0]) + rng.normal(0, 0.7, len(lengths))
    # Two days are left at the end, so that a sitting that is put off stays before `until`.
    day = ((np.arange(len(lengths)) + rng.random(len(lengths))) / len(lengths) * max(days - 2, 1)).astype(np.int64)
    starts = begin + day * 86_400 + (hour * 3600).astype(np.int64)

    lines: list[str] = []
    last_heard = np.full(len(world.tracks), -np.inf)
    clock = 0.0
    for sitting in np.argsort(starts, kind="stable"):
        clock = max(float(starts[sitting]), clock + 3600)
        wish = (evening if late[sitting] else morning)[world.style] * fondness
        now, skips = -1, 0
        for _ in range(min(lengths[sitting], count - len(lines))):
            if skips == 3:
                now, skips = -1, 0
            now = _next(world, now, wish, clock, last_heard, rng)
            bored = 1 - np.exp(-(clock - last_heard[now]) / RECOVERY_S) < 0.5
            chance = (SKIPS_ON_TASTE if world.style[now] in liked else SKIPS_OFF_TASTE) + SKIPS_BORED * bored
            skipped = bool(rng.random() < chance)
            length = float(world.length_s[now])
            played = min(float(rng.uniform(4, 25)), length / 3) if skipped else length
            lines.append(_line(world.tracks[now], int(clock), played))
            last_heard[now] = clock
            clock += played + float(rng.uniform(1, 4))
            skips = skips + 1 if skipped else 0
    return lines


def _next(world: _World, now: int, wish: Floats, clock: float, last_heard: Floats, rng: np.random.Generator) -> int:
    draw = rng.random()
    if now >= 0:
        if draw < FOLLOWS_ALBUM and world.album_next[now] >= 0:
            return int(world.album_next[now])
        if FOLLOWS_ALBUM <= draw < FOLLOWS_ALBUM + FOLLOWS_HABIT:
            return int(world.habit_next[now])
        wish = wish * np.where(world.style == world.style[now], SAME_STYLE, 1.0)
    fresh = 1 - np.exp(-(clock - last_heard) / RECOVERY_S)
    weights = np.cumsum(wish * fresh)
    return int(np.searchsorted(weights, rng.random() * weights[-1]))


def _line(track: Track, started_at: int, played_s: float) -> str:
    listen = {
        "listened_at": started_at,
        "track_metadata": {
            "artist_name": ", ".join(track.artists),
            "track_name": track.title,
            "release_name": track.album,
            "additional_info": {
                "duration_ms": round((track.duration_s or LENGTH_S) * 1000),
                "duration_played": round(played_s),
                "media_player": "simulated listener",
                "submission_client": "segue demo",
            },
        },
    }
    return json.dumps(listen, ensure_ascii=False) + "\n"
