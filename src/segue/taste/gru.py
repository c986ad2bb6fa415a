"""The session GRU, serving: one step a listen, one matrix product an answer, in NumPy.

In: weights that ``gru_training`` learned, items, one listener's events. Out: a score a track. ::

    e_i   = id_i + tower · sound_i                              what a track is, in and out (tied)
    x_t   = LayerNorm(e + action + completion + gap)            what happened
    h_t   = GRU(x_t, h_{t-1})                                   who the listener is now
    q     = h ⊙ (1 + scale(now)) + shift(now)                   what they want at this moment
    score = q · e_i + bias_i

``now`` is the gap since their last listen, the hour and the weekday. The state is carried through the whole history
and never reset: at width 128 it is 512 bytes. A track that nobody played has no id and is placed by its sound alone;
of one without a sound either, nothing can be said. A second head tells how likely a track is skipped if it comes now,
``σ((A q + a) · e_i + c · q + d)``. Other cores may stand in the GRU's place (``gru_cores``). Training needs torch,
serving doesn't: a step of this size is all overhead there.

Hidasi & Karatzoglou 2018, "Recurrent neural networks with top-k gains for session-based recommendations" (tied
vectors, shared negatives); Cho et al. 2014 for the unit itself.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.errors import DamagedHome, NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import CHUNK, Scores, TasteModel
from segue.taste.files import positions, read_model, saved_settings, write_model
from segue.taste.gru_inputs import CoreName, GruSettings, Moments
from segue.taste.gru_units import make_unit, normed

__all__ = ["GruState", "SasRec", "SessionGru", "SessionLstm"]

Floats = npt.NDArray[np.float32]

SHAPES = {
    "id": 2,
    "bias": 1,
    "cold_bias": 1,
    "tower": 2,
    "action": 2,
    "completion": 2,
    "gap": 2,
    "norm.weight": 1,
    "norm.bias": 1,
    "now_gap": 2,
    "now_hour": 2,
    "now_day": 2,
    "skip_track.weight": 2,
    "skip_track.bias": 1,
    "skip_mood.weight": 2,
    "skip_mood.bias": 1,
}
"""Every weight and its number of dimensions, the core's own aside."""


class GruState(NamedTuple):
    """The numbers of the core's state, float32 (its size,), and when the last event began (0: unknown)."""

    hidden: Floats
    last_at: int


class SessionGru(TasteModel[GruState]):
    """A GRU over everything a listener did."""

    name: ClassVar[str] = "gru"
    core: ClassVar[CoreName] = "gru"
    """Which core its settings name unless others are given."""
    logits: ClassVar[bool] = True

    def __init__(self, settings: GruSettings | None = None) -> None:
        self.settings = settings or GruSettings(core=self.core)
        self._fitted: dict[str, Any] = {}
        self.items = Items(())
        self._ids: tuple[str, ...] = ()

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Train; the card holds the settings and the curves of loss."""
        from segue.taste.gru_training import train

        seen = np.unique(events.track)
        weights, curves = train(events, items, seen, self.settings, seed=seed, progress=progress)
        self._fitted = {"settings": asdict(self.settings), "seed": seed, **curves}
        self._serve(items, tuple(items.ids[row] for row in seen), weights)
        return self._fitted

    def _serve(self, items: Items, ids: tuple[str, ...], weights: dict[str, Floats]) -> None:
        self.items, self._ids, self._weights = items, ids, weights
        self._unit = make_unit(self.settings.core, weights, self.settings.width)
        row = positions(items.ids, ids)
        self._vectors: Floats = np.vstack([weights["id"], np.zeros((1, weights["id"].shape[1]), dtype=np.float32)])[row]
        self._bias: Floats = np.append(weights["bias"], weights["cold_bias"])[row]
        known, dim = row >= 0, len(weights["tower"])
        if items.vectors is not None and dim:
            if items.vectors.shape[1] != dim:
                raise NotReady(
                    f"this gru was trained on sounds of {dim} numbers and these tracks have "
                    f"{items.vectors.shape[1]}: run 'segue train' to make it anew"
                )
            self._vectors = self._vectors + items.vectors @ weights["tower"]
            known = known | items.heard
        self._bias[~known] = -np.inf

    def start(self) -> GruState:
        """Zeros."""
        return GruState(np.zeros(self._unit.size, dtype=np.float32), 0)

    def step(self, state: GruState, event: Event) -> GruState:
        """One step of the core."""
        moments = Moments.of(
            np.array([event.started_at], dtype=np.int64),
            np.array([state.last_at], dtype=np.int64),
            np.array([event.outcome], dtype=np.int8),
            np.array([event.completion], dtype=np.float32),
        )
        prepared = self._prepare(np.array([event.track]), moments)
        return GruState(self._unit.step(prepared[0], state.hidden), event.started_at)

    def score(self, state: GruState, at: int = 0) -> Scores:
        """float32 (tracks,): logits of what comes next at this moment."""
        query = self._ask(state.hidden[None], np.array([at], dtype=np.int64), np.array([state.last_at]))
        scores: Scores = self._rank(query)[0]
        return scores

    def skip_chances(self, state: GruState, at: int, tracks: npt.NDArray[np.int64]) -> Floats:
        """As the contract says, by the second head."""
        query = self._ask(state.hidden[None], np.array([at], dtype=np.int64), np.array([state.last_at]))[0]
        weights = self._weights
        wanted = weights["skip_track.weight"] @ query + weights["skip_track.bias"]
        logits = self._vectors[tracks] @ wanted + weights["skip_mood.weight"][0] @ query + weights["skip_mood.bias"]
        known = np.isfinite(self._bias[tracks])
        return np.where(known, 0.5 + 0.5 * np.tanh(0.5 * logits), np.nan).astype(np.float32)

    def along(self, events: Events, targets: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Scores]]:
        """As the contract says; the inputs of a whole history in one product, the answers of a chunk in another."""
        prepared = self._prepare(events.track, Moments.of_events(events))
        last_at = np.concatenate([[0], events.started_at])
        hidden, reached = self.start().hidden, 0
        for first in range(0, len(targets), CHUNK):
            chunk = targets[first : first + CHUNK]
            states = np.empty((len(chunk), len(hidden)), dtype=np.float32)
            for row, target in enumerate(chunk):
                while reached < target:
                    hidden = self._unit.step(prepared[reached], hidden)
                    reached += 1
                states[row] = hidden
            yield chunk, self._rank(self._ask(states, events.started_at[chunk], last_at[chunk]))

    def follow(self, events: Events) -> GruState:
        """The state after all of one listener's events."""
        hidden = self.start().hidden
        for prepared in self._prepare(events.track, Moments.of_events(events)):
            hidden = self._unit.step(prepared, hidden)
        return GruState(hidden, int(events.started_at[-1]) if len(events) else 0)

    def _prepare(self, track: npt.NDArray[Any], moments: Moments) -> Floats:
        weights = self._weights
        event = self._vectors[track] + weights["action"][moments.action]
        event += weights["completion"][moments.completion] + weights["gap"][moments.gap]
        return self._unit.prepare(normed(event, weights["norm.weight"], weights["norm.bias"]))

    def _ask(self, states: Floats, at: npt.NDArray[np.int64], last_at: npt.NDArray[np.int64]) -> Floats:
        nothing = np.zeros(len(at))
        now = Moments.of(at, last_at, nothing.astype(np.int8), nothing.astype(np.float32))
        weights = self._weights
        context = weights["now_gap"][now.gap] + weights["now_hour"][now.hour] + weights["now_day"][now.day]
        scale, shift = np.split(context, 2, axis=1)
        return np.asarray(self._unit.output(states) * (1 + scale) + shift, dtype=np.float32)

    def _rank(self, queries: Floats) -> Scores:
        scores: Scores = np.asarray(queries @ self._vectors.T + self._bias, dtype=np.float32)
        return scores

    def save(self, directory: Path) -> None:
        """Write the weights."""
        write_model(directory, {"model": self.name, **self._fitted}, self._ids, self._weights)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read the weights; a track without an id in them is placed by its sound.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        NotReady
            The items have the sounds of another encoder than the one it was trained on.
        """
        files = read_model(directory, cls.name, SHAPES)
        model = cls(saved_settings(directory, files.card, GruSettings))
        model._fitted = files.fitted
        try:
            model._serve(items, files.ids, files.arrays)
        except KeyError as error:
            raise DamagedHome(f"{directory} lacks weights of its core: run 'segue train' to make it anew") from error
        return model


class SessionLstm(SessionGru):
    """The same with an LSTM, to compare with."""

    name: ClassVar[str] = "lstm"
    core: ClassVar[CoreName] = "lstm"


class SasRec(SessionGru):
    """The same with causal self-attention over the latest events of a window, to compare with."""

    name: ClassVar[str] = "sasrec"
    core: ClassVar[CoreName] = "attention"
