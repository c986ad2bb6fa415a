"""Training of the variational autoencoders: bags with tracks hidden, a multinomial likelihood of the whole bag.

In: bags over tracks that have ids, their sounds. Out: the weights that ``vae`` serves, and curves of loss.

The loss of a bag x is ``-Σ x_i log softmax_i + β · KL(q(z|x̃) ‖ p(z))``, x̃ being x with tracks hidden. Mult-VAE: p is
a standard normal, β rises from zero to ``kl_weight``. RecVAE: p is a mixture of a standard normal, a wide normal and
the posterior that the encoder gave at the end of the epoch before (so that it doesn't forget), KL is estimated from
the sample of z, β is ``kl_weight`` · Σ x; the encoder learns from bags with tracks hidden, the decoder from whole ones.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segue.progress import Progress
from segue.taste.ease import Bags
from segue.taste.vae_inputs import VaeSettings
from segue.taste.vae_network import BagTensors, VaeNetwork

__all__ = ["train"]

Rows = npt.NDArray[np.int64]

PRIOR_SHARES = (3 / 20, 3 / 4, 1 / 10)
WIDE_LOG_VARIANCE = 10.0
"""RecVAE's mixture: standard normal, earlier posterior, wide normal (Shenbin et al. 2020, section 3.3)."""


def train(
    bags: Bags, sounds: npt.NDArray[np.float32], settings: VaeSettings, *, seed: int, progress: Progress
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Weights under the names of ``vae.SHAPES``, and what the card tells of the training.

    ``bags.track`` are rows of ``sounds``. The same seed gives the same bits.
    """
    with _one_thread(), torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        trainer = _Trainer(bags, sounds, settings, seed)
        curve: list[dict[str, float]] = []
        for epoch in range(settings.epochs if bags.size else 0):
            curve.append({"trained": trainer.epoch(epoch)})
            progress(f"train {settings.recipe}", epoch + 1, settings.epochs)
        return trainer.network.arrays(), {"bags": bags.size, "tracks": len(sounds), "curve": curve}


class _Trainer:
    """One training: the network, its optimizers, and the bags."""

    def __init__(self, bags: Bags, sounds: npt.NDArray[np.float32], settings: VaeSettings, seed: int) -> None:
        self._settings = settings
        self._chance = np.random.default_rng(seed)
        self._bags = bags
        self._starts = np.searchsorted(bags.bag, np.arange(bags.size + 1))
        plays = np.bincount(bags.track, bags.weight, minlength=len(sounds)).astype(np.float64)
        self.network = VaeNetwork(plays, np.ascontiguousarray(sounds, dtype=np.float32), settings)
        self._decoder = self.network.decoder_parameters()
        of_decoder = {id(parameter) for parameter in self._decoder}
        self._encoder = [parameter for parameter in self.network.parameters() if id(parameter) not in of_decoder]
        self._optimizer = torch.optim.Adam(self.network.parameters(), fused=True)
        self._steps = 0

    def epoch(self, number: int) -> float:
        """Train once on all bags; return the mean loss a play."""
        settings = self._settings
        rate = settings.learning_rate * (1 - 0.9 * number / settings.epochs)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        recvae = settings.recipe == "recvae"
        earlier = copy.deepcopy(self.network).requires_grad_(False) if recvae else None
        order = self._chance.permutation(self._bags.size)
        total, plays = 0.0, 0.0
        for first in range(0, len(order), settings.batch_bags):
            batch = order[first : first + settings.batch_bags]
            decoding = recvae and self._steps % (settings.encoder_steps + 1) == settings.encoder_steps
            if recvae:  # whose turn it is not has no gradient, and the optimizer leaves it as it is
                for turn, parameters in ((not decoding, self._encoder), (decoding, self._decoder)):
                    for parameter in parameters:
                        parameter.requires_grad_(turn)
            loss, weight = self._loss(batch, earlier, decoding=decoding)
            self._optimizer.zero_grad(set_to_none=True)
            (loss / len(batch)).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            self._steps += 1
            total, plays = total + loss.item(), plays + weight
        return total / max(plays, 1.0)

    def _loss(self, batch: Rows, earlier: VaeNetwork | None, *, decoding: bool) -> tuple[Tensor, float]:
        settings, network = self._settings, self.network
        rows, bag = self._entries(batch)
        track, weight = torch.from_numpy(self._bags.track[rows]), torch.from_numpy(self._bags.weight[rows])
        # A bag is never hidden as a whole: the track with the luckiest draw stays.
        draw = self._chance.random(len(rows))
        best = np.maximum.reduceat(draw, np.searchsorted(bag, np.arange(len(batch))))
        shown = (draw >= (0.0 if decoding else settings.dropout)) | (draw == best[bag])
        given = bag_tensors(self._bags.track[rows[shown]], self._bags.weight[rows[shown]], bag[shown], len(batch))
        kept = network.kept_ids(settings.id_dropout)
        mean, log_variance = network.encode(given, kept)
        latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        logits = network.decode(latent, kept)
        place = torch.from_numpy(bag)
        log_chance = logits[place, track.long()] - logits.logsumexp(dim=1)[place]
        likelihood = (log_chance * weight).sum()
        played = float(weight.sum())
        if decoding:
            return -likelihood, played
        if earlier is None:
            divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
            steps = settings.epochs * math.ceil(self._bags.size / settings.batch_bags)
            beta = settings.kl_weight * min(1.0, self._steps / max(1.0, settings.kl_warming * steps))
            return beta * divergence - likelihood, played
        with torch.no_grad():
            old_mean, old_log_variance = earlier.encode(given, kept)
        prior = torch.stack(
            [
                math.log(PRIOR_SHARES[0]) + _log_normal(latent, torch.zeros(()), torch.zeros(())),
                math.log(PRIOR_SHARES[1]) + _log_normal(latent, old_mean, old_log_variance),
                math.log(PRIOR_SHARES[2]) + _log_normal(latent, torch.zeros(()), torch.tensor(WIDE_LOG_VARIANCE)),
            ]
        ).logsumexp(dim=0)
        sums = torch.zeros(len(batch)).index_add_(0, place, weight)
        divergence = (_log_normal(latent, mean, log_variance) - prior).sum(dim=1)
        return (settings.kl_weight * sums * divergence).sum() - likelihood, played

    def _entries(self, batch: Rows) -> tuple[Rows, Rows]:
        """Rows of the entries of these bags, and which of the batch's bags each belongs to."""
        length = self._starts[batch + 1] - self._starts[batch]
        bag = np.repeat(np.arange(len(batch)), length)
        offset = np.arange(len(bag)) - np.repeat(np.cumsum(length) - length, length)
        return self._starts[batch][bag] + offset, bag


def bag_tensors(track: npt.NDArray[Any], weight: npt.NDArray[np.float32], bag: Rows, count: int) -> BagTensors:
    """Bags brought to unit length (of their weights), as the encoder takes them; ``bag`` rises from 0."""
    length = np.sqrt(np.bincount(bag, weight.astype(np.float64) ** 2, minlength=count))
    unit = (weight / np.maximum(length, 1e-12)[bag]).astype(np.float32)
    starts = np.searchsorted(bag, np.arange(count)).astype(np.int64)
    return BagTensors(torch.from_numpy(track.astype(np.int64)), torch.from_numpy(unit), torch.from_numpy(starts))


def _log_normal(value: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + log_variance + (value - mean).square() * torch.exp(-log_variance))


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread: a second one costs more than it gives here, and would change the order of sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
