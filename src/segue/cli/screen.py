"""What a person sees: tables and sentences on standard output, progress on standard error, JSON for machines."""

import dataclasses
import enum
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["complain", "console", "print_json", "say", "table", "watching"]


def console(*, stderr: bool = False) -> "Console":
    """A rich console on standard output, or on standard error."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def say(text: str) -> None:
    """Print a sentence, whatever marks it may hold."""
    console().print(_printable(text), markup=False, soft_wrap=True)


def complain(text: str) -> None:
    """Print one line on standard error."""
    print(f"segue: {' '.join(_printable(text).split())}", file=sys.stderr)  # noqa: T201


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table. Columns whose cells are all numbers stand to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    sheet = Table(title=Text(_printable(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(columns):
        numbers = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        sheet.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        sheet.add_row(*(Text(_printable(_cell(value))) for value in row))
    console().print(sheet)


def print_json(value: object) -> None:
    """Print one JSON document: dataclasses as objects, paths as text, NaN and infinity as null."""
    import typer

    typer.echo(json.dumps(_plain(value), ensure_ascii=True, indent=2, allow_nan=False))


@contextmanager
def watching() -> Iterator[Progress]:
    """Show a bar with the remaining time for each stage that takes longer than a blink.

    On a terminal the bar moves; elsewhere each finished stage leaves one line.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _lines(screen)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=screen,
    )
    tasks: dict[str, Any] = {}

    def show(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield show


def _lines(screen: "Console") -> Progress:
    began: dict[str, float] = {}
    ended: set[str] = set()

    def show(stage: str, done: int, total: int | None) -> None:
        began.setdefault(stage, time.monotonic())
        if total is not None and done >= total and stage not in ended:
            ended.add(stage)
            screen.print(f"{stage}: {done} in {time.monotonic() - began[stage]:.1f} s", markup=False, soft_wrap=True)

    return show


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def _printable(text: str) -> str:
    # Lone surrogates (file names that are not UTF-8) can't be printed; control characters would drive the terminal.
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(mark if mark.isprintable() or mark == "\n" else "�" for mark in safe)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.name.lower() if isinstance(value, int) else value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return str(value)
