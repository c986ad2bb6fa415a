"""Softmax over many tracks, or over a few drawn ones: logarithms of the right answers' chances, and their slopes.

In: queries, vectors and biases of tracks, which track is right. Out: log p a query. Which negatives are drawn, and what
their biases are less for it, is the caller's (``gru_training``).
"""

from typing import Any

import torch
from torch import Tensor

__all__ = ["log_softmax"]


def log_softmax(queries: Tensor, table: Tensor, bias: Tensor, target: Tensor, negatives: Tensor | None) -> Tensor:
    """float32 (queries,): log p of each query's target, among all rows of the table, or among itself and the negatives.

    Parameters
    ----------
    queries, table, bias
        float32 (queries, width), (tracks, width) and (tracks,).
    target
        int64 (queries,): rows of the table.
    negatives
        int64 (drawn,): rows of the table, shared by all queries; left out of a query whose target they are.
    """
    if negatives is None:
        logits = queries @ table.T + bias
        return torch.as_tensor(logits.gather(1, target[:, None])[:, 0] - logits.logsumexp(dim=1))
    return torch.as_tensor(_Sampled.apply(queries, table, bias, target, negatives))  # type: ignore[no-untyped-call]


class _Sampled(torch.autograd.Function):
    """log p of targets among themselves and shared negatives, in one array of (queries, negatives).

    Left to autograd the same takes five arrays of that size, and most of the time goes into reading and writing them.
    """

    @staticmethod
    def forward(
        context: Any, queries: Tensor, table: Tensor, bias: Tensor, target: Tensor, negatives: Tensor
    ) -> Tensor:
        own, others = table[target], table[negatives]
        true = (queries * own).sum(dim=1) + bias[target]
        mass = torch.addmm(bias[negatives], queries, others.T)
        mass.masked_fill_(negatives == target[:, None], -torch.inf)
        highest = torch.maximum(mass.amax(dim=1), true)
        mass.sub_(highest[:, None]).exp_()
        of_true = (true - highest).exp()
        total = mass.sum(dim=1) + of_true
        context.save_for_backward(queries, own, others, mass, of_true / total, total, target, negatives)
        context.rows = len(table)
        return true - highest - total.log()

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Any:
        queries, own, others, mass, share, total, target, negatives = context.saved_tensors
        at_true = slope * (1 - share)
        # The array is this function's alone and is not needed again: torch refuses a second backward pass.
        at_others = mass.mul_((-slope / total)[:, None])
        of_queries = torch.addmm(at_true[:, None] * own, at_others, others)
        of_table = queries.new_zeros(context.rows, queries.shape[1])
        of_table.index_add_(0, negatives, at_others.T @ queries).index_add_(0, target, at_true[:, None] * queries)
        of_bias = queries.new_zeros(context.rows)
        of_bias.index_add_(0, negatives, at_others.sum(dim=0)).index_add_(0, target, at_true)
        return of_queries, of_table, of_bias, None, None
