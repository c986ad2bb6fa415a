"""The search from a table to settings: its bounds, its going on, its refusals."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tune_listens import planted, search, struck, told

from segue.errors import BadInput, HomeBusy, NotFound, NotReady
from segue.evaluate.run import evaluate
from segue.taste.given import numbers
from segue.taste.gru import SessionGru
from segue.taste.registry import settings_of
from segue.tune import run, study


@pytest.fixture(scope="module")
def listens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tune") / "listens.parquet"
    planted().write_parquet(file)
    return file


@pytest.fixture(scope="module")
def undisturbed(listens: Path) -> Any:
    return search(listens, listens.parent / "undisturbed", trials=4)


class Clock:
    """Stands still, but for what is told to take time."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> tuple[Clock, list[float]]:
    """A clock, and a list of how long the fits will take, each half way before it tells of its progress."""
    clock, lengths = Clock(), []
    original = SessionGru.fit

    def fit(self: SessionGru, *arguments: Any, progress: Any, **named: Any) -> Any:
        length = lengths.pop(0)
        clock.now += length / 2
        progress("fit", 1, 2)
        card = original(self, *arguments, **named)
        clock.now += length / 2
        progress("fit", 2, 2)
        return card

    monkeypatch.setattr(SessionGru, "fit", fit)
    return clock, lengths


def test_the_default_is_the_first_trial_and_the_best_is_never_worse(undisturbed: Any) -> None:
    default = numbers(settings_of("gru", "tiny"))
    figures = undisturbed.figures
    trials = figures["trials"]
    assert trials[0]["values"] == {name: default[name] for name in figures["settings"]}
    assert len(trials) == figures["new_trials"] == 4
    assert len({json.dumps(trial["values"]) for trial in trials}) == 4
    best = max(trials, key=lambda trial: trial["recall@20"])
    assert figures["best"]["recall@20"]["value"] == best["recall@20"] >= trials[0]["recall@20"]
    assert figures["default"]["recall@20"]["value"] == trials[0]["recall@20"]
    given = json.loads((undisturbed.directory / "settings.json").read_text("utf-8"))
    assert given == {"gru": default | trials[figures["best_trial"]]["values"]}


def test_what_was_found_is_what_evaluate_finds_with_these_settings(listens: Path, undisturbed: Any) -> None:
    report = evaluate(
        listens,
        models=["gru"],
        size="large",
        settings=undisturbed.directory / "settings.json",
        report=undisturbed.directory / "evaluation",
    )
    found = report.figures["models"]["gru"]["segments"]["all"]
    assert found["recall@20"]["value"] == pytest.approx(undisturbed.figures["best"]["recall@20"]["value"], abs=1e-6)
    assert found["mrr@20"]["value"] == pytest.approx(undisturbed.figures["best"]["mrr@20"]["value"], abs=1e-6)
    assert report.figures["data"]["settings"]["file"] == "settings.json"


def test_the_difference_is_paired(undisturbed: Any) -> None:
    for gain in ("recall@20", "mrr@20"):
        found = undisturbed.figures["difference"][gain]
        best, default = undisturbed.figures["best"][gain], undisturbed.figures["default"][gain]
        assert found["value"] == pytest.approx(best["value"] - default["value"])
        assert found["low"] <= found["value"] <= found["high"]
        assert found["high"] - found["low"] < (best["high"] - best["low"]) + (default["high"] - default["low"])


def test_a_run_that_goes_on_proposes_what_an_undisturbed_one_does(
    listens: Path, undisturbed: Any, tmp_path: Path
) -> None:
    counts = [search(listens, tmp_path, trials=trials).figures["new_trials"] for trials in (1, 3)]
    assert counts == [1, 2]
    assert told(search(listens, tmp_path, trials=4)) == told(undisturbed)
    again = search(listens, tmp_path, trials=4)
    assert again.figures["new_trials"] == 0
    assert told(again) == told(undisturbed)
    assert told(search(listens, tmp_path / "other", trials=2, seed=1))[1] != told(undisturbed)[1]


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        (SessionGru, "fit", 1),
        (SessionGru, "fit", 2),
        (run, "rank_targets", 2),
        (study, "write_bytes", 1),
        (study.Study, "_file", 3),
        (study.Study, "finished", 9),
        (run, "_keep", 2),
        (run, "markdown", 1),
    ],
)
def test_whatever_stops_it_the_next_run_goes_on(
    owner: Any, name: str, at: int, listens: Path, undisturbed: Any, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), struck(owner, name, at):
        search(listens, tmp_path, trials=4)
    assert told(search(listens, tmp_path, trials=4)) == told(undisturbed)


@pytest.mark.parametrize(("name", "at"), [("ask", 1), ("ask", 2), ("tell", 1), ("tell", 2), ("tell", 3)])
def test_a_trial_that_was_asked_for_or_written_but_not_told_is_tried_again(
    name: str, at: int, listens: Path, undisturbed: Any, tmp_path: Path
) -> None:
    import optuna

    with pytest.raises(KeyboardInterrupt), struck(optuna.Study, name, at):
        search(listens, tmp_path, trials=4)
    assert told(search(listens, tmp_path, trials=4)) == told(undisturbed)


def test_a_killed_process_goes_on(listens: Path, undisturbed: Any, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "segue", "tune", listens, "--study", tmp_path, "--size", "tiny", "--trials", "4"]
    for number in range(2):  # once while the second trial runs, once while the third does
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            late = time.monotonic() + 120
            while len(list(tmp_path.glob("ranks/*.npy"))) <= number and time.monotonic() < late:
                assert process.poll() is None, process.communicate()
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
    assert told(search(listens, tmp_path, trials=4)) == told(undisturbed)


def test_no_trial_begins_that_would_take_longer_than_what_is_left(
    listens: Path, tmp_path: Path, timed: tuple[Clock, list[float]]
) -> None:
    clock, lengths = timed
    lengths += [20, 10, 9, 8]
    done = search(listens, tmp_path, trials=None, minutes=1, clock=clock)
    # 20, 30, 39: the longest so far would end at 59, so one more; at 47 it would end at 67.
    assert done.figures["new_trials"] == 4
    assert clock.now == 147
    assert lengths == []


def test_a_trial_that_takes_too_long_is_given_up_and_tried_again(
    listens: Path, undisturbed: Any, tmp_path: Path, timed: tuple[Clock, list[float]]
) -> None:
    clock, lengths = timed
    lengths += [20, 100]
    done = search(listens, tmp_path, trials=None, minutes=1, clock=clock)
    assert done.figures["new_trials"] == 1
    assert clock.now == 100 + 20 + 50  # told half way
    assert any("Only the default was tried" in sentence for sentence in done.sentences())
    lengths += [5]
    assert told(search(listens, tmp_path, trials=2, minutes=1, clock=clock)) == told(undisturbed)[:2]


def test_the_default_is_measured_however_short_the_time(
    listens: Path, undisturbed: Any, tmp_path: Path, timed: tuple[Clock, list[float]]
) -> None:
    clock, lengths = timed
    lengths += [600]
    done = search(listens, tmp_path, trials=None, minutes=0.1, clock=clock)
    assert told(done) == told(undisturbed)[:1]
    assert any("Only the default was tried, in 600 s" in sentence for sentence in done.sentences())
    assert json.loads((tmp_path / "settings.json").read_text("utf-8"))["gru"] == numbers(settings_of("gru", "tiny"))
    lengths += [600, 1]
    search(listens, tmp_path, trials=2, minutes=11, clock=clock)
    again = search(listens, tmp_path, trials=None, minutes=0.1, clock=clock)
    assert again.figures["new_trials"] == 0
    assert lengths == [1]
    assert any("No trial was begun: the longest took 600 s" in sentence for sentence in again.sentences())


def test_the_bar_counts_the_seconds_of_the_run(listens: Path, tmp_path: Path, timed: tuple[Clock, list[float]]) -> None:
    clock, lengths = timed
    lengths += [20, 10]
    seen: list[tuple[str, int, int | None]] = []
    search(listens, tmp_path, trials=2, minutes=1, clock=clock, progress=lambda *said: seen.append(said))
    assert {stage for stage, _, _ in seen} == {run.STAGE}
    done = [done for _, done, _ in seen]
    assert done == sorted(done)
    assert seen[0] == (run.STAGE, 10, 60)
    assert seen[-1] == (run.STAGE, 30, 30)


def test_importance_and_thirds_follow_from_the_trials(listens: Path, tmp_path: Path) -> None:
    done = search(listens, tmp_path, trials=study.LEAST_FOR_IMPORTANCE)
    settings = done.figures["settings"]
    assert sum(one["importance"] for one in settings.values()) == pytest.approx(1)
    for name, one in settings.items():
        assert sum(third["trials"] for third in one["thirds"] if third) == len(done.figures["trials"])
        best = max((third for third in one["thirds"] if third), key=lambda third: third["recall@20"])
        assert best["recall@20"] == done.figures["best"]["recall@20"]["value"]
        where = [trial["recall@20"] for trial in done.figures["trials"] if trial["values"][name] == best["value"]]
        assert max(where) == best["recall@20"]
    page = (tmp_path / "report.md").read_text("utf-8")
    assert all(f"| {name} |" in page for name in settings)
    assert "too high" in page


def test_trials_that_are_all_alike_say_nothing_of_importance(listens: Path, tmp_path: Path) -> None:
    table = planted()
    table.with_columns(track=pl.lit("t")).write_parquet(tmp_path / "one.parquet")
    done = search(tmp_path / "one.parquet", tmp_path / "study", trials=study.LEAST_FOR_IMPORTANCE)
    assert all(one["importance"] is None for one in done.figures["settings"].values())
    assert done.figures["best_trial"] == 0


def test_a_train_of_the_evaluation_by_playlist_can_be_tuned_on(tmp_path: Path) -> None:
    rows = planted(listeners=80, each=40).rename({"listener": "playlist", "played_at": "position"})
    rows.write_parquet(tmp_path / "listens.parquet")
    evaluate(tmp_path / "listens.parquet", models=["popularity"], split="playlist", report=tmp_path / "report")
    done = search(tmp_path / "report" / "train.parquet", tmp_path / "study", split="playlist", trials=1)
    assert done.figures["group"] == "playlist"
    assert done.figures["split"]["held_out_playlists"] > 0


def test_many_targets_are_thinned_evenly(listens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = search(listens, tmp_path / "all", trials=1)
    monkeypatch.setattr(run, "MOST_TARGETS", 50)
    some = search(listens, tmp_path / "some", trials=1)
    assert everything.figures["targets"] == 160
    assert some.figures["targets"] == 40
    kept = np.load(tmp_path / "some" / "ranks" / "0000.npy")
    assert np.array_equal(kept, np.load(tmp_path / "all" / "ranks" / "0000.npy")[::4])


def test_how_tracks_sound_is_part_of_the_search(listens: Path, tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal((60, 4))
    vectors = pl.DataFrame({"track": [f"t{number:02d}" for number in range(60)], "vector": sound.tolist()})
    vectors.write_parquet(tmp_path / "vectors.parquet")
    search(listens, tmp_path / "study", vectors=tmp_path / "vectors.parquet", trials=1)
    with pytest.raises(BadInput, match=r"something else \(it differs in: vectors\)"):
        search(listens, tmp_path / "study", trials=1)


@pytest.mark.parametrize("said", [{"seed": 1}, {"size": "small"}, {"split": "playlist"}])
def test_another_search_in_the_folder_is_refused(said: dict[str, Any], undisturbed: Any, tmp_path: Path) -> None:
    listens = undisturbed.directory.parent / "listens.parquet"
    if "split" in said:
        rows = planted(listeners=80, each=40).rename({"listener": "playlist", "played_at": "position"})
        rows.write_parquet(listens := tmp_path / "listens.parquet")
    with pytest.raises(BadInput, match=rf"something else \(it differs in: .*{next(iter(said))}") as caught:
        search(listens, undisturbed.directory, **said)
    assert "--study" in str(caught.value)


def test_another_table_is_refused_and_the_same_under_another_name_is_not(
    listens: Path, undisturbed: Any, tmp_path: Path
) -> None:
    (tmp_path / "moved.parquet").write_bytes(listens.read_bytes())
    assert told(search(tmp_path / "moved.parquet", undisturbed.directory, trials=4)) == told(undisturbed)
    planted(seed=1).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(BadInput, match=r"something else \(it differs in: listens\)"):
        search(tmp_path / "other.parquet", undisturbed.directory, trials=4)


def test_what_can_not_be_searched_is_one_sentence(
    listens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        search(tmp_path / "nowhere.parquet", tmp_path / "study")
    planted(listeners=1, each=60).write_parquet(tmp_path / "few.parquet")
    with pytest.raises(BadInput, match="leaves 12 listens to choose settings by, and 100 are the least"):
        search(tmp_path / "few.parquet", tmp_path / "study")
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="give a number above 0 with --minutes"):
            search(listens, tmp_path / "study", minutes=minutes)
    with pytest.raises(NotFound, match="rules can't be searched: take gru"):
        search(listens, tmp_path / "study", model="rules")
    with pytest.raises(NotFound, match="no split called half"):
        search(listens, tmp_path / "study", split="half")
    assert not (tmp_path / "study").exists()
    with pytest.raises(BadInput, match="can't be written"):
        search(listens, listens)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "study.sqlite").write_bytes(b"no database, but a text of some length" * 100)
    with pytest.raises(BadInput, match=r"study\.sqlite can't be used as a study"):
        search(listens, tmp_path / "foreign")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NotReady, match=r"pip install 'segue\[tune\]'"):
        search(listens, tmp_path / "study")


def test_one_process_at_a_time(listens: Path, undisturbed: Any) -> None:
    import filelock

    with filelock.FileLock(undisturbed.directory / ".lock"), pytest.raises(HomeBusy, match="another process"):
        search(listens, undisturbed.directory, trials=4)
