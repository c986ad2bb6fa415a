"""What listens from left to right inside the audio GRU: a GRU, an LSTM, or a small causal Transformer.

Features of steps and a state go in; an output for each of these steps and the state after them come out. A state is a
tuple of tensors, is never written into, and holds all that a core knows of what it heard: a sequence in pieces, the
state carried on, gives what the sequence gives at once. So whatever follows a stream need not know which core it has.
"""

from abc import abstractmethod
from itertools import count
from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from segue.errors import BadInput

__all__ = [
    "CORES",
    "REACH",
    "Core",
    "Gru",
    "Lstm",
    "State",
    "Transformer",
    "count_parameters",
    "make_core",
    "width_for",
]

REACH = 128
"""Steps that a layer of the Transformer attends to, the present one among them: what bounds its state."""
HEADS = 4

State = tuple[torch.Tensor, ...]


class Core(nn.Module):
    """One direction, one output a step.

    Attributes
    ----------
    width
        Length of an output.
    grain
        Widths of this core are multiples of it.
    """

    width: int
    grain: ClassVar[int] = 4

    @abstractmethod
    def forward(self, features: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """Outputs (n, steps, width) for features (n, steps, inputs), and the state after the last step.

        Output t depends on features 0 to t and the state before them; no state is the one that ``initial`` gives.
        """

    @abstractmethod
    def initial(self, n: int) -> State:
        """The state of n sequences before their first step, on the device of the weights."""


# The recurrent cores are torch's own modules and not wrapped ones: their weights have torch's names and shapes.
class Gru(nn.GRU, Core):
    """Cho et al. 2014. The state: hidden (layers, n, width)."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__(inputs, width, layers, batch_first=True)
        self.width = width

    def forward(  # type: ignore[override]  # torch's also takes packed sequences
        self, features: torch.Tensor, state: State | None = None
    ) -> tuple[torch.Tensor, State]:
        """See ``Core.forward``; there is at least one step."""
        outputs, hidden = super().forward(features, None if state is None else state[0])
        return outputs, (hidden,)

    def initial(self, n: int) -> State:
        """Zeros."""
        return (next(self.parameters()).new_zeros(self.num_layers, n, self.width),)


class Lstm(nn.LSTM, Core):
    """Hochreiter and Schmidhuber 1997. The state: hidden and cell, both (layers, n, width)."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__(inputs, width, layers, batch_first=True)
        self.width = width

    def forward(  # type: ignore[override]  # torch's also takes packed sequences
        self, features: torch.Tensor, state: State | None = None
    ) -> tuple[torch.Tensor, State]:
        """See ``Core.forward``; there is at least one step."""
        before = None if state is None else (state[0], state[1])
        outputs, after = super().forward(features, before)
        return outputs, after

    def initial(self, n: int) -> State:
        """Zeros."""
        zeros = next(self.parameters()).new_zeros(self.num_layers, n, self.width)
        return zeros, zeros


class Transformer(Core):
    """Vaswani et al. 2017, normalised before each part (Xiong et al. 2020), with rotary positions (Su et al. 2021).

    Each layer attends to the last ``REACH`` steps. The state: keys and values, both (layers, n, heads, kept, width /
    heads) of the last ``kept`` steps, oldest first, 0 ≤ kept < ``REACH``. Keys are kept unturned: a turn by a step's
    place matters only against another's, so that places may be counted from the oldest step kept, however long a
    stream has been.
    """

    grain: ClassVar[int] = 2 * HEADS

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        if width % self.grain:
            raise ValueError(f"a Transformer's width is a multiple of {self.grain}; got {width}")
        super().__init__()
        self.width = width
        self.enter = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(_Layer(width) for _ in range(layers))
        self.leave = nn.LayerNorm(width)

    def forward(self, features: torch.Tensor, state: State | None = None) -> tuple[torch.Tensor, State]:
        """See ``Core.forward``. Time and memory grow with the square of the steps that come at once."""
        keys, values = self.initial(len(features)) if state is None else state
        kept, steps = keys.shape[3], features.shape[1]
        places = torch.arange(kept + steps, device=features.device)
        back = places[kept:, None] - places
        reached = (back >= 0) & (back < REACH)
        turns = _turns(places, self.width // HEADS)
        stream = self.enter(features)
        after = []
        for layer, *before in zip(self.layers, keys, values, strict=True):
            stream, *held = layer(stream, *before, reached, turns)
            after.append([part[:, :, -(REACH - 1) :] for part in held])
        # Stacking copies, so that a state does not hold on to more steps than it shows.
        return self.leave(stream), tuple(torch.stack(part) for part in zip(*after, strict=True))

    def initial(self, n: int) -> State:
        """No step is kept."""
        nothing = next(self.parameters()).new_zeros(len(self.layers), n, HEADS, 0, self.width // HEADS)
        return nothing, nothing


class _Layer(nn.Module):
    """Attention, then two dense layers; each adds to the stream what it makes of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before_attention, self.before_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(
        self, stream: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, reached: torch.Tensor, turns: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        n, steps, width = stream.shape
        parts = self.asked_key_value(self.before_attention(stream)).view(n, steps, 3, HEADS, width // HEADS)
        asked, key, value = parts.permute(2, 0, 3, 1, 4)
        keys, values = torch.cat([keys, key], 2), torch.cat([values, value], 2)
        heard = scaled_dot_product_attention(
            _turned(asked, turns[:, -steps:]), _turned(keys, turns), values, attn_mask=reached
        )
        stream = stream + self.merge(heard.transpose(1, 2).reshape(n, steps, width))
        return stream + self.narrow(gelu(self.widen(self.before_dense(stream)))), keys, values


def _turns(places: torch.Tensor, size: int) -> torch.Tensor:
    """Cosine and sine, (2, places, size / 2): pair i of a head turns by place · 10000^(-2 i / size)."""
    speeds = 10_000 ** (-torch.arange(0, size, 2, device=places.device) / size)
    angles = places[:, None] * speeds
    return torch.stack([angles.cos(), angles.sin()])


def _turned(vectors: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    (one, other), (cosine, sine) = vectors.chunk(2, dim=-1), turns.to(vectors.dtype)
    return torch.cat([one * cosine - other * sine, one * sine + other * cosine], dim=-1)


CORES: dict[str, type[Gru | Lstm | Transformer]] = {"gru": Gru, "lstm": Lstm, "transformer": Transformer}


def make_core(name: str, inputs: int, width: int, layers: int) -> Core:
    """A new core of this name, its weights drawn from torch's global generator.

    Raises
    ------
    BadInput
        No core has this name.

    Examples
    --------
    >>> core = make_core("lstm", 128, 192, 2)
    >>> outputs, state = core(torch.zeros(3, 10, 128))
    >>> outputs.shape
    torch.Size([3, 10, 192])
    """
    return _kind(name)(inputs, width, layers)


def count_parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def width_for(name: str, parameters: int, inputs: int, layers: int) -> int:
    """The width at which this core comes nearest to so many parameters, for comparisons at equal size.

    Raises
    ------
    BadInput
        No core has this name.

    Examples
    --------
    >>> parameters = count_parameters(make_core("gru", 128, 192, 2))
    >>> [width_for(name, parameters, 128, 2) for name in CORES]
    [192, 164, 128]
    """
    kind = _kind(name)
    nearest, distance = 0, parameters
    for width in count(kind.grain, kind.grain):
        with torch.device("meta"):  # shapes without numbers: nothing is drawn
            off = abs(count_parameters(kind(inputs, width, layers)) - parameters)
        # The count rises with the width, so that past the nearest it only moves away.
        if nearest and off >= distance:
            return nearest
        nearest, distance = width, off
    raise AssertionError("widths do not end")


def _kind(name: str) -> type[Gru | Lstm | Transformer]:
    if name not in CORES:
        raise BadInput(f"no core is called {name!r}: choose {', '.join(CORES)}")
    return CORES[name]
