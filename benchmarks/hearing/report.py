"""The answers as a person reads them, as Markdown for the documentation, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.hearing.intervals import Estimate
from benchmarks.hearing.measures import OURS, Outcome
from benchmarks.pages import put

__all__ = ["Report", "publish", "tables"]


@dataclass(frozen=True)
class Report:
    """Everything that was found.

    Attributes
    ----------
    command
        What gives these tables again.
    notes
        Sentences on the music, on what was left out, and on how to read the tables.
    titles
        The contenders, by key, in order.
    outcomes
        The measures, in order.
    """

    command: str
    notes: Sequence[str]
    titles: Mapping[str, str]
    outcomes: Sequence[Outcome]

    def json(self) -> dict[str, Any]:
        """Plain values, NaN as null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def tables(report: Report, *, bold: bool = False) -> str:
    """Lines that are Markdown and can be read as they are: a table of each section, then Segue's lead over others."""
    lines = [f"`{report.command}`", ""]
    lines += [f"* {note}" for note in report.notes]
    for section in dict.fromkeys(outcome.section for outcome in report.outcomes):
        own = [outcome for outcome in report.outcomes if outcome.section == section]
        asked = "; ".join(dict.fromkeys(outcome.asked for outcome in own if outcome.asked))
        lines += ["", f"**{section}**" + (f" ({asked})" if asked else ""), "", *_found(report.titles, own)]
        if any(outcome.differences for outcome in own):
            lines += ["", f"*{section}: {report.titles.get(OURS, OURS)} minus the other*", ""]
            lines += _lead(report.titles, own, bold=bold)
    return "\n".join(lines) + "\n"


def publish(report: Report, path: Path) -> None:
    """Put the tables into a page (see ``pages.put``)."""
    put(tables(report, bold=True), path, "ears")


def _found(titles: Mapping[str, str], outcomes: Sequence[Outcome]) -> list[str]:
    rows = [
        [title, *(_estimate(outcome.estimates.get(key)) for outcome in outcomes)]
        for key, title in titles.items()
        if any(key in outcome.estimates for outcome in outcomes)
    ]
    return list(_grid(["", *(outcome.name for outcome in outcomes)], rows))


def _lead(titles: Mapping[str, str], outcomes: Sequence[Outcome], *, bold: bool) -> list[str]:
    rows = [
        [title, *(_difference(outcome.differences.get(key), bold=bold) for outcome in outcomes)]
        for key, title in titles.items()
        if any(key in outcome.differences for outcome in outcomes)
    ]
    return list(_grid(["", *(outcome.name for outcome in outcomes)], rows))


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for line in (head, ["-" * width for width in widths], *rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value != estimate.value:
        return "–"
    if estimate.low != estimate.low:
        return f"{estimate.value:.0f}" if estimate.value == int(estimate.value) else _short(estimate.value)
    return f"{_short(estimate.value)} ({_short(estimate.low, 2)}–{_short(estimate.high, 2)})"


def _difference(estimate: Estimate | None, *, bold: bool) -> str:
    if estimate is None or estimate.value != estimate.value:
        return "–"
    said = f"{_signed(estimate.value)} ({_signed(estimate.low)} to {_signed(estimate.high)})"
    sure = estimate.low > 0 or estimate.high < 0
    return f"**{said}**" if bold and sure else f"{said} *" if sure else said


def _signed(value: float) -> str:
    return ("−" if round(value, 3) < 0 else "+") + _short(abs(value))


def _short(value: float, digits: int = 3) -> str:
    said = f"{value:.{digits}f}".replace("-", "−")
    return said.replace("0.", ".", 1) if abs(value) < 1 else said


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
