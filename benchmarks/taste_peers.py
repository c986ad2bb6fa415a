"""How well Segue's models of choice foretell the next track beside other projects' models: one run, the same rows.

python -m benchmarks.taste_peers TABLES --peer-python PYTHON [--peer-python PYTHON ...] [--ours rules,gru]
    [--peers cornac-gru4rec,...] [--on listens,playlists] [--every N] [--choosing] --report DIR

TABLES is the folder that ``benchmarks.taste_data`` fills. Every model is fitted on the same TRAIN and answers the same
targets from everything before them; weights never move after the fit. A peer runs in the first PYTHON that has its
package (two of them need NumPy versions that exclude each other); one that no PYTHON has, or that fails, is named.

Ranks are over every track and pessimistic in ties, by the evaluator's own code for all. *Open*: all tracks of TRAIN
and TEST compete. *Closed*: TRAIN's compete only, and any other target is a miss: nobody gains from having met a track
since. Peers know TRAIN's tracks only, so that both are the same for them.
DIR gets ``report.md``, ``report.json`` and for each part ``ranks-PART.parquet``: a row a target, a column a model.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.peers.comparison import PEERS, compare, interpreters, thinned
from benchmarks.peers.report import CATALOGUES, estimates, markdown
from segue.cli.screen import complain, watching
from segue.errors import NotFound, SegueError
from segue.evaluate.problem import Problem, pose
from segue.listening.tables import read_tables

ON = {"listens": ("train", "test"), "playlists": ("playlists-train", "playlists-test")}
CHOOSING = {"listens": ("dev-train", "dev-test"), "playlists": ("playlists-dev-train", "playlists-dev-test")}
"""The tables of each part, to report and to choose constants on."""


def _parts(arguments: argparse.Namespace) -> Iterator[tuple[str, Problem]]:
    for part in arguments.on:
        names = (CHOOSING if arguments.choosing else ON)[part]
        train, test = read_tables([arguments.tables / f"{name}.parquet" for name in names], ("playlist", "listener"))
        yield part, thinned(pose(train, test), arguments.every)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.taste_peers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("tables", type=Path, metavar="TABLES", help="the folder that benchmarks.taste_data fills")
    parser.add_argument(
        "--peer-python", action="append", default=[], metavar="PYTHON", help="an interpreter that has peers; repeatable"
    )
    parser.add_argument("--ours", type=_words, default=("rules", "gru"), help="Segue's models, separated by commas")
    parser.add_argument("--peers", type=_words, default=tuple(PEERS), help=f"of {', '.join(PEERS)} (default: all)")
    parser.add_argument("--on", type=_words, default=tuple(ON), help=f"of {', '.join(ON)} (default: both)")
    parser.add_argument("--every", type=int, default=1, help="only every n-th target, for all models (default: 1)")
    parser.add_argument("--choosing", action="store_true", help="take the tables for choosing constants")
    parser.add_argument("--size", choices=("tiny", "small", "medium", "large"), default="small")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, required=True, metavar="DIR")
    return parser


def _command(arguments: argparse.Namespace) -> str:
    """What gives the tables again on any machine: places are named, not told."""
    words = ["python -m benchmarks.taste_peers TABLES", *["--peer-python PYTHON"] * len(arguments.peer_python)]
    words += [f"--ours {','.join(arguments.ours)}"]
    words += [f"--peers {','.join(arguments.peers)}"] if arguments.peers != tuple(PEERS) else []
    words += [f"--on {','.join(arguments.on)}"] if arguments.on != tuple(ON) else []
    words += [f"--every {arguments.every}"] if arguments.every > 1 else []
    words += ["--choosing"] if arguments.choosing else []
    words += [f"--size {arguments.size}"] if arguments.size != "small" else []
    words += [f"--seed {arguments.seed}"] if arguments.seed else []
    return " ".join([*words, "--report DIR"])


def main(words: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(words)
    try:
        for kind, names, there in (("peer", arguments.peers, PEERS), ("part", arguments.on, ON)):
            if unknown := [name for name in names if name not in there]:
                raise NotFound(f"no {kind} is called {unknown[0]!r}: take {', '.join(there)}")
        peers, missing = interpreters(arguments.peers, arguments.peer_python)
        arguments.report.mkdir(parents=True, exist_ok=True)
        report: dict[str, Any] = {"command": _command(arguments), "missing": missing, "parts": {}}
        for part, problem in _parts(arguments):
            with watching() as progress:
                found, failed = compare(
                    problem, arguments.ours, peers, size=arguments.size, seed=arguments.seed, progress=progress
                )
            report["missing"] += [f"{part}: {sentence}" for sentence in failed]
            report["parts"][part] = estimates(problem, found, arguments.ours, seed=arguments.seed)
            columns = {f"{name}, {kind}": getattr(one, kind) for name, one in found.items() for kind in CATALOGUES}
            pl.DataFrame({"row": problem.rows, **columns}).write_parquet(arguments.report / f"ranks-{part}.parquet")
        (arguments.report / "report.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
        (arguments.report / "report.md").write_text(markdown(report), "utf-8")
    except SegueError as error:
        complain(str(error))
        return 1
    print(markdown(report), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
