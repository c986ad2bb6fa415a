"""Which models are measured: the baselines first, those asked for by name, anybody's own, trained ones in folders."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.errors import BadInput, NotFound
from segue.settings import Size
from segue.taste.contract import TasteModel

__all__ = ["DEFAULT", "RANDOM", "Entrants", "check_given", "choose", "enter", "seeds_of", "trained_elsewhere"]

DEFAULT = ("popularity", "rules", "vstan", "sound", "gru", "blend")
"""Strong simple baselines first; "sound" only where there are vectors."""

RANDOM = ("gru", "gru-memory", "multvae", "recvae", "ials", "blend")
"""Models whose result depends on the seed: ``--seeds`` fits these several times, the others once."""

Entrants = dict[str, TasteModel[Any] | Path | None]
Given = Mapping[str, Mapping[str, Any]]
"""Numbers by model and setting; see ``taste.given``."""


def choose(models: Sequence[str | Path | TasteModel[Any]], *, sound: bool) -> Entrants:
    """Each model's name in order, with the model itself, or the folder of a trained one, where that was handed in.

    Parameters
    ----------
    models
        Names, folders of trained models, or models of one's own; "all" stands for every name there is and that can be
        fitted here; none at all for ``DEFAULT``. What is a name is no folder; ``./gru`` is.
    sound
        Whether there are vectors.

    Raises
    ------
    NotFound
        No model has this name; the message tells the nearest.
    BadInput
        A name is there twice, "sound" is asked for without vectors, or a folder has the name of a model that is fitted.
    DamagedHome
        A folder holds no model.
    NotReady
        "ials" is asked for, and what fits it is not installed.
    """
    from segue.taste.ials import available, need_implicit
    from segue.taste.registry import MODELS

    impossible = {"sound": not sound, "ials": not available()}
    possible = [name for name in MODELS if not impossible.get(name)]
    if not models:
        models = [name for name in DEFAULT if name in possible]
    elif "all" in models:
        models = [*possible, *(model for model in models if model != "all" and model not in possible)]
    chosen: Entrants = {}
    for model in (_trained(model) for model in models):
        name = model if isinstance(model, str) else model.name
        if name in chosen:
            raise BadInput(f"the model {name} is asked for twice: name each once")
        if isinstance(model, str) and name not in MODELS:
            near = difflib.get_close_matches(name, MODELS, n=1)
            raise NotFound(
                f"no model is called {name}: " + (f"did you mean {near[0]}?" if near else f"take {', '.join(MODELS)}")
            )
        if model == "sound" and not sound:
            raise BadInput("the model sound must know how tracks sound: give --vectors, or leave it out")
        if model == "ials":
            need_implicit()
        chosen[name] = None if isinstance(model, str) else model
    return chosen


def _trained(model: str | Path | TasteModel[Any]) -> str | Path | TasteModel[Any]:
    """The folder where a model's name is that of one, else what was given."""
    from segue.taste.files import read_card
    from segue.taste.registry import MODELS

    if not isinstance(model, str | Path) or model in {*MODELS, "all"}:
        return model
    folder = Path(model)
    if not folder.is_dir():
        return str(model)
    folder = folder.resolve()
    if folder.name in {*MODELS, "all"}:
        raise BadInput(f"the folder {model} has the name of a model that is fitted here: give it another name")
    read_card(folder)
    return folder


def enter(name: str, own: TasteModel[Any] | None, size: Size, given: Given | None = None) -> TasteModel[Any]:
    """The model to fit: the one that was handed in, or a fresh one of this name, size and given settings.

    Raises
    ------
    NotFound
        The model has no such setting.
    BadInput
        A given value does not fit, or the model has no settings.
    """
    from segue.taste.registry import make

    return make(name, size, (given or {}).get(name)) if own is None else own


def check_given(given: Given, entrants: Entrants, size: Size) -> None:
    """Refuse given settings before anything is fitted.

    Raises
    ------
    NotFound
        A model or a setting does not exist; the message tells the nearest.
    BadInput
        A value does not fit, or no model that the settings are for is measured.
    """
    for name in given:
        enter(name, None, size, given)
    fresh = {name for name, own in entrants.items() if own is None}
    if given and not fresh & set(given):
        raise BadInput(f"the settings are for {', '.join(given)} and no such model is measured: name it with --models")


def seeds_of(name: str, seed: int, seeds: int) -> range:
    """The seeds to fit a model with: ``seeds`` of them from ``seed`` on where its result depends on them, else one.

    Examples
    --------
    >>> list(seeds_of("gru", 7, 3)), list(seeds_of("popularity", 7, 3))
    ([7, 8, 9], [7])
    """
    return range(seed, seed + (seeds if name in RANDOM else 1))


def trained_elsewhere(entrants: Entrants, cards: Mapping[str, Any], data: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader must know of each model that was loaded and not fitted here.

    Parameters
    ----------
    entrants
        All models.
    cards
        Their cards by name.
    data
        For each role ("listens", "train", "test") the fingerprint of its file.
    """
    roles = {data[role]["sha256"]: role.upper() for role in ("listens", "train", "test") if role in data}
    found = []
    for name in (name for name, own in entrants.items() if isinstance(own, Path)):
        said = cards[name].get("trained_on", {}).get("listens", [])
        shared = sorted({roles[file["sha256"]] for file in said if file["sha256"] in roles})
        seen = {"LISTENS": "targets and all", "TEST": "the targets themselves"}
        if leaks := [f"{role}, {seen[role]}" for role in shared if role in seen]:
            found.append(f"{name} was trained elsewhere, and its card names {leaks[0]}: it has seen the answers")
        else:
            known = f"its card names {len(said)} files" if said else "its card names no file"
            known += ", TRAIN among them" if "TRAIN" in shared else ""
            found.append(
                f"{name} was trained elsewhere and not fitted on TRAIN here ({known}): "
                "that it has seen targets can't be excluded"
            )
    return found
