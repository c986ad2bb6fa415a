"""Vectors laid out on a plane, so that what sounds alike lies together: t-SNE, exact and deterministic.

In: unit vectors of a library. Out: one point a track in the unit square. t-SNE (van der Maaten and Hinton 2008) starts
from the first two principal components, so that no seed decides and the broad layout keeps its meaning. A picture, not
a search: distances across the map say little, neighbourhoods say much.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_POINTS", "lay_out"]

MOST_POINTS = 600
"""The exact method looks at every pair; more points than this take minutes and can't be told apart on a page."""

STEPS, CALM_AFTER = 600, 120
Floats = npt.NDArray[np.float64]


def lay_out(vectors: npt.NDArray[np.float32], *, perplexity: float = 12.0) -> Floats:
    """float64 (tracks, 2) in [0, 1]: where each vector stands on the map.

    Parameters
    ----------
    vectors
        float32 (tracks, dim), at most ``MOST_POINTS`` rows.
    perplexity
        About how many neighbours each track looks at; a third of the tracks where there are few.

    Examples
    --------
    >>> lay_out(np.eye(4, dtype=np.float32)).shape
    (4, 2)
    """
    count = len(vectors)
    if count > MOST_POINTS:
        raise ValueError(f"{count} points; at most {MOST_POINTS} can be laid out")
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64) if count else vectors.astype(np.float64)
    if count < 4:
        return np.column_stack([(np.arange(count) + 0.5) / max(count, 1), np.full(count, 0.5)])
    axes, scales, directions = np.linalg.svd(centred, full_matrices=False)
    # An axis has no sign of its own: the largest loading points up, whichever way the solver came out.
    signs = np.sign(directions[np.arange(2), np.abs(directions[:2]).argmax(1)])
    plane = axes[:, :2] * scales[:2] * signs
    near = _affinities(centred, min(perplexity, (count - 1) / 3))
    return _framed(_settle(near, plane / max(float(plane.std()), 1e-12) * 1e-2))


def _affinities(points: Floats, perplexity: float) -> Floats:
    """float64 (n, n), sums to 1: how near each pair is, each point at a width that gives it this perplexity."""
    squares = (points**2).sum(1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0)
    np.fill_diagonal(distances, np.inf)
    distances /= np.median(distances[np.isfinite(distances)]) or 1.0
    low, high = np.full(len(points), -12.0), np.full(len(points), 12.0)  # log widths, halved together
    for _ in range(40):
        middle = (low + high) / 2
        rows = _rows(distances, middle)
        entropy = -(rows * np.log(np.maximum(rows, 1e-300))).sum(1)
        too_wide = entropy > np.log(perplexity)
        low, high = np.where(too_wide, middle, low), np.where(too_wide, high, middle)
    rows = _rows(distances, (low + high) / 2)
    return np.asarray((rows + rows.T) / (2 * len(points)))


def _rows(distances: Floats, log_width: Floats) -> Floats:
    falling = -distances * np.exp(log_width)[:, None]
    weights = np.exp(falling - falling.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _settle(near: Floats, points: Floats) -> Floats:
    """Gradient descent with momentum and gains, as in the paper; neighbours pull harder while it is young."""
    step, gains = np.zeros_like(points), np.ones_like(points)
    rate = max(len(points) / 12.0, 20.0)
    for number in range(STEPS):
        young = number < CALM_AFTER
        squares = (points**2).sum(1)
        kernel = (-2 * points) @ points.T
        kernel += squares
        kernel += squares[:, None] + 1
        np.reciprocal(kernel, out=kernel)
        np.fill_diagonal(kernel, 0)
        pulls = kernel * (-1 / kernel.sum())
        pulls += near * 8.0 if young else near
        pulls *= kernel
        gradient = 4 * (pulls.sum(1)[:, None] * points - pulls @ points)
        gains = np.maximum(np.where(np.sign(gradient) == np.sign(step), gains * 0.8, gains + 0.2), 0.01)
        step = (0.5 if young else 0.8) * step - rate * gains * gradient
        points = points + step - (points + step).mean(0)
    return points


def _framed(points: Floats) -> Floats:
    """Scaled into the unit square, each axis to its own length: a page has room to fill."""
    low, high = points.min(0), points.max(0)
    return np.asarray((points - low) / np.maximum(high - low, 1e-12))
