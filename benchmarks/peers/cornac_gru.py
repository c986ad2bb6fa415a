"""GRU4Rec of cornac (cross-entropy): fitted on pieces of TRAIN, its state carried along each whole history.

cornac's own ``score`` begins every answer from zero and runs the history again. Here the fitted unit is run once along
each history: the same numbers, and on the tables for choosing as good as the last 50 or 200 events from zero (Recall@20
.2010 against .2003 and .2008). Its BPR-max is known to be broken and isn't used.
"""

from typing import Any

import numpy as np
import torch
from cornac.data import SequentialDataset  # type: ignore[import-not-found,unused-ignore]
from cornac.models import GRU4Rec  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.exchange import Task, answer

SETTINGS = {
    group: {
        "width": 128,
        "batch": batch,
        "negatives": 2048,
        "negative_power": 0.5,
        "logq": 1.0,
        "dropout": 0.3,
        "learning_rate": 0.1,
        "epochs": epochs,
        "piece": 200,
        "seed": 0,
    }
    for group, batch, epochs in (("listener", 128, 8), ("playlist", 256, 3))
}
"""Chosen on the tables for choosing, listeners' only; among playlists fewer passes, over larger batches."""


def fit(task: Task, settings: dict[str, Any]) -> Any:
    """The fitted recommender."""
    torch.set_num_threads(1)
    torch.manual_seed(settings["seed"])
    session, track = task.pieces(settings["piece"])
    rows = list(zip(session.tolist(), track.tolist(), range(len(track)), strict=True))
    # Its sessions run side by side, and it fails where there are fewer of two events or more than places for them.
    sessions = int((np.bincount(session) > 1).sum())
    model = GRU4Rec(
        layers=[settings["width"]],
        loss="cross-entropy",
        batch_size=min(settings["batch"], sessions),
        dropout_p_embed=settings["dropout"],
        learning_rate=settings["learning_rate"],
        n_sample=settings["negatives"],
        sample_alpha=settings["negative_power"],
        logq=settings["logq"],
        n_epochs=settings["epochs"],
        constrained_embedding=True,
        seed=settings["seed"],
    )
    return model.fit(SequentialDataset.build(rows, fmt="SIT", seed=settings["seed"]))


@torch.no_grad()
def matrices(task: Task, settings: dict[str, Any], model: Any) -> tuple[Any, Any]:
    """Each target's state with a one, and each track's vector with its bias."""
    del settings
    network, numbers = model.model.eval(), model.iid_map
    order = np.array([numbers[track] for track in range(task.tracks)])
    vectors, bias, unit = network.Wy.weight[order], network.By.weight[order], network.G[0]
    rows, first, count = task.known_before()
    begins, who = np.unique(first, return_inverse=True)
    longest = np.array([count[who == group].max() for group in range(len(begins))], dtype=np.int64)
    states = torch.zeros(int(longest.max(initial=0)) + 1, len(begins), vectors.shape[1])
    for step in range(len(states) - 1):
        live = np.flatnonzero(longest > step)
        tracks = torch.from_numpy(task.history_track[rows[begins[live] + step]])
        states[step + 1, live] = unit(vectors[tracks], states[step, live])
    queries = states[count, who]
    return torch.cat([queries, torch.ones(len(queries), 1)], dim=1).numpy(), torch.cat([vectors, bias], dim=1).numpy().T


if __name__ == "__main__":
    answer("cornac", SETTINGS, fit, matrices)
