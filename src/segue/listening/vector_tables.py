"""Files of vectors: how tracks sound, checked and of unit length."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from segue.errors import BadInput
from segue.listening.shaping import as_text
from segue.listening.tables import read_columns

__all__ = ["aligned", "read_vectors"]


def read_vectors(path: Path) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Track ids, and float32 (tracks, dim) of unit length: how each sounds.

    Raises
    ------
    NotFound
        There is no such file.
    BadInput
        It lacks ``track`` or ``vector``, or a vector is missing, of another length, or not finite.
    """
    frame = read_columns(path, ("track", "vector"))
    for name in ("track", "vector"):
        if name not in frame.columns:
            raise BadInput(f"{path} has no column {name}: vectors need track (an id) and vector (a list of numbers)")
    if not len(frame):
        raise BadInput(f"{path} has no rows: leave --vectors out, or give a file with vectors")
    ids = as_text(path, frame, "track")
    if twice := len(ids) - ids.n_unique():
        raise BadInput(f"{path}: {twice} rows of track repeat an id that has a vector already; keep one vector a track")
    column = frame["vector"]
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if not isinstance(column.dtype, pl.List) or not column.dtype.inner.is_numeric():
        raise BadInput(f"{path}: column vector is of type {column.dtype}; it must hold lists of numbers")
    lengths = column.list.len()
    dim = lengths[0]
    if wrong := int((lengths != dim).sum()) + column.null_count() if dim else len(column):
        raise BadInput(f"{path}: {wrong} rows of vector are empty or differ in length from the first ({dim})")
    matrix = column.explode().cast(pl.Float32).to_numpy().reshape(len(ids), dim).astype(np.float32)
    if wrong := int(np.count_nonzero(~np.isfinite(matrix).all(axis=1))):
        raise BadInput(f"{path}: {wrong} rows of vector hold nulls, NaN or infinity; leave those tracks out")
    norm = np.linalg.norm(matrix, axis=1, keepdims=True)
    return ids.to_list(), np.divide(matrix, norm, out=np.zeros_like(matrix), where=norm > 0)


def aligned(
    ids: pl.Series, vectors: tuple[Sequence[str], npt.NDArray[np.float32]] | None
) -> npt.NDArray[np.float32] | None:
    """float32 (ids, dim): the vector of each id, zero where it has none; None where there are no vectors at all.

    ``ids`` are unique and hold every id of the vectors.
    """
    if vectors is None:
        return None
    rows = pl.Series(vectors[0], dtype=pl.String).cast(pl.Enum(ids)).to_physical().to_numpy()
    matrix = np.zeros((len(ids), vectors[1].shape[1]), dtype=np.float32)
    matrix[rows] = vectors[1]
    return matrix
