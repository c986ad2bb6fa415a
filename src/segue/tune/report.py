"""A search in words and tables: the page ``report.md``, and the rows that a screen shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.evaluate.wording import HEADINGS, signed
from segue.tune.results import CHOSEN_BY, SHOWN
from segue.tune.space import Number
from segue.tune.study import LEAST_FOR_IMPORTANCE

__all__ = ["Tuned", "markdown"]

Rows = tuple[list[str], list[list[object]]]


@dataclass(frozen=True, slots=True)
class Tuned:
    """A search as far as it has come.

    Attributes
    ----------
    directory
        Where ``settings.json``, ``report.md`` and the study lie.
    figures
        What the report says, plain enough for JSON.
    """

    directory: Path
    figures: dict[str, Any]

    def against_default(self) -> Rows:
        """Column names and rows: the best, the default, and their difference."""
        rows: list[list[object]] = [
            [name, *(_with_interval(self.figures[name][gain]) for gain in SHOWN)] for name in ("best", "default")
        ]
        rows.append(["difference", *(signed(self.figures["difference"][gain]) for gain in SHOWN)])
        return ["settings", *(f"{HEADINGS[gain]} (95 %)" for gain in SHOWN)], rows

    def sensitivity(self) -> Rows:
        """Column names and a row a setting: how much it matters, and the best trial by third of its range."""
        rows: list[list[object]] = []
        for name, found in self.figures["settings"].items():
            share = found["importance"]
            thirds = [
                "–" if third is None else f"{third[CHOSEN_BY]:.4f} at {_number(third['value'])}"
                for third in found["thirds"]
            ]
            shown = "–" if share is None else f"{share:.0%}"
            rows.append([name, _number(found["best"]), shown, *thirds])
        return ["setting", "best", "importance", "low third", "middle", "high third"], rows

    def sentences(self) -> Iterator[str]:
        """What a reader of the tables must know."""
        figures = self.figures
        trials = figures["trials"]
        if not figures["best_trial"]:
            yield f"None of {len(trials)} trials is better than the default: settings.json holds the default."
        elif (said := figures["difference"][CHOSEN_BY]["verdict"]) != "better":
            yield f"By {HEADINGS[CHOSEN_BY]} the difference is {DOUBT[said]}."
        yield (
            f"The best of {len(trials)} trials was chosen on these same targets, so its figures are too high: "
            "only a test set that was not in LISTENS says what it is worth."
        )
        if figures["intervals"]["note"]:
            yield f"Intervals: {figures['intervals']['note']}."
        longest = max(trial["seconds"] for trial in trials)
        if len(trials) == 1:
            yield (
                f"Only the default was tried, in {longest:.0f} s: give more --minutes (or --trials), and the same "
                "command goes on."
            )
        elif not figures["new_trials"] and longest > 60 * figures["minutes"]:
            yield f"No trial was begun: the longest took {longest:.0f} s, so give more --minutes."
        elif all(found["importance"] is None for found in figures["settings"].values()):
            yield f"Importance needs {LEAST_FOR_IMPORTANCE} trials that differ: the same command goes on."


DOUBT = {"same": "less than 5 %, and within chance", "undecided": "within chance", "worse": "for the worse"}


def markdown(figures: dict[str, Any]) -> str:
    """The report as a page a person can read (CommonMark with tables)."""
    shown = Tuned(Path(), figures)
    spent = sum(trial["seconds"] for trial in figures["trials"])
    file = figures["data"]["listens"]
    ranges = [
        [
            name,
            f"{_number(one['low'])} to {_number(one['high'])}",
            "ratios" if one["log"] else "differences",
            _number(one["default"]),
        ]
        for name, one in figures["settings"].items()
    ]
    lines = [
        f"# Settings of the model {figures['model']}, chosen by what is heard next",
        "",
        f"{len(figures['trials'])} trials in {spent:.0f} s, the first one with the default of size {figures['size']}. "
        f"Each was fitted on {figures['train_rows']} listens and ranked {figures['targets']} later ones among all "
        f"{figures['tracks']} tracks; the highest {HEADINGS[CHOSEN_BY]} wins.",
        "",
        *_table(*shown.against_default()),
        "",
        *(f"* {sentence}" for sentence in shown.sentences()),
        "",
        "## What matters",
        "",
        *_table(*shown.sensitivity()),
        "",
        "Importance is the share of a setting in what tells the best trials from the others (PED-ANOVA). Each third of "
        f"a range shows the highest {HEADINGS[CHOSEN_BY]} among its trials and the value that gave it; other settings "
        "differed too, and few trials say little.",
        "",
        *_table(["setting", "searched from", "in equal", "default"], ranges),
        "",
        "## How it was measured",
        "",
        f"* Split: {figures['split']['rule']}. At most 10,000 targets, thinned evenly.",
        f"* Intervals: {figures['intervals']['draws']} draws of whole clusters ({figures['intervals']['clusters']} × "
        f"{figures['intervals']['unit']}), the same for both settings. They leave out the luck with the seed.",
        f"* LISTENS: `{file['file']}`, SHA-256 `{file['sha256']}`; seed {figures['seed']}.",
        "",
        "## Trials",
        "",
        *_table(
            ["trial", *figures["settings"], *(HEADINGS[gain] for gain in SHOWN), "seconds"],
            [
                [
                    number,
                    *(_number(trial["values"][name]) for name in figures["settings"]),
                    *(f"{trial[gain]:.4f}" for gain in SHOWN),
                    f"{trial['seconds']:.0f}",
                ]
                for number, trial in enumerate(figures["trials"])
            ],
        ),
        "",
    ]
    return "\n".join(lines)


def _table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(map(str, cells))} |" for cells in (columns, ruler, *rows)]


def _with_interval(estimate: dict[str, float]) -> str:
    return f"{estimate['value']:.4f} ({estimate['low']:.4f}–{estimate['high']:.4f})"


def _number(value: Number) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
