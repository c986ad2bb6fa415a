"""Numbered steps in the terminal: what is being done, how far it is, how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from segue.demo.page import duration
from segue.progress import Progress

__all__ = ["Steps"]

EVERY_S = 20.0
"""Where no bar can move, a line so often says that work goes on."""


@dataclass
class Steps:
    """Numbered steps with bars, and the seconds each took."""

    console: Console
    count: int
    seconds: dict[str, float] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Print a line under the step."""
        self.console.print(Text(f"  {line}"), soft_wrap=True)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        """A step: its name, then bars while it works, then its time."""
        number = len(self.seconds) + 1
        self.console.print(Text.assemble((f"\n{number}/{self.count} ", "bold"), (name, "bold")), soft_wrap=True)
        clock = time.monotonic()
        with bars(self.console) as progress:
            yield progress
        self.seconds[name] = time.monotonic() - clock
        self.console.print(Text(f"  {duration(self.seconds[name])}", style="dim"))


@contextmanager
def bars(console: Console) -> Iterator[Progress]:
    """A bar with the remaining time for each stage; where there is no terminal, a line now and then."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    if not console.is_terminal:
        told: dict[str, float] = {}
        ended: set[str] = set()

        def line(stage: str, done: int, total: int | None) -> None:
            now = time.monotonic()
            finished = total is not None and done >= total
            if stage not in ended and (finished or now - told.setdefault(stage, now) > EVERY_S):
                console.print(Text(f"  {stage}: {done}" + (f" of {total}" if total else "")), soft_wrap=True)
                told[stage] = now
            if finished:
                ended.add(stage)

        yield line
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("left:"))
    bars = Bars(*columns, TimeRemainingColumn(), console=console, transient=True)
    tasks: dict[str, Any] = {}

    def move(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    with bars:
        yield move
