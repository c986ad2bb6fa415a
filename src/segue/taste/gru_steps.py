"""The GRU's steps over a piece, and their slopes, written out: what torch.nn.GRU computes, in less time.

In: events after the product that needs no state, the states before the first. Out: the states after each. A piece is
many small steps; torch spends most of its time on finding the code for each, and on noting it for the way back. Here a
step is a few calls of NumPy, what can be done for all steps at once is, and the weights' slopes are one product each.

Cho et al. 2014, as torch writes it: r, z = σ(i + s), n = tanh(i + r ⊙ s), h' = n + z ⊙ (h - n), where i is the event's
share and s the state's, each with its own bias.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["steps"]

Floats = npt.NDArray[np.float32]


def steps(prepared: Tensor, before: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """float32 (length, batch, width): the states after each event.

    Parameters
    ----------
    prepared
        float32 (length, batch, 3 width): an event's share of reset gate, update gate and candidate, in this order.
    before
        float32 (batch, width): the states before the first event; they get no slope.
    weight, bias
        float32 (3 width, width) and (3 width,): of the state's share.
    """
    return torch.as_tensor(_Steps.apply(prepared, before, weight, bias))  # type: ignore[no-untyped-call]


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, prepared: Tensor, before: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        length, batch, width = *prepared.shape[:2], before.shape[1]
        events, into, added = prepared.detach().numpy(), weight.detach().numpy().T, bias.detach().numpy()
        states: Floats = np.empty((length + 1, batch, width), dtype=np.float32)
        recurrent: Floats = np.empty((length, batch, 3 * width), dtype=np.float32)
        gates: Floats = np.empty((length, batch, 2 * width), dtype=np.float32)
        new: Floats = np.empty((length, batch, width), dtype=np.float32)
        states[0] = before.detach().numpy()
        for t in range(length):
            np.matmul(states[t], into, out=recurrent[t])
            recurrent[t] += added
            _logistic(np.add(events[t, :, : 2 * width], recurrent[t, :, : 2 * width], out=gates[t]))
            np.multiply(gates[t, :, :width], recurrent[t, :, 2 * width :], out=new[t])
            new[t] += events[t, :, 2 * width :]
            np.tanh(new[t], out=new[t])
            np.subtract(states[t], new[t], out=states[t + 1])
            states[t + 1] *= gates[t, :, width:]
            states[t + 1] += new[t]
        context.save_for_backward(weight)
        context.kept = states, recurrent[:, :, 2 * width :], gates, new
        return torch.from_numpy(states[1:])

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Any:
        (weight,) = context.saved_tensors
        on: Floats = weight.detach().numpy()
        states, recurrent, gates, new = context.kept
        length, batch, width = new.shape
        reset, keep = gates[:, :, :width], gates[:, :, width:]
        # What slopes are multiplied with: the state's towards candidate and update gate, the candidate's towards reset.
        to_new = (1 - keep) * (1 - new * new)
        to_keep = (states[:-1] - new) * keep * (1 - keep)
        to_reset = recurrent * reset * (1 - reset)
        of_state: Floats = np.zeros((batch, width), dtype=np.float32)
        of_recurrent: Floats = np.empty((length, batch, 3 * width), dtype=np.float32)
        of_new: Floats = np.empty((length, batch, width), dtype=np.float32)
        slopes = slope.numpy()
        for t in range(length - 1, -1, -1):
            of_state += slopes[t]
            here = of_recurrent[t]
            np.multiply(of_state, to_new[t], out=of_new[t])
            np.multiply(of_new[t], to_reset[t], out=here[:, :width])
            np.multiply(of_state, to_keep[t], out=here[:, width : 2 * width])
            np.multiply(of_new[t], reset[t], out=here[:, 2 * width :])
            of_state *= keep[t]
            of_state += here @ on
        of_prepared = of_recurrent.copy()
        of_prepared[:, :, 2 * width :] = of_new
        rows = torch.from_numpy(of_recurrent.reshape(-1, 3 * width))
        of_weight = rows.T @ torch.from_numpy(states[:-1].reshape(-1, width))
        return torch.from_numpy(of_prepared), None, of_weight, rows.sum(dim=0)


def _logistic(numbers: Floats) -> None:
    # In place, and through tanh: no overflow.
    numbers *= 0.5
    np.tanh(numbers, out=numbers)
    numbers *= 0.5
    numbers += 0.5
