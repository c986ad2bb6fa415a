"""Ears trained on with a library's own music, and the judgement whether that made them better.

A corpus flows in; the ears that do better on its held-out tracks flow out, with the numbers that decided. Held-out
albums are parted: one half is what the training watches, the other, which nothing has touched, is what both ears are
measured on. Trained ears are changed only where the gain is more than chance, since other ears mean other vectors for
every track.
"""

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from segue.encoders.corpus import Corpus
from segue.errors import NotReady
from segue.progress import Progress, silent
from segue.settings import Size

if TYPE_CHECKING:
    from segue.encoders.joint import Ears

__all__ = ["Adapted", "Scores", "adapt", "scores_of"]

FEWEST_TRACKS = 5
"""Fewer say nothing of which ears are better."""
CONFIDENCE = 1.645
"""Standard errors that the mean gain must be above zero: by chance it is so one time in twenty (one-sided)."""

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """How well ears know tracks they were not trained on; 0 to 1, higher is better.

    Attributes
    ----------
    halves_recall
        Recall@1: the share of tracks whose first half is nearest to its own second half.
    group_map
        Mean average precision of finding the tracks of the same album (of the same artist, for a track without one);
        None where no track has company, or all are of one album.
    """

    halves_recall: float
    group_map: float | None


@dataclass(frozen=True, slots=True)
class Adapted:
    """The better ears, what both did on the ``tracks`` held-out tracks, and whether the new ones were kept."""

    ears: "Ears"
    before: Scores
    after: Scores
    tracks: int
    kept: bool


def adapt(
    ears: "Ears",
    corpus: Corpus,
    *,
    size: Size = "small",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> Adapted:
    """Train ears on with a corpus, and keep what comes of it only where it is better on held-out tracks.

    A track's worth is the mean of its recall and its average precision; the new ears are better where the mean gain
    of the held-out tracks is above zero by 1.645 standard errors.

    Raises
    ------
    NotReady
        Too little could be held out to tell.
    """
    watched, measured = _parted(corpus, np.random.default_rng([seed, 3]))
    if len(measured) < FEWEST_TRACKS:
        raise NotReady(
            f"ears can't be adapted to {len(corpus)} tracks of {len(set(corpus.groups))} albums, since too few can be "
            "held out to measure on: 'segue train' without --adapt takes the shipped ears as they are"
        )
    before = _worth(ears, corpus, measured, progress)
    within = copy(corpus)  # the log-mels are shared
    within.held_out = watched
    continued = ears.continued(within, size=size, seed=seed, device=device, progress=progress)
    after = _worth(continued, corpus, measured, progress)
    kept = _better(before, after)
    return Adapted(continued if kept else ears, _scores(before), _scores(after), len(measured), kept)


def scores_of(ears: "Ears", corpus: Corpus, rows: Rows, progress: Progress = silent) -> Scores:
    """How well ears know these tracks of a corpus, each compared with all others of them."""
    return _scores(_worth(ears, corpus, rows, progress))


def _parted(corpus: Corpus, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """The held-out rows: those to watch in training, and, of other groups, those to measure on (at least half)."""
    groups = np.array(corpus.groups)[corpus.held_out]
    measured = np.zeros(len(groups), dtype=bool)
    for group in rng.permutation(np.unique(groups)):
        if 2 * measured.sum() < len(groups):
            measured |= groups == group
    return corpus.held_out[~measured], corpus.held_out[measured]


def _worth(ears: "Ears", corpus: Corpus, rows: Rows, progress: Progress) -> tuple[Floats, Floats]:
    """Of each of these tracks whether its halves find each other (0, 1), and its average precision (or NaN)."""
    heard: dict[str, list[npt.NDArray[np.float32]]] = {"whole": [], "first": [], "second": []}
    half = (corpus.mels.shape[1] + 1) // 2
    for done, row in enumerate(rows):
        progress("measuring", done, len(rows))
        mels: Any = np.asarray(corpus.mels[row])
        for part, windows in (("whole", mels), ("first", mels[:half]), ("second", mels[-half:])):
            heard[part].append(ears.encode(windows))
    progress("measuring", len(rows), len(rows))
    whole, first, second = (np.stack(heard[part]).astype(np.float64) for part in ("whole", "first", "second"))
    across = first @ second.T
    own = np.diag(across).copy()
    np.fill_diagonal(across, -np.inf)
    found = own > across.max(1)  # a tie counts against: ears that hear no difference find nothing
    groups = np.array(corpus.groups)[rows]
    return found.astype(np.float64), _average_precisions(whole @ whole.T, groups[:, None] == groups[None])


def _average_precisions(similarity: Floats, alike: npt.NDArray[np.bool_]) -> Floats:
    """Of each row, how near the front those that are alike stand among all others; NaN where none are, or all."""
    precisions = np.full(len(similarity), np.nan)
    for row, similarities in enumerate(similarity):
        others = np.arange(len(similarity)) != row
        wanted = alike[row][others]
        # Of equal similarities the wrong ones come first.
        order = np.lexsort((wanted, -similarities[others]))
        ranks = np.flatnonzero(wanted[order]) + 1
        if 0 < len(ranks) < len(order):
            precisions[row] = (np.arange(1, len(ranks) + 1) / ranks).mean()
    return precisions


def _better(before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> bool:
    recall, precision = (new - old for old, new in zip(before, after, strict=True))
    gains = np.where(np.isnan(precision), recall, (recall + precision) / 2)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    return bool(gains.mean() > CONFIDENCE * error)


def _scores(worth: tuple[Floats, Floats]) -> Scores:
    found, precision = worth
    company = precision[~np.isnan(precision)]
    return Scores(round(float(found.mean()), 4), round(float(company.mean()), 4) if len(company) else None)
