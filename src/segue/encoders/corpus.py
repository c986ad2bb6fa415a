"""What the networks learn from: log-mels read by the batch, split by album, with the statistics of the training part.

The log-mels may be a memory map of 20,000 tracks (8 GB), so nothing here holds more than a few hundred windows.
"""

import hashlib
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.audio.mel import FRAMES, MELS

__all__ = ["Batch", "Corpus", "Mels"]

Mels = npt.NDArray[np.float16] | npt.NDArray[np.float32]

HELD_OUT_LEAST, HELD_OUT_MOST = 0.1, 0.25
FEWEST_TO_SPLIT = 10
STATISTICS_TRACKS = 1024
"""Means and deviations are taken over at most so many tracks, evenly spread: more would change the third digit."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Two windows of each of n tracks: rows i and i + n are of one track.

    Attributes
    ----------
    mels
        float32 (2 n, frames, MELS).
    groups
        int64 (n,): tracks of one number are of one album.
    taught
        float32 (2 n, features): what a teacher says of the windows' middles, or None where there is no teacher.
    """

    mels: npt.NDArray[np.float32]
    groups: Rows
    taught: npt.NDArray[np.float32] | None = None


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
    taught
        What a teacher says of each window, float (tracks, windows, features), each feature centred and in units of
        its deviation; may be a memory map.

    Attributes
    ----------
    training, held_out
        int64 rows, sorted. ``held_out`` is empty with fewer than ten tracks or no fitting group.

    Raises
    ------
    ValueError
        The shapes do not fit, or there is no track.
    """

    def __init__(self, mels: Mels, groups: Sequence[str], seed: int = 0, taught: Mels | None = None) -> None:
        if mels.ndim != 4 or mels.shape[2:] != (FRAMES, MELS) or not mels.shape[0] or not mels.shape[1]:
            raise ValueError(f"training log-mels have the shape (tracks, windows, {FRAMES}, {MELS}); got {mels.shape}")
        if len(groups) != len(mels):
            raise ValueError(f"{len(mels)} tracks, but {len(groups)} groups")
        if taught is not None:
            _check_teacher(mels, taught)
        self.mels = mels
        self.groups = tuple(groups)
        self.taught = taught
        self._group_of = np.unique(np.array(self.groups), return_inverse=True)[1].astype(np.int64)
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
        """Hexadecimal BLAKE2b of the log-mels, the groups and the teacher's words: the same data, the same name."""
        digest = hashlib.blake2b(repr((self.mels.shape, str(self.mels.dtype), self.groups)).encode(), digest_size=16)
        for row in range(len(self)):
            digest.update(np.ascontiguousarray(self.mels[row]).data)
            if self.taught is not None:
                digest.update(np.ascontiguousarray(self.taught[row]).data)
        return digest.hexdigest()

    def sample(self, rows: Rows, most: int = STATISTICS_TRACKS) -> Rows:
        """At most so many of these rows, evenly spread."""
        return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64))]

    def taught_by(self, taught: Mels) -> "Corpus":
        """The same tracks, split alike, with a teacher."""
        _check_teacher(self.mels, taught)
        other = copy(self)  # whoever parted the tracks otherwise keeps that
        other.taught = taught
        other.__dict__.pop("fingerprint", None)
        return other

    def batch(self, step: int, tracks: int, frames: int, seed: int) -> Batch:
        """What is learned from at this step: a function of its arguments, so that a training can go on anywhere.

        Every training track comes at most once in a round, in another order each round; what does not fill a batch
        at the end of a round is left out of it. A track of one window is paired with itself.
        """
        tracks = min(tracks, len(self.training))
        windows = self.mels.shape[1]
        turn, place = divmod(step, len(self.training) // tracks)
        order = np.random.default_rng([seed, 2, turn]).permutation(self.training)
        chosen = order[place * tracks : (place + 1) * tracks]
        random = np.random.default_rng([seed, 3, step])
        first = random.integers(windows, size=tracks)
        second = (first + random.integers(1, max(windows, 2), size=tracks)) % windows
        # A teacher speaks of the middle of a window, so that what is left of it must keep its middle in the middle.
        begins = np.full(2 * tracks, (FRAMES - frames) // 2)
        if self.taught is None:
            begins = random.integers(FRAMES - frames + 1, size=2 * tracks)
        rows, taken = np.concatenate([chosen, chosen]), np.concatenate([first, second])
        mels = np.empty((2 * tracks, frames, MELS), dtype=np.float32)
        for row, window, begin, place in zip(rows, taken, begins, range(2 * tracks), strict=True):
            mels[place] = self.mels[row, window, begin : begin + frames]
        taught = None if self.taught is None else np.asarray(self.taught[rows, taken], dtype=np.float32)
        return Batch(mels, self._group_of[chosen], taught)

    def held_out_batch(self, most: int) -> Batch | None:
        """Two windows of each of at most so many held-out tracks, or None where nothing is held out."""
        if not len(self.held_out):
            return None
        rows = self.sample(self.held_out, most)
        last = self.mels.shape[1] - 1
        chosen, taken = np.concatenate([rows, rows]), np.repeat([0, last], len(rows))
        mels = np.stack([self.mels[row, window] for row, window in zip(chosen, taken, strict=True)])
        taught = None if self.taught is None else np.asarray(self.taught[chosen, taken], dtype=np.float32)
        return Batch(mels.astype(np.float32), self._group_of[rows], taught)

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


def _check_teacher(mels: Mels, taught: Mels) -> None:
    if taught.ndim != 3 or taught.shape[:2] != mels.shape[:2]:
        raise ValueError(f"a teacher says something of every window: {mels.shape[:2]}, not {taught.shape[:2]}")


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
