"""A taste model on disk: ``weights.safetensors`` and ``card.json`` in one folder.

In: arrays by name, the ids of the tracks their rows stand for, and a card. Out: the same, checked. The card holds
the digest of the weights, because a flipped bit in a matrix is otherwise a number like any other.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from segue.errors import DamagedHome
from segue.home import write_bytes, write_text

__all__ = ["ModelFiles", "positions", "read_card", "read_model", "saved_settings", "write_model"]

Arrays = dict[str, npt.NDArray[Any]]
Settings = TypeVar("Settings")

CARD = "card.json"
WEIGHTS = "weights.safetensors"
IDS = "ids"


class ModelFiles(NamedTuple):
    """What lies in a model's folder: its card, the ids its rows stand for, its arrays by name."""

    card: dict[str, Any]
    ids: tuple[str, ...]
    arrays: Arrays

    @property
    def fitted(self) -> dict[str, Any]:
        """What ``fit`` returned: the card without the model's name and the digest."""
        return {key: value for key, value in self.card.items() if key not in {"model", "sha256"}}


def write_model(directory: Path, card: Mapping[str, Any], ids: Sequence[str], arrays: Mapping[str, Any]) -> None:
    """Write a model into an existing folder; the card comes last, so that a folder with a card is whole."""
    from safetensors.numpy import save

    text = np.frombuffer(json.dumps(list(ids)).encode(), dtype=np.uint8)
    content = save({IDS: text, **{name: np.ascontiguousarray(array) for name, array in arrays.items()}})
    write_bytes(directory / WEIGHTS, content)
    digest = hashlib.sha256(content).hexdigest()
    write_text(directory / CARD, json.dumps({**card, "sha256": digest}, indent=1, ensure_ascii=False))


def read_card(directory: Path) -> dict[str, Any]:
    """The card of a model's folder.

    Raises
    ------
    DamagedHome
        It is missing or is no card.
    """
    try:
        card = json.loads((directory / CARD).read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(directory / CARD, "can't be read") from error
    if not isinstance(card, dict) or not isinstance(card.get("model"), str):
        raise _damaged(directory / CARD, "is no model card")
    return card


def read_model(directory: Path, name: str, shapes: Mapping[str, int]) -> ModelFiles:
    """A model's files, checked.

    Parameters
    ----------
    directory
        Where ``write_model`` wrote.
    name
        The model the card must name.
    shapes
        Each array that must be there, with its number of dimensions.

    Raises
    ------
    DamagedHome
        A file is missing, does not match its digest, or does not hold what it must.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    card = read_card(directory)
    if card["model"] != name:
        raise _damaged(directory / CARD, f"is the card of '{card['model']}', not of '{name}'")
    weights = directory / WEIGHTS
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise _damaged(weights, "can't be read") from error
    if hashlib.sha256(content).hexdigest() != card.get("sha256"):
        raise _damaged(weights, "does not match its card")
    try:
        arrays = load(content)
        ids = json.loads(arrays.pop(IDS).tobytes())
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(weights, "holds no model") from error
    wrong = [name for name, dimensions in shapes.items() if name not in arrays or arrays[name].ndim != dimensions]
    if wrong:
        raise _damaged(weights, f"lacks {', '.join(wrong)}")
    return ModelFiles(card, tuple(ids), arrays)


def saved_settings(directory: Path, card: Mapping[str, Any], kind: Callable[..., Settings]) -> Settings:
    """The settings in a model's card, of their own kind; lists are tuples again, which JSON does not know.

    Raises
    ------
    DamagedHome
        They are those of another version.
    """
    try:
        held = {name: tuple(value) if isinstance(value, list) else value for name, value in card["settings"].items()}
        return kind(**held)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedHome(f"{directory} holds settings of another version: run 'segue train' to renew it") from error


def positions(ids: Sequence[str], among: Sequence[str]) -> npt.NDArray[np.int64]:
    """int64 (len(ids),): where each id stands in ``among``, -1 where it does not.

    Examples
    --------
    >>> positions(["b", "z"], ["a", "b"]).tolist()
    [1, -1]
    """
    place = {track_id: row for row, track_id in enumerate(among)}
    return np.fromiter((place.get(track_id, -1) for track_id in ids), dtype=np.int64, count=len(ids))


def _damaged(file: Path, what: str) -> DamagedHome:
    return DamagedHome(f"{file} {what}: run 'segue train' to make the model anew")
