"""The taste models by name. A model's module is imported when it is asked for: a listing must not cost a second."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from segue.errors import BadInput, DamagedHome, NotFound
from segue.listening.events import Items
from segue.settings import Size
from segue.taste.contract import TasteModel
from segue.taste.files import read_card
from segue.taste.given import changed

if TYPE_CHECKING:
    from segue.taste.gru_inputs import CoreName

__all__ = ["MODELS", "load_model", "make", "model_class", "settings_of"]

MODELS = {
    "popularity": "segue.taste.popularity:Popularity",
    "sound": "segue.taste.sound:Sound",
    "rules": "segue.taste.rules:Rules",
    "gru": "segue.taste.gru:SessionGru",
    "lstm": "segue.taste.gru:SessionLstm",
    "sasrec": "segue.taste.gru:SasRec",
    "gru-memory": "segue.taste.blend:GruMemory",
    "blend": "segue.taste.blend:Blend",
    "ease": "segue.taste.ease:Ease",
    "ials": "segue.taste.ials:Ials",
    "recent-popularity": "segue.taste.popularity:RecentPopularity",
    "hourly-popularity": "segue.taste.popularity:HourlyPopularity",
    "most-played": "segue.taste.habits:MostPlayed",
    "activation": "segue.taste.habits:Activation",
    "artist": "segue.taste.artist:Artist",
    "markov": "segue.taste.markov:Markov",
    "item-knn": "segue.taste.item_neighbours:ItemNeighbours",
    "vsknn": "segue.taste.session_neighbours:VsKnn",
    "stan": "segue.taste.session_neighbours:Stan",
    "vstan": "segue.taste.session_neighbours:Vstan",
    "multvae": "segue.taste.vae:MultVae",
    "recvae": "segue.taste.vae:RecVae",
}
"""Where each model's class stands."""


CORES: Mapping[str, "CoreName"] = {"gru": "gru", "lstm": "lstm", "sasrec": "attention"}
"""What carries the state in each session model."""


def model_class(name: str) -> type[TasteModel[Any]]:
    """The class of a model.

    Raises
    ------
    NotFound
        There is no such model; the message names the nearest.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise NotFound(
            f"no taste model is called {name!r}: "
            + (f"did you mean {near[0]}?" if near else f"take {', '.join(MODELS)}")
        )
    module, _, attribute = MODELS[name].partition(":")
    found: type[TasteModel[Any]] = getattr(import_module(module), attribute)
    return found


def make(name: str, size: Size = "small", given: Mapping[str, Any] | None = None) -> TasteModel[Any]:
    """An unfitted model; ``size`` moves those that have a size, and given numbers replace its settings.

    Examples
    --------
    >>> make("rules").name
    'rules'
    >>> make("gru", "tiny", {"width": 48}).settings.width
    48

    Raises
    ------
    NotFound
        There is no such model, or it has no such setting.
    BadInput
        A given value does not fit, or the model has no settings.
    NotReady
        What fits the model is not installed.
    """
    if name == "ials":
        from segue.taste.ials import need_implicit

        need_implicit()
    kind: Callable[..., TasteModel[Any]] = model_class(name)
    settings = settings_of(name, size)
    if given:
        if settings is None:
            raise BadInput(f"the model {name} has no settings: leave it out of the file of settings")
        settings = changed(name, settings, given)
    return kind() if settings is None else kind(settings)


def settings_of(name: str, size: Size = "small") -> Any:
    """The settings of a model at one position of the dial; None of a model that has none.

    Examples
    --------
    >>> settings_of("gru", "tiny").width, settings_of("rules")
    (32, None)
    """
    if name in CORES:
        from segue.taste.gru_inputs import GruSettings

        return replace(GruSettings.of(size), core=CORES[name])
    if name in {"blend", "gru-memory"}:
        from segue.taste.blend_inputs import MEMORY_PARTS, PARTS, BlendSettings

        return BlendSettings(parts=PARTS if name == "blend" else MEMORY_PARTS, size=size)
    if name in {"multvae", "recvae"}:
        from segue.taste.vae_inputs import Recipe, VaeSettings

        return VaeSettings.of(cast("Recipe", name), size)
    if name == "ials":
        from segue.taste.ials import IalsSettings

        return IalsSettings.of(size)
    return None


def load_model(directory: Path, items: Items) -> TasteModel[Any]:
    """The model that was saved in a folder, serving these items.

    Raises
    ------
    DamagedHome
        The folder does not hold a model that this version knows.
    """
    name = read_card(directory)["model"]
    if name not in MODELS:
        raise DamagedHome(f"{directory} holds a model called {name!r}, unknown here: run 'segue train' to make it anew")
    return model_class(name).load(directory, items)
