"""Softmax over many tracks, or over a few drawn ones: logarithms of the right answers' chances, and their slopes.

In: queries, vectors and biases of tracks, which track is right. Out: log p a query. Which negatives are drawn, and what
their biases are less for it, is the caller's (``gru_training``).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["BPR_REGULARISATION", "bpr_max", "log_softmax"]


BPR_REGULARISATION = 0.1
"""λ of BPR-max: what keeps the negatives' scores near zero."""


def log_softmax(queries: Tensor, table: Tensor, bias: Tensor, target: Tensor, negatives: Tensor | None) -> Tensor:
    """float32 (queries,): log p of each query's target, among all rows of the table, or among itself and the negatives.

    Parameters
    ----------
    queries, table, bias
        float32 (queries, width), (tracks, width) and (tracks,).
    target
        int64 (queries,): rows of the table.
    negatives
        int64 (drawn,): rows of the table, rising, shared by all queries; one is left out where it is the target.
    """
    if negatives is None:
        logits = queries @ table.T + bias
        return torch.as_tensor(logits.gather(1, target[:, None])[:, 0] - logits.logsumexp(dim=1))
    return torch.as_tensor(_Sampled.apply(queries, table, bias, target, negatives))  # type: ignore[no-untyped-call]


def bpr_max(queries: Tensor, table: Tensor, bias: Tensor, target: Tensor, negatives: Tensor) -> Tensor:
    """float32 (queries,): the BPR-max loss, -log Σ s_j σ(r_i - r_j) + λ Σ s_j r_j² with s the softmax of negatives.

    Hidasi & Karatzoglou 2018, equation 10; shapes as in ``log_softmax``, and an answer among its negatives is left out.
    """
    true = (queries * table[target]).sum(dim=1) + bias[target]
    others = queries @ table[negatives].T + bias[negatives]
    hit = negatives == target[:, None]
    share = others.masked_fill(hit, -torch.inf).log_softmax(dim=1).masked_fill(hit, -torch.inf)
    won = torch.logsumexp(share + functional.logsigmoid(true[:, None] - others), dim=1)
    return torch.as_tensor(BPR_REGULARISATION * (share.exp() * others.square()).sum(dim=1) - won)


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
        mass = (queries @ others.T).add_(bias[negatives])
        place = torch.searchsorted(negatives, target).clamp_(max=len(negatives) - 1)
        hit = torch.nonzero(negatives[place] == target)[:, 0]
        mass[hit, place[hit]] = -torch.inf
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
        of_queries = (at_others @ others).addcmul_(at_true[:, None], own)
        of_table = queries.new_zeros(context.rows, queries.shape[1])
        of_table.index_add_(0, negatives, at_others.T @ queries).index_add_(0, target, at_true[:, None] * queries)
        of_bias = queries.new_zeros(context.rows)
        of_bias.index_add_(0, negatives, at_others.sum(dim=0)).index_add_(0, target, at_true)
        return of_queries, of_table, of_bias, None, None
