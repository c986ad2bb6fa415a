"""What is iALS's own: the fold-in is the closed form and what implicit itself says, and serving needs no implicit."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segue.errors import BadInput, NotReady
from segue.evaluate.entrants import choose
from segue.listening.events import Event, Events, Items
from segue.taste import ials
from segue.taste.ials import Ials, IalsSettings
from segue.taste.registry import load_model, make
from segue.types import Outcome

START = 1_700_000_000
TINY = replace(IalsSettings.of("tiny"), width=6)

with_implicit = pytest.mark.skipif(not ials.available(), reason="implicit is not installed: pip install 'segue[ials]'")


def some_items(count: int = 31) -> Items:
    return Items(tuple(str(number) for number in range(count)))


def some_playlists(tracks: int = 30, count: int = 40) -> Events:
    chance = np.random.default_rng(0)
    rows = [chance.integers(0, tracks, chance.integers(2, 15)) for _ in range(count)]
    listener = np.repeat(np.arange(count), [len(row) for row in rows])
    return Events.make([str(n) for n in range(count)], listener, np.concatenate(rows), np.zeros(len(listener)))


def by_hand(settings: IalsSettings = TINY) -> Ials:
    """A model with known factors, made without implicit."""
    model = Ials(settings)
    chance = np.random.default_rng(3)
    factors = chance.standard_normal((4, settings.width)).astype(np.float32)
    items = Items(tuple("abcde"))  # of e nothing was learned
    model._serve(items, ("a", "b", "c", "d"), factors, np.zeros(20, dtype=np.float32), np.zeros(5, dtype=np.float32))
    model._fitted = {"settings": {"width": 6}}
    return model


def closed_form(factors: np.ndarray, confidence: np.ndarray, ridge: float) -> np.ndarray:
    """Hu, Koren & Volinsky 2008, eq. 4, as it stands there: with C over all tracks, 1 where there was no play."""
    wide = factors.astype(np.float64)
    preferred = confidence > 1
    matrix = wide.T @ np.diag(confidence) @ wide + ridge * np.eye(wide.shape[1])
    return np.linalg.inv(matrix) @ wide.T @ np.diag(confidence) @ preferred


def test_the_fold_in_is_the_closed_form() -> None:
    model = by_hand()
    state = model.step(model.step(model.start(), Event(2, 0)), Event(0, 0))
    faded = 0.5 ** (1 / TINY.half_life_plays)
    confidence = 1 + TINY.confidence * np.log1p([1, 0, faded, 0])
    expected = closed_form(model._factors, confidence, TINY.ridge)
    np.testing.assert_allclose(model.factor(state), expected, rtol=1e-5)
    rest = np.maximum(model._factors @ expected, 0) ** ials.SHARPNESS
    rest[[0, 2]] = 0  # what was just heard comes again with a counted probability, here 0
    assert rest.sum() > 0
    np.testing.assert_allclose(model.score(state), [*(rest / rest.sum()), 0], atol=1e-6)


def test_what_no_factor_is_known_of_says_nothing() -> None:
    model = by_hand()
    state = model.step(model.start(), Event(1, 0))
    assert np.array_equal(model.factor(model.step(model.start(), Event(4, 0))), np.zeros(6))
    later = model.step(state, Event(4, 0))
    weights = later.bag.weights()[1]
    assert len(weights) == 2
    expected = closed_form(model._factors, 1 + TINY.confidence * np.array([0, weights[0], 0, 0]), TINY.ridge)
    np.testing.assert_allclose(model.factor(later), expected, rtol=1e-5)


def test_a_skip_leaves_the_factor_where_it_was() -> None:
    model = by_hand()
    state = model.step(model.start(), Event(3, START))
    skipped = model.step(state, Event(1, START + 60, int(Outcome.SKIPPED)))
    assert np.array_equal(model.factor(skipped), model.factor(state))


@with_implicit
def test_the_scores_are_those_of_implicit_itself() -> None:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import csr_matrix
    from threadpoolctl import threadpool_limits

    model = Ials(TINY)
    model.fit(some_playlists(), some_items(), seed=1)
    state = model.start()
    for track in (3, 8, 3, 21):
        state = model.step(state, Event(track, 0))
    tracks, weights = state.bag.weights()
    with threadpool_limits(1, "blas"):
        theirs = AlternatingLeastSquares(factors=6, regularization=TINY.ridge, num_threads=1)
        theirs.item_factors = model._factors
        theirs.user_factors = np.zeros((1, 6), dtype=np.float32)
        row = csr_matrix((1 + TINY.confidence * weights, ([0] * len(tracks), tracks)), shape=(1, 30)).astype(np.float32)
        ids, scores = theirs.recommend(0, row, N=30, filter_already_liked_items=False, recalculate_user=True)
    np.testing.assert_allclose(model._factors[ids] @ model.factor(state), scores, atol=1e-4)
    ours = model.score(state)[ids]
    new = ~np.isin(ids, tracks) & (scores > 1e-3)
    assert np.count_nonzero(new) > 5
    assert np.all(np.diff(ours[new]) <= 0), "the same order, but for what was just heard"


@with_implicit
def test_only_played_tracks_have_factors_and_nothing_of_implicit_is_left_in_the_folder(tmp_path: Path) -> None:
    model = Ials(TINY)
    card = model.fit(some_playlists(tracks=12), some_items(), seed=1)
    assert card["tracks"] == 12
    assert model._factors.shape == (12, 6)
    assert model._factors.dtype == np.float32
    model.save(tmp_path)
    scores = model.score(model.step(model.start(), Event(4, 0)))
    assert np.all(scores[12:] == 0)
    # A process that can't import implicit serves it.
    code = (
        "import sys; sys.modules['implicit'] = None\n"
        "from pathlib import Path; from segue.listening.events import Event, Items\n"
        "from segue.taste.registry import load_model\n"
        f"model = load_model(Path({str(tmp_path)!r}), Items(tuple(str(number) for number in range(31))))\n"
        "print(model.score(model.step(model.start(), Event(4, 0))).tobytes().hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == scores.tobytes().hex()


def test_without_implicit_the_extra_is_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ials, "find_spec", lambda name: None)
    for attempt in (
        lambda: Ials().fit(some_playlists(), some_items()),
        lambda: make("ials"),
        lambda: choose(["ials"], sound=False),
    ):
        with pytest.raises(NotReady, match=r"pip install 'segue\[ials\]'"):
            attempt()
    assert "ials" not in choose(["all"], sound=False)
    monkeypatch.undo()
    assert ("ials" in choose(["all"], sound=False)) == ials.available()


def test_a_saved_model_is_served_with_its_own_settings(tmp_path: Path) -> None:
    model = by_hand(replace(TINY, ridge=2.0, confidence=7.0))
    model._fitted = {"settings": {"width": 6, "ridge": 2.0, "confidence": 7.0}}
    model.save(tmp_path)
    loaded = load_model(tmp_path, Items(tuple("edcba")))
    assert isinstance(loaded, Ials)
    assert (loaded.settings.ridge, loaded.settings.confidence) == (2.0, 7.0)
    expected = model.factor(model.step(model.start(), Event(1, 0)))
    assert np.array_equal(loaded.factor(loaded.step(loaded.start(), Event(3, 0))), expected)


def test_no_ridge_is_refused() -> None:
    with pytest.raises(BadInput, match="ridge of the model ials must be above 0"):
        make("ials", "small", {"ridge": 0.0}) if ials.available() else IalsSettings(ridge=0.0)
