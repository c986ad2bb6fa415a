"""``segue tune`` as people run it, and what it prints; then ``segue evaluate`` with what it wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tune_listens import planted

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tune-cli")
    table = planted().sort("played_at")
    table[:700].write_parquet(place / "train.parquet")
    table[700:].write_parquet(place / "test.parquet")
    return place


def test_tables_for_people_and_json_for_machines(place: Path, run: Run) -> None:
    words = ("tune", place / "train.parquet", "--study", place / "study", "--size", "tiny", "--trials", "2")
    shown = run(place / "home", *words)
    assert shown.code == 0, shown.err
    for said in ("2 trials, 2 of them now", "difference", "learning_rate", "importance", "settings.json", "report.md"):
        assert said in shown.out
    assert "tune, seconds" in shown.err
    again = run(place / "home", *words, "--json").json
    assert again["new_trials"] == 0
    assert len(again["trials"]) == 2
    assert not (place / "home").exists()
    sides = ("--train", place / "train.parquet", "--test", place / "test.parquet", "--models", "rules,gru")
    settings = place / "study" / "settings.json"
    tuned = run(place / "home", "evaluate", *sides, "--settings", settings, "--report", place / "tuned", "--json").json
    given = json.loads(settings.read_text("utf-8"))["gru"]
    assert tuned["cards"]["gru"]["settings"].items() >= given.items()
    assert given["width"] < 128  # what tiny starts from, whatever size evaluate has


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"grus": {}}', "no taste model is called 'grus': did you mean gru?"),
        ('{"gru": {"witdh": 3}}', "the model gru has no number called witdh: did you mean width?"),
        ('{"rules": {"width": 3}}', "the model rules has no settings"),
        ('{"gru": {"width": 3}}', "the settings are for gru and no such model is measured: name it with --models"),
        ("nonsense", "can't be read as JSON"),
    ],
)
def test_settings_that_can_not_be_are_refused_before_anything_is_fitted(
    given: str, said: str, place: Path, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "settings.json").write_text(given)
    words = ("evaluate", place / "train.parquet", "--models", "rules", "--report", tmp_path / "report")
    done = run(tmp_path / "home", *words, "--settings", tmp_path / "settings.json")
    assert said in done.complaint
    assert not (tmp_path / "report").exists()


def test_a_mistake_is_one_line(place: Path, tmp_path: Path, run: Run) -> None:
    study = ("--study", tmp_path / "study")
    pl.DataFrame({"listener": ["a"], "played_at": [1], "track": ["t"]}).write_parquet(tmp_path / "one.parquet")
    assert "there being only one" in run(tmp_path, "tune", tmp_path / "one.parquet", *study).complaint
    assert "take gru" in run(tmp_path, "tune", place / "train.parquet", *study, "--model", "blend").complaint
    assert run(tmp_path, "tune", place / "train.parquet").code == 2
