"""Settings of taste models that a person gives: numbers by name, checked against what the model knows.

In: a JSON file such as ``{"gru": {"width": 96}}``. Out: the settings of a model with these numbers in them. Every
model's settings are a frozen dataclass beside its code; what no number can say (which parts, which recipe) is the
model's own and is not changed from here.
"""

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from segue.errors import BadInput, NotFound

__all__ = ["changed", "numbers", "read_given"]

Chosen = TypeVar("Chosen")
Number = int | float


def numbers(settings: Any) -> dict[str, Number]:
    """The settings that are numbers, by name.

    Examples
    --------
    >>> from segue.taste.gru_inputs import GruSettings
    >>> numbers(GruSettings.of("large"))["width"]
    256
    """
    found = {field.name: getattr(settings, field.name) for field in fields(settings)}
    return {name: value for name, value in found.items() if isinstance(value, Number)}


def changed(model: str, settings: Chosen, given: Mapping[str, Any]) -> Chosen:
    """The same settings with the given numbers in them.

    Parameters
    ----------
    model
        What messages call the model.
    settings
        A frozen dataclass.
    given
        Numbers by name.

    Raises
    ------
    NotFound
        There is no such setting; the message names the nearest.
    BadInput
        A value is not of the setting's kind, or no model can be made with it.
    """
    known = numbers(settings)
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"take {', '.join(known)}"
            raise NotFound(f"the model {model} has no number called {name}: {hint}")
        if wanted := _wanted(name, known[name], value):
            raise BadInput(f"{name} of the model {model} must be {wanted}, and {json.dumps(value)} is not")
    return replace(settings, **given)  # type: ignore[type-var]


def read_given(path: Path) -> dict[str, dict[str, Any]]:
    """What a JSON file gives to each model that it names.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        It does not hold an object of models, each with an object of its settings.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}: give the settings.json that 'segue tune' wrote")
    try:
        given = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} can\'t be read as JSON: give a file such as {{"gru": {{"width": 96}}}}') from error
    if not isinstance(given, dict) or not all(isinstance(inner, dict) for inner in given.values()):
        raise BadInput(f'{path} must name models, each with its settings, such as {{"gru": {{"width": 96}}}}')
    return given


def _wanted(name: str, known: Number, value: Any) -> str:
    """What the value had to be; empty where it is."""
    if isinstance(known, bool):
        return "" if isinstance(value, bool) else "true or false"
    if isinstance(known, int):
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        return "" if fits else "a whole number from 1"
    below = 1 if name.endswith("dropout") else math.inf
    fits = isinstance(value, Number) and not isinstance(value, bool) and 0 <= value < below
    return "" if fits else "a number from 0" + (", below 1" if below == 1 else "")
