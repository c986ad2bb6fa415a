"""What one answer costs: an event comes in, the state moves, the best 100 of all tracks come out. One thread.

python -m benchmarks.answering [--models gru,rules] [--tracks N ...] [--widths N ...] [--answers N] [--json]

Models are fitted on made events over made tracks (a GRU is not trained: speed knows no weights) and follow a listener
of 10,000 events. Each size has a process of its own. Times are CPU milliseconds of that process, beside the wall's,
which other work on the machine stretches. Beside them stands the floor: the bytes that an exact answer can't help
reading, over the memory bandwidth that plain passes over as many bytes reach in the same run.

Memory is what the process holds while it answers. A state's size is what following a history leaves behind, at three
lengths: a state of fixed size is the same at each.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from segue.cli.screen import complain
from segue.errors import NotReady, SegueError
from segue.listening.events import Events, Items
from segue.taste.contract import TasteModel
from segue.taste.registry import MODELS, make

__all__ = ["bandwidth", "fitted", "measure", "state_bytes"]

K = 100
HISTORY = 10_000
LENGTHS = (100, 10_000, 100_000)
FIRST_AT, BETWEEN_S = 1_600_000_000, 240
WIDE = ("gru",)
"""Models whose answer is a product with a vector a track; others have no width."""
ROOT = Path(__file__).resolve().parents[1]


def made(count: int, tracks: int, seed: int) -> Events:
    """One listener's events, four minutes apart, of whom half repeat what is among their favourites."""
    generator = np.random.default_rng(seed)
    favourites = generator.integers(tracks, size=max(1, count // 20))
    track = np.where(
        generator.random(count) < 0.5, favourites[generator.integers(len(favourites), size=count)],
        generator.integers(tracks, size=count),
    )  # fmt: skip
    return Events.make(["listener"], np.zeros(count), track, FIRST_AT + BETWEEN_S * np.arange(count))


def fitted(name: str, tracks: int, width: int) -> TasteModel[Any]:
    """A model that knows every track: each is played once, in random order, by listeners of 200 events."""
    order = np.random.default_rng(0).permutation(tracks)
    listener = np.arange(tracks) // 200
    names = tuple(str(number) for number in range(int(listener[-1]) + 1))
    events = Events.make(names, listener, order, FIRST_AT + BETWEEN_S * (np.arange(tracks) % 200))
    model = make(name)
    if name in WIDE:
        from segue.taste.gru import SessionGru
        from segue.taste.gru_inputs import GruSettings

        model = SessionGru(replace(GruSettings(), width=width, epochs=0))
    model.fit(events, Items(tuple(str(track) for track in range(tracks))))
    return model


def bandwidth(size: int, times: int = 5) -> float:
    """Bytes a second: the fastest of plain passes (sums, and products with a vector) over so many bytes or more."""
    size = max(size, 64 << 20)  # less would stay in the cache
    block = np.ones((size // 1024, 256), dtype=np.float32)
    vector = np.ones(256, dtype=np.float32)
    passes: list[Callable[[], Any]] = [block.sum, lambda: block @ vector]
    return block.nbytes / min(_cpu_s(one) for _ in range(times) for one in passes)


def _cpu_s(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(name: str, tracks: int, width: int, answers: int) -> dict[str, Any]:
    """Milliseconds of one answer, in this process."""
    model = fitted(name, tracks, width)
    gc.collect()
    history = made(HISTORY + answers + 5, tracks, seed=1)
    state = model.follow(history.rows(slice(0, HISTORY)))
    floor_bytes = tracks * 4 * (width + 1 if name in WIDE else 2)
    cpu_ms, wall_ms, steps_ms = [], [], []
    for row in range(HISTORY, len(history)):
        event = history.event(row)
        wall, cpu = time.perf_counter(), time.process_time()
        state = model.step(state, event)
        stepped = time.process_time()
        model.recommend(state, K, at=event.started_at + BETWEEN_S)
        cpu_ms.append(1e3 * (time.process_time() - cpu))
        wall_ms.append(1e3 * (time.perf_counter() - wall))
        steps_ms.append(1e3 * (stepped - cpu))
    resident = _resident_mib()
    floor_ms = 1e3 * floor_bytes / (speed := bandwidth(floor_bytes))
    quantiles = {f"{unit}_p{p}_ms": _quantile(values[5:], p) for unit, values in (("cpu", cpu_ms), ("wall", wall_ms))
                 for p in (50, 99)}  # fmt: skip
    return {
        "model": name,
        "tracks": tracks,
        "width": width if name in WIDE else None,
        **quantiles,
        "step_p50_ms": _quantile(steps_ms[5:], 50),
        "floor_bytes": floor_bytes,
        "bandwidth_gb_s": speed / 1e9,
        "floor_ms": floor_ms,
        "times_the_floor": quantiles["cpu_p50_ms"] / floor_ms,
        "resident_mib": resident,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (1 << 20 if sys.platform == "darwin" else 1 << 10),
    }


def _quantile(values: list[float], percent: int) -> float:
    return float(np.percentile(values, percent))


def _resident_mib() -> float:
    """What this process holds now; NaN where the system doesn't tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * resource.getpagesize() / (1 << 20)


def state_bytes(name: str, width: int, lengths: tuple[int, ...] = LENGTHS, tracks: int = 5_000) -> dict[int, int]:
    """Bytes that following a history of each length leaves in memory."""
    model, found = fitted(name, tracks, width), {}
    model.follow(made(10, tracks, seed=2))  # what is made once is no part of a state
    for length in lengths:
        history = made(length, tracks, seed=2)
        gc.collect()
        tracemalloc.start()
        state = model.follow(history)
        gc.collect()
        found[length] = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del state
    return found


def _child(job: Mapping[str, Any]) -> dict[str, Any]:
    """The same in a fresh process with one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.answering", "--child", json.dumps(job)],
        env={**os.environ, **one, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReady(f"{job['name']} can't be measured ({(done.stderr.strip() or 'no word').splitlines()[-1]})")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def show(answers: list[dict[str, Any]], states: Mapping[str, Mapping[str, int]]) -> None:
    print(
        "| model | tracks | width | CPU p50, ms | CPU p99, ms | wall p50, ms | the step, ms | floor, ms (bytes ÷ "
        "bandwidth) | × floor | resident, MiB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for one in answers:
        print(
            f"| {one['model']} | {one['tracks']:,} | {one['width'] or '–'} | {one['cpu_p50_ms']:.2f} | "
            f"{one['cpu_p99_ms']:.2f} | {one['wall_p50_ms']:.2f} | {one['step_p50_ms']:.3f} | {one['floor_ms']:.2f} "
            f"({one['floor_bytes'] / 1e6:.1f} MB ÷ {one['bandwidth_gb_s']:.1f} GB/s) | {one['times_the_floor']:.1f} | "
            f"{one['resident_mib']:,.0f} |"
        )
    print(f"\n| bytes of a state after | {' | '.join(f'{length:,} events' for length in LENGTHS)} |")
    print("|---" + "|---:" * len(LENGTHS) + "|")
    for title, sizes in states.items():
        print(f"| {title} | {' | '.join(f'{sizes[str(length)]:,}' for length in LENGTHS)} |")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.answering", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", default="gru,rules", help="separated by commas (default: gru,rules)")
    parser.add_argument("--tracks", type=int, nargs="+", default=[50_000, 200_000, 1_000_000], metavar="N")
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256], metavar="N")
    parser.add_argument("--answers", type=int, default=200, metavar="N")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        job = dict(arguments.child)
        print(json.dumps(state_bytes(**job) if "tracks" not in job else measure(**job)))
        return 0
    names = [name.strip() for name in arguments.models.split(",")]
    if unknown := [name for name in names if name not in MODELS]:
        parser.error(f"no model is called {unknown[0]!r}: take {', '.join(MODELS)}")
    try:
        found, states = [], {}
        for name in names:
            for width in arguments.widths if name in WIDE else arguments.widths[:1]:
                for tracks in arguments.tracks:
                    found.append(_child({"name": name, "tracks": tracks, "width": width, "answers": arguments.answers}))
                title = f"{name}, width {width}" if name in WIDE else name
                states[title] = _child({"name": name, "width": width})
    except SegueError as error:
        complain(str(error))
        return 1
    if arguments.json:
        print(json.dumps({"answers": found, "states": states}, indent=1))
    else:
        show(found, states)
    return 0


if __name__ == "__main__":
    sys.exit(main())
