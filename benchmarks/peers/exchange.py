"""What a peer is asked, and what it answers: two files of numbers in one folder.

In ``task.npz``: TRAIN, and the histories with the places that are to be predicted, in the order of Segue's own
evaluator; a peer may read what stands before a place, and must not learn from it. In ``answer.npz``: two matrices
whose product is the scores of the targets over the tracks that TRAIN holds. So a peer computes no metric: Segue's
evaluator ranks its scores as it ranks everybody's. Factor models, GRUs and transformers answer with queries and track
vectors, neighbourhoods with counts and a sparse table of likeness.

Needs NumPy and SciPy only, since it is imported in the peers' own interpreters too.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Answer", "Task", "answer", "timed"]

Whole = npt.NDArray[np.int64]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Task:
    """What a peer is asked.

    Attributes
    ----------
    group
        "listener" or "playlist": what has a history.
    tracks
        How many tracks TRAIN holds; everything else counts them from 0.
    train_group, train_track
        int64 (events,): listener (or playlist) and track, sorted by group, then time.
    history_group, history_track
        int64 (events,): TRAIN and TEST of everybody who has a target, sorted alike; track -1 is not in TRAIN.
    targets
        int64 (targets,): rows of the history to predict, rising.
    settings
        What replaces a peer's own settings.
    """

    group: str
    tracks: int
    train_group: Whole
    train_track: Whole
    history_group: Whole
    history_track: Whole
    targets: Whole
    settings: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``task.npz``."""
        arrays: dict[str, Any] = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        plain = {"group": self.group, "tracks": self.tracks, "settings": dict(self.settings)}
        np.savez(folder / "task.npz", plain=np.array(json.dumps(plain)), **arrays)

    @classmethod
    def read(cls, folder: Path) -> "Task":
        """Read ``task.npz``."""
        with np.load(folder / "task.npz", allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        return cls(**json.loads(str(arrays.pop("plain"))), **arrays)

    def pieces(self, length: int, shared: int = 0) -> tuple[Whole, Whole]:
        """TRAIN cut into sessions of so many events: the session and the track of each, int64.

        ``shared``: how many events a session has in common with the one before it in the same group.
        """
        step = length - shared
        begins = np.flatnonzero(np.diff(self.train_group, prepend=-1))
        sizes = np.diff(begins, append=len(self.train_group))
        counts = np.maximum(1, -(-(sizes - shared) // step))
        number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        start = np.repeat(begins, counts) + number * step
        lengths = np.minimum(np.repeat(begins + sizes, counts) - start, length)
        rows = np.arange(lengths.sum()) + np.repeat(start - (np.cumsum(lengths) - lengths), lengths)
        return np.repeat(np.arange(len(start)), lengths), self.train_track[rows]

    def before(self, target: int) -> Whole:
        """int64 (tracks,): what TRAIN knows of the history before one target."""
        tracks = self.history_track[np.searchsorted(self.history_group, self.history_group[target]) : target]
        return tracks[tracks >= 0]

    def known_before(self) -> tuple[Whole, Whole, Whole]:
        """The events of histories that TRAIN knows, and how many of them come before each target in its group.

        Returns
        -------
        rows, first, count
            int64 (known events,): rows of the history. int64 (targets,) both: the events before target t are
            ``rows[first[t] : first[t] + count[t]]``.
        """
        rows = np.flatnonzero(self.history_track >= 0)
        begins = np.searchsorted(self.history_group, self.history_group[self.targets])
        first = np.searchsorted(rows, begins)
        return rows, first, np.searchsorted(rows, self.targets) - first

    def windows(self, length: int) -> Whole:
        """int64 (targets, length): the latest tracks before each target, the last one last; -1 is none."""
        rows, first, count = self.known_before()
        place = (first + count)[:, None] - np.arange(length, 0, -1)
        tracks = self.history_track[rows[np.maximum(place, 0)]] if len(rows) else np.full(place.shape, -1)
        return np.where(place >= first[:, None], tracks, -1)


@dataclass(frozen=True)
class Answer:
    """What a peer answers.

    Attributes
    ----------
    left, right
        (targets, n) and (n, tracks), both NumPy arrays or both SciPy's CSR matrices: the scores are ``left @ right``.
    said
        Version, settings, CPU seconds of fitting and of answering, peak memory. With the setting ``without_heard``
        the tracks that a history holds already are no answers: what many of these packages do unless told otherwise.
    """

    left: Any
    right: Any
    said: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write ``answer.npz``."""
        parts: dict[str, Any] = {}
        for side, matrix in (("left", self.left), ("right", self.right)):
            if isinstance(matrix, np.ndarray):
                parts[side] = matrix.astype(np.float32)
            else:
                sparse = matrix.tocsr()
                names = ("data", "indices", "indptr")
                parts |= {f"{side}_{name}": getattr(sparse, name) for name in names}
                parts[f"{side}_shape"] = np.array(sparse.shape)
        np.savez(folder / "answer.npz", said=np.array(json.dumps(dict(self.said))), **parts)

    @classmethod
    def read(cls, folder: Path) -> "Answer":
        """Read ``answer.npz``."""
        from scipy.sparse import csr_matrix

        with np.load(folder / "answer.npz", allow_pickle=False) as held:
            parts = {name: held[name] for name in held.files}
        sides = [
            parts[side]
            if side in parts
            else csr_matrix(
                (parts[f"{side}_data"], parts[f"{side}_indices"], parts[f"{side}_indptr"]),
                shape=tuple(parts[f"{side}_shape"]),
            )
            for side in ("left", "right")
        ]
        return cls(sides[0], sides[1], json.loads(str(parts["said"])))

    def scores(self, rows: Whole) -> npt.NDArray[np.float32]:
        """float32 (rows, tracks)."""
        product = self.left[rows] @ self.right
        return np.asarray(product if isinstance(product, np.ndarray) else product.toarray(), dtype=np.float32)


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What it returns, and the CPU seconds that it took."""
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def answer(
    package: str,
    settings: Mapping[str, Mapping[str, Any]],
    fit: Callable[[Task, dict[str, Any]], Any],
    matrices: Callable[[Task, dict[str, Any], Any], tuple[Any, Any]],
) -> None:
    """Run a peer on the folder that the command line names: fit, answer, and write what it cost.

    ``settings`` are those for listeners and those for playlists, by ``Task.group``.
    """
    folder = Path(sys.argv[1])
    task = Task.read(folder)
    effective = {**settings[task.group], **task.settings}
    fitted, fit_s = timed(lambda: fit(task, effective))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    (left, right), answer_s = timed(lambda: matrices(task, effective, fitted))
    said = {
        "version": version(package),
        "settings": effective,
        "fit_cpu_s": round(fit_s, 2),
        "answer_cpu_s": round(answer_s, 2),
        "peak_mib": round(peak),
    }
    Answer(left, right, said).write(folder)
