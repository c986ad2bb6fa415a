"""The blend's voices: they add up, they name what is true, and taking away what they name lowers a track."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from segue.listening.events import Event, Events, Items
from segue.taste.blend import SCALES, Blend
from segue.taste.blend_inputs import BlendSettings, Candidates
from segue.taste.blend_network import contributions, rank
from segue.taste.blend_voices import KINDS, by_kind, causes, kinds
from segue.taste.evidence import MADE_BY, OWN
from segue.taste.item_neighbours import ItemNeighbours
from segue.taste.neighbours import heaviest
from segue.taste.past import Lived
from segue.taste.session_neighbours import Vstan
from segue.types import Outcome

START = 1_700_000_000
ALBUMS, LONG, ARTISTS = 40, 8, 10
PARTS = ("rules", "vstan", "item-knn", "artist")
Network = dict[str, npt.NDArray[np.float32]]


def simulated(seed: int, listeners: int = 8, albums: int = 60) -> tuple[Events, Items]:
    """Simulated listeners: albums in order, the next mostly by the same artist; one listen in five breaks out."""
    chance = np.random.default_rng(seed)
    who, tracks = [], []
    for listener in range(listeners):
        album = int(chance.integers(ALBUMS))
        for _ in range(albums):
            heard = album * LONG + np.arange(LONG)
            tracks += np.where(chance.random(LONG) < 0.2, chance.integers(0, ALBUMS * LONG, LONG), heard).tolist()
            who += [listener] * LONG
            same = [other for other in range(ALBUMS) if other % ARTISTS == album % ARTISTS]
            album = int(chance.choice(same if chance.random() < 0.7 else ALBUMS))
    place = np.concatenate([np.arange(who.count(listener)) for listener in range(listeners)])
    events = Events.make([f"listener {number}" for number in range(listeners)], who, tracks, START + 200 * place)
    artist = (np.arange(ALBUMS * LONG) // LONG % ARTISTS).astype(np.int32)
    return events, Items(tuple(f"track {number}" for number in range(ALBUMS * LONG)), artist=artist)


@pytest.fixture(scope="module")
def fitted() -> Blend:
    events, items = simulated(0)
    blend = Blend(BlendSettings(parts=PARTS, hidden=16, targets=2_000, least_targets=100, epochs=5))
    blend.fit(events, items, seed=1)
    return blend


def network(seed: int, columns: int = 12, hinges: int = 48) -> Network:
    chance = np.random.default_rng(seed)
    shapes = {"mean": columns, "straight": columns, "inner": (hinges, columns), "inner_bias": hinges, "outer": hinges}
    weights = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {**weights, "deviation": (0.5 + chance.random(columns)).astype(np.float32)}


@pytest.mark.parametrize("seed", range(5))
def test_contributions_sum_to_what_sets_a_score_apart_from_that_of_the_mean(seed: int) -> None:
    weights = network(seed)
    evidence = np.random.default_rng(seed).normal(0, 3, (300, 12)).astype(np.float32)
    mean = evidence.mean(axis=0, dtype=np.float64)[None].astype(np.float32)
    added = contributions(weights, evidence, np.arange(300)).sum(axis=1)
    np.testing.assert_allclose(added, rank(weights, evidence) - rank(weights, mean), atol=1e-3)


def test_contributions_are_the_integral_of_the_gradient() -> None:
    """Beside 20,000 midpoints of the way from the mean to the candidate."""
    weights = network(7, hinges=9)
    evidence = np.random.default_rng(7).normal(0, 3, (40, 12)).astype(np.float32)
    known = (evidence.astype(np.float64) - weights["mean"]) / weights["deviation"]
    mean = known.mean(axis=0)
    along = (np.arange(20_000) + 0.5)[:, None] / 20_000
    for one in (0, 7):
        way = mean + along * (known[one] - mean)
        opened = (way @ weights["inner"].T + weights["inner_bias"] > 0) * weights["outer"]
        gradient = (weights["straight"] + opened @ weights["inner"]).mean(axis=0)
        (found,) = contributions(weights, evidence, np.array([one]))
        np.testing.assert_allclose(found, (known[one] - mean) * gradient, atol=2e-2)


def test_a_column_that_is_the_same_everywhere_moves_nothing() -> None:
    evidence = np.random.default_rng(3).normal(size=(20, 12)).astype(np.float32)
    evidence[:, 5] = 2
    assert not contributions(network(3), evidence, np.arange(20))[:, 5].any()
    assert not contributions(network(3), evidence[:1], np.array([0])).any()


def test_each_column_is_of_one_kind() -> None:
    evidence = np.zeros((2, len(OWN) + len(MADE_BY) + 1 + 2 * 4), dtype=np.float32)
    evidence[1, OWN.index("followed, faint")] = 1
    unheard, followed = [[KINDS[number] for number in line] for line in kinds(evidence, PARTS, 2)]
    told = dict(zip([*OWN, *MADE_BY, "popularity"], unheard, strict=False))
    assert {told[name] for name in OWN if name.startswith(("followed", "came"))} == {"after"}
    assert [name for name in OWN if told[name] == "after"] == list(OWN[:6])
    assert [name for name in OWN if told[name] == "around"] == ["stood around", "stood around, faint"]
    assert {told[name] for name in OWN[8:]} == {"habit"}
    assert {told[name] for name in MADE_BY} == {"artist"}
    assert told["popularity"] == "popularity"
    assert unheard[27:] == ["together"] * 6 + ["artist"] * 2
    assert followed[27:] == ["after"] * 2 + ["together"] * 4 + ["artist"] * 2


def questions(blend: Blend, seed: int = 9, every: int = 7) -> list[tuple[Any, int]]:
    events, _ = simulated(seed, listeners=3, albums=30)
    found = []
    for first, last in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        history = events.rows(slice(int(first), int(last)))
        for length in range(100, len(history), every):
            found.append((blend.follow(history.rows(slice(0, length))), int(history.started_at[length])))
    return found


def test_voices_of_the_best_tracks_sum_to_their_scores(fitted: Blend) -> None:
    for state, at in questions(fitted)[::10]:
        best, scores = fitted.recommend(state, 20, at=at)
        voices = fitted.voices(state, at, best)
        assert tuple(voices) == KINDS
        (candidates,) = [latest[2] for latest in [fitted._latest] if latest]
        mean = candidates.evidence.mean(axis=0, dtype=np.float64)[None].astype(np.float32)
        added = sum(voice.adds for voice in voices.values())
        np.testing.assert_allclose(added, scores - rank(fitted.weights, mean), atol=1e-3)


def test_a_cause_is_named_where_there_is_more_than_on_average(fitted: Blend) -> None:
    seen = []
    for state, at in questions(fitted)[::5]:
        best, _ = fitted.recommend(state, 20, at=at)
        voices = fitted.voices(state, at, best)
        parts = list(zip(fitted.parts, state.parts, strict=True))
        for kind, rows in causes(state.lived, fitted._artist, parts, best).items():
            assert voices[kind].cause.tolist() == np.where(voices[kind].more, rows, -1).tolist()
            seen += voices[kind].cause.tolist()
        assert all((voices[kind].cause == -1).all() for kind in ("habit", "order", "sound", "popularity"))
    assert {row >= 0 for row in seen} == {True, False}


def test_what_is_no_candidate_has_no_voice(fitted: Blend) -> None:
    state, at = questions(fitted)[3]
    candidates = fitted._asked(state, at)
    others = np.setdiff1d(np.arange(len(fitted.items)), candidates.tracks)
    mixed = np.array([others[-1], candidates.tracks[4], others[0]])
    for voice in fitted.voices(state, at, mixed).values():
        assert voice.adds[0] == voice.adds[2] == 0
    alone = fitted.voices(state, at, candidates.tracks[4:5])
    assert all(fitted.voices(state, at, mixed)[kind].adds[1] == alone[kind].adds[0] for kind in KINDS)
    empty = Candidates(candidates.tracks[:0], candidates.evidence[:0], candidates.rest)
    assert not any(adds.any() for adds, _ in by_kind(fitted.weights, empty, PARTS, len(SCALES), mixed).values())


def test_reasons_ask_no_part_for_its_scores_again(fitted: Blend, monkeypatch: pytest.MonkeyPatch) -> None:
    state, at = questions(fitted)[5]
    best, _ = fitted.recommend(state, 5, at=at)
    for part in fitted.parts:
        monkeypatch.setattr(part, "score", lambda *_: pytest.fail("asked again"))
    fitted.voices(state, at, best)


def test_another_question_is_not_answered_from_the_last_one(fitted: Blend) -> None:
    state, at = questions(fitted)[5]
    best, _ = fitted.recommend(state, 5, at=at)
    first = fitted.voices(state, at, best)
    moved = fitted.step(state, Event(int(best[3]), at))
    for later in (fitted.voices(moved, at, best), fitted.voices(state, at + 10**6, best)):
        assert any(not np.array_equal(first[kind].adds, later[kind].adds) for kind in KINDS)
    again = fitted.voices(state, at, best)
    assert all(np.array_equal(first[kind].adds, again[kind].adds) for kind in KINDS)


def test_the_causes_are_the_tracks_responsible(fitted: Blend) -> None:
    """3 came after 7, and 5 long before it; 9 and 3 are by one artist, and 9 was played of late, 8 skipped."""
    tracks = [5, 1, 2, 3, 6, *range(20, 40), 7, 3, *range(40, 60), 9, 8, 5, 7]
    outcomes = [int(Outcome.FINISHED)] * len(tracks)
    outcomes[tracks.index(8)] = int(Outcome.SKIPPED)
    lived = Lived.of(
        Events.make(["ada"], np.zeros(len(tracks)), tracks, START + 200 * np.arange(len(tracks)), outcomes)
    )
    artist = np.full(70, -1, dtype=np.int32)
    artist[[3, 9, 4, 8]] = [1, 1, 2, 2]
    found = causes(lived, artist, [], np.array([3, 4, 6, 69]))
    assert found["after"].tolist() == [7, -1, 5, -1]
    assert found["around"].tolist() == [7, -1, 5, -1]
    assert found["artist"].tolist() == [9, -1, -1, -1]
    assert found["together"].tolist() == [-1] * 4
    nothing = causes(Lived.nothing(), artist, [], np.array([3]))
    assert [rows.tolist() for rows in nothing.values()] == [[-1]] * 4


@pytest.mark.parametrize("model", [ItemNeighbours(), Vstan()], ids=["item-knn", "vstan"])
def test_neighbours_name_the_track_that_shares_their_sessions(model: Any) -> None:
    """1 is heard with 2 in three sessions, with 3 in one; 4 with nobody."""
    sessions = [[1, 2], [2, 1], [1, 2], [1, 3], [4]]
    tracks = np.concatenate(sessions)
    start = np.repeat(np.arange(len(sessions)) * 86_400, [len(one) for one in sessions])
    model.fit(
        Events.make(["ada"], np.zeros(len(tracks)), tracks, START + start + np.arange(len(tracks))),
        Items(tuple("abcdef")),
    )
    state = model.start()
    for row, track in enumerate([2, 3, 5]):
        state = model.step(state, Event(track, START + 10**6 + row))
    assert model.shared(state, np.array([4, 1, 0])).tolist() == [-1, 2, -1]
    assert model.shared(model.start(), np.array([1])).tolist() == [-1]


def test_equally_heavy_causes_are_the_nearer_one() -> None:
    assert heaviest(np.array([3, 3]), np.array([1, 0]), np.array([1.0, 1.0]), np.array([3])).tolist() == [0]
    assert heaviest(np.array([3]), np.array([1]), np.array([1.0]), np.array([], dtype=np.int64)).tolist() == []


def without(candidates: Candidates, row: int, kind: str) -> Candidates:
    """The same candidates, of which one has the mean of all in place of one kind of evidence."""
    of = kinds(candidates.evidence[row : row + 1], PARTS, len(SCALES))[0] == KINDS.index(kind)
    evidence = candidates.evidence.copy()
    evidence[row, of] = candidates.evidence[:, of].mean(axis=0)
    return candidates._replace(evidence=evidence)


def test_taking_away_what_a_reason_names_lowers_the_track(fitted: Blend) -> None:
    """Over 200 picks: the strongest voice's evidence set to the candidates' mean, beside that of any other kind."""
    chance = np.random.default_rng(0)
    fell, sank, more = [], [], []
    for state, at in questions(fitted, every=3)[:100]:
        best, _ = fitted.recommend(state, 2, at=at)
        voices = fitted.voices(state, at, best)
        candidates = fitted._asked(state, at)
        before = rank(fitted.weights, candidates.evidence)
        for one, track in enumerate(best):
            row = int(np.searchsorted(candidates.tracks, track))
            named = max(KINDS, key=lambda kind: voices[kind].adds[one])
            other = str(chance.choice([kind for kind in KINDS if kind not in (named, "order", "sound")]))
            after = {kind: rank(fitted.weights, without(candidates, row, kind).evidence) for kind in (named, other)}
            fell.append(after[named][row] < before[row])
            sank.append((after[named] >= after[named][row]).sum() > (before >= before[row]).sum())
            more.append(after[named][row] < after[other][row])
    print(f"lowered {np.mean(fell):.3f}, lower place {np.mean(sank):.3f}, more than another {np.mean(more):.3f}")
    assert len(fell) == 200
    assert np.mean(fell) > 0.97
    assert np.mean(sank) > 0.6
    assert np.mean(more) > 0.9


def test_a_model_that_can_not_tell_says_nothing() -> None:
    model = ItemNeighbours()
    assert model.voices(model.start(), 0, np.array([1])) == {}


def test_untrained_weights_have_voices_too() -> None:
    events, items = simulated(0, listeners=1, albums=4)
    blend = Blend(BlendSettings(parts=("rules", "artist")))
    blend.fit(events, items)
    state = blend.step(blend.follow(events), Event(int(events.track[3]), START + 10**5 - 200))
    best, _ = blend.recommend(state, 4, at=START + 10**5)
    voices = blend.voices(state, START + 10**5, best)
    assert all(voices[kind].adds.dtype == np.float32 for kind in KINDS)
    assert voices["after"].adds.max() > 0
    assert not voices["sound"].adds.any()
