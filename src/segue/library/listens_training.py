"""From tables of listens to a trained model of choice, without a library: what an engineer of a service does.

In: files of listens, and of vectors if there are any. Out: a folder that ``segue evaluate --models`` and ``load_model``
read. It is filled beside its place and renamed when all of it stands, so that a kill leaves no half model.
"""

import os
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import BadInput
from segue.home import new_directory
from segue.progress import Progress, silent

if TYPE_CHECKING:
    from segue.settings import Size

__all__ = ["KIND", "ListensTraining", "train_on_listens"]

KIND = "gru-memory"
"""The strongest model that needs neither artists nor sound; half of listening is repeating, and it remembers."""


@dataclass(frozen=True, slots=True)
class ListensTraining:
    """What a training made: where the model lies, its card, how much it learned from, and the seconds of each stage."""

    model: Path
    card: dict[str, Any]
    files: int
    listens: int
    listeners: int
    tracks: int
    seconds: dict[str, float]


def train_on_listens(
    listens: str,
    model: Path,
    *,
    kind: str = KIND,
    size: "Size" = "small",
    seed: int = 0,
    vectors: Path | None = None,
    progress: Progress = silent,
) -> ListensTraining:
    """Train a model of choice on tables of listens and put it into a folder of its own.

    Parameters
    ----------
    listens
        A Parquet or CSV file, or a pattern that names many, with the columns that ``segue evaluate`` takes.
    model
        The folder to make: it must not be there, or be empty.
    kind
        A name of ``taste.registry.MODELS``.
    size, seed
        Handed to the model.
    vectors
        Parquet with ``track`` and ``vector``: how tracks sound.
    progress
        Told of each file and of the training.

    Raises
    ------
    NotFound
        No file matches, or no model has this name.
    BadInput
        A table can't be used, or the folder holds something.
    """
    from segue.listening.long_histories import files_matching, read_histories
    from segue.listening.tables import fingerprint
    from segue.listening.vector_tables import read_vectors
    from segue.taste.registry import make

    _check_place(model)
    taste = make(kind, size)
    if kind == "sound":
        raise BadInput("the model sound learns nothing from listens: give another --kind, with --vectors if you like")
    files = files_matching(listens)
    began = time.monotonic()
    read = read_histories(files, None if vectors is None else read_vectors(vectors), progress=progress)
    data = [fingerprint(path) for path in files]
    seconds = {"reading": time.monotonic() - began}
    began = time.monotonic()
    events = read.events
    card = taste.fit(events, read.items, seed=seed, progress=progress)
    seconds["training"] = time.monotonic() - began
    card |= {  # the model saves the card it gave
        "trained_on": {
            "listens": data,
            "vectors": None if vectors is None else fingerprint(vectors),
            "rows": len(events),
            f"{read.columns.group}s": len(events.listeners),
            "tracks": len(read.items),
            "order": read.columns.order,
            "first_at": int(events.started_at.min()),
            "last_at": int(events.started_at.max()),
        },
        "size": size,
        "seed": seed,
        "segue": version("segue"),
    }
    _check_place(model)  # hours may have passed
    try:
        if model.exists():
            model.rmdir()
        with new_directory(model) as directory:
            taste.save(directory)
    except OSError as error:
        raise BadInput(f"{model} can't be written ({error.strerror}): give another folder with --model") from error
    return ListensTraining(model, dict(card), len(files), len(events), len(events.listeners), len(read.items), seconds)


def _check_place(model: Path) -> None:
    if model.is_dir() and not any(model.iterdir()):
        place = model
    elif model.exists() or model.is_symlink():
        what = "a trained model, which is never written over" if (model / "card.json").exists() else "something else"
        raise BadInput(f"{model} holds {what}: give a folder with --model that is not there yet")
    else:
        place = next(parent for parent in model.absolute().parents if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise BadInput(f"{model} can't be made, since {place} can't be written: give another folder with --model")
