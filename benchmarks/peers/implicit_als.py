"""Alternating least squares of implicit (Hu, Koren & Volinsky 2008), folding each history in as it grows.

TRAIN's pieces are its users: one factor for ten years of a person's listening says little of tonight. A target's
user is folded in from the latest ``window`` events before it, by implicit's own ``recalculate_user``.
"""

from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares  # type: ignore[import-not-found,unused-ignore]
from scipy.sparse import csr_matrix

from benchmarks.peers.exchange import Task, answer

WHOLE = 250
"""Events of the longest playlist there is in the data."""

SETTINGS = {
    group: {
        "width": 128,
        "piece": piece,
        "window": window,
        "without_heard": group == "playlist",
        "confidence": 10.0,
        "regularization": 0.05,
        "iterations": 12,
        "seed": 0,
    }
    for group, piece, window in (("listener", 20, 5), ("playlist", WHOLE, 20))
}
"""Chosen on the tables for choosing."""


def fit(task: Task, settings: dict[str, Any]) -> Any:
    """The fitted model."""
    session, track = task.pieces(settings["piece"])
    model = AlternatingLeastSquares(
        factors=settings["width"],
        regularization=settings["regularization"],
        alpha=settings["confidence"],
        iterations=settings["iterations"],
        num_threads=1,
        random_state=settings["seed"],
    )
    plays = csr_matrix((np.ones(len(track), dtype=np.float32), (session, track)), shape=(session[-1] + 1, task.tracks))
    model.fit(plays, show_progress=False)
    return model


def matrices(task: Task, settings: dict[str, Any], model: Any) -> tuple[Any, Any]:
    """Factors of the latest events and of tracks."""
    windows = task.windows(settings["window"])
    target, place = np.nonzero(windows >= 0)
    ones = np.ones(len(target), dtype=np.float32)
    heard = csr_matrix((ones, (target, windows[target, place])), shape=(len(windows), task.tracks))
    if not len(windows):
        return np.zeros((0, settings["width"]), dtype=np.float32), model.item_factors.T
    return model.recalculate_user(np.arange(len(windows)), heard), model.item_factors.T


if __name__ == "__main__":
    answer("implicit", SETTINGS, fit, matrices)
