"""Variational autoencoders of what is played together, serving: a bag in, a latent, a score a track, in NumPy.

In: weights that ``vae_training`` learned, items, one listener's events. Out: a score a track. ::

    x     = log(1 + plays) of the last tracks, the older the less, at unit length      what was played
    a     = Σ_i x_i (id_i + tower · sound_i) + bias                                     encoder's first layer
    h     = tanh(a)                                       Mult-VAE (Liang et al. 2018)
    h_l   = norm(swish(W_l h_{l-1} + Σ_{k<l} h_k))        RecVAE (Shenbin et al. 2020), h_0 = norm(swish(a))
    z     = W h + bias                                                                  who the listener is now
    score = q(z) · (id'_i + tower' · sound_i) + bias_i    q: a tanh layer (Mult-VAE), nothing (RecVAE)

Training draws z around the mean (see ``vae_training``), serving takes the mean. A track has vectors of its own on both
sides as long as it is among the most played; ids are hidden at random in training, so that the towers alone
place what nobody played. Of a track without either, nothing can be said.

The latent is also an account of the listener: ``similar_listeners`` compares two.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from segue.errors import NotReady
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.contract import CHUNK, Scores, TasteModel
from segue.taste.ease import AS_PLAY, Bag, Bags, bag_begins, session_bags
from segue.taste.files import positions, read_model, saved_settings, write_model
from segue.taste.vae_inputs import Recipe, VaeSettings

__all__ = ["MultVae", "RecVae", "Vae"]

Floats = npt.NDArray[np.float32]

SHAPES = {
    "id_in": 2,
    "tower_in": 2,
    "bias_in": 1,
    "id_out": 2,
    "tower_out": 2,
    "bias": 1,
    "cold_bias": 1,
    "layer_weight": 3,
    "layer_bias": 2,
    "norm_scale": 2,
    "norm_shift": 2,
    "mean_weight": 2,
    "mean_bias": 1,
    "answer_weight": 2,
    "answer_bias": 1,
}
"""Every weight and its number of dimensions."""


class Vae(TasteModel[Bag]):
    """What Mult-VAE and RecVAE share: all but the name of the recipe."""

    name: ClassVar[Recipe]
    logits: ClassVar[bool] = True

    def __init__(self, settings: VaeSettings | None = None) -> None:
        self.settings = settings or VaeSettings.of(self.name, "small")
        if self.settings.recipe != self.name:
            raise ValueError(f"settings of {self.settings.recipe} were given to {self.name}")
        self._fitted: dict[str, Any] = {}
        self.items = Items(())
        self._ids: tuple[str, ...] = ()

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Train; the card holds the settings and the curve of loss."""
        from segue.taste.vae_training import train

        plays = np.bincount(events.track, AS_PLAY[events.outcome], minlength=len(items))
        rows = np.argsort(-plays, kind="stable")[: self.settings.ids]
        rows = np.sort(rows[plays[rows] > 0])
        place = np.full(len(items), -1)
        place[rows] = np.arange(len(rows))
        known = events.rows(place[events.track] >= 0)
        bags = session_bags(known, self.settings.most_bags, seed=seed)
        bags = Bags(bags.bag, place[bags.track].astype(np.int32), bags.weight, bags.size)
        sounds = np.zeros((len(rows), 0), dtype=np.float32) if items.vectors is None else items.vectors[rows]
        weights, card = train(bags, sounds, self.settings, seed=seed, progress=progress)
        self._fitted = {"settings": asdict(self.settings), "seed": seed, "events": len(events), **card}
        self._serve(items, tuple(items.ids[row] for row in rows), weights)
        return self._fitted

    def _serve(self, items: Items, ids: tuple[str, ...], weights: dict[str, Floats]) -> None:
        self.items, self._ids, self._weights = items, ids, weights
        self._row = positions(items.ids, ids)
        known, dim = self._row >= 0, len(weights["tower_in"])
        if items.vectors is not None and dim:
            if items.vectors.shape[1] != dim:
                raise NotReady(
                    f"this {self.name} was trained on sounds of {dim} numbers and these tracks have "
                    f"{items.vectors.shape[1]}: run 'segue train' to make it anew"
                )
            known = known | items.heard
            self._sounds: Floats | None = items.vectors
        else:
            self._sounds = None
        self._known = np.flatnonzero(known)
        self._answers = self._vectors("out", self._known)
        self._bias = np.append(weights["bias"], weights["cold_bias"])[self._row[self._known]]

    def _vectors(self, side: str, tracks: npt.NDArray[np.int64]) -> Floats:
        """float32 (len(tracks), width): id and sound of these tracks, zero where neither is known."""
        ids, row = self._weights[f"id_{side}"], self._row[tracks]
        vectors: Floats = np.zeros((len(tracks), ids.shape[1]), dtype=np.float32)
        vectors[row >= 0] = ids[row[row >= 0]]
        if self._sounds is not None:
            vectors += self._sounds[tracks] @ self._weights[f"tower_{side}"]
        return vectors

    def start(self) -> Bag:
        """An empty bag."""
        return Bag()

    def step(self, state: Bag, event: Event) -> Bag:
        """The bag with one more event."""
        settings = self.settings
        return state.add(
            event,
            half_life_plays=settings.half_life_plays,
            after_a_pause=settings.after_a_pause,
            memory=settings.memory,
        )

    def lasting(self, events: Events) -> int:
        """The bag holds the last plays only."""
        return bag_begins(events, self.settings.memory)

    def latent(self, state: Bag) -> Floats:
        """float32 (latent,): the mean of the posterior of this bag."""
        tracks, weights = state.weights()
        unit: Floats = weights / np.float32(max(float(np.linalg.norm(weights)), 1e-12))
        learned = self._weights
        hidden: Floats = (unit @ self._vectors("in", tracks) + learned["bias_in"]).astype(np.float32)
        if not len(learned["norm_scale"]):
            hidden = np.tanh(hidden, dtype=np.float32)
        else:
            hidden = self._norm(0, _swish(hidden))
            before = np.zeros_like(hidden)
            for layer, (weight, bias) in enumerate(zip(learned["layer_weight"], learned["layer_bias"], strict=True)):
                before = before + hidden
                hidden = self._norm(layer + 1, _swish(weight @ hidden + bias + before))
        return np.asarray(learned["mean_weight"] @ hidden + learned["mean_bias"], dtype=np.float32)

    def _norm(self, place: int, hidden: Floats) -> Floats:
        hidden = hidden - hidden.mean()
        hidden = hidden / np.sqrt(np.square(hidden).mean() + np.float32(1e-5))
        return np.asarray(hidden * self._weights["norm_scale"][place] + self._weights["norm_shift"][place])

    def score(self, state: Bag, at: int = 0) -> Scores:
        """float32 (tracks,): logits; ``-inf`` for a track that has neither id nor sound."""
        del at
        scores: Scores = self._rank(self.latent(state)[None])[0]
        return scores

    def _rank(self, latents: Floats) -> Scores:
        queries = latents
        if len(self._weights["answer_weight"]):
            queries = np.tanh(latents @ self._weights["answer_weight"].T + self._weights["answer_bias"])
        scores: Scores = np.full((len(latents), len(self.items)), -np.inf, dtype=np.float32)
        scores[:, self._known] = queries @ self._answers.T + self._bias
        return scores

    def along(self, events: Events, targets: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Scores]]:
        """As the contract says; the answers of a chunk in one product."""
        reached = int(targets[0]) if len(targets) else 0
        state = self.follow(events.rows(slice(0, reached)))
        for first in range(0, len(targets), CHUNK):
            chunk = targets[first : first + CHUNK]
            latents = np.empty((len(chunk), self.settings.latent), dtype=np.float32)
            for row, target in enumerate(chunk):
                while reached < target:
                    state = self.step(state, events.event(reached))
                    reached += 1
                latents[row] = self.latent(state)
            yield chunk, self._rank(latents)

    def similar_listeners(self, state: Bag, states: Sequence[Bag]) -> Floats:
        """float32 (len(states),) in -1 to 1: the cosine of the latents; 0 where one of the two played nothing."""
        if not states:
            return np.zeros(0, dtype=np.float32)
        others = np.stack([self.latent(other) for other in states])
        own = self.latent(state)
        lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(own)
        likeness = np.clip(others @ own / np.maximum(lengths, 1e-12), -1, 1)
        told = np.array([bool(state.tracks) and bool(other.tracks) for other in states])
        return np.where(told, likeness, 0).astype(np.float32)

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
        card, ids, arrays = files = read_model(directory, cls.name, SHAPES)
        model = cls(saved_settings(directory, card, VaeSettings))
        model._fitted = files.fitted
        model._serve(items, ids, arrays)
        return model


class MultVae(Vae):
    """Liang et al. 2018, "Variational autoencoders for collaborative filtering"."""

    name: ClassVar[Recipe] = "multvae"


class RecVae(Vae):
    """Shenbin et al. 2020, "RecVAE: a new variational autoencoder for top-N recommendations with implicit feedback"."""

    name: ClassVar[Recipe] = "recvae"


def _swish(values: Floats) -> Floats:
    # The logistic function through tanh: no overflow.
    return np.asarray(values * (0.5 + 0.5 * np.tanh(0.5 * values)), dtype=np.float32)
