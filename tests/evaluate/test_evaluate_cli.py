"""``segue evaluate`` as people run it: a real process, with no home folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

from evaluate_models import random_listens


def segue(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SEGUE_HOME": str(folder / "home"), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "segue", "evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )


def test_a_table_for_people_and_json_for_machines(tmp_path: Path) -> None:
    random_listens().write_parquet(tmp_path / "listens.parquet")
    report = tmp_path / "report"
    shown = segue(tmp_path / "listens.parquet", "--models", "popularity, rules", "--report", report, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "Recall@20" in shown.stdout
    assert "popularity" in shown.stdout
    assert "ranking" in shown.stderr
    again = segue(
        *("--train", report / "train.parquet", "--test", report / "test.parquet"),
        *("--models", "popularity,rules", "--report", tmp_path / "again", "--json"),
        folder=tmp_path,
    )
    assert again.returncode == 0, again.stderr
    printed = json.loads(again.stdout)
    assert printed == json.loads((tmp_path / "again" / "report.json").read_text("utf-8"))
    assert printed["models"] == json.loads((report / "report.json").read_text("utf-8"))["models"]
    assert not (tmp_path / "home").exists()


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    failed = segue(tmp_path / "nowhere.parquet", "--report", tmp_path / "report", folder=tmp_path)
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("segue: there is no file")
    assert failed.stderr.count("\n") == 1
