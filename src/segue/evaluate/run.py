"""One evaluation from files to a report: read, part, pose the problem, follow each model, weigh, write.

Works with no home folder and no audio. One model is held at a time and scores never are, so that memory is bounded
by the tables, the catalogue and one model.
"""

import json
import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segue.errors import BadInput
from segue.evaluate.entrants import check_given, choose, enter, seeds_of, trained_elsewhere
from segue.evaluate.page import page
from segue.evaluate.predictions import Predictions
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import Ranking, rank_targets
from segue.evaluate.report import Report, markdown
from segue.evaluate.results import figures
from segue.evaluate.splits import Split, check_split, split_file
from segue.listening.tables import fingerprint, read_tables
from segue.listening.vector_tables import read_vectors
from segue.progress import Progress, silent
from segue.settings import Size
from segue.taste.contract import TasteModel
from segue.taste.files import read_card
from segue.taste.given import read_given
from segue.taste.registry import load_model

__all__ = ["evaluate"]

WRITTEN = ("train.parquet", "test.parquet", "predictions.parquet", "report.md", "report.html", "report.json")
"""In the order in which they come to the report's folder: where report.json stands, all of it is there."""


def evaluate(
    listens: Path | None = None,
    *,
    train: Path | None = None,
    test: Path | None = None,
    vectors: Path | None = None,
    models: Sequence[str | Path | TasteModel[Any]] = (),
    split: str = "time",
    report: Path,
    size: Size = "small",
    seed: int = 0,
    seeds: int = 1,
    gap_hours: float = 0,
    settings: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Measure models on listens; write ``report.json``, ``.md`` and ``.html``, and ``predictions.parquet``.

    Parameters
    ----------
    listens
        A table to split here; ``train.parquet`` and ``test.parquet`` are then written beside the report.
    train, test
        A split that is given, instead of ``listens``. The column ``target`` of TEST marks the rows to predict.
    vectors
        Parquet with ``track`` and ``vector``: how tracks sound.
    models
        Names, or models of one's own that keep the ``TasteModel`` contract; "all" stands for every name there is and
        that can be fitted here, none at all for ``entrants.DEFAULT``. A folder of a trained model is loaded and not
        fitted, and the report says so.
    split
        "time" or "playlist"; only for ``listens``.
    report
        The folder to write to; made when missing.
    size, seed
        Handed to every model; the seed also rules the split by playlist and the intervals.
    seeds
        How many fits, each with the next seed, of every model whose result depends on it (``entrants.RANDOM``).
    gap_hours
        For a split by time: how long after the cut nothing is a target.
    settings
        JSON of numbers by model and setting, as ``segue tune`` writes it; they replace those of the size.
    progress
        Told of each model's fitting and ranking.

    Raises
    ------
    NotFound
        A file, a split or a model is not there.
    BadInput
        A table can't be used, or the arguments don't go together.
    """
    if (listens is None) == (train is None and test is None) or (train is None) != (test is None):
        raise BadInput("give either one table of listens to be split, or both --train and --test")
    check_split(split)
    if seeds < 1:
        raise BadInput(f"{seeds} seeds fit nothing: give 1 or more")
    if gap_hours and (listens is None or split != "time"):
        raise BadInput("a gap belongs to a split by time: leave --gap-hours out, or give one table with --split time")
    roles = {"listens": listens, "train": train, "test": test, "vectors": vectors, "settings": settings}
    files = {role: path for role, path in roles.items() if path is not None}
    _guard(report, files, parts=listens is not None)
    entrants = choose(models, sound=vectors is not None)
    given = {} if settings is None else read_given(settings)
    check_given(given, entrants, size)
    parted = _part(listens, train, test, split, seed, gap_hours)
    problem = pose(parted.train, parted.test, None if vectors is None else read_vectors(vectors))
    for own in entrants.values():
        if isinstance(own, Path):
            load_model(own, problem.items)  # what can't be served is told before hours of fitting the others
    with _publishing(report) as place:
        if listens is not None:
            parted.train.given.drop("target").write_parquet(place / "train.parquet")
            parted.test.given.write_parquet(place / "test.parquet")
        (place / "parts").mkdir()
        predictions = Predictions(problem, place / "parts")
        rankings: dict[str, list[Ranking]] = {}
        cards: dict[str, Any] = {}
        fitting_s: dict[str, list[float]] = {}
        for name, own in entrants.items():
            rankings[name], fitting_s[name] = [], []
            for one in seeds_of(name, seed, seeds):
                if isinstance(own, Path):
                    model, card = load_model(own, problem.items), read_card(own)
                else:
                    model = enter(name, own, size, given)
                    began = time.perf_counter()
                    card = model.fit(problem.train, problem.items, seed=one, progress=progress)
                    fitting_s[name].append(time.perf_counter() - began)
                cards.setdefault(name, card)
                rankings[name].append(rank_targets(model, problem, name=name, progress=progress))
                predictions.add(name, rankings[name][-1], seed=one if seeds > 1 else None)
                del model
        predictions.join(place / "predictions.parquet")
        data = {role: fingerprint(path) for role, path in files.items()}
        found = {
            "task": _task(problem, parted),
            **figures(problem, rankings, seed=seed),
            "doubts": [*problem.doubts, *trained_elsewhere(entrants, cards, data), *_broken(rankings)],
            "settings": {"models": list(entrants), "size": size, "seed": seed, "seeds": seeds},
            "data": data,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("segue", "numpy", "polars", "torch")},
            },
            "cards": cards,
            "timings": {name: _timing(fitting_s[name], fits) for name, fits in rankings.items()},
        }
        # File names may hold bytes that are no UTF-8.
        (place / "report.md").write_text(markdown(found), "utf-8", "backslashreplace")
        (place / "report.html").write_text(page(found), "utf-8", "backslashreplace")
        (place / "report.json").write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", "utf-8")
    return Report(report, found)


def _guard(report: Path, files: dict[str, Path], *, parts: bool) -> None:
    if report.exists() and not report.is_dir():
        raise BadInput(f"{report} is a file: give a folder with --report")
    places = {(report / name).resolve() for name in (WRITTEN if parts else WRITTEN[2:])}
    for path in files.values():
        if path.resolve() in places:
            raise BadInput(f"the report would write over {path}: give another folder with --report")


def _part(
    listens: Path | None, train: Path | None, test: Path | None, split: str, seed: int, gap_hours: float
) -> Split:
    if train is not None and test is not None:
        first, second = read_tables([train, test])
        return Split(first, second, {"kind": "given", "rule": "as given in TRAIN and TEST"})
    assert listens is not None
    return split_file(listens, split, seed=seed, gap_hours=gap_hours)


def _task(problem: Problem, parted: Split) -> dict[str, Any]:
    return {
        "split": parted.said,
        "group": problem.group,
        "order": parted.test.order,
        "train_rows": len(parted.train),
        "test_rows": len(parted.test),
        "targets": len(problem),
        "listeners": len(set(problem.histories.listener[problem.targets].tolist())),
        "catalogue": len(problem.items),
        "catalogue_in_train": int((problem.plays > 0).sum()),
        "targets_in_train": int(problem.known.sum()),
        "catalogue_with_vector": int(problem.items.heard.sum()),
    }


def _timing(fitting_s: list[float], fits: list[Ranking]) -> dict[str, float | None]:
    """The mean over a model's fits; no ``fit_s`` of one that was trained elsewhere."""
    targets = sum(len(fit.rank) for fit in fits)
    return {
        "fit_s": round(sum(fitting_s) / len(fitting_s), 3) if fitting_s else None,
        "score_us_per_target": round(1e6 * sum(fit.score_s for fit in fits) / targets, 1),
        "rank_us_per_target": round(1e6 * sum(fit.rank_s for fit in fits) / targets, 1),
    }


def _broken(rankings: dict[str, list[Ranking]]) -> list[str]:
    found = {name: sum(fit.broken for fit in fits) for name, fits in rankings.items()}
    return [
        f"{name} gave NaN among its scores for {broken} targets, which breaks the contract of a model"
        for name, broken in found.items()
        if broken
    ]


@contextmanager
def _publishing(report: Path) -> Iterator[Path]:
    """Fill a folder inside the report's; the files move out when the block ends well, else nothing has changed."""
    try:
        report.mkdir(parents=True, exist_ok=True)
        for leftover in report.glob(".evaluation.*.part"):
            shutil.rmtree(leftover, ignore_errors=True)
        beside = report / f".evaluation.{os.getpid()}.part"
        beside.mkdir()
    except OSError as error:
        raise BadInput(f"{report} can't be written ({error.strerror}): give another folder with --report") from error
    try:
        yield beside
        ready = [name for name in WRITTEN if (beside / name).exists()]
        for name in ready:
            with (beside / name).open("rb") as file:
                os.fsync(file.fileno())
        (report / WRITTEN[-1]).unlink(missing_ok=True)
        for name in ready:
            (beside / name).replace(report / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
