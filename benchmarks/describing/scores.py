"""What an answer is worth: tempo within four percent, as written or octaves aside; a key by MIREX' weights."""

from benchmarks.describing.material import Key

__all__ = ["acc1", "acc2", "mirex"]

TOLERANCE = 0.04
OCTAVES = (1.0, 2.0, 0.5, 3.0, 1 / 3)
"""What Acc2 allows (Gouyon et al., IEEE TSALP 14, 2006)."""


def acc1(tempo_bpm: float | None, true_bpm: float) -> float:
    """1 where the tempo is within 4 % of the one written down, else 0.

    Examples
    --------
    >>> acc1(124.0, 120.0), acc1(126.0, 120.0), acc1(None, 120.0)
    (1.0, 0.0, 0.0)
    """
    return float(tempo_bpm is not None and abs(tempo_bpm / true_bpm - 1) <= TOLERANCE)


def acc2(tempo_bpm: float | None, true_bpm: float) -> float:
    """1 where it is that, or its double, half, triple or third."""
    return max(acc1(tempo_bpm, true_bpm * times) for times in OCTAVES)


def mirex(key: Key | None, true: Key) -> float:
    """1 for the key itself, .5 for a fifth away, .3 for its relative, .2 for its parallel (MIREX audio key detection).

    Examples
    --------
    >>> [mirex(key, (0, "major")) for key in ((0, "major"), (7, "major"), (9, "minor"), (0, "minor"), (2, "major"))]
    [1.0, 0.5, 0.3, 0.2, 0.0]
    """
    if key is None:
        return 0.0
    (tonic, mode), (true_tonic, true_mode) = key, true
    if key == true:
        return 1.0
    if mode == true_mode:
        return 0.5 if (tonic - true_tonic) % 12 in (5, 7) else 0.0
    if (tonic - true_tonic) % 12 == (9 if true_mode == "major" else 3):
        return 0.3
    return 0.2 if tonic == true_tonic else 0.0
