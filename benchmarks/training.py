"""How fast the session GRU trains: events a second as histories grow, and beside GRU4Rec of cornac on the same events.

python -m benchmarks.training [--peer-python PYTHON] [--events N ...] [--compare N] [--rounds N] [--batch N] [--json]

Events are made: sessions of 200, tracks drawn by Zipf's law; order does not matter to speed. Both take one pass with
the same width, events in a step and shared negatives (cornac has the answers of the batch as negatives besides). Every
training has a process of its own, by turns, and is counted in CPU seconds of its one thread: a ratio holds on a busy
machine. Memory is the most that a process ever held, its libraries included.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.comparison import PEERS, ROOT, ask, interpreters
from benchmarks.peers.exchange import Task
from segue.cli.screen import complain
from segue.errors import NotReady, SegueError

__all__ = ["made", "ours", "train_here"]

SESSION = 200
SETTINGS = {"width": 128, "negatives": 2048, "epochs": 1, "piece": SESSION}
PEER = "cornac-gru4rec"


def made(events: int, tracks: int, batch: int, seed: int = 0) -> Task:
    """Events of nobody, nothing to predict, to be learned ``batch`` at a step."""
    generator = np.random.default_rng(seed)
    chance = 1 / np.arange(1, tracks + 1)
    track = np.searchsorted(np.cumsum(chance / chance.sum()), generator.random(events)).clip(0, tracks - 1)
    held, number = np.unique(track, return_inverse=True)
    nothing = np.zeros(0, dtype=np.int64)
    session = np.arange(events) // SESSION
    return Task(
        "listener", len(held), session, number.astype(np.int64), nothing, nothing, nothing, {**SETTINGS, "batch": batch}
    )


def train_here(task: Task) -> dict[str, float]:
    """CPU seconds and peak memory of one pass of the session GRU in this process."""
    import torch  # noqa: F401 (loading it is no part of a training)

    from segue.listening.events import Events, Items
    from segue.taste.gru import SessionGru
    from segue.taste.gru_inputs import GruSettings

    groups = tuple(str(group) for group in range(int(task.train_group[-1]) + 1))
    events = Events.make(groups, task.train_group, task.train_track, np.zeros(len(task.train_track), dtype=np.int64))
    items = Items(tuple(str(track) for track in range(task.tracks)))
    settings = replace(
        GruSettings(),
        width=task.settings["width"],
        batch_events=task.settings["batch"],
        negatives=task.settings["negatives"],
        full_softmax_tracks=0,
        epochs=task.settings["epochs"],
    )
    began = time.process_time()
    SessionGru(settings).fit(events, items)
    took = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"fit_cpu_s": took, "peak_mib": peak}


def ours(task: Task) -> Mapping[str, Any]:
    """The same in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        task.write(Path(folder))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.training", "--child", folder],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise NotReady(f"the training failed ({(done.stderr.strip() or 'no word').splitlines()[-1]})")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(
    events: Sequence[int], compare: int, rounds: int, tracks: int, batch: int, python: str | None
) -> dict[str, Any]:
    """Speeds at each size; with an interpreter for the peer the ratio at one size, the median of alternated rounds."""
    found: dict[str, Any] = {"settings": {**SETTINGS, "batch": batch}, "sizes": []}
    for size in events:
        task = made(size, tracks, batch)
        found["sizes"].append({"events": size, "tracks": task.tracks, **_speed(size, ours(task))})
    if python:
        task, rows = made(compare, tracks, batch), []
        for round_ in range(rounds):
            runs = {"segue": lambda: ours(task), "cornac": lambda: ask(PEERS[PEER], task, python).said}
            order = list(runs) if round_ % 2 == 0 else list(runs)[::-1]
            rows.append({name: _speed(compare, runs[name]()) for name in order})
        ratios = [row["segue"]["events_s"] / row["cornac"]["events_s"] for row in rows]
        found["beside"] = {"events": compare, "tracks": task.tracks, "rounds": rows, "ratio": statistics.median(ratios)}
    return found


def _speed(events: int, cost: Mapping[str, Any]) -> dict[str, float]:
    return {"cpu_s": cost["fit_cpu_s"], "events_s": events / cost["fit_cpu_s"], "peak_mib": cost["peak_mib"]}


def show(found: Mapping[str, Any]) -> None:
    print(", ".join(f"{name} {value}" for name, value in found["settings"].items()) + ", one thread\n")
    print("| events | tracks | CPU s | events/s | peak MiB |\n|---:|---:|---:|---:|---:|")
    for one in found["sizes"]:
        print(
            f"| {one['events']:,} | {one['tracks']:,} | {one['cpu_s']:.1f} | {one['events_s']:,.0f} | "
            f"{one['peak_mib']:,.0f} |"
        )
    if "beside" in found:
        beside = found["beside"]
        print(f"\n{beside['events']:,} events, {beside['tracks']:,} tracks, by turns\n")
        print("| round | segue, events/s | cornac, events/s | ratio | segue, MiB | cornac, MiB |")
        print("|---:|---:|---:|---:|---:|---:|")
        for number, row in enumerate(beside["rounds"], 1):
            mine, theirs = row["segue"], row["cornac"]
            print(
                f"| {number} | {mine['events_s']:,.0f} | {theirs['events_s']:,.0f} | "
                f"{mine['events_s'] / theirs['events_s']:.2f} | {mine['peak_mib']:,.0f} | {theirs['peak_mib']:,.0f} |"
            )
        print(f"\nmedian ratio {beside['ratio']:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--peer-python", metavar="PYTHON", help="an interpreter that has cornac")
    parser.add_argument("--events", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--compare", type=int, default=300_000, metavar="N", help="events of the ratio")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tracks", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1_024, help="events in a step (default: 1024)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(train_here(Task.read(arguments.child))))
        return 0
    try:
        peers, missing = interpreters([PEER], [arguments.peer_python] if arguments.peer_python else [])
        found = measure(
            arguments.events, arguments.compare, arguments.rounds, arguments.tracks, arguments.batch, peers.get(PEER)
        )
    except SegueError as error:
        complain(str(error))
        return 1
    if arguments.json:
        print(json.dumps({**found, "missing": missing}, indent=1))
    else:
        show(found)
        print("".join(f"\n{note}" for note in missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
