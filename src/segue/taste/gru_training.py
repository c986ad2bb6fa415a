"""Training of the session GRU: histories in pieces, the state carried from piece to piece, softmax over tracks.

In: events, items, the tracks that have events. Out: the weights that ``gru`` serves, and curves of loss.

Every history is cut into pieces; gradients flow within one. The state a piece starts from is the one its predecessor
ended with when that was last computed, which may be an epoch ago: so the pieces of a listener train in any order and
side by side, and seven long histories fill a batch as well as seven thousand short ones.

Where tracks are many, the softmax runs over shared negatives drawn by popularity; each logit is less the logarithm
of the chance to be drawn (Bengio & Senécal 2008), and the true answer among the negatives is masked. A skipped track
is no answer: its step pays -log(1 - p) for it instead. The last tenth of each long history is held out; the weights
of the epoch that predicts it best are kept, and a few short passes over everything teach them the latest music too.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from segue.listening.events import Events, Items
from segue.progress import Progress
from segue.taste.gru_inputs import GruSettings, Moments
from segue.taste.gru_network import SessionNetwork
from segue.taste.sampled_softmax import log_softmax
from segue.types import Outcome

__all__ = ["one_thread", "train"]

Rows = npt.NDArray[np.int64]

HELD_OUT = 0.1
LONG_HISTORY = 50
VALIDATION_TARGETS = 2048
FINISHING_RATE = 0.3
"""Of the learning rate, in the passes over everything."""

LEAST_BATCH, BATCHES = 256, 100
"""Events in a batch at least, and batches in a pass at least, before batches grow to ``GruSettings.batch_events``."""

AS_ANSWER = np.array([1.0, 1.0, 0.5, 0.0, 0.0], dtype=np.float32)
"""By ``Outcome``: what a listen weighs as the right answer of its step."""


def train(
    events: Events, items: Items, seen: npt.NDArray[np.int32], settings: GruSettings, *, seed: int, progress: Progress
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Weights under the names of ``gru.SHAPES``, and what the card tells of the training.

    ``seen`` holds the sorted rows of the tracks in ``events``. The same seed gives the same bits.
    """
    with one_thread(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trainer = _Trainer(events, items, seen, settings, seed)
        best, best_epoch, best_loss = trainer.network.state_dict(), 0, np.inf
        curve: list[dict[str, float]] = []
        passes = settings.epochs + settings.finishing if len(events) else 0
        for epoch in range(1, passes - settings.finishing + 1):
            rate = settings.learning_rate * (1 - 0.9 * (epoch - 1) / settings.epochs)
            losses = {"trained": trainer.epoch(rate, trainer.early)}
            held_out = trainer.validate()
            if held_out is None:  # nothing to choose by: the last epoch stays
                best_epoch = epoch
            else:
                losses["held_out"] = held_out
                if held_out < best_loss:
                    best, best_epoch, best_loss = copy.deepcopy(trainer.network.state_dict()), epoch, held_out
            curve.append(losses)
            progress("train gru", epoch, passes)
            if epoch - best_epoch >= settings.patience:
                break
        if np.isfinite(best_loss):
            trainer.network.load_state_dict(best)
        for finishing in range(settings.finishing if len(events) else 0):
            trainer.epoch(settings.learning_rate * FINISHING_RATE, trainer.all)
            progress("train gru", settings.epochs + finishing + 1, passes)
        card = {"events": len(events), "tracks": len(seen), "best_epoch": best_epoch, "curve": curve}
        return trainer.network.arrays(), card


class _Pieces:
    """Where the pieces of all histories lie."""

    def __init__(self, offsets: Rows, settings: GruSettings) -> None:
        self.batch_events = min(settings.batch_events, max(LEAST_BATCH, int(offsets[-1]) // BATCHES))
        counts = -(-np.diff(offsets) // settings.piece)
        self.number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        self.start = np.repeat(offsets[:-1], counts) + self.number * settings.piece
        self.length = np.minimum(np.repeat(offsets[1:], counts) - self.start, settings.piece)
        self.goes_on = self.number + 1 < np.repeat(counts, counts)

    def batches(self, chosen: Rows, chance: np.random.Generator) -> list[Rows]:
        """Pieces of like length side by side, the batches in random order."""
        chosen = chance.permutation(chosen)
        chosen = chosen[np.argsort(-self.length[chosen], kind="stable")]
        batches, first = [], 0
        while first < len(chosen):
            batches.append(chosen[first : first + max(1, self.batch_events // int(self.length[chosen[first]]))])
            first += len(batches[-1])
        return [batches[place] for place in chance.permutation(len(batches))]

    def rows(self, batch: Rows) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Rows of events, int64 (pieces, longest), and which of them are within their piece; the others are row 0."""
        offset = np.arange(self.length[batch].max())
        inside = offset < self.length[batch][:, None]
        return np.where(inside, self.start[batch][:, None] + offset, 0), inside


class _Trainer:
    """One training: the network, the events as tensors, and the states carried between pieces."""

    def __init__(
        self, events: Events, items: Items, seen: npt.NDArray[np.int32], settings: GruSettings, seed: int
    ) -> None:
        self._settings = settings
        self._chance = np.random.default_rng(seed)
        self._pieces = _Pieces(events.offsets, settings)
        self._carried = torch.zeros(len(self._pieces.start), settings.width)
        track = np.searchsorted(seen, events.track)
        answer = AS_ANSWER[events.outcome]
        plays = np.bincount(track, answer > 0, minlength=len(seen)).astype(np.int64)
        sounds = np.zeros((len(seen), 0), dtype=np.float32) if items.vectors is None else items.vectors[seen]
        self.network = SessionNetwork(plays, np.ascontiguousarray(sounds, dtype=np.float32), settings)
        self._optimizer = torch.optim.Adam(self.network.parameters(), fused=True)
        # Columns of millions of events stay small; what a batch needs of them is widened, as torch wants its indices.
        self._track = torch.from_numpy(track.astype(np.int32))
        self._moments = [torch.from_numpy(column) for column in Moments.of_events(events)]
        self._answer = torch.from_numpy(answer)
        self._skipped = torch.from_numpy(events.outcome == int(Outcome.SKIPPED))
        self._draw(plays)

        size = np.diff(events.offsets)
        held = np.where(size >= LONG_HISTORY, HELD_OUT * size, 0).astype(np.int64)
        self.all = np.ones(len(events), dtype=bool)
        self.early = np.arange(len(events)) < np.repeat(events.offsets[1:] - held, size)
        # A track first met in the held-out part can't be known: it would measure luck.
        learnable = np.bincount(track[self.early], minlength=len(seen)) > 0
        wanted = np.flatnonzero(~self.early & learnable[track] & (answer > 0))
        wanted = wanted[:: len(wanted) // VALIDATION_TARGETS + 1]
        self._validation = np.zeros(len(events), dtype=bool)
        self._validation[wanted] = True

    def _draw(self, plays: Rows) -> None:
        chances = (plays + 1.0) ** self._settings.negative_power
        self._cumulative = np.cumsum(chances / max(chances.sum(), 1.0))
        self._log_chance = torch.from_numpy(np.log(chances / max(chances.sum(), 1.0))).float()

    def epoch(self, rate: float, asked: npt.NDArray[np.bool_]) -> float:
        """Train once on the pieces that begin among ``asked``, for the answers there; return the mean loss."""
        self.network.train()
        for group in self._optimizer.param_groups:
            # A batch four times as large has half the noise and bears twice the step.
            group["lr"] = rate * (self._pieces.batch_events / LEAST_BATCH) ** 0.5
        total, steps = 0.0, 0.0
        among = torch.from_numpy(asked) & ((self._answer > 0) | self._skipped)
        for batch in self._pieces.batches(np.flatnonzero(asked[self._pieces.start]), self._chance):
            loss, weight = self._loss(batch, among)
            if weight > 0:
                self._optimizer.zero_grad(set_to_none=True)
                (loss / weight).backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()
                total, steps = total + loss.item(), steps + weight
        return total / max(steps, 1.0)

    def _run(self, batch: Rows, rows: Tensor, vectors: Tensor) -> Tensor:
        """Queries of a batch, the states at its ends carried on to the next pieces."""
        moments = [column[rows].long() for column in self._moments]
        states, queries = self.network(vectors, moments, self._carried[torch.from_numpy(batch)])
        on = np.flatnonzero(self._pieces.goes_on[batch])
        # A piece that goes on has the full length, so its end is the batch's end.
        self._carried[torch.from_numpy(batch[on] + 1)] = states.detach()[torch.from_numpy(on), -1]
        return torch.as_tensor(queries)

    def _loss(self, batch: Rows, among: Tensor) -> tuple[Tensor, float]:
        rows, inside = (torch.from_numpy(array) for array in self._pieces.rows(batch))
        asked = inside & among[rows]
        track = self._track[rows].long()
        if len(self._log_chance) <= self._settings.full_softmax_tracks:
            table, bias = self.network.tracks()
            negatives = None
        else:
            drawn = np.searchsorted(self._cumulative, self._chance.random(self._settings.negatives))
            drawn = np.minimum(drawn, len(self._cumulative) - 1)
            needed, place = torch.unique(torch.cat([track.flatten(), torch.from_numpy(drawn)]), return_inverse=True)
            table, bias = self.network.tracks(needed)
            bias = bias - self._log_chance[needed]
            track, negatives = place[: track.numel()].view_as(track), place[track.numel() :]
        queries = self._run(batch, rows, table[track])[asked]
        target, skipped = track[asked], self._skipped[rows][asked]
        log_chance = log_softmax(queries, table, bias, target, negatives)
        unlikely = torch.log1p(-log_chance.exp().clamp(max=1 - 1e-6))
        weight = torch.where(skipped, self._settings.skip_weight, self._answer[rows][asked])
        return -(torch.where(skipped, unlikely, log_chance) * weight).sum(), weight.sum().item()

    @torch.no_grad()
    def validate(self) -> float | None:
        """The mean loss over every track on answers held out, the state carried to them; None if there are none."""
        self.network.eval()
        table, bias = self.network.tracks()
        ends = self._pieces.start + self._pieces.length - 1
        chosen = np.flatnonzero(~self.early[ends]) if self._validation.any() else np.zeros(0, dtype=np.int64)
        total = 0.0
        # In order of place in their histories, so that each piece finds the state its predecessor left.
        for number in np.unique(self._pieces.number[chosen]):
            batch = chosen[self._pieces.number[chosen] == number]
            places, inside = self._pieces.rows(batch)
            rows = torch.from_numpy(places)
            asked = torch.from_numpy(inside & self._validation[places])
            track = self._track[rows].long()
            queries = self._run(batch, rows, table[track])[asked]
            target = track[asked]
            for first in range(0, len(target), 256):
                logits = queries[first : first + 256] @ table.T + bias
                total += functional.cross_entropy(logits, target[first : first + 256], reduction="sum").item()
        return total / int(self._validation.sum()) if len(chosen) else None


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: a second one costs more than it gives here, and would change the order of sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
