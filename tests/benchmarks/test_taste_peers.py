"""Peers stood in for by tables of scores: what they are asked, how they are ranked, and what the tables hold."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from benchmarks import answering, taste_data, taste_peers, training
from benchmarks.peers.comparison import PEERS, Found, Peer, ask, compare, interpreters, rank_peer, task_of, thinned
from benchmarks.peers.exchange import Answer, Task
from benchmarks.peers.report import estimates, markdown
from segue.errors import NotFound, NotReady
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import NOWHERE, rank_targets
from segue.listening.tables import read_tables
from segue.taste.registry import make

SAID = {"settings": {}, "version": "1", "fit_cpu_s": 1.0}


def task(groups: list[int], tracks: list[int], history: list[tuple[int, int]], targets: list[int]) -> Task:
    who, what = np.array(history, dtype=np.int64).reshape(-1, 2).T
    columns = [np.array(column, dtype=np.int64) for column in (groups, tracks)]
    return Task("listener", max(tracks) + 1, *columns, who, what, np.array(targets, dtype=np.int64))


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    """Forty listeners who all hear a, b, c, d, a, b, c, d, … and end with something that TRAIN does not hold."""
    rows = [
        {
            "listener": f"{who:02d}",
            "played_at": 1_600_000_000 + 300 * at,
            "track": "abcd"[at % 4] if at < 30 else "A new one",
        }
        for who in range(40)
        for at in range(31)
    ]
    table = pl.DataFrame(rows).with_columns(at=pl.int_range(pl.len()).over("listener"))
    table.filter(pl.col("at") < 20).drop("at").write_parquet(tmp_path / "train.parquet")
    table.filter(pl.col("at") >= 20).drop("at").write_parquet(tmp_path / "test.parquet")
    return pose(*read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"]))


def test_a_task_comes_back_as_it_went(tmp_path: Path) -> None:
    asked = task([0, 0, 1], [0, 2, 1], [(0, 0), (0, -1), (1, 1)], [1])
    asked.write(tmp_path)
    read = Task.read(tmp_path)
    assert (read.group, read.tracks, read.settings) == ("listener", 3, {})
    for name in ("train_group", "train_track", "history_group", "history_track", "targets"):
        np.testing.assert_array_equal(getattr(read, name), getattr(asked, name))


def test_pieces_follow_each_other_and_share_what_was_asked_for() -> None:
    asked = task([0] * 5 + [3] * 2 + [4], [0, 1, 2, 3, 4, 5, 6, 7], [], [])

    def sessions(*how: int) -> list[list[int]]:
        session, track = asked.pieces(*how)
        return [track[session == number].tolist() for number in range(int(session[-1]) + 1)]

    assert sessions(2) == [[0, 1], [2, 3], [4], [5, 6], [7]]
    assert sessions(3, 1) == [[0, 1, 2], [2, 3, 4], [5, 6], [7]]
    assert sessions(2, 1) == [[0, 1], [1, 2], [2, 3], [3, 4], [5, 6], [7]]
    assert sessions(9) == [[0, 1, 2, 3, 4], [5, 6], [7]]


def test_windows_hold_the_latest_known_tracks_of_the_same_listener() -> None:
    asked = task([0], [3], [(0, 1), (0, -1), (0, 2), (0, 3), (2, -1), (2, 0), (2, 1)], [0, 3, 4, 6])
    assert asked.windows(3).tolist() == [[-1, -1, -1], [-1, 1, 2], [-1, -1, -1], [-1, -1, 0]]
    assert asked.windows(1).tolist() == [[-1], [2], [-1], [0]]
    assert asked.before(6).tolist() == [0]
    rows, first, count = asked.known_before()
    assert [asked.history_track[rows[a : a + n]].tolist() for a, n in zip(first, count, strict=True)] == [
        [],
        [1, 2],
        [],
        [0],
    ]


@pytest.mark.parametrize("sparse", [False, True])
def test_an_answer_is_ranked_among_what_train_holds_and_ties_count_against_it(tmp_path: Path, sparse: bool) -> None:
    asked = task([0], [3], [(0, 0), (0, 2), (0, -1), (0, 3), (0, 1)], [0, 1, 2, 3, 4])
    scores = np.array([[1, 4, 3, 2], [0, 9, 9, 9], [1, 2, 3, 4], [0, np.nan, 1, 5], [3, np.nan, 3, 3]], np.float32)
    kind = csr_matrix if sparse else np.asarray
    Answer(kind(np.eye(5, dtype=np.float32)), kind(scores), SAID).write(tmp_path)
    if not sparse:  # a product with an identity would spread the NaN
        np.savez(tmp_path / "answer.npz", said=np.array(json.dumps(SAID)), left=scores[:, :0], right=scores[:0])
        answered = Answer.read(tmp_path)
        assert rank_peer(asked, answered).tolist() == [4, 4, NOWHERE, 4, 4]  # all equal: the last of all
        return
    assert rank_peer(asked, Answer.read(tmp_path)).tolist() == [4, 3, NOWHERE, 1, NOWHERE]


def test_what_was_heard_can_be_left_out() -> None:
    asked = task([0], [3], [(0, 0), (0, 2), (0, 1), (0, 0)], [2, 3])
    scores = np.array([[4, 2, 3, 1], [4, 2, 3, 1]], dtype=np.float32)
    plain = Answer(np.eye(2, dtype=np.float32), scores, SAID)
    assert rank_peer(asked, plain).tolist() == [3, 1]
    without = Answer(plain.left, scores, {**SAID, "settings": {"without_heard": True}})
    assert rank_peer(asked, without).tolist() == [1, NOWHERE]


def test_a_peer_that_says_what_a_model_of_ours_says_gets_its_ranks(problem: Problem) -> None:
    model = make("rules")
    model.fit(problem.train, problem.items)
    mine = rank_targets(model, problem)
    held = np.flatnonzero(problem.plays)
    lines = [
        scores[:, held]
        for who in range(40)
        for rows in [slice(problem.histories.offsets[who], problem.histories.offsets[who + 1])]
        for events in [problem.histories.rows(rows)]
        for _, scores in model.along(events, problem.targets[problem.targets // 31 == who] - rows.start)
    ]
    asked = task_of(problem)
    answered = Answer(np.eye(len(problem), dtype=np.float32), np.concatenate(lines), SAID)
    np.testing.assert_array_equal(rank_peer(asked, answered), mine.closed)
    assert (asked.tracks, (mine.closed == NOWHERE).sum()) == (4, 40)


def test_thinning_keeps_histories_whole(problem: Problem) -> None:
    thin = thinned(problem, 3)
    np.testing.assert_array_equal(thin.targets, problem.targets[::3])
    np.testing.assert_array_equal(thin.known, problem.known[::3])
    assert len(thin.histories) == len(problem.histories)
    np.testing.assert_array_equal(thin.plays, problem.plays)


def test_a_lead_is_paired_and_has_a_verdict(problem: Problem) -> None:
    right, wrong = np.ones(len(problem), dtype=np.int32), np.full(len(problem), 4, dtype=np.int32)
    missed = np.where(problem.known, 2, NOWHERE).astype(np.int32)
    found = {"rules": Found(right, wrong, SAID), "cornac-gru4rec": Found(missed, missed, SAID)}
    told = estimates(problem, found, ["rules"])
    open_, closed = told["leads"]
    assert open_["mrr@20"]["verdict"] == "better"
    assert closed["recall@20"]["verdict"] == "better"
    assert closed["mrr@20"]["value"] == pytest.approx(0.25 - problem.known.mean() / 2, abs=1e-6)
    page = markdown({"command": "it", "missing": ["none"], "parts": {"listens": told}})
    assert "| GRU4Rec (cornac) 1 |" in page
    assert "1.0000 (1.0000–1.0000)" in page


PEER = """
import numpy as np
from benchmarks.peers.exchange import answer
def fit(task, settings):
    return np.bincount(task.train_track, minlength=task.tracks) * settings["sign"]
def matrices(task, settings, fitted):
    return np.ones((len(task.targets), 1)), fitted[None]
answer("numpy", {"listener": {"sign": 1}}, fit, matrices)
"""


def test_a_peer_runs_in_an_interpreter_of_its_own(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_peer.py").write_text(PEER)
    monkeypatch.setattr("benchmarks.peers.comparison.ROOT", f"{Path.cwd()}{os.pathsep}{tmp_path}")
    answered = ask(Peer("A peer", "numpy", "a_peer"), task_of(problem, {"sign": -1}), sys.executable)
    assert answered.said["settings"] == {"sign": -1}
    assert answered.said["version"] == np.__version__
    np.testing.assert_array_equal(answered.right[0], [-200, -200, -200, -200])
    with pytest.raises(NotReady, match=r"Absent failed \(.*no_such"):
        ask(Peer("Absent", "numpy", "no_such"), task_of(problem), sys.executable)


def test_a_peer_that_fails_does_not_end_the_run(problem: Problem) -> None:
    found, failed = compare(problem, ["popularity"], {"cornac-gru4rec": sys.executable})
    assert list(found) == ["popularity"]
    assert len(failed) == 1
    assert failed[0].startswith("GRU4Rec (cornac) failed (ModuleNotFoundError")


def test_a_peer_that_nobody_has_is_named() -> None:
    found, missing = interpreters(["cornac-gru4rec"], [])
    assert not found
    assert missing == ["GRU4Rec (cornac) is not compared: no --peer-python has cornac"]
    with pytest.raises(NotReady, match="no-such-python can't be run"):
        interpreters(list(PEERS), ["no-such-python"])


def exports(folder: Path) -> Path:
    """Listens of two people and ten playlists in the columns that the real data has."""
    (folder / "listening").mkdir(parents=True)
    start = pl.datetime(2022, 3, 1, time_zone="UTC")
    listens = pl.select(at=pl.int_range(100)).select(
        listener=pl.when(pl.col("at") < 50).then(pl.lit("L1")).otherwise(pl.lit("L2")),
        played_at=pl.when(pl.col("at") % 2 == 0).then(start + pl.duration(minutes=5 * pl.col("at"))),
        ended_at=pl.when(pl.col("at") % 2 == 1).then(start + pl.duration(minutes=5 * pl.col("at") + 4)),
        artist=pl.lit("Somebody"),
        title=pl.format("Song {}", pl.col("at") % 7),
        ms_played=pl.when(pl.col("at") % 5 == 0).then(9_000).otherwise(240_000),
    )
    old = listens.head(1).with_columns(played_at=pl.datetime(2021, 1, 1, time_zone="UTC"))
    pl.concat([listens, old]).write_parquet(folder / "listening" / "listens.parquet")
    entries = pl.select(at=pl.int_range(200)).select(
        playlist=pl.col("at") // 4,
        position=pl.col("at") % 4,
        track=pl.format("t{}", pl.col("at") % 9),
        artist=pl.lit("x"),
    )
    entries.write_parquet(folder / "listening" / "playlists.parquet")
    return folder


def test_tables_hold_out_the_last_fifth_of_each_person(tmp_path: Path) -> None:
    rows = taste_data.make(exports(tmp_path / "data"), tmp_path / "tables")
    assert rows["train"] + rows["test"] == 100  # what L1 heard before its beginning is left out
    assert (rows["test"], rows["dev-test"]) == (20, 12)
    assert rows["playlists"] == rows["playlists-train"] + rows["playlists-test"] == 200
    train, test = (pl.read_parquet(tmp_path / "tables" / f"{name}.parquet") for name in ("train", "test"))
    for who in ("L1", "L2"):
        before, after = (table.filter(pl.col("listener") == who)["played_at"] for table in (train, test))
        assert before.max() < after.min()  # type: ignore[operator]
        assert len(after) == 10
    assert test["target"].all()
    # a listen with its end only begins as long before it as it was played; 9 s of 240 s is a skip
    begun = [1_646_092_800 + 300 * at + (231 if at % 2 and at % 5 == 0 else 0) for at in range(40)]
    assert train.filter(pl.col("listener") == "L1")["played_at"].to_list() == begun
    assert train.filter("skipped")["played_s"].unique().to_list() == [9.0]
    assert train["duration_s"].unique().to_list() == [240.0]
    assert train["track"][0] == "somebody\tsong 0"


def test_tables_are_those_that_the_published_numbers_were_made_from(tmp_path: Path) -> None:
    if "SEGUE_DATA" not in os.environ:
        pytest.skip("SEGUE_DATA names no folder with real listening")
    rows = taste_data.make(Path(os.environ["SEGUE_DATA"]), tmp_path)
    assert (rows["train"], rows["test"]) == (111_283, 27_825)
    assert (rows["dev-train"], rows["dev-test"], rows["playlists-test"]) == (94_588, 16_695, 51_997)


def test_tables_need_their_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound, match=r"listens.parquet: give the folder"):
        taste_data.make(tmp_path, tmp_path)
    assert taste_data.main([str(tmp_path), str(tmp_path)]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_the_command_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taste_data.make(exports(tmp_path / "data"), tmp_path / "tables")
    words = [str(tmp_path / "tables"), "--ours", "rules,popularity", "--peers", "cornac-gru4rec"]
    assert taste_peers.main([*words, "--every", "2", "--report", str(tmp_path / "report")]) == 0
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["parts"]["listens"]["targets"] == 10
    assert report["missing"]
    assert (tmp_path / "report" / "report.md").read_text() == capsys.readouterr().out
    columns = pl.read_parquet(tmp_path / "report" / "ranks-playlists.parquet").columns
    assert columns[:3] == ["row", "rules, open", "rules, closed"]
    assert taste_peers.main([*words[:1], "--peers", "nobody", "--report", str(tmp_path / "report")]) == 1


def test_training_runs_the_pass_that_is_asked_for() -> None:
    asked = training.made(2_000, 300, 256)
    assert (len(asked.train_track), asked.train_group[-1]) == (2_000, 9)
    assert np.bincount(asked.train_track).argmax() == 0  # Zipf: the first is played most
    small = {**asked.settings, "width": 8, "negatives": 16}
    cost = training.train_here(Task(**{**vars(asked), "settings": small}))
    assert cost["fit_cpu_s"] > 0
    assert cost["peak_mib"] > 10


@pytest.mark.parametrize("name", ["gru", "rules"])
def test_an_answer_is_measured_beside_its_floor(name: str) -> None:
    found: dict[str, Any] = answering.measure(name, 2_000, 16, answers=20)
    assert found["floor_bytes"] == 2_000 * 4 * (17 if name == "gru" else 2)
    assert found["cpu_p50_ms"] <= found["cpu_p99_ms"]
    assert found["times_the_floor"] == pytest.approx(found["cpu_p50_ms"] / found["floor_ms"])


def test_the_state_of_a_gru_is_as_large_after_a_long_history_and_that_of_rules_is_not() -> None:
    gru = answering.state_bytes("gru", 16, (100, 5_000), tracks=300)
    rules = answering.state_bytes("rules", 16, (100, 5_000), tracks=300)
    assert gru[100] == gru[5_000] < 2_000
    assert rules[5_000] > 10 * rules[100]
