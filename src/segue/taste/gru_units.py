"""The cores of ``gru_cores`` as they serve: one event at a time, in NumPy, without torch.

In: the weights of a trained core under torch's names, events as vectors, a state of float32 numbers. Out: the state one
event later, and what states ask with. Everything that does not depend on the state is done for a whole history at once
(``prepare``), so that a step is one product of a matrix and a vector.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from segue.taste.gru_inputs import CoreName

__all__ = ["PREFIX", "Unit", "make_unit", "normed"]

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

PREFIX = "core."
"""Of a core's weights among a model's."""

EPSILON = np.float32(1e-5)


class Unit(Protocol):
    """A core, serving. ``size`` is the number of float32 numbers in its state."""

    size: int

    def prepare(self, events: Floats) -> Floats:
        """(n, width) events to (n, anything): the part of a step that needs no state."""
        ...

    def step(self, prepared: Floats, state: Floats) -> Floats:
        """The state (size,) after one prepared event."""
        ...

    def output(self, states: Floats) -> Floats:
        """(n, width): what states (n, size) ask with."""
        ...


class Gru:
    """h' = (1 - z) ⊙ n + z ⊙ h (Cho et al. 2014, as torch writes it)."""

    def __init__(self, weights: Weights, width: int) -> None:
        self.size = width
        self._into, self._into_bias = weights["unit.weight_ih_l0"], weights["unit.bias_ih_l0"]
        self._on, self._on_bias = weights["unit.weight_hh_l0"], weights["unit.bias_hh_l0"]

    def prepare(self, events: Floats) -> Floats:
        """Its share of the step."""
        return np.asarray(events @ self._into.T + self._into_bias, dtype=np.float32)

    def step(self, prepared: Floats, state: Floats) -> Floats:
        """One event later."""
        width = len(state)
        recurrent = self._on @ state + self._on_bias
        both = _logistic(prepared[: 2 * width] + recurrent[: 2 * width])
        reset, keep = both[:width], both[width:]
        new = np.tanh(prepared[2 * width :] + reset * recurrent[2 * width :])
        return np.asarray(new + keep * (state - new), dtype=np.float32)

    def output(self, states: Floats) -> Floats:
        """What the states ask with."""
        return states


class Lstm:
    """c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh c' (Hochreiter & Schmidhuber 1997, with forget gates)."""

    def __init__(self, weights: Weights, width: int) -> None:
        self.size, self._width = 2 * width, width
        self._into = weights["unit.weight_ih_l0"]
        self._bias = weights["unit.bias_ih_l0"] + weights["unit.bias_hh_l0"]
        self._on = weights["unit.weight_hh_l0"]

    def prepare(self, events: Floats) -> Floats:
        """Its share of the step."""
        return np.asarray(events @ self._into.T + self._bias, dtype=np.float32)

    def step(self, prepared: Floats, state: Floats) -> Floats:
        """One event later."""
        hidden, cell = state[: self._width], state[self._width :]
        enter, forget, new, leave = np.split(prepared + self._on @ hidden, 4)
        cell = _logistic(forget) * cell + _logistic(enter) * np.tanh(new)
        return np.concatenate([_logistic(leave) * np.tanh(cell), cell])

    def output(self, states: Floats) -> Floats:
        """What the states ask with."""
        return states[:, : self._width]


class FeedForward:
    """The latest event and nothing else."""

    def __init__(self, weights: Weights, width: int) -> None:
        self.size = width
        self._weight, self._bias = weights["unit.weight"], weights["unit.bias"]

    def prepare(self, events: Floats) -> Floats:
        """Its share of the step."""
        return np.asarray(np.tanh(events @ self._weight.T + self._bias), dtype=np.float32)

    def step(self, prepared: Floats, state: Floats) -> Floats:
        """One event later."""
        del state
        return prepared

    def output(self, states: Floats) -> Floats:
        """What the states ask with."""
        return states


class Attention:
    """The state is the latest events of the window, the newest last, and how many they are; an answer reads all."""

    def __init__(self, weights: Weights, width: int) -> None:
        self._weights, self._width = weights, width
        self._window = len(weights["place"])
        self._blocks = sum(name.endswith(".mixed.weight") for name in weights)
        self.size = self._window * width + 1

    def prepare(self, events: Floats) -> Floats:
        """Its share of the step."""
        return events

    def step(self, prepared: Floats, state: Floats) -> Floats:
        """One event later."""
        count = min(state[-1] + 1, self._window)
        return np.concatenate([state[self._width : -1], prepared, [count]]).astype(np.float32)

    def output(self, states: Floats) -> Floats:
        """What the states ask with."""
        answer = np.zeros((len(states), self._width), dtype=np.float32)
        counts = states[:, -1].astype(np.int64)
        for count in np.unique(counts[counts > 0]):
            rows = counts == count
            latest = states[rows, (self._window - count) * self._width : -1]
            answer[rows] = self._read(latest.reshape(-1, int(count), self._width))
        return answer

    def _read(self, events: Floats) -> Floats:
        """(n, width): what the last of each (n, count, width) asks with."""
        count = events.shape[1]
        later = np.triu(np.full((count, count), -np.inf, dtype=np.float32), 1)
        events = events + self._weights["place"][:count]
        for block in range(self._blocks):
            asks, keys, values = np.split(self._linear(f"blocks.{block}.attended", self._normed(block, events)), 3, 2)
            logits = asks @ keys.transpose(0, 2, 1) / np.float32(np.sqrt(self._width)) + later
            shares = np.exp(logits - logits.max(axis=2, keepdims=True))
            shares /= shares.sum(axis=2, keepdims=True)
            events = events + self._linear(f"blocks.{block}.mixed", shares @ values)
            inner = self._linear(f"blocks.{block}.inner", self._normed(block, events, "before_inner"))
            events = events + self._linear(f"blocks.{block}.outer", np.maximum(inner, 0))
        return normed(events[:, -1], self._weights["norm.weight"], self._weights["norm.bias"])

    def _normed(self, block: int, events: Floats, name: str = "before_attention") -> Floats:
        weights = self._weights
        return normed(events, weights[f"blocks.{block}.{name}.weight"], weights[f"blocks.{block}.{name}.bias"])

    def _linear(self, name: str, events: Floats) -> Floats:
        return np.asarray(events @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"], dtype=np.float32)


def make_unit(name: CoreName, weights: Weights, width: int) -> Unit:
    """A core that serves; ``weights`` are the model's, those of the core under ``PREFIX``."""
    own = {key.removeprefix(PREFIX): array for key, array in weights.items() if key.startswith(PREFIX)}
    match name:
        case "gru":
            return Gru(own, width)
        case "lstm":
            return Lstm(own, width)
        case "attention":
            return Attention(own, width)
        case "feed-forward":
            return FeedForward(own, width)


def _logistic(numbers: Floats) -> Floats:
    # Through tanh: no overflow, and one call for several gates.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * numbers), dtype=np.float32)


def normed(events: Floats, scale: Floats, shift: Floats) -> Floats:
    """Layer normalisation over the last axis (Ba et al. 2016)."""
    events = events - events.mean(axis=-1, keepdims=True)
    events = events / np.sqrt(np.square(events).mean(axis=-1, keepdims=True) + EPSILON)
    return np.asarray(events * scale + shift, dtype=np.float32)
