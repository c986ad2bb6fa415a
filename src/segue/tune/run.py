"""The search from a table to settings: part it, pose the problem, try settings while the time lasts, write the best.

Settings are chosen by the newest part of each history (or by held-out playlists), which the models are not fitted on:
by Recall@20 over the open catalogue, what a person gets. The default is the first trial, so that what is chosen is
never worse than it on these targets. That it is the best of many makes its figure too high; only a test set that was
never in LISTENS tells what it is worth.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import BadInput
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import rank_targets
from segue.evaluate.splits import Split, split_file
from segue.home import write_text
from segue.listening.tables import fingerprint
from segue.listening.vector_tables import read_vectors
from segue.progress import Progress, silent
from segue.settings import Size
from segue.taste.given import changed, numbers
from segue.taste.registry import make, settings_of
from segue.tune.folder import need_optuna, opened
from segue.tune.report import Tuned, markdown
from segue.tune.results import figures
from segue.tune.space import space_of
from segue.tune.study import Study

__all__ = ["tune"]

LEAST_TARGETS = 100
MOST_TARGETS = 10_000
"""More tell little more and cost time in every trial: they are thinned evenly, each history keeping its share."""

SPLIT_SEED = 1_000_003
"""Added to the seed that holds out playlists: with the same one a TRAIN of ``segue evaluate`` has none left."""

STAGE = "tune, seconds"


class _TimeIsOver(Exception):
    """A trial is still running when the time ends."""


def tune(
    listens: Path,
    *,
    study: Path,
    minutes: float = 30,
    trials: int | None = None,
    model: str = "gru",
    vectors: Path | None = None,
    split: str = "time",
    size: Size = "small",
    seed: int = 0,
    progress: Progress = silent,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search the settings of a model; write ``settings.json`` and ``report.md`` into the folder of the study.

    Parameters
    ----------
    listens
        A table as ``evaluate`` takes it. What a later evaluation tests on must not be in it.
    study
        The folder; a search in it is gone on with.
    minutes
        How long this run may take. No trial begins that would take longer than what is left, by the longest so far,
        and one that does all the same is given up. Only the default is measured in any case.
    trials
        Stop when so many are finished, those of earlier runs included; None goes by time alone.
    model
        A key of ``space.SPACES``.
    vectors
        Parquet with ``track`` and ``vector``: how tracks sound.
    split
        "time" or "playlist": what is held out to choose by.
    size
        Whose default the search starts from.
    seed
        Handed to every fit; it also rules the proposals, the split by playlist and the intervals.
    progress
        Told of the seconds gone.
    clock
        Seconds, rising.

    Raises
    ------
    NotReady
        Optuna is not installed.
    NotFound
        A file, a split or a model is not there.
    BadInput
        A table can't be used, or the folder holds the search of something else.
    HomeBusy
        Another process is searching in this folder.
    """
    need_optuna()
    if not 0 < minutes < float("inf"):
        raise BadInput(f"{minutes:g} minutes bound no search: give a number above 0 with --minutes")
    default = settings_of(model, size)
    parted, problem = _pose(listens, vectors, split, seed)
    space = space_of(model, default, problem)
    start = {name: value for name, value in numbers(default).items() if name in space}
    files = {"listens": listens} | ({} if vectors is None else {"vectors": vectors})
    data = {role: fingerprint(path) for role, path in files.items()}
    about = {
        "model": model,
        "size": size,
        "seed": seed,
        "split": split,
        "default": numbers(default),
        **{role: file["sha256"] for role, file in data.items()},
    }
    watch = _Watch(clock, 60 * minutes, progress)
    with opened(study, about, space, start, seed=seed) as searched:
        before = len(searched.finished())
        while _goes_on(searched, watch, trials):
            try:
                _try(searched, watch, problem, model, size, seed)
            except _TimeIsOver:
                searched.give_up()
                break
            _keep(study, model, default, searched)
        watch.end()
        _keep(study, model, default, searched)
        found = {
            "model": model,
            "size": size,
            "seed": seed,
            "minutes": minutes,
            "split": parted.said,
            "group": problem.group,
            "targets": len(problem),
            "train_rows": len(problem.train),
            "tracks": len(problem.items),
            "data": data,
            "new_trials": len(searched.finished()) - before,
            **figures(searched, problem, space, start, seed=seed),
        }
    write_text(study / "report.md", markdown(found))
    return Tuned(study, found)


class _Watch:
    """The time that a run has, told to whoever watches."""

    def __init__(self, clock: Callable[[], float], seconds: float, progress: Progress) -> None:
        self._clock, self._seconds, self._progress = clock, seconds, progress
        self._began = clock()
        self.strict = False
        """Whether work is stopped when the time is over."""

    @property
    def gone(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds that the run still has; below 0 when it is over."""
        return self._seconds - self.gone

    def tick(self, stage: str, done: int, total: int | None) -> None:  # noqa: ARG002 (a Progress)
        """Pass on how far the time has gone; the stages of a single fit say nothing of it.

        Raises
        ------
        _TimeIsOver
            It has gone, and the work can be left.
        """
        whole = max(1, int(self._seconds))
        self._progress(STAGE, min(int(self.gone), whole - 1), whole)
        if self.strict and self.left < 0:
            raise _TimeIsOver

    def end(self) -> None:
        """Nothing more is done."""
        spent = max(1, int(self.gone))
        self._progress(STAGE, spent, spent)


def _pose(listens: Path, vectors: Path | None, split: str, seed: int) -> tuple[Split, Problem]:
    parted = split_file(listens, split, seed=SPLIT_SEED + seed)
    target = parted.test.frame["target"].to_numpy()
    wanted = np.flatnonzero(target)
    if len(wanted) < LEAST_TARGETS:
        raise BadInput(
            f"{listens} leaves {len(wanted)} listens to choose settings by, and {LEAST_TARGETS} are the least: "
            "give a longer history"
        )
    mark = np.zeros(len(target), dtype=bool)
    mark[wanted[:: -(-len(wanted) // MOST_TARGETS)]] = True
    test = parted.test.take(np.arange(len(target), dtype=np.int64), mark)
    return parted, pose(parted.train, test, None if vectors is None else read_vectors(vectors))


def _goes_on(searched: Study, watch: _Watch, trials: int | None) -> bool:
    done = searched.finished()
    if not done:
        return True
    return (trials is None or len(done) < trials) and max(trial.seconds for trial in done) <= watch.left


def _try(searched: Study, watch: _Watch, problem: Problem, model: str, size: Size, seed: int) -> None:
    watch.strict = bool(searched.finished())
    values = searched.ask()
    began = watch.gone
    fresh = make(model, size, values)
    fresh.fit(problem.train, problem.items, seed=seed, progress=watch.tick)
    rank = rank_targets(fresh, problem, progress=watch.tick).rank
    mean = dict(zip(GAINS, gains(rank).mean(axis=0).tolist(), strict=True))
    searched.tell(rank, recall=mean["recall@20"], mrr=mean["mrr@20"], seconds=watch.gone - began)


def _keep(directory: Path, model: str, default: Any, searched: Study) -> None:
    """Write the best settings so far; whole ones, so that another version's defaults change nothing in them."""
    best = changed(model, default, searched.best().values)
    write_text(directory / "settings.json", json.dumps({model: numbers(best)}, indent=2) + "\n")
