"""What each thing that the session GRU is told and made of is worth: it is taken away, and all is trained again.

python -m benchmarks.ablations TRAIN TEST [--vectors FILE] [--sensitivity] [--every N] [--seeds N] [--size SIZE]
    [--only NAME,...] --report DIR

One variant differs from the whole in one thing. Every variant is fitted on TRAIN with each seed and answers the same
targets; the difference is paired, target by target, over the mean of the seeds, and the table shows how far seeds lie
apart. ``VARIANTS`` says what each one is; ``--sensitivity`` takes ``NUMBERS`` in their place, the settings that
``segue tune`` searches, each a good deal lower and higher. DIR gets ``report.md`` and ``report.json``.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.peers.comparison import thinned
from segue.cli.screen import complain, watching
from segue.errors import NotFound, SegueError
from segue.evaluate.intervals import clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import rank_targets
from segue.listening.events import Events
from segue.listening.tables import read_tables
from segue.listening.vector_tables import read_vectors
from segue.progress import Progress
from segue.taste.contract import CHUNK, Scores
from segue.taste.gru import SessionGru
from segue.taste.gru_inputs import GruSettings
from segue.types import Outcome

SHOWN = ("recall@20", "mrr@20")
WHOLE = "whole"


class Latest(SessionGru):
    """A session GRU that hears no more than the latest events before each question."""

    def __init__(self, fitted: SessionGru, events: int) -> None:
        self.__dict__ |= fitted.__dict__
        self._events = events

    def along(self, events: Events, targets: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Scores]]:
        """As the contract says, from zero before each question."""
        for first in range(0, len(targets), CHUNK):
            chunk = targets[first : first + CHUNK]
            states = [self.follow(events.rows(slice(max(0, int(at) - self._events), int(at)))) for at in chunk]
            at = events.started_at[chunk]
            yield (
                chunk,
                np.stack([self.score(state, int(moment)) for state, moment in zip(states, at, strict=True)]),
            )


class Variant(NamedTuple):
    """The whole with one thing changed.

    Attributes
    ----------
    said
        What is changed, in words.
    settings
        Numbers and names in place of the whole's.
    told
        What the model is told of the problem; ranks are taken on the same targets.
    latest
        How many events before a question are heard, where not all; nothing is trained anew for it.
    """

    said: str
    settings: Mapping[str, Any] = {}
    told: Callable[[Problem], Problem] = lambda problem: problem
    latest: int | None = None


def _untimed(problem: Problem) -> Problem:
    def without(events: Events) -> Events:
        return replace(events, started_at=np.zeros_like(events.started_at))

    return replace(problem, train=without(problem.train), histories=without(problem.histories))


def _without_outcomes(problem: Problem) -> Problem:
    def without(events: Events) -> Events:
        unknown = np.full_like(events.outcome, int(Outcome.UNKNOWN))
        return replace(events, outcome=unknown, completion=np.full_like(events.completion, np.nan))

    return replace(problem, train=without(problem.train), histories=without(problem.histories))


def bare(problem: Problem) -> Problem:
    """Tracks in their order, and nothing else told of an event."""
    return _without_outcomes(_untimed(problem))


def _shuffled(problem: Problem) -> Problem:
    """Each history that is learned from in an order drawn by chance, its times staying where they are."""
    train = problem.train
    order = np.lexsort((np.random.default_rng(0).random(len(train)), train.listener))
    told = {name: getattr(train, name)[order] for name in ("track", "outcome", "completion")}
    return replace(problem, train=replace(train, **told))


def _without_vectors(problem: Problem) -> Problem:
    return replace(problem, items=replace(problem.items, vectors=None))


def _random_vectors(problem: Problem) -> Problem:
    vectors = problem.items.vectors
    assert vectors is not None
    heard = np.flatnonzero(problem.items.heard)
    mixed = vectors.copy()
    mixed[heard] = vectors[np.random.default_rng(0).permutation(heard)]
    return replace(problem, items=replace(problem.items, vectors=mixed))


VARIANTS: Mapping[str, Variant] = {
    WHOLE: Variant("the session GRU as it is"),
    "feed-forward": Variant("no memory: the latest event alone", {"core": "feed-forward"}),
    "lstm": Variant("an LSTM in the GRU's place", {"core": "lstm"}),
    "attention": Variant("causal attention over 64 events in its place", {"core": "attention", "piece": 64}),
    "shuffled order": Variant("each history learned in random order", told=_shuffled),
    "no times": Variant("no gaps, hours and weekdays", told=_untimed),
    "no outcomes": Variant("nobody said to have skipped or finished", told=_without_outcomes),
    "skips as whole answers": Variant("a skipped track counts as a heard one", {"skip_weight": 1.0}),
    "skips as no answers": Variant("a skipped track is not learned as an answer", {"skip_weight": 1e-9}),
    "bpr-max": Variant("BPR-max in place of cross-entropy", {"loss": "bpr-max"}),
    "latest event": Variant("the latest event before the question alone", latest=1),
    "latest 5": Variant("the latest 5 events alone", latest=5),
    "latest 20": Variant("the latest 20 events alone", latest=20),
    "latest 100": Variant("the latest 100 events alone", latest=100),
}
WITH_VECTORS: Mapping[str, Variant] = {
    "no vectors": Variant("ids alone", told=_without_vectors),
    "vectors alone": Variant("a track with a vector has no id", {"id_dropout": 1.0}),
    "random vectors": Variant("each track with another's vector", told=_random_vectors),
}
"""Only where there are vectors."""
NUMBERS: Mapping[str, tuple[float, float]] = {
    "width": (32, 128),
    "learning_rate": (1.25e-3, 2e-2),
    "dropout": (0.1, 0.5),
    "epochs": (6, 24),
    "negatives": (128, 2_048),
    "skip_weight": (0.25, 1.0),
    "piece": (8, 128),
    "id_dropout": (0.0, 0.4),
}
"""What lies to both sides of the settings of size small."""


def variants(base: GruSettings, *, vectors: bool, sensitivity: bool) -> dict[str, Variant]:
    """What is measured beside the whole, by name, the whole first."""
    if not sensitivity:
        return {**VARIANTS, **(WITH_VECTORS if vectors else {})}
    found = {WHOLE: VARIANTS[WHOLE]}
    for name, values in NUMBERS.items():
        if name != "id_dropout" or vectors:
            for value in values:
                found[f"{name} {value:g}"] = Variant(f"in place of {getattr(base, name):g}", {name: value})
    return found


def _fit(variant: Variant, problem: Problem, base: GruSettings, seed: int, progress: Progress) -> SessionGru:
    told = variant.told(problem)
    model = SessionGru(replace(base, **variant.settings))
    model.fit(told.train, told.items, seed=seed, progress=progress)
    return model


def measure(
    problem: Problem, variants: Mapping[str, Variant], base: GruSettings, seeds: int, progress: Progress
) -> dict[str, Any]:
    """Means, their spread over seeds, and the paired difference to the whole, by variant."""
    over = clusters(problem)
    columns = [GAINS.index(name) for name in SHOWN]
    every = np.ones(len(problem), dtype=bool)
    values: dict[str, npt.NDArray[np.float64]] = {}
    costs: dict[str, float] = {}
    wholes: list[SessionGru] = []
    for name, variant in variants.items():
        began = time.process_time()
        if variant.latest is None:
            models = [_fit(variant, problem, base, seed, progress) for seed in range(seeds)]
            wholes = models if name == WHOLE else wholes
        else:
            models = [Latest(whole, variant.latest) for whole in wholes]
        costs[name] = (time.process_time() - began) / seeds
        told = variant.told(problem)
        values[name] = np.stack(
            [gains(rank_targets(model, told, name=name, progress=progress).closed)[:, columns] for model in models]
        )
    found: dict[str, Any] = {}
    for name, value in values.items():
        mean = value.mean(axis=0)
        drawn = resample(mean - values[WHOLE].mean(axis=0), every, over, seed=0)
        figures: dict[str, Any] = {"said": variants[name].said, "fit_cpu_s": round(costs[name], 1)}
        for column, gain in enumerate(SHOWN):
            by_seed = value[:, :, column].mean(axis=1)
            low, high = interval(drawn[:, column])
            figures[gain] = {
                "value": round(float(by_seed.mean()), 5),
                "seeds": [round(float(one), 5) for one in by_seed],
                "difference": round(float((mean - values[WHOLE].mean(axis=0))[:, column].mean()), 5),
                "low": round(low, 5),
                "high": round(high, 5),
            }
        found[name] = figures
    return {"targets": len(problem), "seeds": seeds, "unit": over.unit, "clusters": over.count, "variants": found}


def markdown(found: Mapping[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"`{found['command']}`",
        "",
        f"{found['targets']} targets, closed catalogue, mean of {found['seeds']} seeds (± their standard deviation); "
        f"difference to the whole with 95 % intervals over {found['clusters']} × {found['unit']}.",
        "",
        "| variant | what is changed | Recall@20 | difference | MRR@20 | difference | fit, CPU s |",
        "|---|---|---:|---|---:|---|---:|",
    ]
    for name, one in found["variants"].items():
        cells = []
        for gain in SHOWN:
            figure = one[gain]
            spread = f" ± {np.std(figure['seeds'], ddof=1):.4f}" if len(figure["seeds"]) > 1 else ""
            apart = f"{figure['difference']:+.4f} ({figure['low']:+.4f} to {figure['high']:+.4f})"
            cells += [f"{figure['value']:.4f}{spread}", "" if name == WHOLE else apart]
        lines.append(f"| {name} | {one['said']} | {' | '.join(cells)} | {one['fit_cpu_s']:.0f} |")
    return "\n".join(lines) + "\n"


def _chosen(given: str | None, there: Mapping[str, Variant]) -> Mapping[str, Variant]:
    if given is None:
        return there
    wanted = [WHOLE, *(name.strip() for name in given.split(",") if name.strip() != WHOLE)]
    if unknown := [name for name in wanted if name not in there]:
        raise NotFound(f"no variant is called {unknown[0]!r}: take {', '.join(there)}")
    return {name: there[name] for name in wanted}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablations", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("test", type=Path, metavar="TEST")
    parser.add_argument("--vectors", type=Path, help="what stands for sound: Parquet with track and vector")
    parser.add_argument("--sensitivity", action="store_true", help="change numbers in place of taking things away")
    parser.add_argument("--every", type=int, default=1, help="only every n-th target (default: 1)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", choices=("tiny", "small", "medium", "large"), default="small")
    parser.add_argument("--only", help="variants, separated by commas")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR")
    given = parser.parse_args(words)
    try:
        train, test = read_tables([given.train, given.test])
        vectors = None if given.vectors is None else read_vectors(given.vectors)
        problem = thinned(pose(train, test, vectors), given.every)
        base = GruSettings.of(given.size)
        there = variants(base, vectors=vectors is not None, sensitivity=given.sensitivity)
        with watching() as progress:
            found = measure(problem, _chosen(given.only, there), base, given.seeds, progress)
    except SegueError as error:
        complain(str(error))
        return 1
    told = "TRAIN TEST" + (" --vectors FILE" if vectors else "") + (" --sensitivity" if given.sensitivity else "")
    told += f" --every {given.every} --seeds {given.seeds}"
    found["command"] = f"python -m benchmarks.ablations {told} --report DIR"
    given.report.mkdir(parents=True, exist_ok=True)
    (given.report / "report.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (given.report / "report.md").write_text(markdown(found), "utf-8")
    print(markdown(found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
