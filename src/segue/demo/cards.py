"""Model cards, told: the curves, comparisons and facts that a page can show of a training.

In: the cards that a training wrote. Out: values of the story. A card that lacks something lacks a picture, and no more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from segue.demo.story import Comparison, Curves

__all__ = ["comparisons_of", "curves_of", "facts_of"]

STEPS = ("step", "epoch")

NAMES = {
    "held_out": "held-out",
    "train": "training",
    "trained": "training",
    "mean_of_each_bin": "mean of each band",
    "principal_components": "principal components",
}


DRAWING = "How far a drawing is off, and how hard tracks are to tell apart. In training, parts are masked as well."
HEARING = "How far off the foretold frames are. In training, tracks must be told apart as well."
SHIPPED = "Before Segue was shipped, on open music: "
"""Ears that came with Segue learned elsewhere, and what is told of their training says so."""


def curves_of(sound: Mapping[str, Any], taste: Mapping[str, Any], *, simulated: bool) -> tuple[Curves, ...]:
    """The training curves of the autoencoder, the audio GRU and the GRU over listens, where the cards hold them."""
    parts = sound.get("parts", {})
    where = _where(sound)
    foretold = "Mean −log of the chance it gave what came next."
    told = [
        _curves("Autoencoder: loss", parts.get("autoencoder", sound), where + DRAWING),
        _curves("Audio GRU: error", parts.get("gru", {}), where + HEARING),
        _curves("GRU over listens: loss", _of_listens(taste), foretold, simulated),
    ]
    return tuple(curves for curves in told if curves is not None)


def comparisons_of(sound: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """What the autoencoder is worth beside simple ways of doing the same, where its card holds it."""
    told = []
    drawn = sound.get("parts", {}).get("autoencoder", sound).get("reconstruction", {})
    errors = {NAMES.get(name, name): value for name, value in drawn.items() if isinstance(value, float)}
    if "autoencoder" in errors:
        where = drawn.get("measured_on", "held-out tracks")
        ours = {"autoencoder": errors.pop("autoencoder")}
        note = (
            f"{_where(sound)}Mean squared error on {where}, each band in its own standard deviations. "
            "The autoencoder learns to fill in what is masked and to tell tracks apart, not only to redraw."
        )
        told.append(Comparison("Drawing music again", {**ours, **errors}, lower_is_better=True, note=note))
    return tuple(told)


def facts_of(sound: Mapping[str, Any], taste: Mapping[str, Any], *, listens: int) -> dict[str, str]:
    """The models in a few words each."""
    facts = {}
    autoencoder = sound.get("parts", {}).get("autoencoder", sound)
    data = autoencoder.get("data", {})
    if "training_tracks" in data:
        learned, held_out = data["training_tracks"], data["held_out_tracks"]
        facts["learned the sound from"] = (
            f"{learned:,} tracks{' of open music' if _where(sound) else ''}; "
            f"{held_out:,} others were held out to measure on"
        )
    numbers = autoencoder.get("reconstruction", {}).get("numbers_a_window")
    if numbers:
        facts["the autoencoder"] = f"draws 8.2 seconds from {numbers:,} numbers, a spectrogram of 24,576"
    for name, card in (("the models of sound", sound), ("the model of listening", taste)):
        if card.get("parameters"):
            facts[name] = f"{card['parameters']:,} weights"
    facts["learned listening from"] = f"{listens:,} listens, and the order of the tracks on every album"
    return facts


def _of_listens(taste: Mapping[str, Any]) -> Mapping[str, Any]:
    """The card of the GRU over listens, which is one of the blend's parts."""
    card: Mapping[str, Any] = taste.get("parts", {}).get("gru", taste)
    return card


def _where(sound: Mapping[str, Any]) -> str:
    return SHIPPED if sound.get("origin") == "shipped" else ""


def _curves(title: str, card: Mapping[str, Any], note: str, simulated: bool = False) -> Curves | None:
    lists = _lists(card)
    x_label = next((name for name in STEPS if name in lists), None)
    length = len(lists[x_label]) if x_label else max(map(len, lists.values()), default=0)
    x = lists.pop(x_label) if x_label else range(1, length + 1)
    values = {name: tuple(map(float, curve)) for name, curve in lists.items() if len(curve) == length}
    if length < 2 or not values:
        return None
    # What was held out is what counts, so it comes first.
    ordered = sorted(values, key=lambda name: (not name.startswith(("held", "valid")), name))
    shown = {NAMES.get(name, name.replace("_", " ")): values[name] for name in ordered}
    return Curves(title, f"{x_label or 'epoch'}s", tuple(map(float, x)), shown, simulated, note)


def _lists(card: Mapping[str, Any]) -> dict[str, list[float]]:
    """The columns of numbers that a card's curve holds, whether it was kept by column or by row."""
    held = card.get("curves", card.get("curve", {}))
    if isinstance(held, Sequence):
        names = set.intersection(*(set(row) for row in held)) if held else set()
        held = {name: [row[name] for row in held] for name in names}
    return {name: list(values) for name, values in held.items() if _numbers(values)}


def _numbers(values: Any) -> bool:
    return (
        isinstance(values, Sequence)
        and not isinstance(values, str)
        and len(values) > 1
        and all(isinstance(value, int | float) for value in values)
    )
