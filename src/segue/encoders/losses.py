"""The contrast between tracks."""

import torch
from torch.nn.functional import cross_entropy, normalize

__all__ = ["nt_xent"]


def nt_xent(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """How hard it is to find a track's other window among all windows of the batch: a scalar, 0 for a single track.

    Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", eq. 1. Computed in
    float32 whatever comes in.

    Parameters
    ----------
    first, second
        (tracks, features): row i of both is of one track.
    """
    tracks = len(first)
    both = normalize(torch.cat([first, second]).float(), dim=1)
    if tracks < 2:
        return both.sum() * 0
    similarity = both @ both.T / temperature
    similarity = similarity.masked_fill(torch.eye(2 * tracks, dtype=torch.bool, device=both.device), -torch.inf)
    partner = torch.arange(2 * tracks, device=both.device).roll(tracks)
    return cross_entropy(similarity, partner)
