"""What is the GRU's own: NumPy serves what torch trained, states carry over pieces, sampling finds the same order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segue.errors import NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import silent
from segue.taste.gru import SHAPES, SessionGru
from segue.taste.gru_inputs import GruSettings, Moments
from segue.taste.gru_training import _Trainer, train
from segue.taste.sampled_softmax import log_softmax

START = 1_700_000_000
TINY = GruSettings(width=16, epochs=4, learning_rate=2e-2, dropout=0.2, piece=30, batch_events=200)


def some_events(listeners: int = 5, length: int = 100, tracks: int = 30) -> Events:
    chance = np.random.default_rng(0)
    count = listeners * length
    return Events.make(
        [str(number) for number in range(listeners)],
        np.repeat(np.arange(listeners), length),
        chance.integers(0, tracks, count),
        START + np.cumsum(chance.integers(1, 90_000, count)),
        chance.integers(0, 5, count),
        np.where(chance.random(count) < 0.3, np.nan, chance.random(count)),
    )


def some_items(tracks: int = 30) -> Items:
    vectors = np.random.default_rng(1).standard_normal((tracks, 6)).astype(np.float32)
    return Items(tuple(str(number) for number in range(tracks)), vectors=vectors)


def test_numpy_serves_what_torch_computes_over_carried_pieces() -> None:
    events, items = some_events(), some_items()
    seen = np.unique(events.track)
    model = SessionGru(TINY)
    model.fit(events, items)
    trainer = _Trainer(events, items, seen, TINY, 0)
    network = trainer.network
    named = {"norm_scale": network.norm.weight, "norm_shift": network.norm.bias}
    named |= {
        f"{side}_{kind}": getattr(network.unit, f"{kind}_{short}_l0")
        for side, short in (("input", "ih"), ("hidden", "hh"))
        for kind in ("weight", "bias")
    }
    with torch.no_grad():
        for name in SHAPES:
            target = named.get(name)
            (network.get_parameter(name) if target is None else target).copy_(torch.from_numpy(model._weights[name]))
        network.eval()
        table, bias = network.tracks()
        logits = np.zeros((len(events), len(seen)), dtype=np.float32)
        pieces = trainer._pieces
        assert pieces.number.max() == 3
        for number in range(4):
            batch = np.flatnonzero(pieces.number == number)
            rows, inside = pieces.rows(batch)
            queries = trainer._run(batch, torch.from_numpy(rows), table[trainer._track[torch.from_numpy(rows)]])
            logits[rows[inside]] = (queries @ table.T + bias).numpy()[inside]
    for first, last in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        history = events.rows(slice(int(first), int(last)))
        for positions, scores in model.along(history, np.arange(len(history))):
            np.testing.assert_allclose(scores[:, seen], logits[first + positions], atol=1e-4)


def test_every_event_is_in_one_piece_and_every_piece_in_one_batch() -> None:
    trainer = _Trainer(some_events(), some_items(), np.arange(30, dtype=np.int32), TINY, 0)
    pieces = trainer._pieces
    batches = pieces.batches(np.arange(len(pieces.start)), np.random.default_rng(0))
    rows = np.concatenate([rows[inside] for rows, inside in map(pieces.rows, batches)])
    assert np.sort(rows).tolist() == list(range(500))
    assert all(len(batch) * pieces.length[batch].max() <= TINY.batch_events for batch in batches)


def test_sampled_softmax_finds_planted_order() -> None:
    """A ring: after track i comes i + 1. A few negatives, drawn, must teach it as the full softmax does."""
    chance = np.random.default_rng(0)
    starts = chance.integers(0, 60, 40)
    track = (starts[:, None] + np.arange(50)) % 60
    events = Events.make([str(n) for n in range(40)], np.repeat(np.arange(40), 50), track.ravel(), np.zeros(2000))
    items = Items(tuple(str(number) for number in range(60)))
    settings = replace(TINY, width=32, epochs=12, dropout=0.0, full_softmax_tracks=10, negatives=16)
    model = SessionGru(settings)
    model.fit(events, items)
    history = events.rows(slice(0, 50))
    hits = [
        scores.argmax(axis=1) == history.track[positions]
        for positions, scores in model.along(history, np.arange(5, 50))
    ]
    assert np.mean(np.concatenate(hits)) > 0.9


def test_the_sampled_softmax_and_its_slopes_are_those_of_autograd():
    """Also where the answer is among the negatives, is all of them, and where one is drawn twice."""
    torch.manual_seed(0)
    queries, table = (torch.randn(rows, 6, dtype=torch.float64, requires_grad=True) for rows in (5, 9))
    bias = torch.randn(9, dtype=torch.float64, requires_grad=True)
    target, weight = torch.tensor([0, 3, 3, 8, 1]), torch.rand(5, dtype=torch.float64)
    for negatives in (torch.tensor([3, 1, 1, 7]), torch.tensor([3, 3])):
        found = []
        for sampled in (True, False):
            if sampled:
                said = log_softmax(queries, table, bias, target, negatives)
            else:
                logits = (queries @ table.T + bias).gather(
                    1, torch.cat([target[:, None], negatives.expand(5, -1)], dim=1)
                )
                hit = torch.cat([torch.zeros(5, 1, dtype=torch.bool), negatives == target[:, None]], dim=1)
                said = logits.masked_fill(hit, -torch.inf).log_softmax(dim=1)[:, 0]
            found.append([said, *torch.autograd.grad((said * weight).sum(), [queries, table, bias])])
        for mine, theirs in zip(*found, strict=True):
            assert torch.allclose(mine, theirs, atol=1e-12)


def test_sampling_does_not_lean_towards_the_popular() -> None:
    """One answer in ten is each of tracks 1 to 5, one in two is track 0: scores must show those shares."""
    chance = np.random.default_rng(0)
    track = np.where(chance.random(6000) < 0.5, 0, chance.integers(1, 6, 6000))
    events = Events.make([str(n) for n in range(60)], np.repeat(np.arange(60), 100), track, np.zeros(6000))
    items = Items(tuple(str(number) for number in range(6)))
    settings = replace(TINY, epochs=8, full_softmax_tracks=2, negatives=4, learning_rate=1e-2)
    model = SessionGru(settings)
    model.fit(events, items)
    scores = np.concatenate([scores for _, scores in model.along(events.rows(slice(0, 100)), np.arange(100))])
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares.mean(axis=0), [0.5, 0.1, 0.1, 0.1, 0.1, 0.1], atol=0.08)


def test_training_leaves_torch_as_it_found_it() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(some_events(), some_items(), np.arange(30, dtype=np.int32), TINY, seed=1, progress=silent)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_the_best_epoch_is_kept_and_training_stops_early() -> None:
    """Random music can't be predicted, so the held-out loss soon rises."""
    model = SessionGru(replace(TINY, epochs=30, patience=2, finishing=0))
    card = model.fit(some_events(), some_items())
    losses = [epoch["held_out"] for epoch in card["curve"]]
    assert len(losses) < 30
    assert card["best_epoch"] == int(np.argmin(losses)) + 1


def test_progress_ends_at_its_total() -> None:
    seen: list[tuple[int, int | None]] = []
    SessionGru(TINY).fit(some_events(), some_items(), progress=lambda _, done, total: seen.append((done, total)))
    assert seen[-1] == (TINY.epochs + TINY.finishing, TINY.epochs + TINY.finishing)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_moment_of_asking_moves_the_scores() -> None:
    """Even tracks by day, odd ones by night; nothing but the hour tells which."""
    chance = np.random.default_rng(0)
    count = 1500
    started_at = START + np.sort(chance.integers(0, 500 * 86_400, count))
    day = (started_at % 86_400) < 43_200
    track = 2 * chance.integers(0, 10, count) + ~day
    events = Events.make(["ada"], np.zeros(count), track, started_at)
    model = SessionGru(replace(TINY, epochs=10, batch_events=90))
    model.fit(events, Items(tuple(str(number) for number in range(20))))
    state = model.follow(events)
    midnight = (int(started_at[-1]) // 86_400 + 1) * 86_400
    for hour, odd in ((6, 0), (18, 1)):
        best, _ = model.recommend(state, 8, at=midnight + hour * 3600)
        assert np.mean(best % 2 == odd) > 0.8


def test_what_is_unknown_of_an_event_has_a_bin_of_its_own() -> None:
    events = Events.make(
        ["ada", "bob"], [0, 0, 1], [0, 0, 0], [START, START + 60, START + 90], None, [0.0, 1.0, np.nan]
    )
    moments = Moments.of_events(events)
    assert moments.completion.tolist() == [1, 5, 0]
    assert (moments.gap > 0).tolist() == [False, True, False]
    untimed = Moments.of_events(Events.make(["ada"], [0, 0], [0, 1], [0, 0]))
    assert untimed.gap.tolist() == [0, 0]
    assert untimed.hour.tolist() == [24, 24]
    assert untimed.day.tolist() == [7, 7]


def test_what_a_training_holds_of_an_event_is_small() -> None:
    """Ten million of them must leave room for the rest."""
    from segue.taste.gru_training import _Trainer

    events = some_events()
    assert {column.dtype for column in Moments.of_events(events)} == {np.dtype(np.int8)}
    trainer = _Trainer(events, some_items(), np.unique(events.track), TINY, 0)
    columns = (trainer._track, *trainer._moments, trainer._answer, trainer._skipped, trainer._validation, trainer.all)
    assert sum(column.nbytes for column in columns) <= 16 * len(events)


def test_sounds_of_another_encoder_are_refused(tmp_path: Path) -> None:
    model = SessionGru(TINY)
    model.fit(some_events(1), some_items())
    model.save(tmp_path)
    other = Items(some_items().ids, vectors=np.ones((30, 9), dtype=np.float32))
    with pytest.raises(NotReady, match="trained on sounds of 6 numbers and these tracks have 9"):
        SessionGru.load(tmp_path, other)


def test_a_track_without_id_and_sound_is_no_answer_but_may_be_heard() -> None:
    items = some_items(32)
    assert items.vectors is not None
    items.vectors[31] = 0
    model = SessionGru(TINY)
    model.fit(some_events(), items)
    scores = model.score(model.step(model.start(), Event(31, START)))
    assert np.isneginf(scores).tolist() == [False] * 31 + [True]
