"""Training of the session models: histories in pieces, the state carried from piece to piece, softmax over tracks.

In: events, items, the tracks that have events. Out: the weights that ``gru`` serves, and the curve of loss.

Every history is cut into pieces; gradients flow within one. The state a piece starts from is the one its predecessor
ended with when that was last computed, which may be an epoch ago: so the pieces of a listener train in any order and
side by side, and seven long histories fill a batch as well as seven thousand short ones. (``gru_batches`` also has the
order in which GRU4Rec trains.)

Where tracks are many, the softmax runs over shared negatives drawn by popularity; each logit is less the logarithm
of the chance to be drawn (Bengio & Senécal 2008), and the true answer among the negatives is masked. A skipped track
is half an answer; and a second head learns from every listen whether it was skipped.

The number of passes is set beforehand. Holding listens out and stopping where their loss is least was measured and is
worse twice over: the newest listens are missed, and ranking goes on improving long after the likelihood of the right
answer, which a few surprises rule, has begun to fall (docs/lab-notes.md).
"""

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
from segue.taste.adam import Adam, Rows
from segue.taste.gru_batches import Batch, batches_of
from segue.taste.gru_inputs import GruSettings, Moments
from segue.taste.gru_network import SessionNetwork
from segue.taste.sampled_softmax import bpr_max, log_softmax
from segue.types import Outcome

__all__ = ["one_thread", "train"]

LEAST_BATCH = 256
BATCHES = 200
"""A pass makes so many steps at least, before batches grow to ``GruSettings.batch_events``."""

SKIP_HEAD = 0.2
"""What the second head's loss counts beside the first's."""

CALENDAR_RATE = 0.1
"""How fast hours and weekdays are learned beside all else: at full rate they are learned by heart, and the GRU ranks
worse than without them."""


def train(
    events: Events, items: Items, seen: npt.NDArray[np.int32], settings: GruSettings, *, seed: int, progress: Progress
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Weights under the names of ``gru.SHAPES``, and what the card tells of the training.

    ``seen`` holds the sorted rows of the tracks in ``events``. The same seed gives the same bits.
    """
    with one_thread(), fast_products(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trainer = _Trainer(events, items, seen, settings, seed)
        curve: list[dict[str, float]] = []
        for epoch in range(settings.epochs if len(events) else 0):
            curve.append({"trained": trainer.epoch(settings.learning_rate * (1 - 0.9 * epoch / settings.epochs))})
            progress(f"train {settings.core}", epoch + 1, settings.epochs)
        return trainer.network.arrays(), {"events": len(events), "tracks": len(seen), "curve": curve}


class _Trainer:
    """One training: the network, the events as tensors, and the states carried between pieces."""

    def __init__(
        self, events: Events, items: Items, seen: npt.NDArray[np.int32], settings: GruSettings, seed: int
    ) -> None:
        self._settings = settings
        self._chance = np.random.default_rng(seed)
        self._batch_events = min(settings.batch_events, max(LEAST_BATCH, len(events) // BATCHES))
        self.batches = batches_of(settings.order)(events.offsets, settings.piece, self._batch_events)
        track = np.searchsorted(seen, events.track)
        answer = np.ones(len(Outcome), dtype=np.float32)
        answer[Outcome.SKIPPED], answer[Outcome.FAILED] = settings.skip_weight, 0
        answer = answer[events.outcome]
        plays = np.bincount(track, answer > 0, minlength=len(seen)).astype(np.int64)
        sounds = np.zeros((len(seen), 0), dtype=np.float32) if items.vectors is None else items.vectors[seen]
        self.network = SessionNetwork(plays, np.ascontiguousarray(sounds, dtype=np.float32), settings)
        self._carried = torch.zeros(self.batches.states, self.network.core.size)
        self._sampled = len(seen) > settings.full_softmax_tracks
        tables = [self.network.id, self.network.bias] if self._sampled else []
        calendar = [self.network.now_hour, self.network.now_day]
        apart = {id(parameter) for parameter in tables + calendar}
        self._tables = [Rows(table) for table in tables]
        self._calendar = Adam(calendar)
        self._others = Adam(one for one in self.network.parameters() if id(one) not in apart)
        # Columns of millions of events stay small; what a batch needs of them is widened, as torch wants its indices.
        self._track = torch.from_numpy(track.astype(np.int32))
        self._moments = [torch.from_numpy(column) for column in Moments.of_events(events)]
        self._answer = torch.from_numpy(answer)
        self._draw(plays)

    def _draw(self, plays: npt.NDArray[np.int64]) -> None:
        chances = (plays + 1.0) ** self._settings.negative_power
        chances /= max(chances.sum(), 1.0)
        self._cumulative = np.cumsum(chances)
        # Of being drawn at least once: negatives are a set. Counted more than once, a popular one would weigh more as
        # a negative than it can as an answer, and the answers' scores would make up for it.
        drawn = -np.expm1(self._settings.negatives * np.log1p(-np.minimum(chances, 1 - 1e-9)))
        self._log_chance = torch.from_numpy(np.log(drawn)).float()

    def epoch(self, rate: float) -> float:
        """Train once on every event; return the mean loss of an answer."""
        self.network.train()
        # A batch four times as large has half the noise and bears twice the step.
        rate *= (self._batch_events / LEAST_BATCH) ** 0.5
        total, steps = 0.0, 0.0
        if self.batches.afresh:
            self._carried.zero_()
        for batch in self.batches(self._chance):
            answers, skips, weight = self._losses(batch)
            if weight > 0:
                (answers / weight + SKIP_HEAD * skips).backward()  # type: ignore[no-untyped-call]
                self._calendar.step(CALENDAR_RATE * rate)
                self._others.step(rate)
                for table in self._tables:
                    table.step(rate)
                total, steps = total + answers.item(), steps + weight
        for table in self._tables:
            table.settle()
        return total / max(steps, 1.0)

    def queries(self, batch: Batch, tables: Tensor, place: Tensor) -> Tensor:
        """float32 (pieces, length, width): what each asked event is asked for with; the states are carried on.

        ``place`` int64 (pieces, length) says which rows of ``tables`` float32 (n, width) were heard.
        """
        heard, asked = ([column[rows].long() for column in self._moments] for rows in (batch.heard, batch.asked))
        before = self._carried[batch.starts_from]
        outputs, after = self.network.follow(tables[place], heard, before)
        self._carried[batch.ends_in] = after.detach()[batch.carries_on]
        if batch.ahead:
            outputs = torch.cat([self.network.core.output(before)[:, None], outputs[:, :-1]], dim=1)
        return self.network.ask(outputs, asked)

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor, float]:
        """The sum of the answers' losses, the mean of the skips', and how many answers there were."""
        weight = self._answer[batch.asked]
        wanted = batch.inside & (weight > 0)
        heard, target = self._track[batch.heard].long(), self._track[batch.asked][wanted].long()
        if not self._sampled:
            every = torch.arange(len(self._log_chance))
            table, bias = self.network.tracks(every, self.network.id, self.network.bias)
            negatives = None
        else:
            drawn = np.searchsorted(self._cumulative, np.sort(self._chance.random(self._settings.negatives)))
            drawn = np.minimum(drawn, len(self._cumulative) - 1)
            drawn = drawn[np.diff(drawn, prepend=-1) > 0]
            every = torch.cat([heard.flatten(), target, torch.from_numpy(drawn)])
            needed, place = torch.unique(every, return_inverse=True)
            table, bias = self.network.tracks(needed, *(rows.take(needed.numpy()) for rows in self._tables))
            heard, target, negatives = place.split([heard.numel(), len(target), len(drawn)])
            heard = heard.view_as(batch.heard)
            if self._settings.loss == "cross-entropy":
                bias = bias - self._log_chance[needed]
        queries, weight = self.queries(batch, table, heard)[wanted], weight[wanted]
        if self._settings.loss == "bpr-max":
            among = torch.arange(len(table)) if negatives is None else negatives
            losses = bpr_max(queries, table, bias, target, among)
        else:
            losses = -log_softmax(queries, table, bias, target, negatives)
        outcome = self._moments[0][batch.asked][wanted]
        told = (outcome == Outcome.FINISHED) | (outcome == Outcome.SKIPPED)
        skips = (
            functional.binary_cross_entropy_with_logits(
                self.network.skips(queries[told], table[target[told]]), (outcome[told] == Outcome.SKIPPED).float()
            )
            if told.any()
            else queries.new_zeros(())
        )
        return (losses * weight).sum(), skips, weight.sum().item()


@contextmanager
def fast_products() -> Iterator[None]:
    """Products of matrices from factors rounded to bfloat16, summed in float32, where the processor is made for it."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: a second one costs more than it gives here, and would change the order of sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
