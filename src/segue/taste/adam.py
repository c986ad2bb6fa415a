"""Adam, for whole parameters and for the few rows of a long table that a batch needs.

In: parameters and their slopes. Out: the same parameters, moved. A row without a slope goes on gliding by its averages,
as Adam has it. Here it does so when it is next needed, all its steps at once, so that a batch of a few hundred events
costs the same however many tracks there are. (Rows that stand still meanwhile, as in ``torch.optim.SparseAdam``, were
measured and rank worse: docs/lab-notes.md.)

Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1. In NumPy: ``torch.optim`` loads all of
torch's compiler at its first step, which takes longer than a small training.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["Adam", "Rows"]

Floats = npt.NDArray[np.float32]

MEAN_DECAY, SQUARE_DECAY = 0.9, 0.999
GLIDE = MEAN_DECAY / SQUARE_DECAY**0.5
"""How much shorter each step of a row without slopes is than the one before."""
EPSILON = np.float32(1e-8)


class Adam:
    """Moves whole parameters."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._parameters = list(parameters)
        self._averages = [_Averages(one.detach().numpy().shape) for one in self._parameters]
        self._steps = 0

    def step(self, rate: float) -> None:
        """Against the slopes, by about ``rate``; the slopes are taken away. A parameter without one stays."""
        self._steps += 1
        for parameter, averages in zip(self._parameters, self._averages, strict=True):
            if parameter.grad is not None:
                averages.learn(parameter.grad.numpy())
                values: Floats = parameter.detach().numpy()
                values -= averages.direction() * np.float32(rate * _correction(self._steps))
                parameter.grad = None


class Rows:
    """Moves rows of a table, in place. Between ``take`` and ``step`` no others may be taken.

    Until ``settle`` is called, rows that were not taken of late lag behind.
    """

    def __init__(self, table: Tensor) -> None:
        self._values: Floats = table.detach().numpy()
        self._kept = _Averages(self._values.shape)
        self._moved_at = np.zeros(len(self._values), dtype=np.int64)
        self._steps = 0
        self._rate = 0.0
        self._rows = np.zeros(0, dtype=np.int64)
        self._taken, self._averages = torch.zeros(0), self._kept

    def take(self, rows: npt.NDArray[np.int64]) -> Tensor:
        """A copy of these rows, each at most once, that collects their slopes."""
        self._rows, self._averages = rows, self._kept.of(rows)
        values = self._values[rows]
        # A row that was never moved has averages of zero and glides nowhere.
        gone = self._steps - self._moved_at[rows].reshape(-1, *[1] * (values.ndim - 1))
        glide = GLIDE * (1 - GLIDE**gone) / (1 - GLIDE) * self._rate * _correction(max(self._steps, 1))
        values -= self._averages.direction() * glide.astype(np.float32)
        self._averages.fade(gone)
        self._taken = torch.from_numpy(values).requires_grad_()
        return self._taken

    def step(self, rate: float) -> None:
        """Move the rows that were taken, against their slopes, by about ``rate``."""
        self._steps, self._rate = self._steps + 1, rate
        values: Floats = self._taken.detach().numpy()
        if self._taken.grad is not None:
            self._averages.learn(self._taken.grad.numpy())
            values -= self._averages.direction() * np.float32(rate * _correction(self._steps))
        self._values[self._rows], self._moved_at[self._rows] = values, self._steps
        self._kept.keep(self._rows, self._averages)

    def settle(self) -> None:
        """Bring all rows up to the latest step."""
        rows = np.arange(len(self._values))
        self.take(rows)
        self._values[:], self._moved_at[:] = self._taken.detach().numpy(), self._steps
        self._kept.keep(rows, self._averages)


class _Averages:
    """Running averages of slopes and of their squares."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean: Floats = np.zeros(shape, dtype=np.float32)
        self._square: Floats = np.zeros(shape, dtype=np.float32)

    def learn(self, slope: Floats) -> None:
        self._mean += np.float32(1 - MEAN_DECAY) * (slope - self._mean)
        self._square += np.float32(1 - SQUARE_DECAY) * (slope * slope - self._square)

    def direction(self) -> Floats:
        length = np.sqrt(self._square)
        length += EPSILON
        return np.asarray(np.divide(self._mean, length, out=length))

    def fade(self, steps: npt.NDArray[np.int64]) -> None:
        self._mean *= (MEAN_DECAY**steps).astype(np.float32)
        self._square *= (SQUARE_DECAY**steps).astype(np.float32)

    def of(self, rows: npt.NDArray[np.int64]) -> "_Averages":
        some = _Averages((0,))
        some._mean, some._square = self._mean[rows], self._square[rows]
        return some

    def keep(self, rows: npt.NDArray[np.int64], some: "_Averages") -> None:
        self._mean[rows], self._square[rows] = some._mean, some._square


def _correction(steps: int) -> float:
    # Both averages began at zero.
    return float((1 - SQUARE_DECAY**steps) ** 0.5 / (1 - MEAN_DECAY**steps))
