"""Which models are measured: the baselines first, those asked for by name, and anybody's own."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from segue.errors import BadInput, NotFound
from segue.settings import Size
from segue.taste.contract import TasteModel

__all__ = ["DEFAULT", "RANDOM", "check_given", "choose", "enter", "seeds_of"]

DEFAULT = ("popularity", "rules", "vstan", "sound", "gru", "blend")
"""Strong simple baselines first; "sound" only where there are vectors."""

RANDOM = ("gru", "gru-memory", "multvae", "recvae", "blend")
"""Models whose result depends on the seed: ``--seeds`` fits these several times, the others once."""

Entrants = dict[str, TasteModel[Any] | None]
Given = Mapping[str, Mapping[str, Any]]
"""Numbers by model and setting; see ``taste.given``."""


def choose(models: Sequence[str | TasteModel[Any]], *, sound: bool) -> Entrants:
    """Each model's name in order, with the model itself where one was handed in.

    Parameters
    ----------
    models
        Names, or models of one's own; "all" stands for every name there is; none at all for ``DEFAULT``.
    sound
        Whether there are vectors.

    Raises
    ------
    NotFound
        No model has this name; the message tells the nearest.
    BadInput
        A name is there twice, or "sound" is asked for without vectors.
    """
    from segue.taste.registry import MODELS

    possible = [name for name in MODELS if sound or name != "sound"]
    if not models:
        models = [name for name in DEFAULT if name in possible]
    elif "all" in models:
        models = [*possible, *(model for model in models if model != "all" and model not in possible)]
    chosen: Entrants = {}
    for model in models:
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
        chosen[name] = None if isinstance(model, str) else model
    return chosen


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
