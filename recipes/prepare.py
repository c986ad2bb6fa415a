"""Music to what a training reads: log-mels of windows all over each recording, and what MusiCNN makes of their middle.

Each recording is heard four times: as it is, and played faster or slower by one to three semitones, as a record would
be, which makes other music of it that the teacher hears anew; then both again at moments in between. One ``.npz`` a
recording, written whole or not at all, so that a killed run goes on; processes share nothing.
"""

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.container import InputContainer
from scipy.signal import resample

from recipes.music import Recording
from recipes.musicnn import DIM, MODELS, PATCH_FRAMES, MusiCNN
from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES, log_mel_frames
from segue.progress import Progress, silent

__all__ = ["HEARINGS", "WINDOWS", "Prepared", "prepare"]

WINDOWS = 12
HEARINGS = ("as it is", "faster or slower", "as it is, in between", "faster or slower again, in between")
SEMITONES = (-3, -2, -1, 1, 2, 3)
LONGEST_S = 600
MIDDLE = slice((512 - PATCH_FRAMES) // 2, (512 - PATCH_FRAMES) // 2 + PATCH_FRAMES)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of one recording.

    ``mels`` is float16 (hearings · windows, 256, 96); ``taught`` float16 (hearings · windows, models · 200): the
    teachers' numbers for the three seconds in the middle of each window.
    """

    recording: Recording
    mels: npt.NDArray[np.float16]
    taught: npt.NDArray[np.float16]


def prepare(
    recordings: Sequence[Recording], cache: Path, wheel: Path, *, workers: int = 2, progress: Progress = silent
) -> Iterator[Prepared]:
    """Each recording's windows, in order; one that can't be read is left out."""
    cache.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(_prepared, recordings, [cache] * len(recordings), [wheel] * len(recordings))
        for done, (recording, place) in enumerate(zip(recordings, made, strict=True)):
            progress("hearing music and its teacher", done + 1, len(recordings))
            if place is not None:
                with np.load(place, allow_pickle=False) as held:
                    yield Prepared(recording, held["mels"], held["taught"])


def _prepared(recording: Recording, cache: Path, wheel: Path) -> Path | None:
    with recording.path.open("rb") as file:
        name = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    place = cache / f"{name}.npz"
    if place.exists():
        return place
    try:
        y = decode(recording.path)
    except (av.error.FFmpegError, OSError, ValueError):
        return None
    random = np.random.default_rng(int(name[:8], 16))
    first = random.choice(SEMITONES)
    second = random.choice([up for up in SEMITONES if up != first])
    hearings = ((0, False), (first, False), (0, True), (second, True))
    frames = np.concatenate([log_mel_frames(windows(y, 2 ** (up / 12), between)) for up, between in hearings])
    mels = (0.5 * (frames[:, 0::2] + frames[:, 1::2])).astype(np.float16)
    taught = np.concatenate(
        [np.concatenate([teacher.embed(window[MIDDLE]) for window in frames]) for teacher in _teachers(wheel)], axis=1
    ).astype(np.float16)
    assert taught.shape == (len(HEARINGS) * WINDOWS, len(MODELS) * DIM)
    part = place.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez(file, mels=mels, taught=taught)
    part.replace(place)
    return place


def decode(path: Path) -> Floats:
    """float32 (samples,): the first ten minutes, mono, 16 kHz; broken packets are left out, as players do."""
    parts, samples = [], 0
    with av.open(str(path), metadata_errors="replace") as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        for frame in _frames(container):
            for made in resampler.resample(frame):
                parts.append(made.to_ndarray()[0])
                samples += len(parts[-1])
            if samples >= LONGEST_S * RATE_HZ:
                break
    if not parts:
        raise ValueError(f"{path} holds no sound")
    return np.concatenate(parts)


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    for packet in container.demux(audio=0):
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def windows(y: Floats, speed: float, between: bool = False) -> Floats:
    """float32 (WINDOWS, 131072): windows evenly spread over the sound, or between those, played at this speed."""
    length = round(WINDOW_SAMPLES * speed)
    if len(y) < length:
        y = np.resize(y, length)
    places, step = np.linspace(0.02, 0.98, WINDOWS, retstep=True)
    starts = np.minimum(places + between * step / 2, 1) * (len(y) - length)
    cut = np.stack([y[int(start) : int(start) + length] for start in starts])
    return cut if length == WINDOW_SAMPLES else resample(cut, WINDOW_SAMPLES, axis=1).astype(np.float32)


@functools.cache
def _teachers(wheel: Path) -> tuple[MusiCNN, ...]:
    import torch

    torch.set_num_threads(1)
    return tuple(MusiCNN(wheel, model) for model in MODELS)
