"""Training of the blend's network: which candidate truly came, over listens that the parts had not seen.

In: what parts that were fitted on the earlier listens say of the later ones. Out: the network's weights. The loss is
the cross-entropy of softmax over the candidates of each listen (listwise ranking; Cao et al. 2007, "Learning to rank:
from pairwise approach to listwise approach"). A listen whose track is no candidate teaches nothing and is left out; a
skipped track is half an answer, as it is half a follower in ``rules``.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from segue.listening.events import Events
from segue.progress import Progress
from segue.taste.blend_inputs import BlendSettings, Candidates
from segue.taste.rules import AS_FOLLOWER

__all__ = ["later", "train"]

Ask = Callable[[Events, npt.NDArray[np.int64]], Iterator[Candidates]]
"""One listener's history and places in it, to the candidates at each."""

LATER = 0.15
"""Share of each history, or of all histories, that the network learns from."""


def later(events: Events, *, seed: int) -> npt.NDArray[np.bool_]:
    """bool (events,): the end of each history that has times; where none has any, whole histories drawn by chance.

    Playlists have no earlier and later among them, and one's own end is no stranger to its beginning. Orders that stand
    among the listens (of albums) teach the parts only.
    """
    size = np.diff(events.offsets)
    if not len(events) or not events.started_at.any():
        return np.asarray(np.repeat(np.random.default_rng(seed).random(len(size)) < LATER, size))
    timed = np.maximum.reduceat(events.started_at, np.minimum(events.offsets[:-1], len(events) - 1)) > 0
    held = np.where(timed, LATER * size, 0).astype(np.int64)
    return np.asarray(np.arange(len(events)) >= np.repeat(events.offsets[1:] - held, size))


class _Examples:
    """Candidates of many listens, one behind the other; the right one of each is known by its place."""

    def __init__(self) -> None:
        self.evidence: list[npt.NDArray[np.float32]] = []
        self.right: list[int] = []
        self.weight: list[float] = []
        self.missed = 0

    def add(self, candidates: Candidates, track: int, weight: float) -> None:
        place = int(np.searchsorted(candidates.tracks, track))
        if place < len(candidates.tracks) and candidates.tracks[place] == track:
            self.evidence.append(candidates.evidence)
            self.right.append(place)
            self.weight.append(weight)
        else:
            self.missed += 1


def train(
    ask: Ask,
    events: Events,
    asked: npt.NDArray[np.bool_],
    settings: BlendSettings,
    *,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Weights under the names of ``blend.SHAPES``, and what the card tells. The same seed gives the same bits.

    No weights where too few of the listens have their track among the candidates.
    """
    examples = _collect(ask, events, asked, settings.targets, progress)
    named = len(examples.right)
    card: dict[str, Any] = {"targets": named + examples.missed, "named": named}
    if named < settings.least_targets:
        return {}, card
    weights, curve = _learn(examples, settings, seed, progress)
    return weights, {**card, "curve": curve}


def _collect(ask: Ask, events: Events, asked: npt.NDArray[np.bool_], most: int, progress: Progress) -> _Examples:
    rows = np.flatnonzero(asked)
    rows = rows[:: len(rows) // most + 1]
    examples = _Examples()
    offsets = events.offsets
    done = 0
    for first, last in pairwise(offsets.tolist()):
        targets = rows[(rows >= first) & (rows < last)] - first
        if not len(targets):
            continue
        history = events.rows(slice(first, first + int(targets[-1]) + 1))
        for target, candidates in zip(targets.tolist(), ask(history, targets), strict=True):
            weight = float(AS_FOLLOWER[history.outcome[target]])
            examples.add(candidates, int(history.track[target]), weight)
            done += 1
            if done % 64 == 0 or done == len(rows):
                progress("train blend: what the parts say", done, len(rows))
    return examples


def _learn(
    examples: _Examples, settings: BlendSettings, seed: int, progress: Progress
) -> tuple[dict[str, npt.NDArray[np.float32]], list[float]]:
    import torch
    from torch import nn

    from segue.taste.gru_training import one_thread

    evidence = np.concatenate(examples.evidence)
    size = np.array([len(one) for one in examples.evidence])
    start = np.cumsum(size) - size
    mean = evidence.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = np.maximum(evidence.std(axis=0, dtype=np.float64), 1e-3).astype(np.float32)
    evidence -= mean
    evidence /= deviation
    told = torch.from_numpy(evidence)
    right, weight = np.array(examples.right), torch.tensor(examples.weight)
    chance = np.random.default_rng(seed)
    curve: list[float] = []
    with one_thread(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        straight = nn.Linear(evidence.shape[1], 1, bias=False)
        inner, outer = nn.Linear(evidence.shape[1], settings.hidden), nn.Linear(settings.hidden, 1, bias=False)
        nn.init.zeros_(straight.weight)
        parameters = [*straight.parameters(), *inner.parameters(), *outer.parameters()]
        optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
        steps, step = settings.epochs * -(-len(size) // settings.batch), 0
        for epoch in range(settings.epochs):
            total = 0.0
            order = chance.permutation(len(size))
            for first in range(0, len(order), settings.batch):
                batch = order[first : first + settings.batch]
                rows = torch.from_numpy(
                    np.concatenate([np.arange(start[one], start[one] + size[one]) for one in batch])
                )
                x = told[rows]
                flat = straight(x)[:, 0] + outer(torch.relu(inner(x)))[:, 0]
                inside = torch.from_numpy(np.arange(size[batch].max()) < size[batch][:, None])
                scores = torch.full(inside.shape, -torch.inf).masked_scatter(inside, flat)
                own = scores[torch.arange(len(batch)), torch.from_numpy(right[batch])]
                losses = (scores.logsumexp(dim=1) - own) * weight[torch.from_numpy(batch)]
                loss = losses.sum() / weight[torch.from_numpy(batch)].sum()
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * (1 - 0.95 * step / steps)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                step += 1
                total += loss.item() * len(batch)
            curve.append(total / len(order))
            progress("train blend", epoch + 1, settings.epochs)
        weights = {
            "straight": straight.weight[0],
            "inner": inner.weight,
            "inner_bias": inner.bias,
            "outer": outer.weight[0],
        }
        arrays = {name: tensor.detach().clone().numpy() for name, tensor in weights.items()}
    return {"mean": mean, "deviation": deviation, **arrays}, curve
