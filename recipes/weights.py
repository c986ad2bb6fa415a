"""The shipped weights, from nothing: ``python -m recipes.weights --cache DIR`` (or ``make weights``).

Fetch the open music of ``music.tsv`` that is to be learned from, hear all of it and ask the teacher, train the
autoencoder and the GRU beside each other (a core each), join them, learn to tell music from speech and noise, and
write weights and card into the package. Every stage keeps what it has done in the cache, so that a killed run goes
on; the same music and seed give the same weights on the same kind of machine. A few gigabytes are downloaded, and two
cores take some hours. Debian's openmpt123, espeak-ng, fluidsynth and three soundfonts must be there: what is missing is
named, with what to install.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recipes import music
from recipes.musicnn import wheel
from recipes.not_music import SPEECH, not_music
from recipes.prepare import HEARINGS, WINDOWS, prepare
from segue.audio.listen import mel_windows
from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES
from segue.cli.screen import watching
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.corpus import Corpus
from segue.encoders.gru import SoundGru, SoundGruSettings
from segue.encoders.joint import Ears, EarsSettings
from segue.encoders.musiclike import MusicLike
from segue.encoders.statistics import MelStatistics
from segue.encoders.training import Schedule
from segue.home import write_text
from segue.progress import Progress, silent

__all__ = ["SETTINGS", "assemble", "main", "train"]

PLACE = Path(__file__).parents[1] / "src" / "segue" / "encoders" / "weights" / "ears"
TAUGHT = 400
SETTINGS = EarsSettings(
    AutoencoderSettings(
        Schedule(steps=3_600, evaluations=32, patience=32), widths=(48, 96, 192), blocks=1, taught=TAUGHT
    ),
    SoundGruSettings(
        Schedule(steps=9_000, evaluations=40, patience=40), taught=TAUGHT, masked=(32, 12), temperature=0.2
    ),
    directions=256,
    shrinkage=0.95,
)


def assemble(cache: Path, recordings: Sequence[music.Recording], progress: Progress = silent) -> Corpus:
    """What all training processes read: memory maps of log-mels and of what the teacher says, centred and scaled."""
    place = cache / "corpus"
    if not (place / "corpus.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        mels, taught, groups, together = [], [], [], []
        for heard in prepare(recordings, cache / "prepared", wheel(cache), progress=progress):
            for hearing in range(len(HEARINGS)):
                part = slice(hearing * WINDOWS, (hearing + 1) * WINDOWS)
                mels.append(heard.mels[part])
                taught.append(heard.taught[part])
                groups.append(heard.recording.package)
                together.append(f"{heard.recording.package}\0{(heard.recording.artist or '').casefold()}")
        said = np.stack(taught).astype(np.float32)
        mean, deviation = said.mean((0, 1)), np.maximum(said.std((0, 1)), 1e-3)
        np.save(place / "mels.npy", np.stack(mels))
        np.save(place / "taught.npy", ((said - mean) / deviation).astype(np.float16))
        write_text(place / "corpus.json", json.dumps({"groups": groups, "together": together}))
    return _corpus(cache)


def _corpus(cache: Path, seed: int = 0) -> Corpus:
    place = cache / "corpus"
    mels, taught = (np.load(place / f"{name}.npy", mmap_mode="r") for name in ("mels", "taught"))
    return Corpus(mels, _names(cache)["groups"], seed, taught)


def _names(cache: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = json.loads((cache / "corpus" / "corpus.json").read_text("utf-8"))
    return names


def train(cache: Path, seed: int = 0, device: str = "auto", progress: Progress = silent) -> Ears:
    """The ears that the corpus in the cache teaches."""
    with ProcessPoolExecutor(2) as pool:
        running = [pool.submit(_train_part, part, cache, seed, device) for part in ("autoencoder", "gru")]
        folders = [one.result() for one in running]
    corpus = _corpus(cache, seed)
    statistics = MelStatistics.fit(corpus, size="shipped", seed=seed, progress=progress)
    autoencoder, gru = Autoencoder.load(folders[0]), SoundGru.load(folders[1])
    together = _names(cache)["together"]
    return Ears.joined(
        corpus,
        SETTINGS,
        autoencoder,
        gru,
        statistics,
        size="shipped",
        seed=seed,
        progress=progress,
        together=together,
    )


def _train_part(part: str, cache: Path, seed: int, device: str) -> Path:
    folder = cache / f"{part}-{seed}"
    if not (folder / "card.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {"size": "shipped", "seed": seed, "device": device, "progress": _log(part)}
        corpus, checkpoint = _corpus(cache, seed), folder / "checkpoint"
        trained: Autoencoder | SoundGru
        if part == "autoencoder":
            trained = Autoencoder.fit(corpus, SETTINGS.autoencoder, checkpoint=checkpoint, **given)
        else:
            trained = SoundGru.fit(corpus, SETTINGS.gru, checkpoint=checkpoint, **given)
        trained.save(folder)
    return folder


def tell_music(ears: Ears, corpus: Corpus, cache: Path, progress: Progress = silent) -> MusicLike:
    """What tells music from other sound by these ears' vectors."""
    rows = range(0, len(corpus), len(HEARINGS))
    clips = not_music(cache, "train", progress)
    vectors = [ears.encode(corpus.mels[row]) for row in rows]
    others = [ears.encode(mel_windows(clip.path)) for clip in clips]
    return MusicLike.fit(
        np.stack(vectors), np.stack(others), [corpus.groups[row] for row in rows], [clip.package for clip in clips]
    )


def _log(part: str) -> Progress:
    """Two processes share a terminal: a line now and then instead of a bar."""

    def say(stage: str, done: int, total: int | None) -> None:
        if done % 250 == 0:
            print(f"{part}: {stage}, {done} of {total}", file=sys.stderr, flush=True)

    return say


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True, help="where music and half-done work lie")
    parser.add_argument("--to", type=Path, default=PLACE, help="where weights and card go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with watching() as progress:
        listed = music.packages("train")
        sources = music.fetch(given.cache, listed, progress)
        recordings = music.recordings(given.cache / "music", "train")
        corpus = assemble(given.cache, recordings, progress)
        ears = train(given.cache, given.seed, given.device, progress)
        ears.likeness = tell_music(ears, corpus, given.cache, progress)
    ears.card["sources"] = [
        {**{key: asdict(one)[key] for key in ("package", "version", "sha256", "licence")}, "files": len(one.files)}
        for one in sources
    ]
    ears.card["not_music"] = [{"package": name, "licence": licence} for name, licence in SPEECH["train"].items()]
    ears.card["hours"] = round(len(corpus) * WINDOWS * WINDOW_SAMPLES / RATE_HZ / 3600, 1)
    ears.card["teacher"] = "MusiCNN, MTT and MSD (Pons and Serra 2019), ISC licence; at training time only"
    given.to.mkdir(parents=True, exist_ok=True)
    ears.save(given.to)


if __name__ == "__main__":
    main()
