"""The plain GRU beside GRU4Rec: both answer the same rows, and the ratio is of the means over seeds."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import parity
from benchmarks.peers.comparison import PEERS, Peer

PEER = """
import numpy as np
from benchmarks.peers.exchange import answer
def fit(task, settings):
    assert settings["piece"] == 200 and settings["width"] == 128
    return np.roll(np.eye(task.tracks), 1, axis=1)
def matrices(task, settings, fitted):
    before = task.history_track[task.targets - 1]
    return np.eye(task.tracks)[before], fitted if settings["seed"] == 0 else np.zeros_like(fitted)
answer("numpy", {"listener": {}}, fit, matrices)
"""


def test_both_answer_the_same_rows_and_the_ratio_is_of_the_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pl.DataFrame(
        {
            "listener": np.repeat(["a", "b", "c"], 80),
            "played_at": 1_700_000_000 + 300 * np.tile(np.arange(80), 3),
            "track": [f"t{(start + at) % 25:02}" for start in (0, 5, 11) for at in range(80)],
        }
    )
    late = pl.col("played_at") >= 1_700_000_000 + 300 * 70
    rows.filter(~late).write_parquet(tmp_path / "train.parquet")
    rows.filter(late).with_columns(target=True).write_parquet(tmp_path / "test.parquet")
    (tmp_path / "a_peer.py").write_text(PEER)
    monkeypatch.setattr("benchmarks.peers.comparison.ROOT", f"{Path.cwd()}:{tmp_path}")
    monkeypatch.setitem(PEERS, "cornac-gru4rec", Peer("A peer", "numpy", "a_peer"))
    words = [str(tmp_path / "train.parquet"), str(tmp_path / "test.parquet"), "--peer-python", sys.executable]
    assert parity.main([*words, "--seeds", "2", "--report", str(tmp_path / "told")]) == 0
    told = json.loads((tmp_path / "told" / "report.json").read_text())
    assert (told["targets"], told["seeds"]) == (30, 2)
    assert told["mrr@20"]["cornac"] == [1.0, 0.0]  # right at seed 0; all alike, and so last, at seed 1
    assert told["mrr@20"]["ratio"] == pytest.approx(np.mean(told["mrr@20"]["ours"]) / 0.5, abs=2e-4)
    assert "| ours, plain |" in capsys.readouterr().out
    assert parity.main([*words[:-1], "no-such-python", "--report", str(tmp_path)]) == 1
    assert "no-such-python can't be run" in capsys.readouterr().err
