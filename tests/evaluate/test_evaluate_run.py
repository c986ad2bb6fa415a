"""From files to a report, and the report computed again from the predictions alone."""

import json
import math
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from evaluate_models import Broken, Constant, Last, Oracle, Random, Stateless, random_listens
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.errors import BadInput, NotFound
from segue.evaluate.run import evaluate
from segue.taste.contract import TasteModel
from segue.taste.registry import MODELS


@pytest.fixture
def listens(tmp_path: Path) -> Path:
    path = tmp_path / "listens.parquet"
    random_listens().write_parquet(path)
    return path


def overall(report: Any, model: str, gain: str) -> float:
    return report.figures["models"][model]["segments"]["all"][gain]["value"]


def test_models_whose_place_is_known(listens: Path, tmp_path: Path) -> None:
    report = evaluate(
        listens, models=["popularity", Oracle(), Random(), Constant(), Broken()], report=tmp_path / "report"
    )
    for gain in ("recall@1", "recall@10", "mrr@20", "ndcg@20"):
        assert overall(report, "oracle", gain) == 1
        assert overall(report, "constant", gain) == overall(report, "broken", gain) == 0
    parts = report.figures["models"]
    assert parts["constant"]["segments"]["all"]["median_rank"] == 50
    assert overall(report, "random", "recall@10") == pytest.approx(10 / 50, abs=0.08)
    assert overall(report, "random", "recall@20") == pytest.approx(20 / 50, abs=0.1)
    assert parts["oracle"]["coverage@20"] == 1
    assert parts["constant"]["coverage@20"] == 20 / 50
    assert parts["broken"]["coverage@20"] == 0
    assert parts["broken"]["popularity@20"] is None
    assert parts["broken"]["nan_targets"] == 240
    assert "broken gave NaN" in report.figures["doubts"][0]
    assert report.figures["best_baseline"] == "popularity"
    assert report.figures["differences"]["oracle"]["mrr@20"]["verdict"] == "better"
    assert report.figures["differences"]["constant"]["recall@20"]["verdict"] == "worse"


def test_nan_spoils_neither_the_rank_nor_the_list(tmp_path: Path) -> None:
    class Spotted(Stateless):
        name = "spotted"

        def score(self, state: int, at: int = 0) -> Any:
            scores = np.arange(len(self.items), dtype=np.float32)
            scores[:1_500] = np.nan
            return scores

    ids = [f"t{number:04d}" for number in range(3_000)]  # enough that the top is not found by a plain sort
    pl.DataFrame({"listener": "a", "played_at": range(3_000), "track": ids}).write_parquet(tmp_path / "listens.parquet")
    report = evaluate(tmp_path / "listens.parquet", models=[Spotted()], report=tmp_path / "report")
    rows = pl.read_parquet(tmp_path / "report" / "predictions.parquet")
    assert all(top == ids[:-21:-1] for top in rows["top"].to_list())
    assert rows["rank"].to_list() == list(range(600, 0, -1))
    assert report.figures["models"]["spotted"]["nan_targets"] == 600


def test_a_hand_made_history(tmp_path: Path) -> None:
    """Last knows only what was heard, the latest first: every rank and list can be told by hand."""
    pl.DataFrame({"listener": ["a"] * 3, "played_at": [1, 2, 3], "track": ["x", "y", "z"]}).write_parquet(
        tmp_path / "train.parquet"
    )
    pl.DataFrame(
        {
            "listener": ["b", "a", "a", "a"],
            "played_at": [7, 6, 5, 4],
            "track": ["x", "new", "x", "z"],
            "target": [True, True, True, False],
        }
    ).write_parquet(tmp_path / "test.parquet")
    report = evaluate(
        train=tmp_path / "train.parquet", test=tmp_path / "test.parquet", models=[Last()], report=tmp_path / "report"
    )
    rows = pl.read_parquet(tmp_path / "report" / "predictions.parquet").to_dicts()
    assert rows == [
        {"model": "last", "row": 0, "target": "x", "rank": 4, "rank_closed": 3, "top": []},
        {"model": "last", "row": 1, "target": "new", "rank": 4, "rank_closed": None, "top": ["x", "z", "y"]},
        {"model": "last", "row": 2, "target": "x", "rank": 3, "rank_closed": 3, "top": ["z", "y", "x"]},
    ]
    closed = report.figures["models"]["last"]["closed"]
    assert closed["all"]["mrr@20"]["value"] == pytest.approx(2 / 9, abs=1e-6)
    assert closed["known"]["mrr@20"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert (closed["all"]["targets"], closed["known"]["targets"]) == (3, 2)
    parts = report.figures["models"]["last"]["segments"]
    assert parts["all"]["recall@10"]["value"] == 1
    assert parts["all"]["mrr@20"]["value"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 4) / 3, abs=1e-6)
    assert {name: part["targets"] for name, part in parts.items()} == {
        "all": 3,
        "repeat": 1,
        "first time": 2,
        "known": 2,
        "cold": 1,
        "rare": 2,
        "new listener": 1,
        "≤1 before": 1,
        "4–5 before": 2,
        "1st in session": 1,
        "2nd–5th in session": 1,
        "later in session": 1,
    }
    assert not (tmp_path / "report" / "train.parquet").exists()


def test_every_number_follows_from_the_predictions(listens: Path, tmp_path: Path) -> None:
    place = tmp_path / "report"
    report = evaluate(listens, models=["popularity", Random(), Last()], report=place)
    predictions = pl.read_parquet(place / "predictions.parquet")
    test, train = pl.read_parquet(place / "test.parquet"), pl.read_parquet(place / "train.parquet")
    assert predictions.schema == pl.Schema(
        {
            "model": pl.String,
            "row": pl.Int64,
            "target": pl.String,
            "rank": pl.Int32,
            "rank_closed": pl.Int32,
            "top": pl.List(pl.String),
        }
    )
    assert predictions["rank_closed"].to_list() == predictions["rank"].to_list()  # TRAIN holds all 50 tracks
    catalogue = set(train["track"]) | set(test["track"])
    plays = train["track"].value_counts().rows()
    popularity = {track: math.log1p(count) for track, count in plays}
    for name, model in report.figures["models"].items():
        mine = predictions.filter(pl.col("model") == name)
        assert mine["row"].to_list() == list(range(len(test)))
        assert mine["target"].to_list() == test["track"].to_list()
        heard = set(train.select("listener", "track").iter_rows())
        repeat = []
        for listener, track in test.sort("listener", "played_at").select("listener", "track").iter_rows():
            repeat.append((listener, track) in heard)
            heard.add((listener, track))
        for segment, chosen in (
            ("all", mine),
            ("repeat", mine.filter(pl.Series(repeat))),
            ("first time", mine.filter(~pl.Series(repeat))),
        ):
            part = model["segments"][segment]
            rank = chosen["rank"].to_list()
            assert part["targets"] == len(rank)
            for k in (1, 10, 20, 100):
                assert part[f"recall@{k}"]["value"] == pytest.approx(np.mean([r <= k for r in rank]), abs=1e-6)
            near = [r for r in rank if r <= 20]
            assert part["mrr@20"]["value"] == pytest.approx(sum(1 / r for r in near) / len(rank), abs=1e-6)
            for k in (10, 20, 100):
                gain = sum(1 / math.log2(1 + r) for r in rank if r <= k) / len(rank)
                assert part[f"ndcg@{k}"]["value"] == pytest.approx(gain, abs=1e-6)
            assert part["median_rank"] == np.median(rank)
            assert part["recall@20"]["low"] <= part["recall@20"]["value"] <= part["recall@20"]["high"]
        top = mine["top"].explode().drop_nulls().to_list()
        assert model["coverage@20"] == pytest.approx(len(set(top)) / len(catalogue), abs=1e-6)
        share = {track: (dict(plays).get(track, 0) + 1) / (len(train) + len(catalogue)) for track in catalogue}
        assert model["novelty@20"] == pytest.approx(np.mean([-math.log2(share[t]) for t in top]), abs=1e-6)
        assert model["popularity@20"] == pytest.approx(np.mean([popularity.get(t, 0) for t in top]), abs=1e-6)
        for target, rank, lists in mine.select("target", "rank", "top").iter_rows():
            assert (target in lists) or rank > 20
            assert len(lists) <= 20


def test_the_written_split_gives_the_same_numbers(listens: Path, tmp_path: Path) -> None:
    first = evaluate(listens, models=["popularity", Last()], report=tmp_path / "one")
    second = evaluate(
        train=tmp_path / "one" / "train.parquet",
        test=tmp_path / "one" / "test.parquet",
        models=["popularity", Last()],
        report=tmp_path / "two",
    )
    assert first.figures["models"] == second.figures["models"]
    assert first.figures["differences"] == second.figures["differences"]


def test_twice_the_same_and_only_timings_differ(listens: Path, tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        evaluate(listens, models=["popularity", "rules"], report=place)
    for name in ("predictions.parquet", "train.parquet", "test.parquet"):
        assert (places[0] / name).read_bytes() == (places[1] / name).read_bytes()
    one, two = (json.loads((place / "report.json").read_text("utf-8")) for place in places)
    assert one.pop("timings").keys() == two.pop("timings").keys() == {"popularity", "rules"}
    assert one == two


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_and_the_names_of_tracks_change_nothing(seed: int, tmp_path: Path) -> None:
    frame = random_listens(listeners=5)
    generator = np.random.default_rng(seed)
    names = {f"t{number}": f"renamed{other}" for number, other in enumerate(generator.permutation(50).tolist())}
    frame.write_parquet(tmp_path / "a.parquet")
    frame[generator.permutation(len(frame))].with_columns(pl.col("track").replace_strict(names)).write_parquet(
        tmp_path / "b.parquet"
    )
    first, second = (
        evaluate(tmp_path / f"{name}.parquet", models=["popularity", Last()], report=tmp_path / name) for name in "ab"
    )
    rank = [pl.read_parquet(tmp_path / name / "predictions.parquet")["rank"].to_list() for name in "ab"]
    assert rank[0] == rank[1]
    for name in ("popularity", "last"):
        assert first.figures["models"][name]["segments"] == second.figures["models"][name]["segments"]


def test_playlists(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "playlist": np.repeat(np.arange(400), 8),
            "position": np.tile(np.arange(8), 400),
            "track": generator.integers(30, size=3200),
        }
    )
    frame.write_parquet(tmp_path / "lists.parquet")
    report = evaluate(
        tmp_path / "lists.parquet", split="playlist", models=["popularity", Oracle()], report=tmp_path / "report"
    )
    task = report.figures["task"]
    assert task["group"] == "playlist"
    assert task["targets"] == 4 * task["split"]["held_out_playlists"] == 4 * task["listeners"]
    assert report.figures["intervals"]["unit"] == "playlist"
    assert report.figures["intervals"]["note"] == ""
    assert overall(report, "oracle", "recall@1") == 1
    test = pl.read_parquet(tmp_path / "report" / "test.parquet")
    rows = pl.read_parquet(tmp_path / "report" / "predictions.parquet").filter(pl.col("model") == "oracle")
    assert test[rows["row"].to_list()]["target"].all()
    assert test[rows["row"].to_list()]["track"].cast(pl.String).to_list() == rows["target"].to_list()


@pytest.mark.parametrize(
    ("frame", "unit"),
    [
        (random_listens(listeners=3, each=400).with_columns(pl.col("played_at") * 300 - 478_000_000_000), "day of one"),
        (random_listens(listeners=3, each=400).with_columns(pl.col("played_at") // 60), "block of 20"),
    ],
)
def test_few_listeners_are_resampled_in_smaller_pieces_and_the_report_says_so(
    frame: pl.DataFrame, unit: str, tmp_path: Path
) -> None:
    frame.write_parquet(tmp_path / "listens.parquet")
    found = evaluate(tmp_path / "listens.parquet", models=["popularity"], report=tmp_path / "report").figures
    assert found["intervals"]["unit"].startswith(unit)
    assert "these 3 listeners only" in found["intervals"]["note"]
    assert ("too few" in found["intervals"]["note"]) == (found["intervals"]["clusters"] < 30)
    assert found["intervals"]["note"] in (tmp_path / "report" / "report.md").read_text("utf-8")


def test_vectors_bring_tracks_nobody_heard_into_the_catalogue(listens: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ids = [*(f"t{number}" for number in range(0, 50, 2)), "unheard"]
    pl.DataFrame({"track": ids, "vector": generator.normal(size=(len(ids), 8)).tolist()}).write_parquet(
        tmp_path / "vectors.parquet"
    )
    report = evaluate(
        listens, vectors=tmp_path / "vectors.parquet", models=["popularity", "sound"], report=tmp_path / "report"
    )
    task = report.figures["task"]
    assert (task["catalogue"], task["catalogue_in_train"], task["catalogue_with_vector"]) == (51, 50, 26)
    assert "unheard" in set(pl.read_parquet(tmp_path / "report" / "predictions.parquet")["top"].explode())
    assert set(report.figures["data"]) == {"listens", "vectors"}


def test_the_page_for_people_holds_what_the_machine_has(listens: Path, tmp_path: Path) -> None:
    report = evaluate(listens, models=["popularity", Last()], report=tmp_path / "report")
    page = (tmp_path / "report" / "report.md").read_text("utf-8")
    for name in ("popularity", "last"):
        estimate = report.figures["models"][name]["segments"]["all"]["mrr@20"]
        assert f"{estimate['value']:.4f} ({estimate['low']:.4f}–{estimate['high']:.4f})" in page
    assert report.figures["data"]["listens"]["sha256"] in page
    assert "highest NDCG@20 here, **popularity**" in page
    assert "a tie counts against the model" in page
    assert report.figures["task"]["split"]["rule"] in page
    assert {"all", "repeat", "first time"} <= set(report.figures["models"]["last"]["segments"])
    assert "By NDCG@20 the best of all is" in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("| model | Recall@1")}
    assert widths == {10, 11}  # with the median rank, and in the closed catalogue without


def test_finished_and_skipped_listens_are_reported_apart(tmp_path: Path) -> None:
    played_s = [200.0, 100.0, 5.0, None]  # finished, broken off, a skip, unknown
    frame = random_listens().with_columns(
        played_s=pl.Series(played_s * 300), duration_s=210.0, skipped=pl.int_range(pl.len()) % 12 == 0
    )
    frame.write_parquet(tmp_path / "listens.parquet")
    report = evaluate(tmp_path / "listens.parquet", models=["popularity"], report=tmp_path / "report")
    test = pl.read_parquet(tmp_path / "report" / "test.parquet")
    parts = report.figures["models"]["popularity"]["segments"]
    assert parts["all"]["targets"] == len(test)
    skipped = test["skipped"] | (test["played_s"] == 5).fill_null(value=False)
    assert parts["finished"]["targets"] == int((~test["skipped"] & (test["played_s"] == 200)).sum())
    assert parts["not skipped"]["targets"] == int((~skipped).sum())


def test_names_that_are_no_models(listens: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="did you mean popularity"):
        evaluate(listens, models=["populrity"], report=tmp_path / "report")
    with pytest.raises(NotFound, match="take popularity"):
        evaluate(listens, models=["zzz"], report=tmp_path / "report")
    with pytest.raises(BadInput, match="twice"):
        evaluate(listens, models=["rules", "rules"], report=tmp_path / "report")
    with pytest.raises(BadInput, match="--vectors"):
        evaluate(listens, models=["sound"], report=tmp_path / "report")
    with pytest.raises(NotFound, match="time or playlist"):
        evaluate(listens, split="random", report=tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_arguments_that_do_not_go_together(listens: Path, tmp_path: Path) -> None:
    for arguments in ({}, {"train": listens}, {"listens": listens, "train": listens, "test": listens}):
        with pytest.raises(BadInput, match="either"):
            evaluate(**arguments, report=tmp_path / "report")
    with pytest.raises(BadInput, match="1 or more"):
        evaluate(listens, seeds=0, report=tmp_path / "report")
    for arguments in ({"train": listens, "test": listens}, {"listens": listens, "split": "playlist"}):
        with pytest.raises(BadInput, match="leave --gap-hours out"):
            evaluate(**arguments, gap_hours=1, report=tmp_path / "report")
    for hours in (-1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="hours makes no sense"):
            evaluate(listens, gap_hours=hours, report=tmp_path / "report")
    with pytest.raises(BadInput, match="smaller --gap-hours"):
        evaluate(listens, gap_hours=1e6, report=tmp_path / "report")
    with pytest.raises(BadInput, match="is a file"):
        evaluate(listens, report=listens)
    test = tmp_path / "test.parquet"
    listens.rename(test)
    with pytest.raises(BadInput, match="write over"):
        evaluate(test, report=tmp_path)
    random_listens().with_columns(target=False).write_parquet(tmp_path / "nothing.parquet")
    with pytest.raises(BadInput, match="no row as target"):
        evaluate(train=test, test=tmp_path / "nothing.parquet", report=tmp_path / "report")


def test_a_failed_run_leaves_the_earlier_report_as_it_was(listens: Path, tmp_path: Path) -> None:
    class Failing(Stateless):
        name = "failing"

        def score(self, state: int, at: int = 0) -> Any:
            raise RuntimeError("boom")

    place = tmp_path / "report"
    evaluate(listens, models=["popularity"], report=place)
    before = {file.name: file.read_bytes() for file in place.iterdir()}
    with pytest.raises(RuntimeError, match="boom"):
        evaluate(listens, models=["popularity", Failing()], report=place)
    assert {file.name: file.read_bytes() for file in place.iterdir()} == before


def test_a_killed_run_leaves_the_earlier_report_and_the_next_one_sweeps(listens: Path, tmp_path: Path) -> None:
    place = tmp_path / "report"
    evaluate(listens, models=["popularity"], report=place)
    before = {file.name: file.read_bytes() for file in place.iterdir()}
    script = (
        "import os, signal, sys; from pathlib import Path; from segue.evaluate.run import evaluate\n"
        "def watch(stage, done, total):\n"
        "    if stage == 'rules: ranking' and done: os.kill(os.getpid(), signal.SIGKILL)\n"
        "evaluate(Path(sys.argv[1]), models=['popularity', 'rules'], report=Path(sys.argv[2]), progress=watch)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(listens), str(place)], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    leftovers = [path for path in place.iterdir() if path.name not in before]
    assert [path.suffix for path in leftovers] == [".part"]
    assert {name: (place / name).read_bytes() for name in before} == before
    evaluate(listens, models=["popularity"], report=place)
    assert {path.name for path in place.iterdir()} == set(before)


def test_models_that_break_the_contract_are_stopped(listens: Path, tmp_path: Path) -> None:
    class Short(Stateless):
        name = "short"

        def along(self, events: Any, targets: Any) -> Any:
            for positions, scores in super().along(events, targets):
                yield positions[:-1], scores[:-1]

    class Narrow(Stateless):
        name = "narrow"

        def score(self, state: int, at: int = 0) -> Any:
            return np.zeros(1, dtype=np.float32)

        def along(self, events: Any, targets: Any) -> Any:
            yield targets, np.zeros((len(targets), 3), dtype=np.float32)

    class Elsewhere(Stateless):
        name = "elsewhere"

        def along(self, events: Any, targets: Any) -> Any:
            for positions, scores in super().along(events, targets):
                yield positions + 1, scores

    for model in (Short(), Narrow(), Elsewhere()):
        with pytest.raises(ValueError, match=f"{model.name}.along"):
            evaluate(listens, models=[model], report=tmp_path / "report")


@pytest.mark.parametrize("name", list(MODELS))
def test_nothing_after_a_target_and_nothing_of_it_changes_its_rank(name: str, tmp_path: Path) -> None:
    """The target's own outcome, and all that follows it, is drawn anew: what the model says of it must stay."""
    paths = {part: tmp_path / f"{part}.parquet" for part in ("train", "test", "other", "vectors")}
    generator = np.random.default_rng(1)
    frame = (
        random_listens(listeners=12, each=40).sort("played_at").with_columns(skipped=pl.int_range(pl.len()) % 4 == 0)
    )
    train, test = frame[:380], frame[380:]
    marked = test.with_columns(target=pl.int_range(pl.len()).over("listener") == 2)
    after = (pl.int_range(pl.len()) > 2).over("listener")
    drawn = pl.Series([f"t{number}" for number in generator.integers(50, size=len(test))])
    other = marked.with_columns(
        track=pl.when(after).then(drawn).otherwise("track"),
        skipped=pl.when(after | pl.col("target")).then(~pl.col("skipped")).otherwise("skipped"),
        played_at=pl.when(after).then(pl.col("played_at") + 7).otherwise("played_at"),
    )
    assert int((other["track"] != marked["track"]).sum()) > 20
    train.write_parquet(paths["train"])
    marked.write_parquet(paths["test"])
    other.write_parquet(paths["other"])
    vectors = generator.normal(size=(50, 8)).tolist()
    pl.DataFrame({"track": [f"t{number}" for number in range(50)], "vector": vectors}).write_parquet(paths["vectors"])
    found = []
    for part in ("test", "other"):
        place = tmp_path / f"report-{part}"
        evaluate(train=paths["train"], test=paths[part], vectors=paths["vectors"], models=[name], report=place)
        found.append(pl.read_parquet(place / "predictions.parquet"))
    assert len(found[0]) == 12
    assert found[0].equals(found[1])


@pytest.mark.parametrize("name", ["popularity", "rules"])
def test_changing_test_never_changes_the_weights(name: str, tmp_path: Path) -> None:
    from segue.taste.registry import make

    models: list[TasteModel[Any]] = []
    frame = random_listens().sort("played_at")
    frame[:900].write_parquet(tmp_path / "train.parquet")
    for seed in (0, 1):
        shuffled = frame[900:].with_columns(pl.col("track").shuffle(seed=seed), pl.col("listener").shuffle(seed=seed))
        shuffled.write_parquet(tmp_path / "test.parquet")
        models.append(make(name, "small"))
        evaluate(
            train=tmp_path / "train.parquet",
            test=tmp_path / "test.parquet",
            models=[models[-1]],
            report=tmp_path / "report",
        )
        (tmp_path / f"weights{seed}").mkdir()
        models[-1].save(tmp_path / f"weights{seed}")
    files = sorted(file.name for file in (tmp_path / "weights0").iterdir())
    assert files
    for file in files:
        assert (tmp_path / "weights0" / file).read_bytes() == (tmp_path / "weights1" / file).read_bytes()


def test_the_default_is_the_baselines_that_are_possible_and_the_gru() -> None:
    from segue.evaluate.entrants import DEFAULT, choose

    expected = [name for name in DEFAULT if name in MODELS]
    assert list(choose([], sound=True)) == expected
    assert list(choose([], sound=False)) == [name for name in expected if name != "sound"]
    assert {"popularity", "rules", "sound", "gru"} <= set(expected)
    own = Last()
    everything = choose(["all", own], sound=False)
    assert list(everything) == [*(name for name in MODELS if name != "sound"), "last"]
    assert everything["last"] is own


def test_only_models_of_chance_are_fitted_again_with_every_seed(listens: Path, tmp_path: Path) -> None:
    from segue.evaluate.entrants import RANDOM

    class Chance(Random):
        name = RANDOM[0]

    report = evaluate(listens, models=["popularity", Chance()], seed=4, seeds=3, report=tmp_path / "report")
    models = report.figures["models"]
    assert (models["popularity"]["seeds"]["fits"], models[RANDOM[0]]["seeds"]["fits"]) == (1, 3)
    rows = pl.read_parquet(tmp_path / "report" / "predictions.parquet")
    found = rows.group_by("model", "seed").agg(mean=(pl.col("rank") <= 20).mean(), targets=pl.len())
    assert sorted(found.select("model", "seed").rows()) == [
        (RANDOM[0], 4),
        (RANDOM[0], 5),
        (RANDOM[0], 6),
        ("popularity", 4),
    ]
    assert set(found["targets"]) == {240}
    by_seed = found.filter(model=RANDOM[0]).sort("seed")["mean"].to_list()
    told = models[RANDOM[0]]["seeds"]["recall@20"]
    assert len(set(by_seed)) > 1
    assert told["values"] == pytest.approx(by_seed, abs=1e-6)
    assert told["sd"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-6)
    assert overall(report, RANDOM[0], "recall@20") == pytest.approx(np.mean(by_seed), abs=1e-6)
    page = (tmp_path / "report" / "report.md").read_text("utf-8")
    assert "## Luck with the seed" in page
    assert f"{np.mean(by_seed):.4f} ± {told['sd']:.4f}" in page
    once = evaluate(listens, models=["popularity", Chance()], seed=4, report=tmp_path / "once")
    assert "seed" not in pl.read_parquet_schema(tmp_path / "once" / "predictions.parquet")
    assert once.figures["models"]["popularity"] == models["popularity"]


def test_a_gap_after_the_cut_moves_the_state_and_predicts_nothing(tmp_path: Path) -> None:
    random_listens().with_columns(pl.col("played_at") * 60).write_parquet(tmp_path / "listens.parquet")
    whole = evaluate(tmp_path / "listens.parquet", models=[Last()], report=tmp_path / "whole")
    gapped = evaluate(tmp_path / "listens.parquet", models=[Last()], gap_hours=100, report=tmp_path / "gapped")
    cut = gapped.figures["task"]["split"]["cut_s"]
    test = pl.read_parquet(tmp_path / "gapped" / "test.parquet")
    assert 0 < test["target"].sum() == int((test["played_at"] >= cut + 360_000).sum()) < len(test)
    rows = [pl.read_parquet(tmp_path / name / "predictions.parquet") for name in ("whole", "gapped")]
    assert rows[1].equals(rows[0].filter(pl.col("row").is_in(rows[1]["row"].implode())))  # the state is the same
    assert whole.figures["task"]["targets"] > gapped.figures["task"]["targets"] == len(rows[1])
    assert "100 hours or more after it" in gapped.figures["task"]["split"]["rule"]


def test_skips_and_artists_are_told_where_they_are_given(tmp_path: Path) -> None:
    frame = random_listens().with_columns(
        artist="by " + pl.col("track").str.slice(1, 1), played_s=200.0, duration_s=200.0
    )
    frame = frame.with_columns(skipped=pl.col("track").str.slice(1, 1) == "1")
    frame.write_parquet(tmp_path / "listens.parquet")
    figures = evaluate(tmp_path / "listens.parquet", models=[Oracle(), Constant()], report=tmp_path / "report").figures
    test = pl.read_parquet(tmp_path / "report" / "test.parquet")
    assert figures["of_targets"]["skips"] == pytest.approx(test["skipped"].mean(), abs=1e-6)
    assert figures["models"]["oracle"]["skips@1"] == figures["of_targets"]["skips"]
    assert figures["models"]["constant"]["skips@20"] is None
    assert figures["variety_basis"] == "artists"
    assert 0 < figures["models"]["oracle"]["variety@20"] < 1
    assert figures["winner"]["model"] == "oracle"


def column(size: int, **columns: Any) -> pl.DataFrame:
    listens = {"listener": ["a"] * size, "played_at": range(size), "track": [f"t{row % 4}" for row in range(size)]}
    return pl.DataFrame({**listens, **columns})


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize(
    "frame",
    [
        column(2),
        column(30, track=["x"] * 30),
        column(30, played_at=[0] * 20 + [1] * 10),
        column(30, track=[f"t{row}" for row in range(30)]),
        column(30, skipped=[True] * 30),
    ],
    ids=["two listens", "one track", "equal times", "every target is unknown", "all skipped"],
)
def test_strange_histories_work(name: str, frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_parquet(tmp_path / "listens.parquet")
    vectors = {"track": ["t0", "t2", "elsewhere"], "vector": [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]}
    pl.DataFrame(vectors).write_parquet(tmp_path / "vectors.parquet")
    report = evaluate(
        tmp_path / "listens.parquet", vectors=tmp_path / "vectors.parquet", models=[name], report=tmp_path / "report"
    )
    model = report.figures["models"][name]
    assert model["nan_targets"] == 0
    assert 0 <= model["segments"]["all"]["recall@20"]["value"] <= 1
    if "known" not in model["segments"] and report.figures["task"]["targets_in_train"] == 0:
        assert model["closed"]["all"]["recall@100"]["value"] == 0
    assert (tmp_path / "report" / "report.html").read_text("utf-8")


def test_too_little_to_split_is_one_clear_error(tmp_path: Path) -> None:
    for frame, reason in ((column(1), "only one"), (column(9, played_at=[5] * 9), "all times being equal")):
        frame.write_parquet(tmp_path / "listens.parquet")
        with pytest.raises(BadInput, match=reason):
            evaluate(tmp_path / "listens.parquet", report=tmp_path / "report")
