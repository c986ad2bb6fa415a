"""What should listen inside the audio GRU, and what it should learn from: cores and objectives of equal size compared.

python -m benchmarks.sequences --music DIR [--train PACKAGE ...] [--test PACKAGE ...] [--steps N] [--seeds N ...]

DIR holds a folder of music files a package. Every variant has the same front, core parameters (within 5 %), batches,
schedule and contrast between tracks, learns from the same packages, and is measured on others:

* ``gru``, ``lstm``, ``transformer`` foretell the frame four frames ahead (autoregressive predictive coding), as
  ``segue.encoders.gru`` does;
* ``reconstructing``: the GRU's last state is what a second GRU draws the window from, backwards; the sequence to
  sequence autoencoder of auDeep (Freitag et al. 2017), here with the contrast as well;
* ``audeep`` is the same without the contrast. That paper's vector is the last state; every GRU is measured by it too.

Each core's row before any training says how much of a number is the training.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segue.audio.listen import mel_windows_of_many
from segue.audio.mel import FRAMES, MELS
from segue.encoders.augment import gain_and_tilt
from segue.encoders.cores import State, count_parameters, make_core, width_for
from segue.encoders.corpus import Corpus
from segue.encoders.gru import KERNEL, STRIDE
from segue.encoders.losses import nt_xent
from segue.encoders.standard import Standard, unit
from segue.encoders.training import Learner, Lesson, Schedule, calm, learn
from segue.errors import UnreadableAudio
from segue.progress import silent

TRAIN = (
    "warzone2100-music",
    "naev-data",
    "hedgewars-data",
    "wesnoth-1.16-music",
    "freecol",
    "openarena-088-data",
    "pushover-data",
)
TEST = ("supertux-data", "widelands-data", "flare-game", "blobwars-data", "marsshooter-data")
SOUNDS = (".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav")
SHORTEST_S = 20.0

INPUTS, WIDTH, LAYERS = 128, 192, 2
AHEAD = 4
TEMPERATURE = 0.1

COLUMNS = (
    *("variant", "seed", "parameters of the core", "of all", "steps", "training CPU s", "held-out objective"),
    *("encode CPU ms", "same-album mAP", "P@1", "halves R@1"),
)

Floats = npt.NDArray[np.float32]
Features = Callable[[torch.Tensor, State], torch.Tensor]


@dataclass(frozen=True)
class Variant:
    """A core, what it learns from, and how much the contrast weighs."""

    core: str
    reconstructs: bool = False
    contrast: float = 0.3


VARIANTS = {
    "gru": Variant("gru"),
    "lstm": Variant("lstm"),
    "transformer": Variant("transformer"),
    "reconstructing": Variant("gru", reconstructs=True),
    "audeep": Variant("gru", reconstructs=True, contrast=0),
}


def mean_and_maximum(outputs: torch.Tensor, _: State) -> torch.Tensor:
    return torch.cat([outputs.mean(1), outputs.amax(1)], dim=1)


def last_state(_: torch.Tensor, state: State) -> torch.Tensor:
    """Of every layer of a GRU, side by side."""
    return state[0].transpose(0, 1).flatten(1)


class SequenceNetwork(Learner):
    """Convolution and core over log-mels (n, frames, mels), and the head that its objective needs."""

    bins_mean: torch.Tensor
    bins_deviation: torch.Tensor

    def __init__(self, variant: Variant, bins: tuple[Floats, Floats]) -> None:
        super().__init__()
        self.contrast = variant.contrast
        self.register_buffer("bins_mean", torch.from_numpy(bins[0]))
        self.register_buffer("bins_deviation", torch.from_numpy(bins[1]))
        parameters = count_parameters(make_core("gru", INPUTS, WIDTH, LAYERS))
        width = width_for(variant.core, parameters, INPUTS, LAYERS)
        self.convolution = nn.Conv1d(MELS, INPUTS, KERNEL, stride=STRIDE)
        self.core = make_core(variant.core, INPUTS, width, LAYERS)
        self.teller = (Reconstructing if variant.reconstructs else Foretelling)(width)
        self.projection = nn.Sequential(nn.Linear(2 * width, 128), nn.GELU(), nn.Linear(128, 128))

    def standardised(self, mels: torch.Tensor) -> torch.Tensor:
        """Each bin centred and in units of its deviation over the training tracks."""
        return (mels - self.bins_mean) / self.bins_deviation

    def outputs(self, standardised: torch.Tensor) -> tuple[torch.Tensor, State]:
        """What the core says at each step, (n, steps, width), and its state after the last."""
        features = nn.functional.gelu(self.convolution(standardised.transpose(1, 2))).transpose(1, 2)
        outputs, state = self.core(features)
        return outputs, state

    def objective(self, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
        """The teller's error, and the contrast between tracks."""
        return self._amiss(self.standardised(gain_and_tilt(lesson.mels, generator)), lesson)

    def error(self, lesson: Lesson) -> torch.Tensor:
        """The objective on sounds as they are."""
        return self._amiss(self.standardised(lesson.mels), lesson)

    def _amiss(self, heard: torch.Tensor, lesson: Lesson) -> torch.Tensor:
        outputs, state = self.outputs(heard)
        amiss: torch.Tensor = self.teller(outputs, state, heard)
        if self.contrast:
            first, second = self.projection(mean_and_maximum(outputs, state)).chunk(2)
            amiss = amiss + self.contrast * nt_xent(first, second, TEMPERATURE, lesson.groups)
        return amiss


class Foretelling(nn.Module):
    """Says the frame ``AHEAD`` frames on (Chung et al. 2019)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.foretell = nn.Linear(width, MELS)

    def forward(self, outputs: torch.Tensor, _: State, heard: torch.Tensor) -> torch.Tensor:
        """Mean absolute error for standardised frames (n, frames, MELS) and what the core said to them."""
        meant = heard[:, KERNEL - 1 + AHEAD :: STRIDE]
        error: torch.Tensor = (self.foretell(outputs[:, : meant.shape[1]]) - meant).float().abs().mean()
        return error


class Reconstructing(nn.Module):
    """Draws the window, its end first, from the last state; each frame is drawn with the true one before it at hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bridge = nn.Linear(LAYERS * width, width)
        self.decoder = nn.GRU(MELS, width, batch_first=True)
        self.draw = nn.Linear(width, MELS)

    def forward(self, outputs: torch.Tensor, state: State, heard: torch.Tensor) -> torch.Tensor:
        """See ``Foretelling.forward``; every second frame, as there."""
        meant = heard[:, KERNEL - 1 :: STRIDE].flip(1)
        before = nn.functional.pad(meant[:, :-1], (0, 0, 1, 0))
        drawn, _ = self.decoder(before, torch.tanh(self.bridge(last_state(outputs, state)))[None])
        error: torch.Tensor = (self.draw(drawn) - meant).float().abs().mean()
        return error


def pooled(network: SequenceNetwork, mels: npt.NDArray[Any], features: Features) -> Floats:
    """float32 (features,): what is made of each window, averaged over windows (windows, FRAMES, MELS)."""
    with calm(), torch.inference_mode():
        heard = torch.from_numpy(np.asarray(mels, dtype=np.float32))
        return features(*network.outputs(network.standardised(heard))).mean(0).numpy()


def retrieval(whole: Floats, first: Floats, second: Floats, groups: Sequence[str]) -> dict[str, float]:
    """Same-album mAP and P@1 of unit rows, and how often a track's half is found by its other one (both ways)."""
    similarity = whole @ whole.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
    album = np.unique(groups, return_inverse=True)[1]
    hits = album[order] == album[:, None]
    precisions = [(np.cumsum(row)[row] / (np.flatnonzero(row) + 1)).mean() for row in hits if row.any()]
    across, own = first @ second.T, np.arange(len(first))
    found = ((across.argmax(1) == own).mean() + (across.argmax(0) == own).mean()) / 2
    return {"map": float(np.mean(precisions)), "p1": float(hits[:, 0].mean()), "halves": float(found)}


def measure(network: SequenceNetwork, corpus: Corpus, test: Corpus, features: Features) -> dict[str, float]:
    """Retrieval among the test tracks, and the milliseconds of processor that encoding one takes."""
    standard = Standard.over(corpus, lambda mels: pooled(network, mels, features), progress=silent, stage="centring")
    encoded: list[list[Floats]] = [[], [], []]
    times_s = []
    for mels in test.mels:
        began = time.process_time()
        encoded[0].append(unit(standard.apply(pooled(network, mels, features))))
        times_s.append(time.process_time() - began)
        for into, half in zip(encoded[1:], np.split(mels, 2), strict=True):
            into.append(unit(standard.apply(pooled(network, half, features))))
    whole, first, second = (np.stack(rows) for rows in encoded)
    return {**retrieval(whole, first, second, test.groups), "encode_ms": 1e3 * statistics.median(times_s)}


def compare(names: Sequence[str], corpus: Corpus, test: Corpus, schedule: Schedule, seed: int) -> None:
    """A line for each variant as soon as it is known; ``schedule.steps`` of 0 shows random weights."""
    for name in names:
        variant = VARIANTS[name]
        if not schedule.steps and variant.reconstructs:
            continue  # the same core as the GRU
        began = time.process_time()
        network, learned = learn(
            lambda: SequenceNetwork(variant, corpus.bins),  # noqa: B023 (called at once)
            corpus,
            schedule,
            seed=seed,
            device="cpu",
            progress=silent,
            stage=name,
        )
        trained_s = time.process_time() - began
        steps = learned["curves"]["step"][-1] if schedule.steps else 0
        error = min(learned["curves"]["held_out"], default=float("nan"))
        sizes = f"{count_parameters(network.core):,} | {count_parameters(network):,}"
        training = f"{steps} | {trained_s:.0f} | {error:.3f}"
        kinds: dict[str, Features] = {"": mean_and_maximum}
        if variant.core == "gru":
            kinds[", last state"] = last_state
        for what, features in kinds.items():
            found = measure(network, corpus, test, features)
            retrieved = " | ".join(f"{found[figure]:.3f}" for figure in ("map", "p1", "halves"))
            cost = f"{training} | {found['encode_ms']:.0f}"
            print(f"| {name}{what} | {seed} | {sizes} | {cost} | {retrieved} |", flush=True)


def music_of(folder: Path, packages: Sequence[str], most: int) -> Corpus:
    """The log-mels of these packages' music, at most so many tracks of each, evenly spread; a package is a group."""
    paths: list[Path] = []
    for package in packages:
        files = [path for path in sorted((folder / package).rglob("*")) if path.suffix.lower() in SOUNDS]
        music = [path for path in files if path.is_file() and seconds_of(path) >= SHORTEST_S]
        chosen = np.unique(np.linspace(0, max(len(music) - 1, 0), min(most, len(music))).round().astype(int))
        paths += [music[place] for place in chosen]
    if not paths:
        sys.exit(f"no music of {', '.join(packages)} in {folder}: fetch the packages there, or name others")
    mels, groups = [], []
    for place, heard in mel_windows_of_many(paths):
        if not isinstance(heard, UnreadableAudio):
            mels.append(heard.astype(np.float16))
            groups.append(paths[place].relative_to(folder).parts[0])
    return Corpus(np.stack(mels), groups)


def seconds_of(path: Path) -> float:
    try:
        with av.open(path) as container:
            return (container.duration or 0) / av.time_base
    except av.FFmpegError:
        return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--music", type=Path, required=True, help="a folder with a folder of music a package")
    parser.add_argument("--train", nargs="+", default=TRAIN, metavar="PACKAGE", help="packages to learn from")
    parser.add_argument("--test", nargs="+", default=TEST, metavar="PACKAGE", help="packages to be measured on")
    parser.add_argument("--most", type=int, default=40, help="tracks of a package at most (default: 40)")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=300, help="steps of training (default: 300)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N")
    arguments = parser.parse_args()
    if set(arguments.train) & set(arguments.test):
        parser.error("a package is learned from and measured on: name it once")

    learned_from = music_of(arguments.music, arguments.train, arguments.most)
    test = music_of(arguments.music, arguments.test, arguments.most)
    print(f"{len(learned_from)} tracks of {len(set(learned_from.groups))} packages to learn from, ", end="")
    print(f"{len(test)} tracks of {len(set(test.groups))} others to be measured on\n")
    print("| " + " | ".join(COLUMNS) + " |\n|---" + "|---:" * (len(COLUMNS) - 1) + "|", flush=True)
    for seed in arguments.seeds:
        corpus = Corpus(learned_from.mels, learned_from.groups, seed)
        for steps in sorted({0, arguments.steps}):
            compare(arguments.variants, corpus, test, Schedule(steps, frames=FRAMES), seed)


if __name__ == "__main__":
    main()
