"""Every model on one problem: Segue's own through the evaluator, the peers in their own interpreters.

In: a problem as ``segue evaluate`` poses it. Out: for each model the ranks of all targets in both of the evaluator's
catalogues, open and closed, by the evaluator's own code, and what fitting and answering cost.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.peers.exchange import Answer, Task
from segue.errors import BadInput, NotReady, SegueError
from segue.evaluate.entrants import choose
from segue.evaluate.problem import Problem
from segue.evaluate.ranking import NOWHERE, rank_targets, ranks
from segue.progress import Progress, silent
from segue.settings import Size
from segue.taste.registry import make

__all__ = ["PEERS", "Found", "Peer", "ask", "compare", "interpreters", "rank_peer", "task_of", "thinned"]

Ranks = npt.NDArray[np.int32]
ROOT = Path(__file__).resolve().parents[2]
CHUNK = 64
WHICH = "import json, sys; from importlib.util import find_spec; print(json.dumps([*filter(find_spec, sys.argv[1:])]))"
"""Prints which of the packages named an interpreter has."""


class Peer(NamedTuple):
    """A model of another project."""

    title: str
    package: str
    module: str


PEERS = {
    "cornac-gru4rec": Peer("GRU4Rec (cornac)", "cornac", "benchmarks.peers.cornac_gru"),
    "rectools-sasrec": Peer("SASRec, sampled softmax (RecTools)", "rectools", "benchmarks.peers.rectools_sasrec"),
    "implicit-als": Peer("ALS (implicit)", "implicit", "benchmarks.peers.implicit_als"),
    "implicit-neighbours": Peer("item neighbours (implicit)", "implicit", "benchmarks.peers.implicit_neighbours"),
}


class Found(NamedTuple):
    """What one model made of the targets: ranks in both catalogues, and what it says of itself."""

    open: Ranks
    closed: Ranks
    said: Mapping[str, Any]


def thinned(problem: Problem, every: int) -> Problem:
    """The same problem with every n-th of its targets; histories stay whole."""
    columns = {one.name: getattr(problem, one.name) for one in fields(problem) if one.name != "plays"}
    thin: dict[str, Any] = {name: each[::every] for name, each in columns.items() if isinstance(each, np.ndarray)}
    return replace(problem, **thin)


def task_of(problem: Problem, settings: Mapping[str, Any] | None = None) -> Task:
    """What peers are asked; tracks are numbered along those that TRAIN holds."""
    number = np.full(len(problem.items), -1, dtype=np.int64)
    held = np.flatnonzero(problem.plays)
    number[held] = np.arange(len(held))
    return Task(
        group=problem.group,
        tracks=len(held),
        train_group=problem.train.listener.astype(np.int64),
        train_track=number[problem.train.track],
        history_group=problem.histories.listener.astype(np.int64),
        history_track=number[problem.histories.track],
        targets=problem.targets,
        settings=settings or {},
    )


def rank_peer(task: Task, answer: Answer) -> Ranks:
    """int32 (targets,): ranks among TRAIN's tracks, a tie against the peer; ``NOWHERE`` where it says nothing.

    Raises
    ------
    BadInput
        The answer's shape is not the task's.
    """
    if (answer.left.shape[0], answer.right.shape[1]) != (len(task.targets), task.tracks):
        raise BadInput(f"a peer answered {answer.left.shape} × {answer.right.shape}: a row a target is asked for")
    truth = task.history_track[task.targets]
    found = np.full(len(truth), NOWHERE, dtype=np.int32)
    for first in range(0, len(truth), CHUNK):
        known = first + np.flatnonzero(truth[first : first + CHUNK] >= 0)
        scores = answer.scores(known)
        if answer.said["settings"].get("without_heard"):
            for line, target in zip(scores, task.targets[known], strict=True):
                line[task.before(target)] = -np.inf
        # NaN and minus infinity say nothing of a target; on other tracks both compare as lower.
        said = scores[np.arange(len(known)), truth[known]] > -np.inf
        found[known[said]] = ranks(scores[said], truth[known[said]].astype(np.int32))[0]
    return found


def ask(peer: Peer, task: Task, python: str) -> Answer:
    """Run a peer in its interpreter.

    Raises
    ------
    NotReady
        It failed; the message ends with what it said last.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        task.write(Path(folder))
        done = subprocess.run(
            [python, "-m", peer.module, folder],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or f"status {done.returncode}").splitlines()[-1]
            raise NotReady(f"{peer.title} failed ({said}): see that {python} has {peer.package}, or leave it out")
        return Answer.read(Path(folder))


def compare(
    problem: Problem,
    ours: Sequence[str],
    peers: Mapping[str, str],
    *,
    size: Size = "small",
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[dict[str, Found], list[str]]:
    """Fit and rank every model; a peer that fails is told in a sentence and does not end the run.

    Parameters
    ----------
    problem
        What is to be predicted.
    ours
        Names of Segue's models.
    peers
        The interpreter for each peer's key.
    size, seed
        Of Segue's models; the seed is the peers' too.
    """
    found: dict[str, Found] = {}
    for name in choose(ours, sound=False):
        model = make(name, size)
        began = time.process_time()
        model.fit(problem.train, problem.items, seed=seed, progress=progress)
        fitted = time.process_time()
        ranking = rank_targets(model, problem, progress=progress)
        costs = {"fit_cpu_s": round(fitted - began, 2), "answer_cpu_s": round(time.process_time() - fitted, 2)}
        found[name] = Found(ranking.rank, ranking.closed, {"settings": {"size": size, "seed": seed}, **costs})
    task, failed = task_of(problem, {"seed": seed}), []
    for place, (key, python) in enumerate(peers.items()):
        progress("peers", place, len(peers))
        try:
            answer = ask(PEERS[key], task, python)
            rank = rank_peer(task, answer)
            found[key] = Found(rank, rank, answer.said)
        except SegueError as error:
            failed.append(str(error))
        progress("peers", place + 1, len(peers))
    return found, failed


def interpreters(keys: Sequence[str], pythons: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The first interpreter that has each peer's package, and a sentence for each peer that none has.

    Raises
    ------
    NotReady
        An interpreter can't be run.
    """
    found: dict[str, str] = {}
    for python in pythons:
        wanted = {PEERS[key].package for key in keys if key not in found}
        try:
            said = subprocess.run([python, "-c", WHICH, *wanted], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotReady(f"{python} can't be run ({error}): name another interpreter with --peer-python") from error
        found |= {key: python for key in keys if key not in found and PEERS[key].package in json.loads(said)}
    missing = [
        f"{PEERS[key].title} is not compared: no --peer-python has {PEERS[key].package}"
        for key in keys
        if key not in found
    ]
    return {key: found[key] for key in keys if key in found}, missing
