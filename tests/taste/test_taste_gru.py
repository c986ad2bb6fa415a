"""What is the GRU's own: NumPy serves what torch trained, states carry over pieces, sampling finds the same order."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from segue.errors import NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import silent
from segue.taste.gru import SessionGru
from segue.taste.gru_batches import Pieces, Sessions
from segue.taste.gru_inputs import CoreName, GruSettings, Loss, Moments, Order
from segue.taste.gru_training import _Trainer, train
from segue.taste.sampled_softmax import BPR_REGULARISATION, bpr_max, log_softmax
from segue.types import Outcome

START = 1_700_000_000
TINY = GruSettings(width=16, epochs=4, learning_rate=2e-2, dropout=0.2, piece=30, batch_events=200)
RING = replace(TINY, width=32, epochs=12, dropout=0.0, full_softmax_tracks=10, negatives=16)


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


@pytest.mark.parametrize("core", get_args(CoreName))
def test_numpy_serves_what_torch_computes_over_carried_pieces(core: CoreName) -> None:
    """Attention carries nothing over, so it is held to the first piece; there its window is not yet full."""
    events, items = some_events(), some_items()
    seen = np.unique(events.track)
    settings = replace(TINY, core=core)
    model = SessionGru(settings)
    model.fit(events, items)
    trainer = _Trainer(events, items, seen, settings, 0)
    network, pieces = trainer.network, trainer.batches
    assert isinstance(pieces, Pieces)
    logits = np.full((len(events), len(seen)), np.nan, dtype=np.float32)
    skips = np.full((len(events), len(seen)), np.nan, dtype=np.float32)
    with torch.no_grad():
        network.load_state_dict({name: torch.from_numpy(array) for name, array in model._weights.items()})
        network.eval()
        table, bias = network.tracks(torch.arange(len(seen)), network.id, network.bias)
        assert pieces.number.max() == 3
        for number in range(1 if core == "attention" else 4):
            batch = pieces.batch(np.flatnonzero(pieces.number == number))
            queries = trainer.queries(batch, table, trainer._track[batch.asked].long())[batch.inside]
            rows = batch.asked[batch.inside].numpy()
            logits[rows] = (queries @ table.T + bias).numpy()
            for track in range(len(seen)):
                skips[rows, track] = network.skips(queries, table[track].expand(len(queries), -1)).sigmoid().numpy()
    for first, last in zip(events.offsets[:-1], events.offsets[1:], strict=True):
        history = events.rows(slice(int(first), int(last)))
        known = np.flatnonzero(np.isfinite(logits[first:last, 0]))
        assert len(known) == (TINY.piece if core == "attention" else len(history))
        for positions, scores in model.along(history, known):
            np.testing.assert_allclose(scores[:, seen], logits[first + positions], atol=1e-4)
        state = model.follow(history.rows(slice(0, 20)))
        chances = model.skip_chances(state, int(history.started_at[20]), seen.astype(np.int64))
        np.testing.assert_allclose(chances, skips[first + 20], atol=1e-4)


def test_attention_reads_the_latest_events_of_its_window_only() -> None:
    model = SessionGru(replace(TINY, core="attention", piece=10))
    events = some_events()
    model.fit(events, some_items())
    history = events.rows(slice(0, 60))
    whole, latest = model.follow(history), model.follow(history.rows(slice(40, 60)))
    at = int(history.started_at[-1]) + 60
    np.testing.assert_allclose(model.score(whole, at), model.score(latest, at), atol=1e-5)
    other = model.follow(history.rows(slice(51, 60)))
    assert not np.allclose(model.score(whole, at), model.score(other, at), atol=1e-3)


def test_every_event_is_in_one_piece_and_every_piece_in_one_batch() -> None:
    pieces = Pieces(some_events().offsets, TINY.piece, TINY.batch_events)
    batches = list(pieces(np.random.default_rng(0)))
    rows = np.concatenate([batch.asked[batch.inside].numpy() for batch in batches])
    assert np.sort(rows).tolist() == list(range(500))
    assert all(batch.asked.numel() <= TINY.batch_events for batch in batches)


def test_sessions_in_parallel_meet_every_step_once_in_order_and_begin_from_zero() -> None:
    """Histories of 7, 1, 23 and 2 events in pieces of 10, four lanes at most and then fewer."""
    sessions = Sessions(np.array([0, 7, 8, 31, 33]), 10, 2)
    met: dict[int, list[int]] = {}
    for batch in sessions(np.random.default_rng(0)):
        assert len(batch.heard) <= 2
        assert torch.equal(batch.heard + 1, batch.asked)
        assert torch.equal(batch.starts_from, batch.ends_in)
        for piece, row in zip(batch.starts_from.tolist(), batch.heard[:, 0].tolist(), strict=True):
            met.setdefault(piece, []).append(row)
    whole = [(0, 7), (8, 18), (18, 28), (28, 31), (31, 33)]
    assert sorted(map(tuple, met.values())) == [tuple(range(first, last - 1)) for first, last in whole]


@pytest.mark.parametrize(("loss", "order"), [("bpr-max", "pieces"), ("cross-entropy", "sessions")])
def test_a_planted_order_is_found_in_other_ways_of_training(loss: Loss, order: Order) -> None:
    settings = replace(RING, loss=loss, order=order, batch_events=40, epochs=20)
    assert share_of_a_ring_found(settings) > 0.9


def share_of_a_ring_found(settings: GruSettings) -> float:
    """After track i comes i + 1."""
    chance = np.random.default_rng(0)
    starts = chance.integers(0, 60, 40)
    track = (starts[:, None] + np.arange(50)) % 60
    events = Events.make([str(n) for n in range(40)], np.repeat(np.arange(40), 50), track.ravel(), np.zeros(2000))
    items = Items(tuple(str(number) for number in range(60)))
    model = SessionGru(settings)
    model.fit(events, items)
    history = events.rows(slice(0, 50))
    hits = [
        scores.argmax(axis=1) == history.track[positions]
        for positions, scores in model.along(history, np.arange(5, 50))
    ]
    return float(np.mean(np.concatenate(hits)))


def test_sampled_softmax_finds_planted_order() -> None:
    """A few negatives, drawn, must teach it as the full softmax does."""
    assert share_of_a_ring_found(RING) > 0.9


def test_bpr_max_is_that_of_the_paper() -> None:
    """Hidasi & Karatzoglou 2018, equation 10, written out query by query."""
    torch.manual_seed(0)
    queries, table, bias = torch.randn(4, 6), torch.randn(9, 6), torch.randn(9)
    target, negatives = torch.tensor([0, 3, 3, 8]), torch.tensor([3, 1, 1, 7])
    losses = bpr_max(queries, table, bias, target, negatives)
    for query, right, loss in zip(queries, target.tolist(), losses, strict=True):
        others = [track for track in negatives.tolist() if track != right]
        score = table @ query + bias
        share = torch.softmax(score[others], dim=0)
        won = (share * torch.sigmoid(score[right] - score[others])).sum()
        assert loss.item() == pytest.approx(
            (-won.log() + BPR_REGULARISATION * (share * score[others] ** 2).sum()).item(), rel=1e-5
        )


def test_the_sampled_softmax_and_its_slopes_are_those_of_autograd():
    """Also where the answer is among the negatives, and where it is all of them."""
    torch.manual_seed(0)
    queries, table = (torch.randn(rows, 6, dtype=torch.float64, requires_grad=True) for rows in (5, 9))
    bias = torch.randn(9, dtype=torch.float64, requires_grad=True)
    target, weight = torch.tensor([0, 3, 3, 8, 1]), torch.rand(5, dtype=torch.float64)
    for negatives in (torch.tensor([1, 3, 7]), torch.tensor([3])):
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
    settings = replace(TINY, epochs=8, full_softmax_tracks=2, negatives=16, learning_rate=1e-2)
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


def test_the_skip_head_learns_whose_tracks_are_skipped() -> None:
    """Tracks from 20 on are always skipped, and nothing else says so."""
    chance = np.random.default_rng(0)
    track = chance.integers(0, 30, 3000)
    outcome = np.where(track >= 20, Outcome.SKIPPED, Outcome.FINISHED)
    listener = np.repeat(np.arange(30), 100)
    events = Events.make([str(n) for n in range(30)], listener, track, np.zeros(3000), outcome)
    model = SessionGru(replace(TINY, epochs=10))
    model.fit(events, some_items(31))
    chances = model.skip_chances(model.follow(events.rows(slice(0, 50))), 0, np.arange(31))
    assert chances[:20].max() < 0.2 < 0.8 < chances[20:30].min()
    assert np.isfinite(chances[30])  # known by its sound


def test_without_ids_sound_alone_tells_tracks_apart() -> None:
    items = some_items()
    assert items.vectors is not None
    vectors = items.vectors.copy()
    vectors[1], vectors[2] = vectors[0], 0.0
    weights, _ = train(
        some_events(),
        replace(items, vectors=vectors),
        np.arange(30, dtype=np.int32),
        replace(TINY, id_dropout=1.0),
        seed=0,
        progress=silent,
    )
    assert np.flatnonzero(np.any(weights["id"] != 0, axis=1)).tolist() == [2]  # it has no sound


def test_progress_ends_at_its_total() -> None:
    seen: list[tuple[int, int | None]] = []
    SessionGru(TINY).fit(some_events(), some_items(), progress=lambda _, done, total: seen.append((done, total)))
    assert seen[-1] == (TINY.epochs, TINY.epochs)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_moment_of_asking_moves_the_scores() -> None:
    """Even tracks by day, odd ones by night; nothing but the hour tells which."""
    chance = np.random.default_rng(0)
    count = 1500
    started_at = START + np.sort(chance.integers(0, 500 * 86_400, count))
    day = (started_at % 86_400) < 43_200
    track = 2 * chance.integers(0, 10, count) + ~day
    events = Events.make(["ada"], np.zeros(count), track, started_at)
    model = SessionGru(replace(TINY, epochs=30, batch_events=90, learning_rate=2e-2))
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
    columns = (trainer._track, *trainer._moments, trainer._answer)
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
    state = model.step(model.start(), Event(31, START))
    assert np.isneginf(model.score(state)).tolist() == [False] * 31 + [True]
    assert np.isnan(model.skip_chances(state, 0, np.arange(32))).tolist() == [False] * 31 + [True]
