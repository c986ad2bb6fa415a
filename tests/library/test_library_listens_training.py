"""A model from tables alone: what it learned is in its folder, whole or not at all, and the evaluator reads it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from segue.errors import BadInput, NotFound
from segue.evaluate.run import evaluate
from segue.library.listens_training import train_on_listens
from segue.listening.events import Items
from segue.taste.registry import MODELS, load_model

Run = Callable[..., Any]

CIRCLE = [f"t{number}" for number in range(12)]


def going_round(listeners: int = 8, each: int = 60, first: int = 0) -> pl.DataFrame:
    """Everybody goes round the same circle of tracks: a model that learned it knows what comes next."""
    rows = [
        (f"l{who}", 1_600_000_000 + 200 * step + who, CIRCLE[(who + step) % len(CIRCLE)], "Ada")
        for who in range(first, first + listeners)
        for step in range(each)
    ]
    return pl.DataFrame(rows, schema=["listener", "played_at", "track", "artist"], orient="row")


@pytest.fixture
def many(tmp_path: Path) -> str:
    (tmp_path / "many").mkdir()
    for number in range(3):
        going_round(first=8 * number).write_parquet(tmp_path / "many" / f"{number}.parquet")
    return str(tmp_path / "many" / "*.parquet")


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.parquet"
    matrix = np.random.default_rng(0).normal(size=(12, 4)).tolist()
    pl.DataFrame({"track": CIRCLE, "vector": matrix}).write_parquet(path)
    return path


@pytest.mark.parametrize("kind", [name for name in MODELS if name != "sound"])
def test_every_kind_is_written_with_its_card_and_read_again(
    many: str, vectors: Path, tmp_path: Path, kind: str
) -> None:
    made = train_on_listens(many, tmp_path / "made", kind=kind, size="tiny", seed=3, vectors=vectors)
    assert (made.files, made.listens, made.listeners, made.tracks) == (3, 1_440, 24, 12)
    card = json.loads((tmp_path / "made" / "card.json").read_text("utf-8"))
    assert (card["model"], card["size"], card["seed"]) == (kind, "tiny", 3)
    assert [file["file"] for file in card["trained_on"]["listens"]] == ["0.parquet", "1.parquet", "2.parquet"]
    assert card["trained_on"]["rows"] == 1_440
    assert card["trained_on"]["vectors"]["file"] == "vectors.parquet"
    assert card["trained_on"]["last_at"] == 1_600_000_000 + 200 * 59 + 23
    model = load_model(tmp_path / "made", Items((*CIRCLE, "new")))
    assert model.score(model.start()).shape == (13,)


def test_what_was_learned_serves_another_catalogue(many: str, tmp_path: Path) -> None:
    train_on_listens(many, tmp_path / "made", kind="rules")
    items = Items(("new", *reversed(CIRCLE)))
    model = load_model(tmp_path / "made", items)
    from segue.listening.events import Event

    best, _ = model.recommend(model.step(model.start(), Event(items.ids.index("t4"), 1_700_000_000)), 1)
    assert items.ids[best[0]] == "t5"


def test_the_loop_closes(many: str, tmp_path: Path) -> None:
    """Trained on other listeners, then measured beside a model that is fitted there."""
    train_on_listens(many, tmp_path / "round", kind="markov")
    going_round(first=100).write_parquet(tmp_path / "new.parquet")
    models = ["popularity", str(tmp_path / "round")]
    report = evaluate(tmp_path / "new.parquet", models=models, report=tmp_path / "report")
    assert list(report.figures["models"]) == ["popularity", "round"]
    assert report.figures["models"]["round"]["segments"]["all"]["recall@1"]["value"] == 1
    assert report.figures["models"]["popularity"]["segments"]["all"]["recall@1"]["value"] < 0.5
    assert report.figures["best_baseline"] == "popularity"
    assert report.figures["timings"]["round"]["fit_s"] is None
    assert report.figures["cards"]["round"]["trained_on"]["rows"] == 1_440
    (doubt,) = report.figures["doubts"]
    assert doubt.startswith(
        "round was trained elsewhere and not fitted on TRAIN here (its card names 3 files): that it"
    )
    for page in ("report.md", "report.html"):
        text = (tmp_path / "report" / page).read_text("utf-8")
        assert "trained elsewhere" in text
    predictions = pl.read_parquet(tmp_path / "report" / "predictions.parquet")
    assert predictions["model"].unique().sort().to_list() == ["popularity", "round"]


def test_only_a_trained_model_is_measured(many: str, tmp_path: Path) -> None:
    train_on_listens(many, tmp_path / "round", kind="markov")
    going_round(first=100).write_parquet(tmp_path / "new.parquet")
    report = evaluate(tmp_path / "new.parquet", models=[tmp_path / "round"], seeds=2, report=tmp_path / "report")
    assert report.figures["models"]["round"]["seeds"]["fits"] == 1


def test_a_model_that_has_seen_the_answers_is_told(tmp_path: Path) -> None:
    going_round().write_parquet(tmp_path / "one.parquet")
    train_on_listens(str(tmp_path / "one.parquet"), tmp_path / "round", kind="markov")
    report = evaluate(tmp_path / "one.parquet", models=[tmp_path / "round"], report=tmp_path / "report")
    assert "its card names LISTENS, targets and all: it has seen the answers" in report.figures["doubts"][-1]
    parts = {"train": tmp_path / "report" / "train.parquet", "test": tmp_path / "report" / "test.parquet"}
    report = evaluate(**parts, models=[tmp_path / "round"], report=tmp_path / "again")
    assert "can't be excluded" in report.figures["doubts"][-1]
    train_on_listens(str(parts["train"]), tmp_path / "fair", kind="markov")
    report = evaluate(**parts, models=[tmp_path / "fair"], report=tmp_path / "third")
    assert "1 files, TRAIN among them" in report.figures["doubts"][-1]


def test_folders_that_can_not_be_measured(many: str, vectors: Path, tmp_path: Path) -> None:
    going_round().write_parquet(tmp_path / "one.parquet")

    def refused(kind: type[Exception], match: str, *models: Any, **more: Any) -> None:
        with pytest.raises(kind, match=match):
            evaluate(tmp_path / "one.parquet", models=models, report=tmp_path / "report", **more)
        assert not (tmp_path / "report").exists()

    from segue.errors import DamagedHome, NotReady

    refused(NotFound, "no model is called .*nowhere", str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    refused(DamagedHome, r"empty/card\.json can't be read", tmp_path / "empty")
    train_on_listens(many, tmp_path / "gru", kind="markov")
    refused(BadInput, "has the name of a model that is fitted here", tmp_path / "gru")
    train_on_listens(many, tmp_path / "four", kind="gru", size="tiny", vectors=vectors)
    refused(BadInput, "four is asked for twice", tmp_path / "four", str(tmp_path / "four"))
    pl.DataFrame({"track": CIRCLE, "vector": [[1.0, 2.0]] * 12}).write_parquet(tmp_path / "two.parquet")
    refused(NotReady, "sounds of 4 numbers", "popularity", tmp_path / "four", vectors=tmp_path / "two.parquet")


@pytest.mark.parametrize("kind", ["gru", "gru-memory", "blend"])
@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"listener": ["a"], "played_at": [5], "track": ["x"]}),
        pl.DataFrame({"listener": ["a"] * 400, "played_at": range(400), "track": ["x"] * 400}),
        pl.concat(
            [going_round(), pl.DataFrame([("once", 1_600_000_000, "t0", None)], going_round().schema, orient="row")]
        ),
    ],
    ids=["one listen", "one track", "a listener with one listen"],
)
def test_thin_histories(tmp_path: Path, frame: pl.DataFrame, kind: str) -> None:
    frame.write_parquet(tmp_path / "thin.parquet")
    made = train_on_listens(str(tmp_path / "thin.parquet"), tmp_path / "made", kind=kind, size="tiny")
    assert made.listens == len(frame)
    model = load_model(tmp_path / "made", Items(tuple(sorted(set(frame["track"])))))
    assert not np.isnan(model.score(model.start())).any()


def test_bad_vectors_are_refused_before_anything_is_read(many: str, tmp_path: Path) -> None:
    pl.DataFrame({"track": ["t0", "t1"], "vector": [[1.0, float("nan")], [1.0, 1.0]]}).write_parquet(
        tmp_path / "v.parquet"
    )
    with pytest.raises(BadInput, match=r"v\.parquet: 1 rows of vector hold nulls, NaN or infinity"):
        train_on_listens(many, tmp_path / "made", vectors=tmp_path / "v.parquet")
    assert not (tmp_path / "made").exists()


def test_what_is_there_is_not_written_over(many: str, tmp_path: Path) -> None:
    place = tmp_path / "made"
    place.mkdir()
    train_on_listens(many, place, kind="popularity")  # empty: as good as not there
    before = {file.name: file.read_bytes() for file in place.iterdir()}
    with pytest.raises(BadInput, match=r"made holds a trained model, which is never written over: give a folder"):
        train_on_listens(str(tmp_path / "nowhere"), place, kind="popularity")  # told before anything is read
    assert {file.name: file.read_bytes() for file in place.iterdir()} == before
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"meow")
    for taken in (tmp_path / "photos", tmp_path / "photos" / "cat.jpg"):
        with pytest.raises(BadInput, match="holds something else: give a folder"):
            train_on_listens(many, taken)
    with pytest.raises(BadInput, match=r"can't be made, since .*cat\.jpg can't be written"):
        train_on_listens(many, tmp_path / "photos" / "cat.jpg" / "model")


def test_kinds_that_are_none(many: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="did you mean gru-memory"):
        train_on_listens(many, tmp_path / "made", kind="gru-memry")
    with pytest.raises(BadInput, match="sound learns nothing from listens"):
        train_on_listens(many, tmp_path / "made", kind="sound")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("after", ["weights.safetensors", "card.json"])
def test_a_kill_while_writing_leaves_no_half_model(many: str, tmp_path: Path, after: str) -> None:
    place = tmp_path / "made"
    script = (
        "import os, signal, sys; from pathlib import Path; import segue.taste.files as files\n"
        "def deadly(write):\n"
        "    def writing(path, content):\n"
        "        write(path, content)\n"
        "        if path.name == sys.argv[3]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return writing\n"
        "files.write_bytes, files.write_text = deadly(files.write_bytes), deadly(files.write_text)\n"
        "from segue.library.listens_training import train_on_listens\n"
        "train_on_listens(sys.argv[1], Path(sys.argv[2]), kind='markov')\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, many, str(place), after], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert not place.exists()
    assert [path.name for path in tmp_path.glob(".made.*.part")] != []
    train_on_listens(many, place, kind="markov")
    assert list(tmp_path.glob(".made.*.part")) == []
    load_model(place, Items(tuple(CIRCLE)))


def test_the_command(run: Run, many: str, tmp_path: Path) -> None:
    home, place = tmp_path / "home", tmp_path / "made"
    shown = run(home, "train", "--listens", many, "--model", place, "--kind", "gru", "--seed", "2")
    assert shown.code == 0, shown.err
    assert "Trained gru into" in shown.out
    assert "read listens" in shown.err
    assert not home.exists()  # without a library and without a home
    assert json.loads((place / "card.json").read_text("utf-8"))["size"] == "tiny"  # the environment's
    told = run(home, "train", "--listens", many, "--model", tmp_path / "again", "--kind", "markov", "--json").json
    assert (told["files"], told["listens"], told["card"]["trained_on"]["rows"]) == (3, 1_440, 1_440)
    going_round(first=100).write_parquet(tmp_path / "new.parquet")
    measured = run(
        home, "evaluate", tmp_path / "new.parquet", "--models", f"markov,{place}", "--report", tmp_path / "report"
    )
    assert measured.code == 0, measured.err
    assert "Doubt: made was trained elsewhere" in measured.out
    refused = run(home, "train", "--listens", many, "--model", place)
    assert "never written over" in refused.complaint
    assert (
        "no file matches" in run(home, "train", "--listens", "nowhere/*.parquet", "--model", tmp_path / "x").complaint
    )


@pytest.mark.parametrize(
    "words",
    [["--listens", "x"], ["--model", "x"], ["--kind", "gru"], ["--listens", "x", "--model", "y", "--adapt"]],
)
def test_options_that_do_not_go_together(run: Run, tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path / "home", "train", *words)
    assert done.code == 2
    assert not (tmp_path / "home").exists()
