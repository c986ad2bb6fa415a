"""The session GRU's network in torch: tensors in, tensors out. It knows no ids, files or listeners.

``gru`` says what it computes and serves the same in NumPy; a test holds the two together. Here stands only what
training adds: dropout, and hiding ids so that sounds learn to stand for them.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from segue.listening.context import GAP_BINS
from segue.taste.gru_inputs import COMPLETION_BINS, DAYS, HOURS, GruSettings
from segue.types import Outcome

__all__ = ["SessionNetwork"]

ID_SCALE = 0.1
TOWER_SCALE = 0.02
"""Standard deviations at the start. Ids speak first; a gate of exactly zero would give the tower no gradient."""


class SessionNetwork(nn.Module):
    """The network over rows of tracks that have events.

    Parameters
    ----------
    plays
        int64 (tracks,): how often each track was a right answer; the biases start from it.
    sounds
        float32 (tracks, dim): rows without a sound are zero; dim 0 where there is no sound at all.
    settings
        Width and dropouts.
    """

    sounds: Tensor
    sounding: Tensor

    def __init__(self, plays: npt.NDArray[np.int64], sounds: npt.NDArray[np.float32], settings: GruSettings) -> None:
        super().__init__()
        width = settings.width
        self.id_dropout = settings.id_dropout
        popularity = np.log((plays + 1.0) / (plays.sum() + len(plays) + 1.0)).astype(np.float32)
        self.id = nn.Parameter(torch.randn(len(plays), width) * ID_SCALE)
        self.bias = nn.Parameter(torch.from_numpy(popularity))
        self.cold_bias = nn.Parameter(torch.tensor([popularity.min(initial=0.0)]))
        self.register_buffer("sounds", torch.from_numpy(sounds))
        self.register_buffer("sounding", torch.from_numpy(np.any(sounds != 0, axis=1)))
        self.tower = nn.Parameter(torch.randn(sounds.shape[1], width) * TOWER_SCALE)
        self.action = nn.Parameter(torch.zeros(len(Outcome), width))
        self.completion = nn.Parameter(torch.zeros(COMPLETION_BINS, width))
        self.gap = nn.Parameter(torch.zeros(GAP_BINS, width))
        self.norm = nn.LayerNorm(width)
        self.unit = nn.GRU(width, width, batch_first=True)
        self.now_gap = nn.Parameter(torch.zeros(GAP_BINS, 2 * width))
        self.now_hour = nn.Parameter(torch.zeros(HOURS + 1, 2 * width))
        self.now_day = nn.Parameter(torch.zeros(DAYS + 1, 2 * width))
        self.drop = nn.Dropout(settings.dropout)

    def tracks(self, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors float32 (rows, width) and biases (rows,) of these rows, or of all."""
        chosen = slice(None) if rows is None else rows
        ids, bias = self.id[chosen], self.bias[chosen]
        if not self.sounds.shape[1]:
            return ids, bias
        if self.training and self.id_dropout:
            kept = (torch.rand(len(ids)) >= self.id_dropout) | ~self.sounding[chosen]
            ids = ids * kept[:, None]
            bias = torch.where(kept, bias, self.cold_bias)
        return ids + self.sounds[chosen] @ self.tower, bias

    def forward(self, vectors: Tensor, moments: list[Tensor], before: Tensor) -> tuple[Tensor, Tensor]:
        """States after each event and queries for it, float32 (batch, length, width) both.

        Parameters
        ----------
        vectors
            float32 (batch, length, width): the tracks of the events.
        moments
            int64 (batch, length) each, in the order of ``gru.Moments``.
        before
            float32 (batch, width): the states before the first event.
        """
        action, completion, gap, hour, day = moments
        event = self.norm(vectors + self.action[action] + self.completion[completion] + self.gap[gap])
        states, _ = self.unit(self.drop(event), before[None])
        earlier = torch.cat([before[:, None], states[:, :-1]], dim=1)
        scale, shift = (self.now_gap[gap] + self.now_hour[hour] + self.now_day[day]).chunk(2, dim=2)
        return states, self.drop(earlier * (1 + scale) + shift)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """A copy of every weight, under the names that ``gru.SHAPES`` lists."""
        named: dict[str, Tensor] = {
            "id": self.id,
            "bias": self.bias,
            "cold_bias": self.cold_bias,
            "tower": self.tower,
            "action": self.action,
            "completion": self.completion,
            "gap": self.gap,
            "norm_scale": self.norm.weight,
            "norm_shift": self.norm.bias,
            "input_weight": self.unit.get_parameter("weight_ih_l0"),
            "input_bias": self.unit.get_parameter("bias_ih_l0"),
            "hidden_weight": self.unit.get_parameter("weight_hh_l0"),
            "hidden_bias": self.unit.get_parameter("bias_hh_l0"),
            "now_gap": self.now_gap,
            "now_hour": self.now_hour,
            "now_day": self.now_day,
        }
        return {name: tensor.detach().clone().numpy() for name, tensor in named.items()}
