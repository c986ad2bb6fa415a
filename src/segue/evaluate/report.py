"""What was measured, on what, and how far to trust it: one report for machines and the same one for people.

``report.json`` is deterministic but for the key ``timings``; ``report.md`` is made from it alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.evaluate.metrics import SEGMENTS
from segue.evaluate.results import COMPARED

__all__ = ["Report", "markdown"]

HEADINGS = {
    "recall@1": "Recall@1",
    "recall@10": "Recall@10",
    "recall@20": "Recall@20",
    "recall@100": "Recall@100",
    "mrr@20": "MRR@20",
    "ndcg@20": "NDCG@20",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A finished evaluation.

    Attributes
    ----------
    directory
        Where ``report.json``, ``report.md`` and ``predictions.parquet`` lie.
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
    lines = [
        "# How well each model predicts the next track",
        "",
        f"{task['targets']} targets of {task['listeners']} {task['group']}s, each ranked among all {task['catalogue']} "
        f"tracks from everything the same {task['group']} did before it. Models were fitted on {task['train_rows']} "
        "rows of TRAIN only; while following TEST their state moves and their weights do not.",
        "",
        *_table(
            ["model", *(f"{heading} (95 %)" for heading in HEADINGS.values()), "median rank"],
            [
                [name, *(_with_interval(part[gain]) for gain in HEADINGS), f"{part['median_rank']:.0f}"]
                for name, part in ((name, model["segments"]["all"]) for name, model in models.items())
            ],
        ),
        "",
        *_comparison(figures),
        *(f"> **Doubt:** {doubt}." for doubt in figures["doubts"]),
        *([""] if figures["doubts"] else []),
        "## Where the hits come from",
        "",
    ]
    present = next(iter(models.values()))["segments"]
    for gain in ("recall@20", "mrr@20"):
        lines += _table(
            [HEADINGS[gain], *(f"{name} ({part['targets']})" for name, part in present.items())],
            [
                [name, *(_with_interval(part[gain]) for part in model["segments"].values())]
                for name, model in models.items()
            ],
        )
        lines.append("")
    lines += [f"* **{name}**: {SEGMENTS[name]}." for name in present]
    lines += [
        "",
        "A part that would hold every target, or none, is left out.",
        "",
        "Every target row counts, skipped ones too: what comes next is predicted, not what is liked.",
        "",
        "## What is recommended, and what it costs",
        "",
        *_table(
            ["model", "coverage@20", "popularity@20", "fitting, s", "scoring, µs a target", "ranking, µs a target"],
            [
                [
                    name,
                    _number(model["coverage@20"]),
                    _number(model["popularity@20"]),
                    f"{timing['fit_s']:.1f}",
                    f"{timing['score_us_per_target']:.0f}",
                    f"{timing['rank_us_per_target']:.0f}",
                ]
                for name, model, timing in ((name, model, figures["timings"][name]) for name, model in models.items())
            ],
        ),
        "",
        "Coverage is the share of the catalogue that stands in at least one top 20. Popularity is the mean of "
        f"ln(1 + plays in TRAIN) over all top lists; the tracks that truly came have "
        f"{_number(figures['popularity_of_targets'])}.",
        "",
        "## How it was measured",
        "",
        f"* Split: {task['split']['rule']}.",
        "* Order: "
        + ("time" if task["order"] == "played_at" else "position")
        + ", then TRAIN before TEST, then row number.",
        f"* Of {task['catalogue']} tracks, {task['catalogue_in_train']} are in TRAIN; "
        f"{task['catalogue_with_vector']} have a vector.",
        "* Ranks are over the whole catalogue, nothing sampled and nothing filtered; a tie counts against the model; "
        "NaN counts as minus infinity.",
        f"* Intervals: {figures['intervals']['draws']} draws of whole clusters "
        f"({figures['intervals']['clusters']} × {figures['intervals']['unit']})"
        + (f"; {figures['intervals']['note']}" if figures["intervals"]["note"] else "")
        + ". They cover who happened to be measured, not a model's luck with its seed: run more seeds for that.",
        f"* Settings: {_listed({**figures['settings'], 'models': ' '.join(models)})}.",
        *(f"* {role.upper()}: `{file['file']}`, SHA-256 `{file['sha256']}`." for role, file in figures["data"].items()),
        f"* Versions: {_listed(figures['versions'])}.",
        "* `predictions.parquet` holds a row per model and target; every number above follows from it and TEST.",
        "",
    ]
    return "\n".join(lines)


def _comparison(figures: dict[str, Any]) -> list[str]:
    if not figures["differences"]:
        return []
    rows = [
        [name, *(f"{_signed(gain)} {gain['verdict']}" for gain in (gains[key] for key in COMPARED))]
        for name, gains in figures["differences"].items()
    ]
    return [
        f"Against the simple baseline with the highest NDCG@20 here, **{figures['best_baseline']}** (difference with "
        "its 95 % interval, paired over the same draws; less than 5 % is called the same unless the interval leaves "
        "out zero):",
        "",
        *_table(["model", *(HEADINGS[key] for key in COMPARED)], rows),
        "",
    ]


def _listed(pairs: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in pairs.items())


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, ruler, *rows)]


def _with_interval(estimate: dict[str, Any]) -> str:
    return f"{_number(estimate['value'])} ({_number(estimate['low'])}–{_number(estimate['high'])})"


def _signed(estimate: dict[str, Any]) -> str:
    return f"{estimate['value']:+.4f} ({estimate['low']:+.4f} to {estimate['high']:+.4f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
