"""What training lowers: the contrast between tracks, and the distance to what a teacher says."""

import torch
from torch.nn.functional import cosine_similarity, cross_entropy, normalize

__all__ = ["distance_to_teacher", "nt_xent"]


def nt_xent(
    first: torch.Tensor, second: torch.Tensor, temperature: float = 0.1, groups: torch.Tensor | None = None
) -> torch.Tensor:
    """How hard it is to find a track's other window among all windows of the batch: a scalar, 0 for a single track.

    Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations", eq. 1. Computed in
    float32 whatever comes in.

    Parameters
    ----------
    first, second
        (tracks, features): row i of both is of one track.
    groups
        (tracks,): tracks of one number (an album) are no examples of what sounds different; None: all are.
    """
    tracks = len(first)
    both = normalize(torch.cat([first, second]).float(), dim=1)
    if tracks < 2:
        return both.sum() * 0
    similarity = both @ both.T / temperature
    partner = torch.arange(2 * tracks, device=both.device).roll(tracks)
    left_out = torch.eye(2 * tracks, dtype=torch.bool, device=both.device)
    if groups is not None:
        twice = groups.repeat(2)
        left_out = twice[:, None] == twice[None]
        left_out[torch.arange(2 * tracks, device=both.device), partner] = False
    return cross_entropy(similarity.masked_fill(left_out, -torch.inf), partner)


def distance_to_teacher(said: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """How far (n, features) are from a teacher's: a scalar, 0 when they are the same.

    The squared error, and one minus the cosine: neighbours are found by the cosine. No feature of the teacher's is
    taken for more than three deviations.
    """
    meant = taught.clamp(-3, 3)
    said = said.float()
    return (said - meant).square().mean() + (1 - cosine_similarity(said, meant)).mean()
