import numpy as np

from segue.listening.events import Event, Events, Items
from segue.taste.sound import MEMORY, Sound
from segue.types import Outcome

# Three timbres at right angles, two tracks of each, and one track without a sound.
VECTORS = np.repeat(np.eye(3, dtype=np.float32), 2, axis=0)
ITEMS = Items(tuple("abcdefg"), vectors=np.vstack([VECTORS, np.zeros((1, 3), dtype=np.float32)]))


def fitted() -> Sound:
    model = Sound()
    model.fit(Events.make([], [], [], []), ITEMS)
    return model


def test_a_track_without_a_sound_scores_minus_infinity_and_is_not_remembered() -> None:
    model = fitted()
    assert model.step(model.start(), Event(6, 0)) == model.start()
    assert np.isneginf(model.score(model.start())).tolist() == [False] * 6 + [True]
    silent = Sound()
    silent.fit(Events.make([], [], [], []), Items(tuple("ab")))
    assert np.all(np.isneginf(silent.score(silent.start())))


def test_plays_pull_their_sound_and_skips_push_theirs() -> None:
    model = fitted()
    state = model.step(model.start(), Event(0, 0, int(Outcome.FINISHED)))
    state = model.step(state, Event(2, 0, int(Outcome.SKIPPED)))
    scores = model.score(state)
    assert scores[1] > 0 == scores[4] > scores[3]


def test_a_failure_says_nothing() -> None:
    model = fitted()
    assert model.step(model.start(), Event(0, 0, int(Outcome.FAILED))) == model.start()


def test_two_tastes_stay_two() -> None:
    """A track halfway between two liked ones must not beat one that is like either: no average of tastes."""
    between = np.array([[1, 1, 0]], dtype=np.float32) / np.sqrt(2).astype(np.float32)
    model = Sound()
    model.fit(Events.make([], [], [], []), Items(tuple("abcdefg"), vectors=np.vstack([VECTORS, between])))
    scores = model.score(model.follow(Events.make(["ada"], [0, 0, 0, 0], [0, 2, 0, 2], [0, 0, 0, 0])))
    assert scores[6] <= max(scores[1], scores[3])


def test_the_last_track_weighs_most_and_the_oldest_are_forgotten() -> None:
    model = fitted()
    scores = model.score(model.follow(Events.make(["ada"], [0, 0], [0, 2], [0, 0])))
    assert scores[3] > scores[1] > scores[5]
    long = model.follow(Events.make(["ada"], [0] * (MEMORY + 1), [0] + [2] * MEMORY, [0] * (MEMORY + 1)))
    assert model.score(long)[1] == 0
    assert len(long.tracks) == len(long.pulls) == MEMORY
