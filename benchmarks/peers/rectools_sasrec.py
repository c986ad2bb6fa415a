"""SASRec of RecTools with sampled softmax: fitted once on pieces of TRAIN, then asked from the latest events.

``recommend`` of RecTools answers one moment of each user of its data set, so it can't roll along a history. The fitted
torch module is asked instead, with the latest ``window`` events before each target as its session.
"""

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
import torch
from rectools.dataset import Dataset  # type: ignore[import-not-found,unused-ignore]
from rectools.models import SASRecModel  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.exchange import Task, answer

SETTINGS = {
    group: {
        "width": 64,
        "blocks": 2,
        "heads": 2,
        "dropout": 0.2,
        "window": 50,
        "negatives": negatives,
        "batch": batch,
        "learning_rate": 1e-3,
        "epochs": epochs,
        "seed": 0,
    }
    for group, batch, epochs, negatives in (("listener", 8, 30, 512), ("playlist", 16, 4, 64))
}
"""Chosen on the tables for choosing, listeners' only; among playlists fewer passes, over larger batches."""

ASKED_AT_ONCE = 512


def fit(task: Task, settings: dict[str, Any]) -> Any:
    """The fitted model."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(settings["seed"])
    # Each piece begins with the last event of the one before, so that every event but the first is an answer.
    session, track = task.pieces(settings["window"] + 1, shared=1)
    moments = pd.to_datetime(np.arange(len(track)), unit="s")
    frame = pd.DataFrame({"user_id": session, "item_id": track, "weight": 1.0, "datetime": moments})
    model = SASRecModel(
        n_blocks=settings["blocks"],
        n_heads=settings["heads"],
        n_factors=settings["width"],
        dropout_rate=settings["dropout"],
        session_max_len=settings["window"],
        loss="sampled_softmax",
        n_negatives=settings["negatives"],
        lr=settings["learning_rate"],
        batch_size=settings["batch"],
        epochs=settings["epochs"],
        deterministic=True,
    )
    return model.fit(Dataset.construct(frame))


@torch.no_grad()
def matrices(task: Task, settings: dict[str, Any], model: Any) -> tuple[Any, Any]:
    """Each target's session as the network encodes it, and each track's vector."""
    network = model.torch_model.eval()
    held = model.data_preparator.item_id_map
    external = held.external_ids  # the first is the padding; a track alone in its piece was not learned
    number = np.zeros(task.tracks + 1, dtype=np.int64)
    learned = np.array([name for name in external if not isinstance(name, str)], dtype=np.int64)
    number[learned] = held.convert_to_internal(learned)
    windows = number[task.windows(settings["window"])]  # -1 is the last number, which stays the padding
    queries = np.zeros((len(windows), settings["width"]), dtype=np.float32)
    vectors = network.item_model.get_all_embeddings()
    for at in range(0, len(windows), ASKED_AT_ONCE):
        sessions = {"x": torch.from_numpy(windows[at : at + ASKED_AT_ONCE])}
        queries[at : at + ASKED_AT_ONCE] = network.encode_sessions(sessions, vectors)[:, -1].numpy()
    right = vectors[torch.from_numpy(number[:-1])].numpy().T.copy()
    # Tracks that were not learned come last: one more number, the same for every query, tells them apart.
    never = np.where(number[:-1] == 0, np.float32(-1e9), np.float32(0))[None]
    right[:, number[:-1] == 0] = 0
    return np.concatenate([queries, np.ones((len(queries), 1), dtype=np.float32)], axis=1), np.concatenate(
        [right, never]
    )


if __name__ == "__main__":
    answer("rectools", SETTINGS, fit, matrices)
