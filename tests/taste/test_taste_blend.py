"""The blend on a planted world: it must learn who is right when, and keep every promise of a part."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segue.errors import DamagedHome
from segue.listening.events import Events, Items
from segue.taste.blend import Blend
from segue.taste.blend_inputs import BlendSettings
from segue.taste.blend_training import later
from segue.taste.registry import load_model, make

START = 1_700_000_000
ALBUMS, LONG, ARTISTS = 40, 8, 10
SETTINGS = BlendSettings(parts=("rules", "artist"), hidden=8, targets=1_500, least_targets=100, epochs=4)


def world(seed: int = 0, listeners: int = 8, albums: int = 60) -> tuple[Events, Items]:
    """Everybody hears albums in order, the next one by the same artist: rules know the order, artists the change."""
    chance = np.random.default_rng(seed)
    who, tracks = [], []
    for listener in range(listeners):
        album = int(chance.integers(ALBUMS))
        for _ in range(albums):
            heard = [album * LONG + place for place in range(LONG)]
            tracks += heard
            who += [listener] * LONG
            album = int(chance.choice([other for other in range(ALBUMS) if other % ARTISTS == album % ARTISTS]))
            if chance.random() < 0.3:
                album = int(chance.integers(ALBUMS))
    place = np.concatenate([np.arange(who.count(listener)) for listener in range(listeners)])
    events = Events.make([f"listener {number}" for number in range(listeners)], who, tracks, START + 200 * place)
    artist = (np.arange(ALBUMS * LONG) // LONG % ARTISTS).astype(np.int32)
    return events, Items(tuple(f"track {number}" for number in range(ALBUMS * LONG)), artist=artist)


@pytest.fixture(scope="module")
def fitted() -> Blend:
    events, items = world()
    blend = Blend(SETTINGS)
    blend.fit(events, items, seed=1)
    return blend


def recall(model: Blend, events: Events, top: int = 5) -> float:
    hits = []
    for first, last in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        history = events.rows(slice(int(first), int(last)))
        targets = np.arange(len(history) // 2, len(history), dtype=np.int64)
        for positions, scores in model.along(history, targets):
            own = scores[np.arange(len(positions)), history.track[positions]]
            hits += ((scores >= own[:, None]).sum(axis=1) <= top).tolist()
    return float(np.mean(hits))


def test_it_is_better_than_each_of_its_parts(fitted: Blend) -> None:
    unheard, _ = world(seed=7, listeners=3, albums=30)
    alone = [recall(part, unheard) for part in fitted.parts]  # type: ignore[arg-type]
    assert recall(fitted, unheard) > max(alone) + 0.02


def test_the_network_beats_the_weights_it_would_have_without_learning(fitted: Blend) -> None:
    unheard, _ = world(seed=8, listeners=3, albums=30)
    untrained = Blend(SETTINGS)
    untrained._serve(fitted.items, fitted.parts, fitted._popularity)
    assert recall(fitted, unheard) > recall(untrained, unheard)


def test_candidates_stand_above_all_others(fitted: Blend) -> None:
    events, _ = world(seed=9, listeners=1, albums=5)
    (candidates,) = fitted.questions(events, np.array([30]))
    scores = fitted._rank(candidates)
    others = np.setdiff1d(np.arange(len(fitted.items)), candidates.tracks)
    assert 0 < len(candidates.tracks) < len(fitted.items)
    assert np.all(np.diff(candidates.tracks) > 0)
    assert candidates.evidence.shape == (len(candidates.tracks), len(fitted.columns))
    assert scores[candidates.tracks].min() > scores[others].max()


def test_the_later_listens_teach_the_network() -> None:
    events, _ = world(listeners=2, albums=10)
    asked = later(events, seed=0)
    assert asked.reshape(2, 80).sum(axis=1).tolist() == [12, 12]
    assert asked.reshape(2, 80)[:, :-12].sum() == 0


def test_without_times_whole_histories_teach_it() -> None:
    playlists = Events.make(
        [str(n) for n in range(200)], np.repeat(np.arange(200), 5), np.zeros(1_000), np.zeros(1_000)
    )
    asked = later(playlists, seed=0).reshape(200, 5)
    assert np.all(asked.all(axis=1) | ~asked.any(axis=1))
    assert 15 <= asked.all(axis=1).sum() <= 45


def test_too_few_listens_leave_it_untrained_and_answering() -> None:
    events, items = world(listeners=1, albums=3)
    blend = Blend(BlendSettings(parts=("rules", "artist")))
    card = blend.fit(events, items)
    assert "curve" not in card
    scores = blend.score(blend.follow(events), START + 10**4)
    assert np.isfinite(scores).all()
    assert scores.std() > 0


def test_sound_joins_where_tracks_have_it() -> None:
    events, items = world(listeners=2, albums=4)
    vectors = np.eye(len(items), 16, dtype=np.float32)
    blend = Blend(SETTINGS)
    blend.fit(events, Items(items.ids, vectors, items.artist))
    assert [part.name for part in blend.parts] == ["rules", "artist", "sound"]


def test_every_part_lies_in_its_own_folder(fitted: Blend, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == ["artist", "rules"]
    loaded = load_model(tmp_path, fitted.items)
    events, _ = world(seed=3, listeners=1, albums=4)
    at = START + 10**5
    assert np.array_equal(loaded.score(loaded.follow(events), at), fitted.score(fitted.follow(events), at))


def test_a_lost_part_is_one_clear_error(fitted: Blend, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    (tmp_path / "parts" / "artist" / "weights.safetensors").unlink()
    with pytest.raises(DamagedHome, match="segue train"):
        load_model(tmp_path, fitted.items)


def test_album_orders_among_listens_teach_the_parts_only() -> None:
    at = np.concatenate([START + np.arange(100), np.zeros(40)])
    events = Events.make(["ada", "an album"], np.repeat([0, 1], [100, 40]), np.zeros(140), at)
    assert np.flatnonzero(later(events, seed=0)).tolist() == list(range(85, 100))


def test_only_what_can_be_played_is_named(fitted: Blend, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    playable = np.arange(len(fitted.items)) % 2 == 0
    serving = load_model(tmp_path, replace(fitted.items, playable=playable))
    assert isinstance(serving, Blend)
    events, _ = world(seed=9, listeners=1, albums=5)
    (candidates,) = serving.questions(events, np.array([30]))
    assert playable[candidates.tracks].all()
    assert np.isfinite(serving._rank(candidates)).all()


def test_the_dial_reaches_the_parts() -> None:
    blend = make("blend", "tiny")
    assert isinstance(blend, Blend)
    assert blend.settings.size == "tiny"
