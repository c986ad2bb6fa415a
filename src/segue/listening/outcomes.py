"""How a listen ended, from what was played of it. One rule serves every source.

1. The source says "skipped": ``SKIPPED``.
2. It was played for 85 % of its length or more: ``FINISHED`` (a crossfade takes the rest).
3. It was played for less than 30 s, and for less than half of its length where that is known: ``SKIPPED``.
4. Its length is known: ``PARTIAL``.
5. Otherwise, and whenever nobody tells what was played: ``UNKNOWN``.

A source that knows better (it logged an error, or the button that was pressed) says so itself and is believed.
"""

import numpy as np
import numpy.typing as npt

from segue.types import Outcome

__all__ = ["FINISHED_SHARE", "SKIPPED_SHARE", "SKIPPED_UNDER_S", "completions", "outcome", "outcomes"]

FINISHED_SHARE = 0.85
SKIPPED_UNDER_S = 30.0
SKIPPED_SHARE = 0.5

Numbers = npt.NDArray[np.float64]


def completions(played_s: Numbers, duration_s: Numbers) -> npt.NDArray[np.float32]:
    """float32 (listens,): the share that was played, 0 to 1, NaN where either length is unknown or zero.

    Parameters
    ----------
    played_s, duration_s
        float64 (listens,) seconds, NaN where unknown.
    """
    share = np.divide(played_s, duration_s, out=np.full(len(played_s), np.nan), where=duration_s > 0)
    return np.asarray(np.minimum(share, 1.0), dtype=np.float32)


def outcomes(played_s: Numbers, duration_s: Numbers, skipped: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """int8 (listens,) of ``Outcome``, by the rule above.

    Parameters
    ----------
    played_s, duration_s
        float64 (listens,) seconds, NaN where unknown.
    skipped
        bool (listens,): the source says that it was skipped.
    """
    share = completions(played_s, duration_s)
    # Comparisons with NaN are false, so that what is unknown falls through to the end.
    return np.select(
        [
            skipped,
            share >= FINISHED_SHARE,
            (played_s < SKIPPED_UNDER_S) & ~(share >= SKIPPED_SHARE),
            ~np.isnan(share),
        ],
        [int(each) for each in (Outcome.SKIPPED, Outcome.FINISHED, Outcome.SKIPPED, Outcome.PARTIAL)],
        int(Outcome.UNKNOWN),
    ).astype(np.int8)


def outcome(played_s: float | None, duration_s: float | None, skipped: bool | None = None) -> Outcome:
    """The outcome of one listen, by the rule above.

    Examples
    --------
    >>> outcome(200.0, 210.0).name, outcome(100.0, 210.0).name, outcome(12.0, None).name, outcome(None, 210.0).name
    ('FINISHED', 'PARTIAL', 'SKIPPED', 'UNKNOWN')
    """
    lengths = [np.array([np.nan if length is None else length]) for length in (played_s, duration_s)]
    return Outcome(int(outcomes(lengths[0], lengths[1], np.array([bool(skipped)]))[0]))
