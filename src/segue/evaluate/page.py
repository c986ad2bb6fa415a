"""The report as one HTML page that loads nothing: who is best, where, at what cost, and how sure that is.

In: the figures of ``report.json`` and nothing else. Out: HTML with its style and its drawings inside. What is drawn is
laid out here or by the template's macros; every text is escaped by the template engine.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from segue.evaluate.results import CHOSEN_BY, COMPARED
from segue.evaluate.segments import SEGMENTS
from segue.evaluate.wording import BEYOND_HEADINGS, HEADINGS, beyond_said, method, signed, winning

__all__ = ["page"]

WIDTH, HEIGHT = 560, 390
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 40, 48
GAP, LINE, LETTER = 11, 20, 10.5
"""How far a name stands from its point, the height of a line and the width of a letter, as large as on a phone."""


def page(figures: Mapping[str, Any]) -> str:
    """The report of these figures as HTML."""
    models = figures["models"]
    order = sorted(models, key=lambda name: -models[name]["segments"]["all"][CHOSEN_BY]["value"])
    parts = next(iter(models.values()))["segments"]
    return str(
        _template().render(
            figures=figures,
            task=figures["task"],
            models={name: models[name] for name in order},
            best=order[0],
            compared=COMPARED,
            headings=HEADINGS,
            beyond_headings=BEYOND_HEADINGS,
            winning=winning(figures),
            beyond_said=beyond_said(figures),
            method=method(figures),
            most={gain: _most([model["segments"]["all"][gain] for model in models.values()]) for gain in COMPARED},
            panels=[(name, SEGMENTS[name].said, part["targets"]) for name, part in parts.items() if name != "all"],
            most_by_part=_most([part["recall@20"] for model in models.values() for part in model["segments"].values()]),
            plane=_plane(models, order),
            costs=_costs(figures["timings"], order),
        )
    )


@cache
def _template() -> Any:
    import jinja2

    engine = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    engine.filters.update(signed=signed, number=number)
    return engine.from_string(resources.files("segue.evaluate").joinpath("page.html.jinja").read_text("utf-8"))


def number(value: float | None, digits: int = 3) -> str:
    """A number as a table shows it, or a dash where there is none.

    Examples
    --------
    >>> number(0.25), number(None), number(12345.6, 0)
    ('0.250', '–', '12,346')
    """
    return "–" if value is None else f"{value:,.{digits}f}"


def _most(estimates: Sequence[Mapping[str, Any]]) -> float:
    """Where a scale for these estimates must end."""
    ends = [end for one in estimates for end in (one["value"], one["high"]) if end is not None]
    return max(ends, default=0.0) or 1.0


Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


class _Spot(NamedTuple):
    """A model in the plane: where its point and its name stand, and which end of the name is tied there."""

    name: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


def _plane(models: Mapping[str, Any], order: Sequence[str]) -> dict[str, Any]:
    """Accuracy (up) against coverage (right), with names that don't lie on each other."""
    across = {name: models[name]["coverage@20"] for name in order}
    up = {name: models[name]["segments"]["all"]["recall@20"]["value"] for name in order}
    x_ticks, y_ticks = _ticks(max(across.values())), _ticks(max(up.values()))

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / x_ticks[-1], 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / y_ticks[-1], 1)

    points = [(x(across[name]), y(up[name])) for name in order]
    taken = [(left - 6, left + 6, height - 6, height + 6) for left, height in points]
    spots: list[_Spot] = []
    for name, (here, there) in zip(order, points, strict=True):
        wide = LETTER * len(name)
        sides = [(here + GAP, here + GAP + wide, "start"), (here - GAP - wide, here - GAP, "end")]
        places = [
            (left, right, there + shift * LINE / 2, anchor)
            for shift in sorted(range(-3 * len(order), 3 * len(order)), key=lambda shift: (abs(shift), -shift))
            for left, right, anchor in sides
            if left >= LEFT and right <= WIDTH and TOP <= there + shift * LINE / 2 <= HEIGHT - BOTTOM
        ]
        boxes = [(left, right, middle - LINE / 2, middle + LINE / 2) for left, right, middle, _ in places]
        free = (place for place, box in zip(places, boxes, strict=True) if not any(_meet(box, one) for one in taken))
        left, right, middle, anchor = next(free, (*sides[0][:2], there, "start"))
        taken.append((left, right, middle - LINE / 2, middle + LINE / 2))
        spots.append(_Spot(name, here, there, left if anchor == "start" else right, round(middle, 1), anchor))
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "bottom": HEIGHT - BOTTOM,
        "top": TOP,
        "x_ticks": [(x(tick), f"{tick:g}") for tick in x_ticks],
        "y_ticks": [(y(tick), f"{tick:g}") for tick in y_ticks],
        "spots": spots,
    }


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _ticks(most: float) -> list[float]:
    """Three to six round numbers from 0 to at least ``most``."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return [round(step * place, 10) for place in range(math.ceil(round(most / step, 6)) + 1)]


def _costs(timings: Mapping[str, Any], order: Sequence[str]) -> list[tuple[str, str, list[tuple[str, float, str]]]]:
    """What is timed, what that means, and for each model the bar's width in percent and the value in words."""
    fitting = {name: timings[name]["fit_s"] for name in order if timings[name]["fit_s"] is not None}
    answer = {name: timings[name]["score_us_per_target"] / 1000 for name in order}
    found = []
    for title, said, values, unit in (
        ("Learning", "seconds to fit on TRAIN", fitting, "s"),
        ("Answering", "milliseconds to score the whole catalogue once", answer, "ms"),
    ):
        most = max(values.values(), default=0.0) or 1.0
        rows = [
            (name, round(100 * value / most, 2), f"{value:,.{1 if value >= 1 else 2}f} {unit}")
            for name, value in values.items()
        ]
        found.append((title, said, rows))
    return found
