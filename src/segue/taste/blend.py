"""The blend: every model names candidates, and a small network that saw how they did ranks them.

In: the parts (models of the same contract) and the evidence of the listener's own past. Out: a score a track. ::

    candidates = the best of each part, and of the strongest columns of the own past
    x_i        = what the parts and the past say of candidate i           (``evidence``)
    score_i    = a · x_i + b · max(0, C x_i + c)

The network was trained on listens that the parts had not seen (``blend_training``): it learns who is right when, so
that own rules lead where somebody goes through an album again, artists and neighbours where they explore, and sound
where nobody has played a track. What is no candidate stands below all candidates, by the sum of what the parts give
it. Two stages, retrieval and ranking, because what tells good from better costs too much for a million tracks
(Covington et al. 2016, "Deep neural networks for YouTube recommendations").

Training needs torch, serving doesn't.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from segue.errors import DamagedHome
from segue.listening.events import Event, Events, Items
from segue.progress import Progress, silent
from segue.taste.blend_inputs import MEMORY_PARTS, BlendSettings, Candidates
from segue.taste.blend_network import SHAPES, rank, untrained
from segue.taste.blend_voices import by_kind, causes
from segue.taste.contract import CHUNK, Scores, TasteModel, Voice, top_k
from segue.taste.evidence import MADE_BY, OWN, made_by, own_evidence, unheard
from segue.taste.files import read_model, saved_settings, write_model
from segue.taste.past import Lived
from segue.taste.popularity import relative_popularity, restored

__all__ = ["Blend", "BlendState", "GruMemory"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

SCALES = (1e-2, 1e-4)
"""Shares of all probability at which a part's say begins to saturate."""

NAMED_BY_PART = 60
NAMED_BY_OWN: Mapping[str, int] = {
    "followed": 60,
    "stood around": 60,
    "active by events": 40,
    "active for long": 40,
    "active by hours": 30,
}
"""How many candidates each part, and each of these columns, names."""

PARTS_FOLDER = "parts"


class BlendState(NamedTuple):
    """The past, and each part's own state."""

    lived: Lived
    parts: tuple[Any, ...]


class Blend(TasteModel[BlendState]):
    """All models, weighed by a network."""

    name: ClassVar[str] = "blend"
    logits: ClassVar[bool] = True

    def __init__(self, settings: BlendSettings | None = None) -> None:
        self.settings = settings or BlendSettings()
        self._fitted: dict[str, Any] = {}
        self._serve(Items(()), (), np.zeros(0, dtype=np.float32))

    def _serve(self, items: Items, parts: Sequence[TasteModel[Any]], popularity: Floats) -> None:
        self.items, self.parts, self._popularity = items, tuple(parts), popularity
        unknown = np.full(len(items), -1, dtype=np.int32)
        self._artist = unknown if items.artist is None else items.artist
        self._named = np.ones(len(items), dtype=np.float32)
        """0 for a track that may be ranked but is never named as a candidate, else 1."""
        self.weights = untrained(self.columns, [part.name for part in self.parts], len(SCALES))
        self._latest: tuple[BlendState, int, Candidates] | None = None
        """The latest question and its candidates, so that asking for reasons does not ask every part again."""

    def _answer_for(self, items: Items, weights: Mapping[str, Floats]) -> None:
        """From training to serving: the learned weights, and candidates among what can be played only."""
        self.weights = dict(weights) or self.weights
        if items.playable is not None:
            self._named = items.playable.astype(np.float32)

    @property
    def columns(self) -> list[str]:
        """What the evidence's columns are called."""
        of_parts = [f"{part.name} at {scale:g}" for part in self.parts for scale in SCALES]
        return [*OWN, *MADE_BY, "popularity", *of_parts]

    def fit(self, events: Events, items: Items, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
        """Fit the parts on the earlier listens, the network on the later ones, then the parts on everything."""
        from segue.taste.blend_training import later, train

        self._serve(items, (), np.zeros(len(items), dtype=np.float32))
        asked = later(events, seed=seed)
        weights: dict[str, Floats] = {}
        card: dict[str, Any] = {"targets": 0}
        if asked.sum() >= self.settings.least_targets:
            self._fit_parts(events.rows(~asked), items, seed, progress)
            weights, card = train(self.questions, events, asked, self.settings, seed=seed, progress=progress)
        cards = self._fit_parts(events, items, seed, progress)
        self._answer_for(items, weights)
        self._fitted = {"settings": asdict(self.settings), "seed": seed, "events": len(events), **card, "parts": cards}
        return self._fitted

    def _fit_parts(self, events: Events, items: Items, seed: int, progress: Progress) -> dict[str, Any]:
        from segue.taste.registry import make

        names = [*self.settings.parts, *(["sound"] if items.vectors is not None else [])]
        parts = [make(name, self.settings.size) for name in names]
        cards = {part.name: part.fit(events, items, seed=seed, progress=progress) for part in parts}
        self._serve(items, parts, relative_popularity(events, len(items)))
        return cards

    def start(self) -> BlendState:
        """Nobody known."""
        return BlendState(Lived.nothing(), tuple(part.start() for part in self.parts))

    def step(self, state: BlendState, event: Event) -> BlendState:
        """Every part one step further."""
        moved = (part.step(own, event) for part, own in zip(self.parts, state.parts, strict=True))
        return BlendState(state.lived.after(event), tuple(moved))

    def follow(self, events: Events) -> BlendState:
        """The state after all of one listener's events."""
        return BlendState(Lived.of(events), tuple(part.follow(events) for part in self.parts))

    def score(self, state: BlendState, at: int = 0) -> Scores:
        """float32 (tracks,): candidates by the network, the others below them."""
        return self._rank(self._asked(state, at))

    def _asked(self, state: BlendState, at: int) -> Candidates:
        latest = self._latest
        if latest is None or latest[0] is not state or latest[1] != at:
            scores = [part.score(own, at) for part, own in zip(self.parts, state.parts, strict=True)]
            self._latest = latest = (state, at, self._candidates(state.lived, at, scores))
        return latest[2]

    def voices(self, state: BlendState, at: int, tracks: Ints) -> Mapping[str, Voice]:
        """What each kind of evidence (``blend_voices.KINDS``) adds to these tracks' scores, and the track behind it."""
        names = [part.name for part in self.parts]
        adds = by_kind(self.weights, self._asked(state, at), names, len(SCALES), tracks)
        behind = causes(state.lived, self._artist, list(zip(self.parts, state.parts, strict=True)), tracks)
        nothing = np.full(len(tracks), -1, dtype=np.int64)
        return {
            kind: Voice(value, more, np.where(more, behind.get(kind, nothing), -1))
            for kind, (value, more) in adds.items()
        }

    def along(self, events: Events, targets: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Scores]]:
        """As the contract says; every part goes along in its own fastest way."""
        chunk: list[Scores] = []
        done = 0
        for candidates in self.questions(events, targets):
            chunk.append(self._rank(candidates))
            if len(chunk) == CHUNK or done + len(chunk) == len(targets):
                yield targets[done : done + len(chunk)], np.stack(chunk)
                done, chunk = done + len(chunk), []

    def questions(self, events: Events, targets: Ints) -> Iterator[Candidates]:
        """The candidates for each target of one listener's history, from what came before it."""
        answers = [_one_by_one(part.along(events, targets)) for part in self.parts]
        whole = Lived.of(events)
        for target, *said in zip(targets.tolist(), *answers, strict=True):
            yield self._candidates(Lived(whole.past, target), int(events.started_at[target]), said)

    def _candidates(self, lived: Lived, at: int, said: Sequence[Scores]) -> Candidates:
        own = own_evidence(lived, at)
        probabilities = [_probabilities(scores, part.logits) for part, scores in zip(self.parts, said, strict=True)]
        named = [np.zeros(0, dtype=np.int64)]
        for name, most in NAMED_BY_OWN.items():
            hint = own.columns[:, OWN.index(name)] * self._named[own.tracks]
            best = top_k(hint, most)
            named.append(own.tracks[best[hint[best] > 0]])
        for share in probabilities:
            playable = share * self._named
            best = top_k(playable, NAMED_BY_PART)
            named.append(best[playable[best] > 0])
        tracks = np.unique(np.concatenate(named))
        evidence = np.empty((len(tracks), len(self.columns)), dtype=np.float32)
        evidence[:, : len(OWN)] = unheard()
        places = np.full(len(self.items), -1, dtype=np.int64)
        places[own.tracks] = np.arange(len(own.tracks))
        place = places[tracks]
        evidence[place >= 0, : len(OWN)] = own.columns[place[place >= 0]]
        column = len(OWN) + len(MADE_BY)
        evidence[:, len(OWN) : column] = made_by(lived, self._artist, tracks)
        evidence[:, column] = self._popularity[tracks]
        for share in probabilities:
            for scale in SCALES:
                column += 1
                evidence[:, column] = np.log1p(share[tracks] / scale)
        rest = sum(probabilities, start=np.float32(1e-3) * self._popularity)
        return Candidates(tracks, evidence, rest / max(rest.max(initial=0.0), np.float32(1e-9)))

    def _rank(self, candidates: Candidates) -> Scores:
        ranked = rank(self.weights, candidates.evidence)
        answer: Scores = candidates.rest + np.float32(ranked.min(initial=0.0) - 2)
        answer[candidates.tracks] = ranked
        return answer

    def save(self, directory: Path) -> None:
        """Write the network, and every part into a folder of its own."""
        for part in self.parts:
            (directory / PARTS_FOLDER / part.name).mkdir(parents=True, exist_ok=True)
            part.save(directory / PARTS_FOLDER / part.name)
        arrays = {**self.weights, "popularity": self._popularity}
        write_model(directory, {"model": self.name, **self._fitted}, self.items.ids, arrays)

    @classmethod
    def load(cls, directory: Path, items: Items) -> Self:
        """Read network and parts.

        Raises
        ------
        DamagedHome
            The folder does not hold this model.
        """
        from segue.taste.registry import load_model

        card, ids, arrays = files = read_model(directory, cls.name, SHAPES)
        model = cls(saved_settings(directory, card, BlendSettings))
        parts = [load_model(directory / PARTS_FOLDER / name, items) for name in card.get("parts", ())]
        popularity = restored(arrays.pop("popularity"), ids, items)
        model._serve(items, parts, popularity)
        model._answer_for(items, arrays)
        model._fitted = files.fitted
        if len(arrays["mean"]) != len(model.columns):
            raise DamagedHome(f"{directory} was made by another version: run 'segue train' to renew it")
        return model


class GruMemory(Blend):
    """The session GRU with a memory: what the listener's own past says, and the sessions of others like this one.

    The GRU's weights stand still between trainings; the memory grows by every event. It is the blend of these alone.
    """

    name: ClassVar[str] = "gru-memory"

    def __init__(self, settings: BlendSettings | None = None) -> None:
        super().__init__(settings or BlendSettings(parts=MEMORY_PARTS))


def _one_by_one(chunks: Iterator[tuple[Ints, Scores]]) -> Iterator[Scores]:
    for _, scores in chunks:
        yield from scores


def _probabilities(scores: Scores, logits: bool) -> Floats:
    """float32 (tracks,): scores as shares of one; what can't be said is zero."""
    if logits:
        highest = scores.max(initial=-np.inf)
        mass = np.exp(scores - highest) if np.isfinite(highest) else np.zeros_like(scores)
    else:
        mass = np.maximum(scores, 0)
    total = mass.sum(dtype=np.float64)
    return np.asarray(mass / total if total > 0 else mass, dtype=np.float32)
