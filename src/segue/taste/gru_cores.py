"""What carries the state of a session model, exchangeable: a GRU, an LSTM, causal self-attention, or nothing at all.

In: events as vectors, and the state before the first. Out: what each event left to ask with, and the state after the
last. One class here trains (torch) and its namesake in ``gru_units`` serves (NumPy); a test holds each pair together.

Cho et al. 2014 (GRU), Hochreiter & Schmidhuber 1997 (LSTM), Kang & McAuley 2018, "Self-attentive sequential
recommendation" (SASRec), whose training on pieces and whose window this attention has.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from segue.taste.gru_inputs import CoreName
from segue.taste.gru_steps import steps

__all__ = ["Attention", "Core", "make_core"]

BLOCKS = 2
"""Of the attention: as many as SASRec has."""


class Core(nn.Module):
    """Events float32 (batch, length, width) and states (batch, ``size``) to outputs (batch, length, width) and states.

    ``size`` may be 0: a core that carries nothing from piece to piece.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.width, self.size = width, size

    def forward(self, events: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """What each event leaves to ask with, and the states after the last."""
        raise NotImplementedError

    def output(self, state: Tensor) -> Tensor:
        """float32 (batch, width): what a state asks with."""
        return state[:, : self.width]


class Gru(Core):
    """The state is the output."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width)
        self.unit = nn.GRU(width, width, batch_first=True)

    def forward(self, events: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """As the contract says."""
        of_event, of_state, event_bias, state_bias = self.unit.all_weights[0]
        prepared = functional.linear(events.transpose(0, 1), of_event, event_bias)
        outputs = steps(prepared, before, of_state, state_bias)
        return outputs.transpose(0, 1), outputs[-1]


class Lstm(Core):
    """The state is the output and the cell behind it."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2 * width)
        self.unit = nn.LSTM(width, width, batch_first=True)

    def forward(self, events: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """As the contract says."""
        hidden, cell = (half.contiguous() for half in before.chunk(2, dim=1))
        outputs, (hidden, cell) = self.unit(events, (hidden[None], cell[None]))
        return outputs, torch.cat([hidden[0], cell[0]], dim=1)


class FeedForward(Core):
    """No memory: the latest event is all that is known. What a recurrent core is worth shows against it."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width)
        self.unit = nn.Linear(width, width)

    def forward(self, events: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """As the contract says."""
        del before
        outputs = torch.tanh(self.unit(events))
        return outputs, outputs[:, -1]


class Attention(Core):
    """Causal self-attention over the events of a piece; nothing is carried to the next one."""

    def __init__(self, width: int, window: int) -> None:
        super().__init__(width, 0)
        self.place = nn.Parameter(torch.zeros(window, width))
        self.blocks = nn.ModuleList(_Block(width) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(width)

    def forward(self, events: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """As the contract says."""
        outputs = events + self.place[: events.shape[1]]
        for block in self.blocks:
            outputs = block(outputs)
        return self.norm(outputs), before

    def output(self, state: Tensor) -> Tensor:
        """Nothing: a piece begins unknown."""
        return state.new_zeros(len(state), self.width)


class _Block(nn.Module):
    """One head of attention and a position-wise network, each normed before and added after."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_attention, self.before_inner = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attended = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, events: Tensor) -> Tensor:
        """As the contract says."""
        asks, keys, values = self.attended(self.before_attention(events))[:, None].chunk(3, dim=3)
        found = functional.scaled_dot_product_attention(asks, keys, values, is_causal=True)[:, 0]
        events = events + self.mixed(found)
        added: Tensor = self.outer(torch.relu(self.inner(self.before_inner(events))))
        return events + added


def make_core(name: CoreName, width: int, window: int) -> Core:
    """A core with weights as torch starts them; only attention has a window."""
    match name:
        case "gru":
            return Gru(width)
        case "lstm":
            return Lstm(width)
        case "attention":
            return Attention(width, window)
        case "feed-forward":
            return FeedForward(width)
