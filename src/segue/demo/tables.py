"""What the terminal shows: one table for each thing the demo did.

Rows that rest on simulated listening say so, each for itself: a row is what people copy.
"""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.demo.page import duration
from segue.demo.story import Comparison, Played
from segue.types import Pick, Track

__all__ = ["show_learning", "show_picks", "show_radio", "show_scanned", "show_steps"]

SIMULATED = "simulated"


def show_scanned(
    console: Console, tracks: Sequence[Track], styles: Sequence[str], style_is: str, licences: Mapping[str, str]
) -> None:
    """The library by style: tracks, minutes, and under which licences."""
    rows = []
    for style in sorted(set(styles), key=lambda name: (-styles.count(name), name)):
        own = [track for track, its in zip(tracks, styles, strict=True) if its == style]
        minutes = sum(track.duration_s or 0 for track in own) / 60
        rows.append((style, len(own), f"{minutes:.0f}", licences.get(style, "")))
    columns = (style_is, "tracks", "minutes") + (("licence",) if licences else ())
    _show(console, columns, [row[: len(columns)] for row in rows[:20]])
    if len(rows) > 20:
        console.print(f"  and {len(rows) - 20} more", style="dim")


def show_learning(console: Console, comparisons: Sequence[Comparison], facts: Mapping[str, str]) -> None:
    """What the models are worth beside simple ways of doing the same, and what they are."""
    rows = [
        (
            comparison.title if position == 0 else "",
            name,
            f"{value:.3g}",
            "lower is better" if comparison.lower_is_better else "higher is better",
        )
        for comparison in comparisons
        for position, (name, value) in enumerate(comparison.values.items())
    ]
    if rows:
        _show(console, ("measured", "by", "value", ""), rows)
    for name, fact in facts.items():
        console.print(Text(f"  {name}: {fact}", style="dim"), soft_wrap=True)


def show_picks(console: Console, title: str, picks: Sequence[Pick], *, simulated: bool) -> None:
    """Picks with their reasons."""
    rows = [
        (number, _told(str(pick.track), pick.reason), f"{pick.score:.2f}", SIMULATED if simulated else "")
        for number, pick in enumerate(picks, 1)
    ]
    _show(console, ("#", "track, and why", "score", ""), rows, title=title)


def show_radio(console: Console, title: str, radio: Sequence[Played], *, simulated: bool) -> None:
    """The radio in order, what was done, and what had been planned in its place."""
    rows = []
    for number, played in enumerate(radio, 1):
        done = {"liked": "♥ liked", "skipped": f"✕ skipped, {played.after_s or 0:.0f} s"}.get(played.done, "")
        other = played.planned is not None and played.planned.id != played.pick.track.id
        track = _told(str(played.pick.track), f"planned here: {played.planned}" if other else "")
        rows.append((number, track, done, SIMULATED if simulated else ""))
    _show(console, ("#", "track, and what had been planned", "", ""), rows, title=title)


def show_steps(console: Console, steps: Mapping[str, float]) -> None:
    """How long each step took."""
    _show(console, ("step", "time"), [(name, duration(seconds)) for name, seconds in steps.items()])


def _show(console: Console, columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    if title:
        console.print(Text(f"\n  {_printable(title)}", style="bold"), soft_wrap=True)
    sheet = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        numbers = all(str(row[position]).replace(".", "", 1).replace("-", "", 1).isdigit() for row in rows)
        sheet.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        cells = (value if isinstance(value, Text) else Text(_printable(str(value))) for value in row)
        sheet.add_row(*cells)
    console.print(sheet)


def _told(what: str, more: str) -> Text:
    """A cell of two lines, the second one quieter."""
    return Text.assemble(_printable(what), (f"\n{_printable(more)}" if more else "", "dim"))


def _printable(text: str) -> str:
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in safe)
