"""One suite over every taste model: what the contract promises, and answers known by construction."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.errors import DamagedHome, NotFound
from segue.listening.events import Event, Events, Items
from segue.taste.contract import CHUNK, TasteModel
from segue.taste.gru_inputs import GruSettings
from segue.taste.ials import available
from segue.taste.registry import CORES, MODELS, load_model, make, model_class
from segue.types import Outcome

START = 1_700_000_000
TINY = GruSettings(width=24, epochs=6, learning_rate=2e-2, dropout=0.0, piece=40, batch_events=400)

BLENDS = {"blend", "gru-memory"}


def tiny(name: str) -> TasteModel[Any]:
    if name in CORES:
        return model_class(name)(replace(TINY, core=CORES[name]))  # type: ignore[call-arg]
    return make(name, "tiny") if name in BLENDS else make(name)


FITTED_BY_IMPLICIT = pytest.param(
    "ials", marks=pytest.mark.skipif(not available(), reason="implicit is not installed: pip install 'segue[ials]'")
)


@pytest.fixture(params=[FITTED_BY_IMPLICIT, *sorted(MODELS.keys() - {"ials"})], scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def listens(histories: list[list[int]], *, gap_s: int = 200, skips: bool = False, timed: bool = True) -> Events:
    listener = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    place = np.concatenate([np.arange(len(history)) for history in histories]) if histories else np.zeros(0)
    chance = np.random.default_rng(5)
    outcome = chance.choice([0, 1, 2, 3, 4], len(listener), p=[0.1, 0.5, 0.1, 0.25, 0.05]) if skips else None
    completion = np.where(chance.random(len(listener)) < 0.3, np.nan, chance.random(len(listener)))
    return Events.make(
        [f"listener {number}" for number in range(len(histories))],
        listener,
        np.concatenate(histories) if histories else np.zeros(0),
        START + place * gap_s if timed else np.zeros(len(listener)),
        outcome,
        completion if skips else None,
    )


def some_items(count: int = 60, *, dim: int = 8) -> Items:
    vectors = np.random.default_rng(1).standard_normal((count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-1] = 0
    return Items(tuple(f"track {number}" for number in range(count)), vectors=vectors)


def some_events(tracks: int = 50, listeners: int = 6, length: int = 80) -> Events:
    chance = np.random.default_rng(2)
    return listens([chance.integers(0, tracks, length).tolist() for _ in range(listeners)], skips=True)


@pytest.fixture(scope="module")
def fitted(name: str) -> TasteModel[Any]:
    model = tiny(name)
    card = model.fit(some_events(), some_items(), seed=3)
    json.dumps(card)
    return model


def history() -> Events:
    return listens([np.random.default_rng(9).integers(0, 60, 2 * CHUNK + 30).tolist()], skips=True)


def same(first: np.ndarray, second: np.ndarray, tolerance: float = 1e-4) -> None:
    assert first.dtype == second.dtype == np.float32
    assert np.array_equal(np.isneginf(first), np.isneginf(second))
    finite = np.isfinite(first)
    np.testing.assert_allclose(first[finite], second[finite], atol=tolerance, rtol=0)


def test_scores_are_float32_and_finite_or_minus_infinity(fitted: TasteModel[Any]) -> None:
    state = fitted.start()
    for row in range(5):
        for at in (0, START + 10**6):
            scores = fitted.score(state, at)
            assert scores.shape == (60,)
            assert scores.dtype == np.float32
            assert np.all(np.isfinite(scores) | np.isneginf(scores))
        state = fitted.step(state, history().event(row))


def test_along_equals_single_steps(fitted: TasteModel[Any]) -> None:
    events = history()
    targets = np.flatnonzero(np.arange(len(events)) % 3 != 1).astype(np.int64)
    state, reached, seen = fitted.start(), 0, 0
    for positions, scores in fitted.along(events, targets):
        assert len(positions) == len(scores) <= CHUNK
        for position, row in zip(positions, scores, strict=True):
            while reached < position:
                state = fitted.step(state, events.event(reached))
                reached += 1
            same(row, fitted.score(state, int(events.started_at[position])))
            seen += 1
    assert seen == len(targets)


def test_follow_equals_single_steps(fitted: TasteModel[Any]) -> None:
    events = history()
    state = fitted.start()
    for row in range(len(events)):
        state = fitted.step(state, events.event(row))
    at = int(events.started_at[-1]) + 300
    same(fitted.score(fitted.follow(events), at), fitted.score(state, at))
    empty = events.rows(slice(0, 0))
    same(fitted.score(fitted.follow(empty), at), fitted.score(fitted.start(), at))


@pytest.mark.parametrize(
    "outcomes", [[1], [3], [4], [1, 3, 3, 3, 3, 3, 3]], ids=["finished", "skipped", "failed", "mostly skipped"]
)
def test_what_a_model_forgets_has_moved_nothing(fitted: TasteModel[Any], outcomes: list[int]) -> None:
    """``follow`` may leave out the events before ``lasting``: the state is the very same."""
    for count in (1, 3, 25, 150):
        place = np.arange(count)
        events = Events.make(
            ["ada"], 0 * place, place * 7 % 60, START + place * 1_000, [outcomes[at % len(outcomes)] for at in place]
        )
        first = fitted.lasting(events)
        assert 0 <= first <= count
        if first:
            state = fitted.start()
            for row in range(count):
                state = fitted.step(state, events.event(row))
            assert fitted.follow(events) == state


def test_a_step_leaves_the_earlier_state_as_it_was(fitted: TasteModel[Any]) -> None:
    events = history()
    state = fitted.follow(events.rows(slice(0, 20)))
    before = fitted.score(state, START).copy()
    one, other = state, state
    for row in range(20, 40):
        one = fitted.step(one, events.event(row))
    first = fitted.score(one, START).copy()
    for row in range(60, 80):
        other = fitted.step(other, events.event(row))
    assert np.array_equal(fitted.score(state, START), before)
    assert np.array_equal(fitted.score(one, START), first)
    fresh = fitted.follow(events.rows(np.r_[0:20, 60:80]))
    same(fitted.score(other, START), fitted.score(fresh, START))


def test_the_same_seed_gives_the_same_bits(name: str, fitted: TasteModel[Any]) -> None:
    again = tiny(name)
    again.fit(some_events(), some_items(), seed=3)
    at = START + 10**6
    assert np.array_equal(again.score(again.follow(history()), at), fitted.score(fitted.follow(history()), at))


def test_saved_and_loaded_scores_are_the_same_bits(name: str, fitted: TasteModel[Any], tmp_path: Path) -> None:
    fitted.save(tmp_path)
    folders = {"parts"} if name in BLENDS else set()
    assert {path.name for path in tmp_path.iterdir()} == {"card.json", "weights.safetensors"} | folders
    loaded = load_model(tmp_path, some_items())
    at = START + 10**6
    assert type(loaded) is type(fitted)
    assert np.array_equal(loaded.score(loaded.follow(history()), at), fitted.score(fitted.follow(history()), at))
    again = tmp_path / "again"
    again.mkdir()
    loaded.save(again)
    for file in ("card.json", "weights.safetensors"):
        assert (again / file).read_bytes() == (tmp_path / file).read_bytes()


def test_tracks_are_matched_by_id_at_load(name: str, fitted: TasteModel[Any], tmp_path: Path) -> None:
    """Gone tracks are forgotten, new ones take their place at the end, the others keep their scores."""
    fitted.save(tmp_path)
    items = some_items()
    kept = np.random.default_rng(4).permutation(60)[:40]
    assert items.vectors is not None
    new = np.eye(8, dtype=np.float32)[:2]
    loaded = load_model(
        tmp_path,
        Items((*(items.ids[row] for row in kept), "new", "newer"), vectors=np.vstack([items.vectors[kept], new])),
    )
    events = listens([[int(kept[place]) for place in (3, 5, 8, 3, 5)]])
    here = listens([[3, 5, 8, 3, 5]])
    at = START + 2000
    scores = loaded.score(loaded.follow(here), at)
    assert scores.shape == (42,)
    expected = fitted.score(fitted.follow(events), at)[kept]
    if name not in BLENDS:  # it weighs shares of all there is, and there is something else now
        same(scores[:40], expected)
    assert not np.isnan(scores[40:]).any()
    state = loaded.step(loaded.follow(here), Event(41, START + 2100))
    assert not np.isnan(loaded.score(state, START + 2300)).any()
    nothing = load_model(tmp_path, Items(()))
    assert nothing.score(nothing.start()).shape == (0,)


def test_recommend_leaves_out_and_sorts(fitted: TasteModel[Any]) -> None:
    state = fitted.follow(history())
    best, scores = fitted.recommend(state, 10, at=START)
    assert len(best) == 10
    assert np.all(np.diff(scores) <= 0)
    fewer, _ = fitted.recommend(state, 10, at=START, without=best[:4])
    assert not set(best[:4]) & set(fewer)
    assert fewer[:6].tolist() == best[4:].tolist()


def test_voices_are_one_number_and_one_cause_a_track(fitted: TasteModel[Any]) -> None:
    state = fitted.follow(history())
    tracks = np.array([7, 0, 59, 30])
    before = fitted.score(state, START).copy()
    for voice in fitted.voices(state, START, tracks).values():
        assert voice.adds.dtype == np.float32
        assert voice.cause.dtype == np.int64
        assert voice.adds.shape == voice.more.shape == voice.cause.shape == (4,)
        assert np.isfinite(voice.adds).all()
        assert np.isin(voice.cause, [-1, *range(60)]).all()
    assert np.array_equal(fitted.score(state, START), before)
    for voice in fitted.voices(fitted.start(), 0, tracks).values():
        assert (voice.cause == -1).all()
    assert all(not len(voice.adds) for voice in fitted.voices(state, START, tracks[:0]).values())


@pytest.mark.parametrize(
    "events",
    [
        listens([]),
        listens([[4]]),
        listens([[4, 7]]),
        listens([[], [1, 2, 3], []]),
        listens([[1, 2, 3] * 30], timed=False),
        Events.make(["ada"], [0] * 70, np.arange(70) % 9, START + np.arange(70), [int(Outcome.SKIPPED)] * 70),
        Events.make(["ada"], [0] * 70, np.arange(70) % 9, START + np.arange(70), [int(Outcome.FAILED)] * 70),
    ],
    ids=["no events", "one event", "two events", "empty listeners", "no times", "all skipped", "all failed"],
)
@pytest.mark.parametrize("sound", [True, False], ids=["sound", "no sound"])
def test_little_to_learn_from_is_enough(name: str, events: Events, sound: bool, tmp_path: Path) -> None:
    items = some_items() if sound else Items(some_items().ids)
    model = tiny(name)
    model.fit(events, items, seed=0)
    model.save(tmp_path)
    for served in (model, load_model(tmp_path, items)):
        state = served.follow(listens([[1, 2, 59]]))
        for at in (0, START):
            scores = served.score(state, at)
            assert not np.isnan(scores).any()
            assert not np.isposinf(scores).any()


def damage_weights(directory: Path) -> None:
    content = bytearray((directory / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (directory / "weights.safetensors").write_bytes(content)


def cut_weights(directory: Path) -> None:
    content = (directory / "weights.safetensors").read_bytes()
    (directory / "weights.safetensors").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "damage",
    [
        damage_weights,
        cut_weights,
        lambda directory: (directory / "weights.safetensors").unlink(),
        lambda directory: (directory / "card.json").unlink(),
        lambda directory: (directory / "card.json").write_text("{"),
        lambda directory: (directory / "card.json").write_text("[]"),
        lambda directory: (directory / "card.json").write_text('{"model": "oracle"}'),
        lambda directory: (directory / "card.json").write_bytes(b"\xff\xfe"),
    ],
    ids=["flipped bit", "cut", "no weights", "no card", "half a card", "a list", "unknown model", "no text"],
)
def test_a_damaged_folder_is_refused(fitted: TasteModel[Any], damage: Callable[[Path], object], tmp_path: Path) -> None:
    fitted.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(DamagedHome, match="run 'segue train'"):
        load_model(tmp_path, some_items())


def test_a_folder_of_another_model_is_refused(name: str, fitted: TasteModel[Any], tmp_path: Path) -> None:
    other = "rules" if name == "popularity" else "popularity"
    model = tiny(other)
    model.fit(listens([[1, 2, 3]]), some_items())
    model.save(tmp_path)
    with pytest.raises(DamagedHome, match=f"'{other}'"):
        type(fitted).load(tmp_path, some_items())
    shutil.rmtree(tmp_path)
    with pytest.raises(DamagedHome):
        type(fitted).load(tmp_path, some_items())


def chains(listeners: int, chance: np.random.Generator) -> list[list[int]]:
    """Ten chains of four tracks (0→1→2→3, 4→5→6→7, ...), whole chains in random order."""
    return [[4 * chain + link for chain in chance.integers(0, 10, 12) for link in range(4)] for _ in range(listeners)]


def mean_rank(model: TasteModel[Any], events: Events, wanted: Callable[[int], bool]) -> float:
    ranks = []
    for number in range(len(events.listeners)):
        own = events.rows(slice(*events.offsets[number : number + 2]))
        targets = np.array([row for row in range(8, len(own)) if wanted(int(own.track[row]))], dtype=np.int64)
        for positions, scores in model.along(own, targets):
            true = scores[np.arange(len(positions)), own.track[positions]][:, None]
            ranks += ((scores > true).sum(1) + ((scores == true).sum(1) - 1) / 2).tolist()
    return float(np.mean(ranks))


@pytest.mark.parametrize("name", ["rules", "gru", "blend"])
def test_planted_order_is_found(name: str) -> None:
    """Within a chain the next track is certain; popularity can't know it."""
    chance = np.random.default_rng(0)
    train, test = listens(chains(40, chance)), listens(chains(5, chance))
    items = Items(tuple(str(number) for number in range(40)))
    popularity = make("popularity")
    popularity.fit(train, items)
    model = tiny(name)
    model.fit(train, items, seed=1)
    inside = lambda track: track % 4 != 0  # noqa: E731
    assert mean_rank(popularity, test, inside) > 10
    assert mean_rank(model, test, inside) < 1.5


@pytest.mark.parametrize("name", ["rules", "gru", "blend", "ease", "multvae", "recvae", FITTED_BY_IMPLICIT])
def test_a_checkerboard_of_listeners_is_found(name: str) -> None:
    """Half the listeners play the even tracks, half the odd ones, in no order."""
    chance = np.random.default_rng(0)
    play = lambda listener: (2 * chance.integers(0, 20, 60) + listener % 2).tolist()  # noqa: E731
    items = Items(tuple(str(number) for number in range(40)))
    model = tiny(name)
    model.fit(listens([play(number) for number in range(30)]), items, seed=1)
    for colour in (0, 1):
        best, _ = model.recommend(model.follow(listens([play(colour)[:12]])), 15)
        assert np.mean(best % 2 == colour) > 0.9


@pytest.mark.parametrize("name", ["sound", "gru", "blend", "multvae", "recvae"])
def test_a_cold_track_that_sounds_like_the_liked_ones_ranks_above_another(name: str) -> None:
    """Two timbres; a listener keeps to one of them. The last two tracks were never played by anybody."""
    chance = np.random.default_rng(0)
    timbre = np.arange(62) % 2
    vectors = np.where(timbre[:, None], 1.0, -1.0) * np.linspace(1, 0.2, 8) + 0.7 * chance.standard_normal((62, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    items = Items(tuple(str(number) for number in range(62)), vectors=vectors)
    play = lambda listener: (2 * chance.integers(0, 30, 60) + listener % 2).tolist()  # noqa: E731
    model = tiny(name)
    model.fit(listens([play(number) for number in range(30)]), items, seed=1)
    for liked in (0, 1):
        scores = model.score(model.follow(listens([play(liked)[:15]])))
        assert scores[60 + liked] > scores[61 - liked]


@pytest.mark.parametrize("name", ["sound", "rules"])
def test_a_skip_lowers_the_skipped_track(name: str) -> None:
    fitted = tiny(name)
    fitted.fit(some_events(), some_items(), seed=3)
    state = fitted.follow(listens([[3, 8, 11]]))
    finished = fitted.score(fitted.step(state, Event(7, START + 900, int(Outcome.FINISHED), 1.0)))
    skipped = fitted.score(fitted.step(state, Event(7, START + 900, int(Outcome.SKIPPED), 0.02)))
    assert skipped[7] < finished[7]


@pytest.mark.parametrize("name", sorted(CORES))
def test_a_session_model_learns_which_tracks_are_skipped_and_which_never_come(name: str) -> None:
    """Tracks 20 to 29 are skipped whenever they come, 30 to 39 fail to load."""
    chance = np.random.default_rng(0)
    track = chance.integers(0, 40, (30, 60))
    events = Events.make(
        [str(number) for number in range(30)],
        np.repeat(np.arange(30), 60),
        track.ravel(),
        START + np.tile(np.arange(60) * 100, 30),
        np.array([Outcome.FINISHED, Outcome.FINISHED, Outcome.SKIPPED, Outcome.FAILED])[track.ravel() // 10],
    )
    model = tiny(name)
    model.fit(events, Items(tuple(str(number) for number in range(40))), seed=1)
    state = model.follow(events.rows(slice(0, 60)))
    best, _ = model.recommend(state, 28)
    assert np.all(best < 30)
    chances = model.skip_chances(state, 0, np.arange(30))
    assert chances[:20].max() < chances[20:].min()


def test_chances_of_a_skip_are_chances_or_unknown(fitted: TasteModel[Any]) -> None:
    chances = fitted.skip_chances(fitted.follow(history()), START + 10**6, np.arange(60))
    assert chances.dtype == np.float32
    assert chances.shape == (60,)
    assert np.all(np.isnan(chances) | ((chances >= 0) & (chances <= 1)))


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean rules"):
        make("rule")
    with pytest.raises(NotFound, match="popularity, sound, rules, gru"):
        make("zzz")
