"""How often people agree with the plane of energy and valence, of which nothing is learned (``segue.qualities``).

python -m benchmarks.moods MOOD [--markdown FILE]

MOOD is a folder with ``labels.tsv`` (file, group, valence, arousal; 1 or -1). The plane is that of these pieces among
each other; no label is shown to it. AUC, and the balanced accuracy of "above the middle"; 95 % intervals over whole
groups.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from benchmarks.pages import put
from segue.audio.descriptors.describe import describe_file
from segue.cli.screen import complain
from segue.errors import SegueError
from segue.qualities.moods import plane

__all__ = ["agreement", "auc", "balanced"]

DRAWS = 1000

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def auc(said: Floats, is_high: Mask) -> float:
    """How often a high one is said to be higher than a low one, ties counted half."""
    high, low = np.count_nonzero(is_high), np.count_nonzero(~is_high)
    return float((rankdata(said)[is_high].sum() - high * (high + 1) / 2) / (high * low))


def balanced(said: Floats, is_high: Mask) -> float:
    """The mean of what share of the high ones is above the middle, and of the low ones not."""
    return float((np.mean(said[is_high] > 0.5) + np.mean(said[~is_high] <= 0.5)) / 2)


def agreement(
    said: Floats, is_high: Mask, groups: Sequence[str], seed: int = 0
) -> dict[str, tuple[float, float, float]]:
    """Each measure with its interval, over draws of whole groups that hold both kinds."""
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(number == one) for one in range(len(names))]
    chance = np.random.default_rng(seed)
    drawn = [np.concatenate([rows[one] for one in chance.integers(len(rows), size=len(rows))]) for _ in range(DRAWS)]
    drawn = [rows for rows in drawn if 0 < np.count_nonzero(is_high[rows]) < len(rows)]
    found = {}
    for name, measure in (("AUC", auc), ("balanced accuracy", balanced)):
        low, high = np.percentile([measure(said[rows], is_high[rows]) for rows in drawn], [2.5, 97.5])
        found[name] = (measure(said, is_high), float(low), float(high))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moods", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mood", type=Path, metavar="MOOD")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="a page that holds the table between its marks")
    parsed = parser.parse_args(arguments)
    try:
        with (parsed.mood / "labels.tsv").open(encoding="utf-8", newline="") as file:
            labels = list(csv.DictReader(file, delimiter="\t"))
        told = plane([describe_file(parsed.mood / row["file"]) for row in labels])
    except (OSError, SegueError) as error:
        complain(str(error))
        return 1
    groups = [row["group"] for row in labels]
    lines = [
        f"*{len(labels)} pieces of {len(set(groups))} groups.*\n",
        "| | AUC | balanced accuracy |",
        "|---|---|---|",
    ]
    for name, label, said in (("energy", "arousal", told.energy), ("valence", "valence", told.valence)):
        found = agreement(said, np.array([int(row[label]) > 0 for row in labels]), groups)
        cells = [f"{value:.3f} ({low:.2f} to {high:.2f})" for value, low, high in found.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    try:
        if parsed.markdown:
            put(text + "\n", parsed.markdown, "moods")
    except SegueError as error:
        complain(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
