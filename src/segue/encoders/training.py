"""How both networks learn: one loop, one schedule, one place where threads, devices and randomness are set.

The length of a training is bound in steps, never in seconds, and it runs on one thread: the weights do not depend on
what else the machine does. (On two busy cores, two threads were measured five to ten times slower than one.)
"""

import copy
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from segue.audio.mel import FRAMES
from segue.encoders.contract import Tensors
from segue.encoders.corpus import Corpus
from segue.errors import BadInput
from segue.progress import Progress

__all__ = ["Learner", "Schedule", "calm", "choose_device", "fill", "learn", "numpy_of"]


class Learner(torch.nn.Module):
    """A network that knows what it is to learn. Batches are log-mels as they are kept: (n, frames, mels)."""

    @abstractmethod
    def objective(self, mels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """The scalar to lower; row i and row i + n/2 of the batch are two windows of one track."""

    @abstractmethod
    def error(self, mels: torch.Tensor) -> torch.Tensor:
        """What is watched on held-out tracks: a scalar without randomness; rows 2 i and 2 i + 1 are of one track."""


Network = TypeVar("Network", bound=Learner)


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; every network's settings hold one. ``frames`` of each window are heard at a time."""

    steps: int
    tracks_per_batch: int = 16
    frames: int = FRAMES
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    evaluations: int = 20
    patience: int = 6
    held_out_tracks: int = 16

    def __post_init__(self) -> None:
        if self.steps < 0 or min(self.tracks_per_batch, self.evaluations, self.patience, self.held_out_tracks) < 1:
            raise ValueError(f"a schedule that can't be kept: {self}")


def learn(
    build: Callable[[], Network],
    corpus: Corpus,
    schedule: Schedule,
    *,
    seed: int,
    device: str,
    progress: Progress,
    stage: str,
) -> tuple[Network, dict[str, Any]]:
    """The trained network, in evaluation mode on the CPU, and what its card holds of the training.

    AdamW with a one-cycle learning rate (Smith and Topin 2018). The held-out error is measured some twenty times; the
    weights that did best are kept, and the training ends when it has not fallen for ``patience`` measurements.
    """
    began = time.monotonic()
    target = choose_device(device)
    with calm(target), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights only; everything drawn later has its own generator
        network = build().to(target)
        curves = _run(network, corpus, schedule, seed=seed, progress=progress, stage=stage)
    network = network.cpu().eval()
    learned = {"device": target.type, "seconds": round(time.monotonic() - began, 1), "curves": curves}
    return network, learned


def _run(
    network: Learner, corpus: Corpus, schedule: Schedule, *, seed: int, progress: Progress, stage: str
) -> dict[str, list[float]]:
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    batches = corpus.pairs(schedule.tracks_per_batch, schedule.frames, np.random.default_rng([seed, 2]))
    held_out = (
        corpus.windows_of(corpus.sample(corpus.held_out, schedule.held_out_tracks), 2) if len(corpus.held_out) else None
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.learning_rate, total_steps=max(schedule.steps, 1))
    every = max(1, schedule.steps // schedule.evaluations)
    curves: dict[str, list[float]] = {"step": [], "train": [], "held_out": []}
    best, best_error, waited, losses = None, np.inf, 0, []
    progress(stage, 0, schedule.steps)
    for step in range(1, schedule.steps + 1):
        network.train()
        with _autocast(device):
            loss = network.objective(torch.from_numpy(next(batches)).to(device), generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        rate.step()
        losses.append(loss.detach())
        progress(stage, step, schedule.steps)
        if step % every and step != schedule.steps:
            continue
        curves["step"].append(step)
        curves["train"].append(round(float(torch.stack(losses).mean()), 5))
        losses = []
        if held_out is not None:
            error = _error(network, held_out, device)
            curves["held_out"].append(round(error, 5))
            waited += 1
            if error < best_error:
                best, best_error, waited = copy.deepcopy(network.state_dict()), error, 0
            elif waited >= schedule.patience:
                break
    if best is not None:
        network.load_state_dict(best)
    return curves


def _error(network: Learner, held_out: npt.NDArray[np.float32], device: torch.device) -> float:
    network.eval()
    with torch.inference_mode(), _autocast(device):
        parts = np.array_split(held_out, range(32, len(held_out), 32))
        errors = [float(network.error(torch.from_numpy(part).to(device))) * len(part) for part in parts]
    return sum(errors) / len(held_out)


def choose_device(device: str) -> torch.device:
    """The device of this name; "auto" is CUDA where there is one.

    Raises
    ------
    BadInput
        The name is unknown, or no CUDA device is there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise BadInput(f"no device is called {device!r}: say auto, cpu or cuda")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise BadInput("PyTorch finds no CUDA device on this machine: say --device cpu, or auto")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


@contextmanager
def calm(device: torch.device | None = None) -> Iterator[None]:
    """One thread and deterministic kernels inside; what was set before is set again after."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    cudnn = torch.backends.cudnn.deterministic
    # Setting them costs more than a short encoding, so only what differs is set.
    if threads != 1:
        torch.set_num_threads(1)
    on_gpu = device is not None and device.type == "cuda"
    if on_gpu:
        torch.backends.cudnn.deterministic = True
    elif not deterministic:
        # On CUDA this would refuse cuBLAS without an environment variable set before the process began.
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        if threads != 1:
            torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = cudnn
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def numpy_of(network: torch.nn.Module) -> Tensors:
    """Everything a network learned, by name."""
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def fill(network: Network, tensors: Tensors) -> Network:
    """Put tensors back into a network and ready it for encoding.

    Raises
    ------
    RuntimeError
        A tensor is missing, of another shape, or not of this network.
    """
    network.load_state_dict({name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()})
    return network.eval()
