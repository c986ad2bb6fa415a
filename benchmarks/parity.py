"""Whether our GRU, with nothing that GRU4Rec lacks, is as good as cornac's GRU4Rec: one run, the same numbers.

python -m benchmarks.parity TRAIN TEST --peer-python PYTHON [--seeds N] [--every N] --report DIR

Both are told tracks in their order and no more (no times, no outcomes, no sound), train session-parallel on the same
pieces with the same width, places in a batch, negatives, power of plays, dropout and passes, and answer the same
targets among the tracks of TRAIN. What stays different: ours learns by Adam with a falling rate where cornac's takes
Adagrad, ours has a LayerNorm before its unit, and its negatives are a set. DIR gets ``report.md`` and ``report.json``.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.ablations import SHOWN, bare
from benchmarks.peers.comparison import PEERS, ask, interpreters, rank_peer, task_of, thinned
from segue.cli.screen import complain, watching
from segue.errors import NotReady, SegueError
from segue.evaluate.intervals import clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem, pose
from segue.evaluate.ranking import rank_targets
from segue.listening.tables import read_tables
from segue.progress import Progress
from segue.taste.gru import SessionGru
from segue.taste.gru_inputs import GruSettings

Gains = npt.NDArray[np.float64]

COMMON = {"width": 128, "batch": 128, "negatives": 2_048, "negative_power": 0.5, "dropout": 0.3, "epochs": 8}
"""What both are given; cornac's names."""
PIECE = 200
PEER = "cornac-gru4rec"
PLAIN = GruSettings(
    width=128,
    batch_events=128,
    negatives=2_048,
    negative_power=0.5,
    dropout=0.3,
    epochs=8,
    piece=PIECE,
    order="sessions",
    skip_weight=1.0,
)
"""The same in ours."""


def measure(problem: Problem, python: str, seeds: int, progress: Progress) -> dict[str, Any]:
    """Recall@20 and MRR@20 of both by seed, and their paired difference over the means of the seeds."""
    columns = [GAINS.index(name) for name in SHOWN]
    plain = bare(problem)
    found: dict[str, list[Gains]] = {"ours": [], "cornac": []}
    for seed in range(seeds):
        model = SessionGru(PLAIN)
        model.fit(plain.train, plain.items, seed=seed, progress=progress)
        ours = rank_targets(model, plain, name="ours", progress=progress).closed
        task = task_of(problem, {**COMMON, "piece": PIECE, "seed": seed})
        theirs = rank_peer(task, ask(PEERS[PEER], task, python))
        for name, ranks in (("ours", ours), ("cornac", theirs)):
            found[name].append(gains(ranks)[:, columns])
        progress("seeds", seed + 1, seeds)
    values = {name: np.stack(each) for name, each in found.items()}
    apart: Gains = values["ours"].mean(axis=0) - values["cornac"].mean(axis=0)
    over = clusters(problem)
    drawn = resample(apart, np.ones(len(problem), dtype=bool), over, seed=0)
    told: dict[str, Any] = {"targets": len(problem), "seeds": seeds, "unit": over.unit, "clusters": over.count}
    for column, gain in enumerate(SHOWN):
        low, high = interval(drawn[:, column])
        by_seed = {name: value[:, :, column].mean(axis=1) for name, value in values.items()}
        peer = max(float(by_seed["cornac"].mean()), 1e-9)
        told[gain] = {
            **{name: [round(float(one), 5) for one in each] for name, each in by_seed.items()},
            "ratio": round(float(by_seed["ours"].mean()) / peer, 4),
            "low": round(1 + low / peer, 4),
            "high": round(1 + high / peer, 4),
        }
    return told


def markdown(told: dict[str, Any]) -> str:
    """The figures as a table."""
    lines = [
        f"`{told['command']}`",
        "",
        f"{told['targets']} targets, closed catalogue, means of {told['seeds']} seeds (± their standard deviation); "
        f"ratio with a 95 % interval over {told['clusters']} × {told['unit']}.",
        "",
        "| | ours, plain | GRU4Rec (cornac) | ratio |",
        "|---|---|---|---|",
    ]
    for gain in SHOWN:
        one = told[gain]
        cells = [
            f"{np.mean(one[name]):.4f}" + (f" ± {np.std(one[name], ddof=1):.4f}" if told["seeds"] > 1 else "")
            for name in ("ours", "cornac")
        ]
        lines.append(f"| {gain} | {' | '.join(cells)} | {one['ratio']:.3f} ({one['low']:.3f} to {one['high']:.3f}) |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parity", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", type=Path, metavar="TRAIN")
    parser.add_argument("test", type=Path, metavar="TEST")
    parser.add_argument("--peer-python", required=True, metavar="PYTHON", help="an interpreter that has cornac")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="only every n-th target (default: 1)")
    parser.add_argument("--report", type=Path, required=True, metavar="DIR")
    given = parser.parse_args(words)
    try:
        train, test = read_tables([given.train, given.test])
        problem = thinned(pose(train, test), given.every)
        found, missing = interpreters([PEER], [given.peer_python])
        if missing:
            raise NotReady(missing[0])
        with watching() as progress:
            told = measure(problem, found[PEER], given.seeds, progress)
    except SegueError as error:
        complain(str(error))
        return 1
    told["command"] = (
        f"python -m benchmarks.parity TRAIN TEST --peer-python PYTHON --every {given.every} --seeds {given.seeds} "
        "--report DIR"
    )
    given.report.mkdir(parents=True, exist_ok=True)
    (given.report / "report.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    (given.report / "report.md").write_text(markdown(told), "utf-8")
    print(markdown(told), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
