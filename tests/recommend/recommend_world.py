"""A small world by construction: clusters of timbre, artists and albums in them, and a model that knows one rule."""

from pathlib import Path
from typing import Any

import numpy as np

from segue.listening.events import Event, Events, Items
from segue.recommend.recommender import Recommender
from segue.settings import RecommendSettings
from segue.taste.contract import TasteModel
from segue.types import Outcome, Track

NOW = 1_700_000_000
DAY = 86_400
CLUSTERS, IN_CLUSTER = 4, 24


class Successor(TasteModel[int]):
    """After track i comes track i + 1; before anything, nothing is known."""

    name = "successor"

    def __init__(self, items: Items) -> None:
        self.items = items

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Any = None) -> dict[str, Any]:
        self.items = items
        return {}

    def start(self) -> int:
        return -2

    def step(self, state: int, event: Event) -> int:
        return event.track if event.outcome != Outcome.SKIPPED else state

    def score(self, state: int, at: int = 0) -> np.ndarray:
        scores = np.full(len(self.items), -np.inf, dtype=np.float32)
        if state >= 0:
            scores[:] = 0
            scores[(state + 1) % len(self.items)] = 1
        return scores

    def save(self, directory: Path) -> None:
        raise AssertionError("not in these tests")

    @classmethod
    def load(cls, directory: Path, items: Items) -> "Successor":
        raise AssertionError("not in these tests")


def vectors(seed: int = 0, noise: float = 0.2, clusters: int = CLUSTERS, each: int = IN_CLUSTER) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = np.eye(16)[:clusters]
    sounds = np.repeat(centres, each, axis=0) + noise * random.normal(size=(clusters * each, 16))
    return (sounds / np.linalg.norm(sounds, axis=1, keepdims=True)).astype(np.float32)


def library(
    seed: int = 0, *, heard_only: int = 2, artists_each: int = 8, sound: bool = True
) -> tuple[list[Track], Items]:
    """96 tracks in 4 clusters of timbre; track i is of cluster i // 24; 8 artists and 12 albums a cluster."""
    sounds = vectors(seed)
    tracks, artist, album = [], [], []
    for index in range(len(sounds)):
        cluster, inside = divmod(index, IN_CLUSTER)
        by, on = cluster * artists_each + inside % artists_each, cluster * 12 + inside % 12
        tracks.append(
            Track(
                f"t{index:03}",
                f"Title {index}",
                (f"Artist {by}",),
                album=f"Album {on}",
                genres=(f"genre {cluster}",),
                duration_s=180.0 + index,
                path=Path(f"/music/{index}.ogg"),
            )
        )
        artist.append(by)
        album.append(on)
    ids = tuple(track.id for track in tracks) + tuple(f"heard:{number}" for number in range(heard_only))
    none = np.zeros((heard_only, sounds.shape[1]), dtype=np.float32)
    return tracks, Items(
        ids,
        vectors=np.concatenate([sounds, none]) if sound else None,
        artist=np.array(artist + [-1] * heard_only, dtype=np.int32),
        album=np.array(album + [-1] * heard_only, dtype=np.int32),
    )


def heard(
    tracks: list[int],
    *,
    ended: int = NOW - 3 * DAY,
    every_s: int = 300,
    outcome: int | list[int] = int(Outcome.FINISHED),
) -> Events:
    """One listener's listens of these items, one every five minutes, the last at ``ended``."""
    times = ended - every_s * np.arange(len(tracks))[::-1]
    outcomes = np.broadcast_to(outcome, len(tracks))
    return Events.make(["ada"], np.zeros(len(tracks)), tracks, times, outcomes)


NOBODY = Events.make([], [], [], [])


def recommender(
    model: bool = False, *, sound: bool = True, heard_only: int = 2, seed: int = 0, **settings: float
) -> Recommender:
    tracks, items = library(seed, sound=sound, heard_only=heard_only)
    return Recommender(tracks, items, Successor(items) if model else None, RecommendSettings(**settings))


def cluster(track: Track) -> int:
    return int(track.id[1:]) // IN_CLUSTER
