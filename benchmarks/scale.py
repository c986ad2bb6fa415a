"""What a library costs as it grows: tracks go in by the hundred and the thousand, through the library's own path.

Every size begins with an empty home. Tracks are identified, then heard and written by ``embed_tracks`` with two
processes. CPU-seconds of all processes are counted too, since wall time on a busy machine says little.
"""

import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.copies import CUT_S, many

WORKERS = 2
FAR = 100_000
"""Tracks that the line is followed to."""


def measure(sources: Sequence[Path], sizes: Sequence[int]) -> dict[str, Any]:
    """Seconds of each size, and the straight line through them."""
    with tempfile.TemporaryDirectory() as folder:
        files = many(sources, Path(folder), max(sizes))
        # Steps, not a beginning: the smaller library is made of the same music.
        found = [_embed([files[i * len(files) // size] for i in range(size)]) for size in sorted(sizes)]
    return {"track_s": CUT_S, "workers": WORKERS, "sizes": found, **(_line(found) if len(found) > 1 else {})}


def show(found: dict[str, Any]) -> None:
    print(f"tracks of {found['track_s']} s, {found['workers']} processes")
    print("tracks   wall s   CPU-s  CPU-s/track  tracks/h (wall)  tracks/h (two free cores)  peak MiB")
    for one in found["sizes"]:
        print(
            f"{one['tracks']:6} {one['wall_s']:8.1f} {one['cpu_s']:7.1f} {one['cpu_s'] / one['tracks']:12.3f} "
            f"{one['tracks_an_hour']:16,.0f} {one['tracks_an_hour_of_two_cores']:26,.0f} {one['peak_mib']:9.0f}"
        )
    if "slope_s" in found:
        print(
            f"CPU-s = {found['begin_s']:.1f} + {found['slope_s']:.4f} a track, off by {found['worst_residual']:.1%} at "
            f"most; {FAR:,} tracks: {found['far_cpu_h']:.1f} CPU-hours"
        )


def _embed(files: Sequence[Path]) -> dict[str, Any]:
    from segue.catalogue.identity import identify
    from segue.encoders.embedding import embed_tracks
    from segue.encoders.shipped import shipped_ears
    from segue.home import Home
    from segue.store import Database
    from segue.types import Track

    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        database = Database(home.database)
        try:
            with home.publish("ears") as place:
                shipped_ears().save(place)
            began_s, before_s = time.monotonic(), _cpu_s()
            tracks = [Track(identify(path).track_id, path.stem, path=path) for path in files]
            latest = home.latest("ears")
            assert latest is not None
            vectors = embed_tracks(home, database, latest, tracks, workers=WORKERS)
            wall_s, cpu_s = time.monotonic() - began_s, _cpu_s() - before_s
        finally:
            database.close()
    assert len(vectors.ids) == len(files), "every cut is a track of its own"
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "tracks": len(files),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "tracks_an_hour": len(files) / wall_s * 3600,
        "tracks_an_hour_of_two_cores": len(files) / cpu_s * 2 * 3600,
        "peak_mib": max(peaks),
    }


def _line(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The line through the costs, each size weighing the same: relative errors are squared."""
    tracks = np.array([one["tracks"] for one in found], dtype=float)
    cpu_s = np.array([one["cpu_s"] for one in found])
    # Of two sizes the line goes through both; that it is straight shows from three on.
    terms = np.stack([np.ones_like(tracks), tracks], axis=1) / cpu_s[:, None]
    (begin_s, slope_s), *_ = np.linalg.lstsq(terms, np.ones_like(tracks), rcond=None)
    residuals = np.abs(terms @ [begin_s, slope_s] - 1)
    return {
        "begin_s": float(begin_s),
        "slope_s": float(slope_s),
        "worst_residual": float(residuals.max()),
        "far_cpu_h": float(begin_s + slope_s * FAR) / 3600,
    }


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
