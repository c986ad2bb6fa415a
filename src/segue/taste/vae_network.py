"""The variational autoencoders' network in torch: tensors in, tensors out. It knows no ids, files or listeners.

``vae`` says what it computes and serves the mean path in NumPy; a test holds the two together. Here stands only what
training adds: the spread around the mean, and hiding ids so that sounds learn to stand for them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from segue.taste.vae_inputs import VaeSettings

__all__ = ["BagTensors", "VaeNetwork"]

ID_SCALE = 0.1
TOWER_SCALE = 0.02
"""Standard deviations at the start. Ids speak first; a gate of exactly zero would give the tower no gradient."""

DEEP = 2
"""Layers behind the first one in RecVAE's encoder, each fed with all before it."""


class BagTensors(NamedTuple):
    """A batch of bags, flat: int64 (entries,) tracks, float32 (entries,) weights, int64 (bags,) first entries."""

    track: Tensor
    weight: Tensor
    starts: Tensor


class VaeNetwork(nn.Module):
    """The network over rows of tracks that have ids.

    Parameters
    ----------
    plays
        float64 (tracks,): the weight of each track over all bags; the biases start from it.
    sounds
        float32 (tracks, dim): rows without a sound are zero; dim 0 where there is no sound at all.
    settings
        Recipe and sizes.
    """

    sounds: Tensor
    sounding: Tensor

    def __init__(self, plays: npt.NDArray[np.float64], sounds: npt.NDArray[np.float32], settings: VaeSettings) -> None:
        super().__init__()
        tracks, width, latent = len(plays), settings.width, settings.latent
        self.deep = settings.recipe == "recvae"
        answer = latent if self.deep else width
        popularity = np.log((plays + 1.0) / (plays.sum() + tracks + 1.0)).astype(np.float32)
        self.register_buffer("sounds", torch.from_numpy(sounds))
        self.register_buffer("sounding", torch.from_numpy(np.any(sounds != 0, axis=1)))
        self.id_in = nn.Parameter(torch.randn(tracks, width) * ID_SCALE)
        self.tower_in = nn.Parameter(torch.randn(sounds.shape[1], width) * TOWER_SCALE)
        self.bias_in = nn.Parameter(torch.zeros(width))
        self.id_out = nn.Parameter(torch.randn(tracks, answer) * ID_SCALE)
        self.tower_out = nn.Parameter(torch.randn(sounds.shape[1], answer) * TOWER_SCALE)
        self.bias = nn.Parameter(torch.from_numpy(popularity))
        self.cold_bias = nn.Parameter(torch.tensor([popularity.min(initial=0.0)]))
        layers = DEEP if self.deep else 0
        self.layer_weight = nn.Parameter(torch.randn(layers, width, width) * width**-0.5)
        self.layer_bias = nn.Parameter(torch.zeros(layers, width))
        self.norm_scale = nn.Parameter(torch.ones(layers + 1 if self.deep else 0, width))
        self.norm_shift = nn.Parameter(torch.zeros(layers + 1 if self.deep else 0, width))
        self.mean_weight = nn.Parameter(torch.randn(latent, width) * width**-0.5)
        self.mean_bias = nn.Parameter(torch.zeros(latent))
        self.spread = nn.Linear(width, latent)
        self.answer_weight = nn.Parameter(torch.randn(0 if self.deep else width, latent) * latent**-0.5)
        self.answer_bias = nn.Parameter(torch.zeros(0 if self.deep else width))

    def decoder_parameters(self) -> list[nn.Parameter]:
        """What turns a latent into answers; all other parameters encode."""
        return [self.id_out, self.tower_out, self.bias, self.cold_bias, self.answer_weight, self.answer_bias]

    def kept_ids(self, share: float) -> Tensor | None:
        """bool (tracks,): whose ids one batch sees, this share hidden; None for all. Soundless tracks keep theirs."""
        if not self.sounds.shape[1] or not share:
            return None
        return (torch.rand(len(self.sounds)) >= share) | ~self.sounding

    def encode(self, bags: BagTensors, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Means and log variances, float32 (bags, latent) both, of bags whose weights have unit length."""
        weight = bags.weight if kept is None else bags.weight * kept[bags.track]
        hidden = _sums(self.id_in, bags, weight) + self.bias_in
        if self.sounds.shape[1]:
            hidden = hidden + _sums(self.sounds, bags, bags.weight) @ self.tower_in
        if not self.deep:
            hidden = torch.tanh(hidden)
        else:
            hidden = self._norm(0, functional.silu(hidden))
            before = torch.zeros_like(hidden)
            for layer in range(len(self.layer_weight)):
                before = before + hidden
                moved = functional.linear(hidden, self.layer_weight[layer], self.layer_bias[layer])
                hidden = self._norm(layer + 1, functional.silu(moved + before))
        mean = functional.linear(hidden, self.mean_weight, self.mean_bias)
        return mean, self.spread(hidden).clamp(-10, 10)

    def _norm(self, place: int, hidden: Tensor) -> Tensor:
        scale, shift = self.norm_scale[place], self.norm_shift[place]
        return functional.layer_norm(hidden, scale.shape, scale, shift, eps=1e-5)

    def decode(self, latent: Tensor, kept: Tensor | None = None) -> Tensor:
        """Logits, float32 (bags, tracks)."""
        if not self.deep:
            latent = torch.tanh(functional.linear(latent, self.answer_weight, self.answer_bias))
        vectors: Tensor = self.id_out
        bias: Tensor = self.bias
        if kept is not None:
            vectors = vectors * kept[:, None]
            bias = torch.where(kept, bias, self.cold_bias)
        if self.sounds.shape[1]:
            vectors = vectors + self.sounds @ self.tower_out
        return torch.addmm(bias, latent, vectors.T)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """A copy of every weight that serving needs, under the names that ``vae.SHAPES`` lists."""
        return {
            name: tensor.detach().clone().numpy()
            for name, tensor in self.named_parameters()
            if not name.startswith("spread")
        }


def _sums(table: Tensor, bags: BagTensors, weight: Tensor) -> Tensor:
    return functional.embedding_bag(bags.track, table, bags.starts, mode="sum", per_sample_weights=weight)
