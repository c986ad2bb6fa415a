"""What the networks learn from: log-mels read by the batch, split by album, with the statistics of the training part.

The log-mels may be a memory map of 20,000 tracks (8 GB), so nothing here holds more than a few hundred windows.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.audio.mel import FRAMES, MELS

__all__ = ["Corpus", "Mels"]

Mels = npt.NDArray[np.float16] | npt.NDArray[np.float32]

HELD_OUT_LEAST, HELD_OUT_MOST = 0.1, 0.25
FEWEST_TO_SPLIT = 10
STATISTICS_TRACKS = 1024
"""Means and deviations are taken over at most so many tracks, evenly spread: more would change the third digit."""

Rows = npt.NDArray[np.int64]


class Corpus:
    """Tracks to learn from.

    Parameters
    ----------
    mels
        float16 or float32 (tracks, windows, FRAMES, MELS); may be a memory map.
    groups
        One name a track; a group is wholly held out or wholly trained on.
    seed
        Which groups are held out.

    Attributes
    ----------
    training, held_out
        int64 rows, sorted. ``held_out`` is empty with fewer than ten tracks or no fitting group.

    Raises
    ------
    ValueError
        The shapes do not fit, or there is no track.
    """

    def __init__(self, mels: Mels, groups: Sequence[str], seed: int = 0) -> None:
        if mels.ndim != 4 or mels.shape[2:] != (FRAMES, MELS) or not mels.shape[0] or not mels.shape[1]:
            raise ValueError(f"training log-mels have the shape (tracks, windows, {FRAMES}, {MELS}); got {mels.shape}")
        if len(groups) != len(mels):
            raise ValueError(f"{len(mels)} tracks, but {len(groups)} groups")
        self.mels = mels
        self.groups = tuple(groups)
        self.training, self.held_out = _split(self.groups, np.random.default_rng([seed, 1]))

    def __len__(self) -> int:
        return len(self.mels)

    @cached_property
    def bins(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mean and deviation of each mel bin over the training tracks: two float32 (MELS,).

        A bin that hardly moves (a library of 8 kHz recordings) is not blown up: deviations are at least 0.05.
        """
        total, squares, count = np.zeros(MELS), np.zeros(MELS), 0
        for row in self.sample(self.training):
            frames = np.asarray(self.mels[row], dtype=np.float64).reshape(-1, MELS)
            total += frames.sum(0)
            squares += np.square(frames).sum(0)
            count += len(frames)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        return mean.astype(np.float32), np.maximum(deviation, 0.05).astype(np.float32)

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal BLAKE2b of the log-mels and the groups: the same data, the same name."""
        digest = hashlib.blake2b(repr((self.mels.shape, str(self.mels.dtype), self.groups)).encode(), digest_size=16)
        for row in range(len(self)):
            digest.update(np.ascontiguousarray(self.mels[row]).data)
        return digest.hexdigest()

    def sample(self, rows: Rows, most: int = STATISTICS_TRACKS) -> Rows:
        """At most so many of these rows, evenly spread."""
        return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))]

    def pairs(self, tracks: int, frames: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.float32]]:
        """Without end: float32 (2 · tracks, frames, MELS), rows i and i + tracks being out of two windows of one track.

        Every training track comes once in each round; a track of one window is paired with itself.
        """
        tracks = min(tracks, len(self.training))
        windows = self.mels.shape[1]
        waiting = np.zeros(0, dtype=np.int64)
        while True:
            if len(waiting) < tracks:
                # What is left over begins the next batch; a track twice in one batch would be its own negative.
                shuffled = rng.permutation(self.training)
                fresh = np.concatenate([shuffled[~np.isin(shuffled, waiting)], shuffled[np.isin(shuffled, waiting)]])
                waiting = np.concatenate([waiting, fresh])
            chosen, waiting = waiting[:tracks], waiting[tracks:]
            first = rng.integers(windows, size=tracks)
            second = (first + rng.integers(1, max(windows, 2), size=tracks)) % windows
            begins = rng.integers(FRAMES - frames + 1, size=2 * tracks)
            batch = np.empty((2 * tracks, frames, MELS), dtype=np.float32)
            for place, (row, window) in enumerate(zip([*chosen, *chosen], [*first, *second], strict=True)):
                batch[place] = self.mels[row, window, begins[place] : begins[place] + frames]
            yield batch

    def windows_of(self, rows: Rows, each: int) -> npt.NDArray[np.float32]:
        """float32 (windows, FRAMES, MELS): so many windows, evenly spread, of each of these tracks."""
        chosen = np.unique(np.linspace(0, self.mels.shape[1] - 1, each).round().astype(np.int64))
        return np.asarray(self.mels[rows[:, None], chosen[None]], dtype=np.float32).reshape(-1, FRAMES, MELS)

    def card(self) -> dict[str, Any]:
        """What a model card says of the data."""
        said: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "tracks": len(self),
            "groups": len(set(self.groups)),
            "training_tracks": len(self.training),
            "held_out_tracks": len(self.held_out),
        }
        if not len(self.held_out):
            said["note"] = "nothing was held out: too few tracks, or no group small enough; the last weights were kept"
        return said


def _split(groups: tuple[str, ...], rng: np.random.Generator) -> tuple[Rows, Rows]:
    names, group_of, sizes = np.unique(np.array(groups), return_inverse=True, return_counts=True)
    held: list[int] = []
    tracks = 0
    if len(groups) >= FEWEST_TO_SPLIT:
        for group in rng.permutation(len(names)):
            if tracks >= HELD_OUT_LEAST * len(groups):
                break
            if tracks + sizes[group] <= HELD_OUT_MOST * len(groups):
                held.append(int(group))
                tracks += int(sizes[group])
    out = np.isin(group_of, held)
    return np.flatnonzero(~out).astype(np.int64), np.flatnonzero(out).astype(np.int64)
