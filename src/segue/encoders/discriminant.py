"""The second stage of weak supervision: directions in which music of different albums differs and that of one does not.

Linear discriminant analysis (Fisher 1936; with shrinkage as in Ledoit and Wolf's spirit, chosen on whole albums kept
back): what varies within albums, and between the two halves of a track, is scaled down; of what is left, the
directions of most variance are kept. It is a matrix, so that it costs nothing, and few albums can teach it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["discriminant"]


def discriminant(
    rows: npt.NDArray[np.float32], groups: Sequence[str], dim: int, shrinkage: float = 0.5
) -> npt.NDArray[np.float32]:
    """float32 (features, dim): what to multiply rows with.

    Parameters
    ----------
    rows
        float32 (n, features), centred.
    groups
        One name a row (its album): rows of a group are to be near each other.
    dim
        Directions to keep; no more than there are features.
    shrinkage
        0 trusts the covariance within the groups, 1 takes all features to vary alike within them.

    Examples
    --------
    >>> rows = np.array([[3, 9], [3, -9], [-3, 9], [-3, -9]], dtype=np.float32)
    >>> found = discriminant(rows, ["a", "a", "b", "b"], 1, 0.01)[:, 0]
    >>> bool(abs(found[0]) > 10 * abs(found[1]))
    True
    """
    numbers = np.unique(np.array(groups), return_inverse=True)[1]
    counts = np.bincount(numbers)
    x = rows.astype(np.float64)
    means = np.zeros((len(counts), x.shape[1]))
    np.add.at(means, numbers, x)
    means /= counts[:, None]
    apart = x - means[numbers]
    within = apart.T @ apart / max(len(x) - len(counts), 1)
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(np.maximum(values, 1e-9 * values[-1]))
    # An album of a hundred tracks says no more of how albums differ than one of ten.
    balanced = (x @ whiten) / np.sqrt(counts[numbers])[:, None]
    directions = np.linalg.eigh(balanced.T @ balanced)[1][:, ::-1][:, :dim]
    found: npt.NDArray[np.float32] = (whiten @ directions).astype(np.float32)
    return found
