"""The ranks of all models as figures: means, intervals, Segue's lead over each peer, and a page of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peers.comparison import PEERS, Found
from segue.evaluate.intervals import clusters, interval, resample
from segue.evaluate.metrics import GAINS, gains
from segue.evaluate.problem import Problem
from segue.evaluate.results import verdict

__all__ = ["CATALOGUES", "estimates", "markdown"]

SHOWN = ("recall@20", "mrr@20")
HEADINGS = ("Recall@20", "MRR@20")
CATALOGUES = ("open", "closed")


def estimates(problem: Problem, found: Mapping[str, Found], ours: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Means, intervals and each of our models' lead over each other model, in both catalogues.

    Every model sees the same draws of clusters, so that differences are paired.
    """
    over = clusters(problem)
    columns = [GAINS.index(name) for name in SHOWN]
    names = list(found)
    result: dict[str, Any] = {
        "targets": len(problem),
        "known_targets": int(problem.known.sum()),
        "tracks": len(problem.items),
        "train_tracks": int((problem.plays > 0).sum()),
        "intervals": {"unit": over.unit, "clusters": over.count, "note": over.weak},
        "models": {name: {"costs": dict(found[name].said)} for name in names},
        "leads": [],
    }
    every = np.ones(len(problem), dtype=bool)
    for catalogue in CATALOGUES:
        values = np.concatenate([gains(getattr(found[name], catalogue))[:, columns] for name in names], axis=1)
        drawn, means = resample(values, every, over, seed=seed), values.mean(axis=0)
        place = {name: at * len(SHOWN) for at, name in enumerate(names)}
        for name in names:
            at = place[name]
            result["models"][name][catalogue] = {
                gain: _estimate(means[at + offset], drawn[:, at + offset]) for offset, gain in enumerate(SHOWN)
            }
        for mine, theirs in ((mine, other) for mine in ours for other in names if other not in ours):
            lead: dict[str, Any] = {"mine": mine, "other": theirs, "catalogue": catalogue}
            for offset, gain in enumerate(SHOWN):
                left, right = place[mine] + offset, place[theirs] + offset
                one = _estimate(means[left] - means[right], drawn[:, left] - drawn[:, right])
                relative = one["value"] / float(means[right]) if means[right] else None
                lead[gain] = {**one, "relative": relative, "verdict": verdict(relative, one["low"], one["high"])}
            result["leads"].append(lead)
    return result


def _estimate(value: float, drawn: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = interval(drawn)
    return {"value": round(float(value), 6), "low": round(low, 6), "high": round(high, 6)}


def markdown(report: Mapping[str, Any]) -> str:
    """The figures as a page a person can read."""
    lines = [f"`{report['command']}`", ""]
    lines += [f"* {note}" for note in report["missing"]]
    for part, one in report["parts"].items():
        known, tracks = one["known_targets"], one["tracks"]
        within = one["intervals"]
        lines += [
            "",
            f"**{part}**: {one['targets']} targets, of which TRAIN holds {known}; {tracks} tracks, of which "
            f"TRAIN holds {one['train_tracks']}. 95 % intervals over {within['clusters']} × {within['unit']}"
            + (f" ({within['note']})." if within["note"] else "."),
            "",
            *_table(
                [
                    "model",
                    *(f"{name}, {kind}" for kind in CATALOGUES for name in HEADINGS),
                    "fit, CPU s",
                ],
                [
                    [
                        _title(name, model["costs"]),
                        *(_shown(model[kind][gain]) for kind in CATALOGUES for gain in SHOWN),
                        f"{model['costs']['fit_cpu_s']:.1f}",
                    ]
                    for name, model in one["models"].items()
                ],
            ),
        ]
        if one["leads"]:
            lines += [
                "",
                *_table(
                    ["ours minus theirs", "catalogue", *HEADINGS],
                    [
                        [f"{lead['mine']} − {_title(lead['other'], {})}", lead["catalogue"]]
                        + [_signed(lead[gain]) for gain in SHOWN]
                        for lead in one["leads"]
                    ],
                ),
            ]
    return "\n".join(lines) + "\n"


def _table(columns: list[str], rows: list[list[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, ruler, *rows)]


def _title(name: str, costs: Mapping[str, Any]) -> str:
    return " ".join([PEERS[name].title, costs.get("version", "")]).strip() if name in PEERS else f"segue {name}"


def _shown(one: Mapping[str, float]) -> str:
    return f"{one['value']:.4f} ({one['low']:.4f}–{one['high']:.4f})"


def _signed(one: Mapping[str, Any]) -> str:
    return f"{one['value']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f}) {one['verdict']}"
