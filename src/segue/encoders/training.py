"""How both networks learn: one loop, one schedule, one place where threads, devices and randomness are set.

The length of a training is bound in steps, never in seconds, and it runs on one thread: the weights do not depend on
what else the machine does. (On two busy cores, two threads were measured five to ten times slower than one.) What is
drawn at a step depends on the seed and the step only, so that a long training that was killed goes on from its last
checkpoint and ends in the same bits.
"""

import copy
import json
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from segue.audio.mel import FRAMES
from segue.encoders.contract import Tensors
from segue.encoders.corpus import Batch, Corpus
from segue.errors import BadInput
from segue.home import write_bytes
from segue.progress import Progress

__all__ = ["Learner", "Lesson", "Schedule", "calm", "choose_device", "fill", "learn", "numpy_of"]


@dataclass(frozen=True)
class Lesson:
    """A ``Batch`` on the device: rows i and i + n of ``mels`` and ``taught`` are of one track."""

    mels: torch.Tensor
    groups: torch.Tensor
    taught: torch.Tensor | None

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> "Lesson":
        """The batch, moved there."""
        taught = None if batch.taught is None else torch.from_numpy(batch.taught).to(device)
        return cls(torch.from_numpy(batch.mels).to(device), torch.from_numpy(batch.groups).to(device), taught)


class Learner(torch.nn.Module):
    """A network that knows what it is to learn from windows of log-mels as they are kept."""

    @abstractmethod
    def objective(self, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
        """The scalar to lower."""

    @abstractmethod
    def error(self, lesson: Lesson) -> torch.Tensor:
        """What is watched on held-out tracks: a scalar without randomness."""


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

    def pace(self, step: int) -> tuple[float, tuple[float, float]]:
        """Learning rate and moments of AdamW at a step: one cycle, up for three tenths and down again (cosines).

        The first moment goes the other way, from .95 to .85 and back (Smith and Topin 2018).
        """
        peak = 0.3 * self.steps
        rising = step < peak
        share = step / peak if rising else (step - peak) / max(self.steps - 1 - peak, 1)
        height = (1 - math.cos(math.pi * share)) / 2 if rising else (1 + math.cos(math.pi * min(share, 1))) / 2
        lowest = 1 / 25 if rising else 1 / 250_000
        return self.learning_rate * (lowest + (1 - lowest) * height), (0.95 - 0.1 * height, 0.999)


def learn(
    build: Callable[[], Network],
    corpus: Corpus,
    schedule: Schedule,
    *,
    seed: int,
    device: str,
    progress: Progress,
    stage: str,
    checkpoint: Path | None = None,
) -> tuple[Network, dict[str, Any]]:
    """The trained network, in evaluation mode on the CPU, and what its card holds of the training.

    AdamW with a one-cycle learning rate (Smith and Topin 2018). The held-out error is measured some twenty times; the
    weights that did best are kept, and the training ends when it has not fallen for ``patience`` measurements.

    Parameters
    ----------
    build
        Makes the network as it begins.
    checkpoint
        A file: the training goes on from it where it is of the same corpus, schedule and seed, and leaves one there
        at every measurement.
    """
    began = time.monotonic()
    target = choose_device(device)
    with calm(target), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # initial weights only; everything drawn later has its own generator
        run = _Run(build().to(target), corpus, schedule, seed)
        if checkpoint is not None:
            run.go_on_from(checkpoint)
        run.finish(progress, stage, checkpoint)
    learned = {"device": target.type, "seconds": round(run.seconds + time.monotonic() - began, 1), "curves": run.curves}
    return run.network.cpu().eval(), learned


class _Run(Generic[Network]):
    """A training under way."""

    def __init__(self, network: Network, corpus: Corpus, schedule: Schedule, seed: int) -> None:
        self.network, self.corpus, self.schedule, self.seed = network, corpus, schedule, seed
        self.device = next(network.parameters()).device
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=schedule.weight_decay)
        self.step = 0
        self.seconds = 0.0
        self.curves: dict[str, list[float]] = {"step": [], "train": [], "held_out": []}
        self.best: dict[str, torch.Tensor] | None = None
        self.best_error, self.waited = float("inf"), 0

    def finish(self, progress: Progress, stage: str, checkpoint: Path | None) -> None:
        """Take the steps that are left, and end with the best weights."""
        schedule, began = self.schedule, time.monotonic()
        before = self.seconds
        watched = self.corpus.held_out_batch(schedule.held_out_tracks)
        held_out = None if watched is None else Lesson.of(watched, self.device)
        every = max(1, schedule.steps // schedule.evaluations)
        losses: list[torch.Tensor] = []
        progress(stage, self.step, schedule.steps)
        while self.step < schedule.steps and self.waited < schedule.patience:
            losses.append(self._take_step())
            progress(stage, self.step, schedule.steps)
            if self.step % every and self.step != schedule.steps:
                continue
            self.curves["step"].append(self.step)
            self.curves["train"].append(round(float(torch.stack(losses).mean()), 5))
            losses = []
            if held_out is not None:
                self._measure(held_out)
            if checkpoint is not None:
                self.seconds = before + time.monotonic() - began
                self._leave(checkpoint)
        self.seconds = before
        if self.best is not None:
            self.network.load_state_dict(self.best)

    def _take_step(self) -> torch.Tensor:
        schedule = self.schedule
        batch = self.corpus.batch(self.step, schedule.tracks_per_batch, schedule.frames, self.seed)
        generator = torch.Generator().manual_seed((self.seed << 32) + self.step)
        self.network.train()
        with _autocast(self.device):
            loss = self.network.objective(Lesson.of(batch, self.device), generator)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"], group["betas"] = schedule.pace(self.step)
        self.optimiser.step()
        self.step += 1
        return loss.detach()

    def _measure(self, held_out: Lesson) -> None:
        self.network.eval()
        with torch.inference_mode(), _autocast(self.device):
            error = float(self.network.error(held_out))
        self.curves["held_out"].append(round(error, 5))
        self.waited += 1
        if error < self.best_error:
            self.best, self.best_error, self.waited = copy.deepcopy(self.network.state_dict()), error, 0

    def go_on_from(self, checkpoint: Path) -> None:
        """Take up what ``_leave`` left, if it is of this training."""
        from safetensors import SafetensorError, safe_open

        if not checkpoint.exists():
            return
        try:
            with safe_open(checkpoint, "pt") as held:
                said = json.loads((held.metadata() or {}).get("training", "{}"))
                tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, ValueError) as error:
            raise BadInput(f"{checkpoint} is no checkpoint ({error}): remove it to begin anew") from error
        if said.get("of") != self._of():
            return
        self.step, self.seconds, self.curves = said["step"], said["seconds"], said["curves"]
        self.best_error, self.waited = said["best_error"], said["waited"]
        parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "best": {}, "first": {}, "second": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = tensor.to(self.device)
        self.network.load_state_dict(parts["network"])
        self.best = parts["best"] or None
        for name, parameter in self.network.named_parameters():
            if name in parts["first"]:
                moments = {"exp_avg": parts["first"][name], "exp_avg_sq": parts["second"][name]}
                self.optimiser.state[parameter] = {"step": torch.tensor(float(self.step)), **moments}

    def _leave(self, checkpoint: Path) -> None:
        from safetensors.torch import save

        said = {name: getattr(self, name) for name in ("step", "seconds", "curves", "best_error", "waited")}
        state = self.optimiser.state
        moved = {name: state[parameter] for name, parameter in self.network.named_parameters() if parameter in state}
        tensors = {
            **{f"network/{name}": tensor for name, tensor in self.network.state_dict().items()},
            **{f"best/{name}": tensor for name, tensor in (self.best or {}).items()},
            **{f"first/{name}": held["exp_avg"] for name, held in moved.items()},
            **{f"second/{name}": held["exp_avg_sq"] for name, held in moved.items()},
        }
        whole = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        write_bytes(checkpoint, save(whole, {"training": json.dumps({"of": self._of(), **said})}))

    def _of(self) -> dict[str, Any]:
        """What a checkpoint has to share with a training that goes on from it."""
        said = {"corpus": self.corpus.fingerprint, "schedule": asdict(self.schedule), "seed": self.seed}
        shapes = [[name, list(tensor.shape)] for name, tensor in self.network.state_dict().items()]
        whole: dict[str, Any] = json.loads(json.dumps({**said, "shapes": shapes}))
        return whole


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
