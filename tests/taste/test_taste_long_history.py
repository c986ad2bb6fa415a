"""Two million listens of one listener over 3,000 tracks: models that read the past learn from them and answer."""

import tracemalloc

import numpy as np
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.registry import make

pytestmark = pytest.mark.slow

LISTENS, TRACKS = 2_000_000, 3_000
LATEST = 20_000
"""What the models are fitted on whose training takes minutes by the hundred thousand listens."""

MB = 1 << 20


@pytest.fixture(scope="module")
def listens() -> Events:
    """Tracks by a power law, most followed by the next of their album; some 60,000 pauses; a fifth is skipped."""
    chance = np.random.default_rng(0)
    track = np.minimum(chance.pareto(1.0, LISTENS) * 20, TRACKS - 1).astype(int)
    track = np.where(chance.random(LISTENS) < 0.7, np.roll(track, 1) + 1, track) % TRACKS
    started_at = 1_000_000_000 + np.cumsum(np.where(chance.random(LISTENS) < 0.03, 10_000, 70))
    outcome = chance.choice([0, 1, 2, 3, 4], LISTENS, p=[0.1, 0.6, 0.1, 0.15, 0.05])
    return Events.make(["ada"], np.zeros(LISTENS, dtype=int), track, started_at, outcome)


@pytest.fixture(scope="module")
def items() -> Items:
    artist = (np.arange(TRACKS) // 12).astype(np.int32)
    return Items(tuple(str(number) for number in range(TRACKS)), artist=artist)


@pytest.mark.parametrize(
    "name", ["popularity", "most-played", "activation", "artist", "rules", "markov", "item-knn", "vstan", "ease"]
)
def test_everything_is_learned_from_and_followed(name: str, listens: Events, items: Items) -> None:
    model = make(name)
    model.fit(listens, items, seed=0)
    tracemalloc.start()
    state = model.follow(listens)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * MB, "50 bytes a listen: columns and one index, no Python numbers"
    at = int(listens.started_at[-1])
    first = model.score(state, at).copy()
    assert np.isfinite(first).all()
    later = model.step(state, Event(5, at + 100))
    assert np.isfinite(model.score(later, at + 200)).all()
    assert np.array_equal(model.score(state, at), first)


@pytest.mark.parametrize("name", ["gru-memory", "blend"])
def test_what_was_trained_on_the_latest_follows_all(name: str, listens: Events, items: Items) -> None:
    model = make(name, "tiny")
    model.fit(listens.rows(slice(LISTENS - LATEST, LISTENS)), items, seed=0)
    state = model.follow(listens)
    at = int(listens.started_at[-1])
    assert state.lived.length == LISTENS
    best, _ = model.recommend(model.step(state, Event(5, at + 100)), 20, at=at + 200)
    assert len(set(best.tolist())) == 20
