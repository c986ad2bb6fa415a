"""What was measured, on what, and how far to trust it: one report for machines and the same one for people.

``report.json`` is deterministic but for the key ``timings``; ``report.md`` is made from it alone, as ``report.html``
is by ``page``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.evaluate.results import COMPARED
from segue.evaluate.segments import SEGMENTS
from segue.evaluate.wording import BEYOND_HEADINGS, HEADINGS, beyond_said, method, signed, winning

__all__ = ["Report", "markdown"]


@dataclass(frozen=True, slots=True)
class Report:
    """A finished evaluation.

    Attributes
    ----------
    directory
        Where ``report.json``, ``report.md``, ``report.html`` and ``predictions.parquet`` lie.
    figures
        What ``report.json`` holds.
    """

    directory: Path
    figures: dict[str, Any]

    @classmethod
    def load(cls, directory: Path) -> "Report":
        """Read a report that was written before."""
        return cls(directory, json.loads((directory / "report.json").read_text("utf-8")))

    def rows(self) -> tuple[list[str], list[list[object]]]:
        """Column names and a row per model over all targets, for a screen of 80 columns; the page holds the rest."""
        rows: list[list[object]] = []
        for name, model in self.figures["models"].items():
            part = model["segments"]["all"]
            recall = part["recall@20"]
            between = f"{recall['low']:.4f}–{recall['high']:.4f}"
            shown = [round(part[gain]["value"], 4) for gain in ("recall@20", "mrr@20", "ndcg@20")]
            rows.append([name, shown[0], between, *shown[1:], part["median_rank"]])
        return ["model", "Recall@20", "95 %", "MRR@20", "NDCG@20", "median rank"], rows


def markdown(figures: dict[str, Any]) -> str:
    """The report as a page a person can read (CommonMark with tables)."""
    task, models = figures["task"], figures["models"]
    present = next(iter(models.values()))["segments"]
    lines = [
        "# How well each model predicts the next track",
        "",
        f"{task['targets']} targets of {task['listeners']} {task['group']}s, each ranked among all {task['catalogue']} "
        f"tracks from everything the same {task['group']} did before it. Models were fitted on {task['train_rows']} "
        "rows of TRAIN only; while following TEST their state moves and their weights do not.",
        "",
        *_gains(figures, "segments", "all"),
        "",
        *_comparison(figures),
        *(f"> **Doubt:** {doubt}." for doubt in figures["doubts"]),
        *([""] if figures["doubts"] else []),
        "## Among the tracks of TRAIN only",
        "",
        f"The closed catalogue, as most published numbers are meant: {task['catalogue_in_train']} tracks compete, and "
        f"the {task['targets'] - task['targets_in_train']} targets outside them are misses. These numbers compare with "
        "papers, those above are what a person gets.",
        "",
        *_gains(figures, "closed", "all"),
        "",
        *_known(figures),
        "## Where the hits come from",
        "",
    ]
    for gain in ("recall@20", "mrr@20"):
        lines += _table(
            [HEADINGS[gain], *(f"{name} ({part['targets']})" for name, part in present.items())],
            [
                [name, *(_with_interval(part[gain]) for part in model["segments"].values())]
                for name, model in models.items()
            ],
        )
        lines.append("")
    lines += [f"* **{name}**: {SEGMENTS[name].said}." for name in present]
    lines += [
        "",
        "A part that would hold every target, or none, is left out.",
        "",
        "Every target row counts, skipped ones too: what comes next is predicted, not what is liked.",
        "",
        "## What is recommended, and what it costs",
        "",
        *_table(
            ["model", *BEYOND_HEADINGS.values()],
            [[name, *(_number(model[key]) for key in BEYOND_HEADINGS)] for name, model in models.items()],
        ),
        "",
        *(f"* {sentence}" for sentence in beyond_said(figures)),
        "",
        *_table(
            ["model", "fitting, s", "scoring, µs a target", "ranking, µs a target"],
            [
                [
                    name,
                    "–" if timing["fit_s"] is None else f"{timing['fit_s']:.1f}",
                    f"{timing['score_us_per_target']:.0f}",
                    f"{timing['rank_us_per_target']:.0f}",
                ]
                for name, timing in figures["timings"].items()
            ],
        ),
        "",
        *_seeds(figures),
        "## How it was measured",
        "",
        *(f"* {sentence}" for sentence in method(figures)),
        *(f"* {role.upper()}: `{file['file']}`, SHA-256 `{file['sha256']}`." for role, file in figures["data"].items()),
        "* `predictions.parquet` holds a row per model and target; every number above follows from it, TRAIN and TEST.",
        "",
    ]
    return "\n".join(lines)


def _gains(figures: dict[str, Any], catalogue: str, part: str) -> list[str]:
    median = ["median rank"] if catalogue == "segments" else []
    rows = []
    for name, model in figures["models"].items():
        found = model[catalogue][part]
        shown = [_with_interval(found[gain]) for gain in HEADINGS]
        rows.append([name, *shown, *([f"{found['median_rank']:.0f}"] if median else [])])
    return _table(["model", *(f"{heading} (95 %)" for heading in HEADINGS.values()), *median], rows)


def _known(figures: dict[str, Any]) -> list[str]:
    task = figures["task"]
    if all("known" not in model["closed"] for model in figures["models"].values()):
        return []
    return [
        f"The same over the {task['targets_in_train']} targets that TRAIN holds:",
        "",
        *_gains(figures, "closed", "known"),
        "",
    ]


def _comparison(figures: dict[str, Any]) -> list[str]:
    lines = []
    if won := winning(figures):
        lines += [f"{won} (Who is best was chosen on these same targets.)", ""]
    if not figures["differences"]:
        return lines
    rows = [
        [name, *(f"{signed(gain)} {gain['verdict']}" for gain in (gains[key] for key in COMPARED))]
        for name, gains in figures["differences"].items()
    ]
    return [
        *lines,
        f"Against the simple baseline with the highest NDCG@20 here, **{figures['best_baseline']}** (difference with "
        "its 95 % interval, paired over the same draws; less than 5 % is called the same unless the interval leaves "
        "out zero):",
        "",
        *_table(["model", *(HEADINGS[key] for key in COMPARED)], rows),
        "",
    ]


def _seeds(figures: dict[str, Any]) -> list[str]:
    rows = [
        [
            name,
            str(model["seeds"]["fits"]),
            *(f"{model['segments']['all'][gain]['value']:.4f} ± {model['seeds'][gain]['sd']:.4f}" for gain in COMPARED),
        ]
        for name, model in figures["models"].items()
        if model["seeds"]["fits"] > 1
    ]
    if not rows:
        return []
    columns = ["model", "fits", *(f"{HEADINGS[gain]} (mean ± sd)" for gain in COMPARED)]
    return ["## Luck with the seed", "", *_table(columns, rows), ""]


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, ruler, *rows)]


def _with_interval(estimate: dict[str, Any]) -> str:
    return f"{_number(estimate['value'])} ({_number(estimate['low'])}–{_number(estimate['high'])})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
