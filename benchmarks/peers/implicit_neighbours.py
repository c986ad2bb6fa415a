"""Item neighbours of implicit: a target's scores are the sum over the latest events before it of what is like them.

For listeners likeness is weighted by BM25; among playlists, where most tracks stand in one or two, that and the cosine
find less than plain counts of common playlists (Recall@20 on the tables for choosing .032, .057, .063).
"""

from typing import Any

import numpy as np
from implicit.nearest_neighbours import (  # type: ignore[import-not-found,unused-ignore]
    BM25Recommender,
    ItemItemRecommender,
)
from scipy.sparse import csr_matrix

from benchmarks.peers.exchange import Task, answer

WHOLE = 250
"""Events of the longest playlist there is in the data."""

SETTINGS: dict[str, dict[str, Any]] = {
    "listener": {"neighbours": 200, "piece": 20, "window": 3, "bm25": {"K1": 1.2, "B": 0.75}},
    "playlist": {"neighbours": 200, "piece": WHOLE, "window": 20, "bm25": None, "without_heard": True},
}
"""Chosen on the tables for choosing."""


def fit(task: Task, settings: dict[str, Any]) -> Any:
    """The fitted model."""
    session, track = task.pieces(settings["piece"])
    bm25 = settings["bm25"]
    kind = ItemItemRecommender if bm25 is None else BM25Recommender
    model = kind(K=settings["neighbours"], num_threads=1, **bm25 or {})
    plays = csr_matrix((np.ones(len(track), dtype=np.float64), (session, track)), shape=(session[-1] + 1, task.tracks))
    model.fit(plays, show_progress=False)
    return model


def matrices(task: Task, settings: dict[str, Any], model: Any) -> tuple[Any, Any]:
    """The latest events of each target, and what is like what."""
    windows = task.windows(settings["window"])
    target, place = np.nonzero(windows >= 0)
    ones = np.ones(len(target), dtype=np.float32)
    heard = csr_matrix((ones, (target, windows[target, place])), shape=(len(windows), task.tracks))
    return heard, csr_matrix(model.similarity)


if __name__ == "__main__":
    answer("implicit", SETTINGS, fit, matrices)
