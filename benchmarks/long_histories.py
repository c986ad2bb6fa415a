"""What a training on long tables of listens costs: seconds, events a second and peak memory as the tables grow.

python -m benchmarks.long_histories [--events N ...] [--kind NAME] [--tracks N] [--epochs N] [--json]

The tables are simulated: 20 Parquet files a size, tracks drawn by Zipf's law, sessions of some ten tracks, half of the
rows with what was played. They say nothing of how well a model chooses. Every size has a process of its own, which
reads, trains and writes as ``segue train --listens`` does, at size tiny; memory is the most that it ever held, its
libraries and its children included. ``--epochs`` sets the passes of the GRU (tiny: 3).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

__all__ = ["measure", "simulated"]

FILES = 20
EVENTS_A_LISTENER = 200
SESSION = 10


def simulated(folder: Path, events: int, tracks: int, seed: int = 0) -> list[Path]:
    """Write simulated listens as ``FILES`` Parquet files, cut by time as an export is, and return their paths."""
    import polars as pl

    rng = np.random.default_rng(seed)
    chances = 1 / np.arange(1, tracks + 1)
    cumulative = np.cumsum(chances / chances.sum())
    listeners = max(1, events // EVENTS_A_LISTENER)
    paths = []
    for number, size in enumerate(np.diff(np.linspace(0, events, FILES + 1).astype(int)).tolist()):
        sessions = -(-size // SESSION)
        listener = np.repeat(rng.integers(listeners, size=sessions), SESSION)[:size]
        began = np.repeat(rng.integers(86_400 * 30, size=sessions), SESSION)[:size] + np.arange(size) % SESSION * 200
        track = np.searchsorted(cumulative, rng.random(size)).clip(0, tracks - 1)
        played_s = np.where(rng.random(size) < 0.5, rng.uniform(5, 200, size), np.nan)
        frame = pl.DataFrame(
            {
                "listener": pl.Series(listener).cast(pl.String).str.zfill(12),
                "played_at": 1_600_000_000 + number * 86_400 * 30 + began,
                "track": "simulated-" + pl.Series(track).cast(pl.String).str.zfill(12),
                "played_s": played_s,
                "duration_s": np.full(size, 200.0),
            }
        )
        paths.append(folder / f"simulated-{number:02d}.parquet")
        frame.write_parquet(paths[-1])
    return paths


def measure(events: int, tracks: int, kind: str, epochs: int) -> dict[str, Any]:
    """One size, trained in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = simulated(Path(folder), events, tracks)
        size_mib = sum(path.stat().st_size for path in paths) / 2**20
        words = [sys.executable, "-m", "benchmarks.long_histories", "--here", folder, "--kind", kind]
        words += ["--epochs", str(epochs)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return {"files": len(paths), "size_mib": size_mib, **json.loads(done.stdout)}


def train_here(folder: Path, kind: str, epochs: int) -> dict[str, Any]:
    """Read, train and write in this process; memory before, after reading, and at most, in MiB."""
    import polars as pl  # noqa: F401 (loading them is no part of it)
    import torch  # noqa: F401

    from segue.library import listens_training
    from segue.taste.gru_inputs import GruSettings

    begun, after_reading = _peak_mib(), 0.0

    def watch(stage: str, done: int, total: int | None) -> None:
        nonlocal after_reading
        if stage == "read listens" and done == total:
            after_reading = _peak_mib()
        print(f"{stage}: {done} of {total}, {_peak_mib():.0f} MiB at most", file=sys.stderr)

    short = replace(GruSettings.of("tiny"), epochs=epochs)
    with patch.object(GruSettings, "of", lambda _: short):
        began = time.monotonic()
        made = listens_training.train_on_listens(
            str(folder / "*.parquet"), folder / "model", kind=kind, size="tiny", progress=watch
        )
    passes = epochs * (1 if kind == "gru" else 2)  # a blend trains its parts twice
    return {
        "kind": kind,
        "events": made.listens,
        "listeners": made.listeners,
        "tracks": made.tracks,
        "passes": passes,
        "reading_s": made.seconds["reading"],
        "training_s": made.seconds["training"],
        "total_s": time.monotonic() - began,
        "read_events_a_second": made.listens / made.seconds["reading"],
        "trained_events_a_second": made.listens * passes / made.seconds["training"],
        "libraries_mib": begun,
        "reading_mib": after_reading,
        "peak_mib": _peak_mib(),
    }


def show(found: Sequence[Mapping[str, Any]]) -> None:
    print("simulated tables, size tiny; MiB are peaks, libraries included")
    print("model           events  listeners   tracks  read s  events/s  train s  passes  events/s  MiB read  MiB all")
    for one in found:
        print(
            f"{one['kind']:12} {one['events']:>9,} {one['listeners']:>10,} {one['tracks']:>8,} {one['reading_s']:7.1f} "
            f"{one['read_events_a_second']:9,.0f} {one['training_s']:8.1f} {one['passes']:7} "
            f"{one['trained_events_a_second']:9,.0f} {one['reading_mib']:9,.0f} {one['peak_mib']:8,.0f}"
        )


def _peak_mib() -> float:
    return sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def main(words: Sequence[str] | None = None) -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(description="What a training on long tables costs.")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--tracks", type=int, default=100_000, help="in the simulated catalogue")
    parser.add_argument("--kind", default="gru")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.here is not None:
        print(json.dumps(train_here(given.here, given.kind, given.epochs)))
        return
    found = [measure(size, given.tracks, given.kind, given.epochs) for size in given.events]
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
