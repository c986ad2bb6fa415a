"""The page: one HTML file that shows a story, whole in itself.

In: a ``Story``. Out: HTML with its pictures, styles and script inside; it loads nothing, and a content security policy
in its head holds the browser to that. Every text is escaped by the template engine, none of it here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from segue.demo.layout import MOST_POINTS, lay_out
from segue.demo.pictures import Chart, chart, spectrogram
from segue.demo.story import Comparison, Story
from segue.home import write_text
from segue.types import Pick

__all__ = ["render", "write_page"]

MAP_WIDTH, MAP_HEIGHT, MAP_EDGE = 1000, 640, 26
BAR = 100.0
HUES = 12
"""Styles beyond this many share colours; their names stay apart."""


def write_page(story: Story, path: Path) -> None:
    """Write the page of a story, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, render(story))


def render(story: Story) -> str:
    """The page of a story as HTML."""
    styles = {name: number % HUES for number, name in enumerate(sorted(set(story.styles)))}
    style_of = {track.id: style for track, style in zip(story.tracks, story.styles, strict=True)}
    return str(
        _template().render(
            story=story,
            styles=styles,
            style_of=style_of,
            charts=[(drawn, curves) for curves in story.curves if (drawn := _chart(curves)) is not None],
            comparisons=[_bars(comparison) for comparison in story.comparisons],
            sights=_sights(story),
            map=_map(story),
            picks=_stacks(story.picks),
            part_names=_part_names(story.picks),
            albums=_albums(story),
            longest_step=max(story.steps.values(), default=1.0) or 1.0,
        )
    )


def _chart(curves: Any) -> Chart | None:
    return chart(curves.title, curves.x, curves.values, x_label=curves.x_label)


@cache
def _template() -> Any:
    import jinja2

    engine = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    engine.filters.update(duration=duration, clock=clock)
    return engine.from_string(resources.files("segue.demo").joinpath("page.html.jinja").read_text("utf-8"))


def duration(seconds: float) -> str:
    """A length of time in words.

    Examples
    --------
    >>> duration(0.84), duration(75), duration(7500)
    ('0.8 s', '1 min 15 s', '2 h 5 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(seconds: float | None) -> str:
    """A track's length as players show it.

    Examples
    --------
    >>> clock(187.4)
    '3:07'
    """
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@dataclass(frozen=True, slots=True)
class _Segment:
    """A piece of a stacked bar, in percent of the widest one."""

    part: str
    value: float
    start: float
    width: float
    number: int


def _part_names(picks: Sequence[Pick]) -> dict[str, int]:
    """Each part's colour number, the parts that move most first."""
    weight: dict[str, float] = {}
    for pick in picks:
        for name, value in pick.parts.items():
            weight[name] = weight.get(name, 0.0) + abs(value)
    return {name: number for number, name in enumerate(sorted(weight, key=lambda name: (-weight[name], name)))}


def _stacks(picks: Sequence[Pick]) -> list[tuple[Pick, list[_Segment], float]]:
    """Each pick with its parts as a stacked bar: what speaks against it left of zero, what speaks for it right."""
    numbers = _part_names(picks)
    below = max((-sum(min(value, 0) for value in pick.parts.values()) for pick in picks), default=0.0)
    above = max((sum(max(value, 0) for value in pick.parts.values()) for pick in picks), default=0.0)
    scale = BAR / max(below + above, 1e-9)
    drawn = []
    for pick in picks:
        left = right = below * scale
        segments = []
        for name in sorted(pick.parts, key=lambda name: numbers[name]):
            value = pick.parts[name]
            width = abs(value) * scale
            if value < 0:
                left -= width
            segments.append(_Segment(name, value, left if value < 0 else right, width, numbers[name]))
            if value >= 0:
                right += width
        drawn.append((pick, segments, below * scale))
    return drawn


def _bars(comparison: Comparison) -> tuple[Comparison, list[tuple[str, float, float]], str]:
    """A comparison's bars (name, value, percent) and what the best of the others is beaten by, in words."""
    most = max((abs(value) for value in comparison.values.values()), default=0.0) or 1.0
    bars = [(name, value, BAR * abs(value) / most) for name, value in comparison.values.items()]
    (_, ours), *others = comparison.values.items()
    if not others or not ours:
        return comparison, bars, ""
    name, best = (min if comparison.lower_is_better else max)(others, key=lambda item: item[1])
    ratio = ours / best if best else float("inf")
    better = ratio < 1 if comparison.lower_is_better else ratio > 1
    if not np.isfinite(ratio) or abs(ratio - 1) < 0.02:
        return comparison, bars, f"about the same as {name}"
    share, where = abs(1 - ratio), "below" if ratio < 1 else "above"
    size = f"{share:.0%} {where}" if share < 1 else f"{ratio:.1f} times"
    return comparison, bars, f"{size} {name}" + ("" if better else ", which does better")


def _sights(story: Story) -> list[dict[str, Any]]:
    shown = []
    for sight in story.sights:
        high = float(np.percentile(sight.original, 99.8))
        shown.append(
            {
                "track": sight.track,
                "original": spectrogram(sight.original, 0.0, high),
                "drawn": spectrogram(sight.drawn, 0.0, high),
            }
        )
    return shown


def _map(story: Story) -> dict[str, Any]:
    """Where each track stands, and the radio's way between them."""
    chosen = np.arange(len(story.tracks))
    wanted = {played.pick.track.id for played in story.radio} | {pick.track.id for pick in story.picks}
    if len(chosen) > MOST_POINTS:
        must = np.array([row for row, track in enumerate(story.tracks) if track.id in wanted], dtype=np.int64)
        others = np.setdiff1d(chosen, must)
        spread = np.linspace(0, len(others) - 1, MOST_POINTS - len(must)).astype(np.int64)
        chosen = np.sort(np.concatenate([must, others[spread]]))
    spots = lay_out(story.vectors[chosen])
    x = (MAP_EDGE + spots[:, 0] * (MAP_WIDTH - 2 * MAP_EDGE)).round(1)
    y = (MAP_HEIGHT - MAP_EDGE - spots[:, 1] * (MAP_HEIGHT - 2 * MAP_EDGE)).round(1)
    at = {story.tracks[row].id: place for place, row in enumerate(chosen)}
    way = [(played, at[played.pick.track.id]) for played in story.radio if played.pick.track.id in at]
    return {
        "width": MAP_WIDTH,
        "height": MAP_HEIGHT,
        "points": [(x[place], y[place], story.tracks[row], story.styles[row]) for place, row in enumerate(chosen)],
        "way": [(x[place], y[place], number, played) for number, (played, place) in enumerate(way, 1)],
        "sampled": len(chosen) < len(story.tracks),
        "picks": [(x[at[pick.track.id]], y[at[pick.track.id]]) for pick in story.picks if pick.track.id in at],
    }


def _albums(story: Story) -> list[dict[str, Any]]:
    """The music by style: how many tracks and minutes, and whose."""
    rows = []
    for style in sorted(set(story.styles)):
        own = [track for track, its in zip(story.tracks, story.styles, strict=True) if its == style]
        artists = list(dict.fromkeys(track.artist for track in own if track.artists))
        rows.append(
            {
                "style": style,
                "tracks": len(own),
                "minutes": sum(track.duration_s or 0 for track in own) / 60,
                "artists": ", ".join(artists[:4]) + (f" and {len(artists) - 4} more" if len(artists) > 4 else ""),
            }
        )
    return sorted(rows, key=lambda row: -row["tracks"])
