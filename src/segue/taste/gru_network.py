"""The session model's network in torch: tensors in, tensors out. It knows no ids, files or listeners.

``gru`` says what it computes and serves the same in NumPy; a test holds the two together. Here stands only what
training adds: dropout, and hiding ids so that sounds learn to stand for them.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from segue.listening.context import GAP_BINS
from segue.taste.gru_cores import make_core
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
        Core, width and dropouts.
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
        self.register_buffer("sounds", torch.from_numpy(sounds), persistent=False)
        self.register_buffer("sounding", torch.from_numpy(np.any(sounds != 0, axis=1)), persistent=False)
        if self.id_dropout == 1:  # an id that training never shows must say nothing when it serves
            self.id.data[self.sounding] = 0.0
        self.tower = nn.Parameter(torch.randn(sounds.shape[1], width) * TOWER_SCALE)
        self.action = nn.Parameter(torch.zeros(len(Outcome), width))
        self.completion = nn.Parameter(torch.zeros(COMPLETION_BINS, width))
        self.gap = nn.Parameter(torch.zeros(GAP_BINS, width))
        self.norm = nn.LayerNorm(width)
        self.core = make_core(settings.core, width, settings.piece)
        self.now_gap = nn.Parameter(torch.zeros(GAP_BINS, 2 * width))
        self.now_hour = nn.Parameter(torch.zeros(HOURS + 1, 2 * width))
        self.now_day = nn.Parameter(torch.zeros(DAYS + 1, 2 * width))
        self.skip_track = nn.Linear(width, width)
        self.skip_mood = nn.Linear(width, 1)
        nn.init.zeros_(self.skip_track.weight)
        self.dropout = settings.dropout

    def tracks(self, rows: Tensor, ids: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors float32 (rows, width) and biases (rows,) of these tracks, from their rows of ``id`` and ``bias``.

        Training moves few rows at a time and hands in what it collects their slopes by.
        """
        if not self.sounds.shape[1]:
            return ids, bias
        if self.training and self.id_dropout:
            kept = (torch.rand(len(ids)) >= self.id_dropout) | ~self.sounding[rows]
            ids = ids * kept[:, None]
            bias = torch.where(kept, bias, self.cold_bias) if self.id_dropout < 1 else bias
        return ids + self.sounds[rows] @ self.tower, bias

    def follow(self, vectors: Tensor, moments: list[Tensor], before: Tensor) -> tuple[Tensor, Tensor]:
        """What each event leaves to ask with, float32 (batch, length, width), and the states after the last.

        Parameters
        ----------
        vectors
            float32 (batch, length, width): the tracks of the events.
        moments
            int64 (batch, length) each, in the order of ``gru_inputs.Moments``.
        before
            float32 (batch, size of the core): the states before the first event.
        """
        action, completion, gap, _, _ = moments
        look = functional.embedding
        event = self.norm(vectors + look(action, self.action) + look(completion, self.completion) + look(gap, self.gap))
        outputs, after = self.core(self._dropped(event), before)
        return outputs, after

    def ask(self, outputs: Tensor, moments: list[Tensor]) -> Tensor:
        """Queries for what comes at these moments, float32 (batch, length, width), from what was left before them."""
        _, _, gap, hour, day = moments
        look = functional.embedding
        context = look(gap, self.now_gap) + look(hour, self.now_hour) + look(day, self.now_day)
        scale, shift = context.chunk(2, dim=2)
        return self._dropped(outputs * (1 + scale) + shift)

    def skips(self, queries: Tensor, vectors: Tensor) -> Tensor:
        """float32 (n,): logits of the chance that each query's track is skipped; ``vectors`` float32 (n, width)."""
        logits: Tensor = (self.skip_track(queries) * vectors).sum(dim=1) + self.skip_mood(queries)[:, 0]
        return logits

    def _dropped(self, numbers: Tensor) -> Tensor:
        # torch's own dropout draws a number three times as slowly.
        if not self.training or not self.dropout:
            return numbers
        return numbers * ((torch.rand(numbers.shape) >= self.dropout) / (1 - self.dropout))

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """A copy of every weight under its name here, which ``gru.SHAPES`` lists."""
        return {name: tensor.detach().clone().numpy() for name, tensor in self.named_parameters()}
