"""Fixtures for every room: real audio files, made with FFmpeg's own encoders, the same bytes every time."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

#: codec name → (encoder, options); a file name's ending chooses one where the test names none.
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "mp3": ("libmp3lame", {}),
    "flac": ("flac", {}),
    "vorbis": ("vorbis", {"strict": "experimental"}),
    "opus": ("libopus", {}),
    "aac": ("aac", {}),
    "alac": ("alac", {}),
    "wav": ("pcm_s16le", {}),
    "float": ("pcm_f32le", {}),
    "aiff": ("pcm_s16be", {}),
    "wma": ("wmav2", {}),
    "wavpack": ("wavpack", {}),
}
ENDINGS = {
    ".mp3": "mp3",
    ".flac": "flac",
    ".ogg": "vorbis",
    ".oga": "vorbis",
    ".opus": "opus",
    ".m4a": "aac",
    ".mp4": "aac",
    ".aac": "aac",
    ".wav": "wav",
    ".aif": "aiff",
    ".aiff": "aiff",
    ".wma": "wma",
    ".wv": "wavpack",
}
CONTAINERS = {".oga": "ogg", ".m4a": "ipod", ".aac": "adts", ".aif": "aiff", ".wma": "asf"}
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)

MakeSound = Callable[..., Path]


def _wave(
    seconds: float, rate_hz: int, channels: int, frequencies: Sequence[float], noise: int | None
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    time_s = np.arange(max(1, round(seconds * rate_hz))) / rate_hz
    y = np.zeros((channels, time_s.size))
    for frequency in frequencies:
        y += np.sin(2 * np.pi * frequency * time_s) * 0.5 / len(frequencies)
    if noise is not None:
        y += np.random.default_rng(noise).standard_normal(y.shape) * 0.1
    return y.clip(-1, 1).astype(np.float32)


def _make_sound(
    path: str | os.PathLike[str],
    *,
    seconds: float = 1.0,
    rate_hz: int | None = None,
    channels: int = 2,
    codec: str | None = None,
    tags: Mapping[str, str] | None = None,
    frequencies: Sequence[float] = (440.0,),
    noise: int | None = None,
    samples: np.ndarray | None = None,
    container: str | None = None,
) -> Path:
    path = Path(path)
    codec = codec or ENDINGS[path.suffix.lower()]
    encoder, options = ENCODERS[codec]
    if rate_hz is None:
        rate_hz = 48000 if codec == "opus" else 44100
    if samples is None:
        samples = _wave(seconds, rate_hz, channels, frequencies, noise)
    channels = samples.shape[0]
    container = container or CONTAINERS.get(path.suffix.lower(), path.suffix.lower().lstrip("."))
    options_of_container = {"fflags": "+bitexact"} | ({"write_id3v2": "1"} if container == "aiff" else {})
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as file,
        av.open(file, "w", format=container, options=options_of_container) as output,
    ):
        output.metadata.update(tags or {})
        out_rate_hz = 48000 if codec == "opus" and rate_hz not in OPUS_RATES_HZ else rate_hz
        stream = output.add_stream(encoder, rate=out_rate_hz, options={"flags": "+bitexact", **options})
        stream.layout = LAYOUTS[channels]
        context = stream.codec_context
        if codec == "wma":  # the one encoder without a bit rate of its own
            context.bit_rate = 128_000
        context.open()
        resampler = av.AudioResampler(
            context.format, context.layout, out_rate_hz, frame_size=context.frame_size or None
        )
        for start in range(0, samples.shape[1], 65536):
            block = np.ascontiguousarray(samples[:, start : start + 65536], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=LAYOUTS[channels])
            frame.sample_rate = rate_hz
            frame.pts = start
            frame.time_base = Fraction(1, rate_hz)
            for ready in resampler.resample(frame):
                output.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            output.mux(stream.encode(ready))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def make_sound() -> MakeSound:
    """``make_sound(path, seconds=1, rate_hz=44100, channels=2, codec=None, tags=None, frequencies=(440,), noise=None,
    samples=None)``: a real audio file at ``path`` (folders are made), and the path again.

    The ending picks codec and container; ``codec`` overrides (``"alac"`` in ``.m4a``, ``"float"`` in ``.wav``,
    ``"opus"`` in ``.ogg``). The sound is the sum of sines at ``frequencies`` (Hz) in every channel, plus white noise
    seeded by ``noise``, or ``samples`` (float32, channels × samples, −1 to 1). ``tags`` are FFmpeg's names (title,
    artist, album_artist, album, track, disc, date, genre, …). The same call writes the same bytes. (FFmpeg encodes
    vorbis in stereo only, and opus at 48 kHz and its divisors.)
    """
    return _make_sound


KILLER = """
import os, pathlib, signal, sys
parent, deadly, blow = sys.argv[1:]
print("looking", flush=True)
while True:
    for thread in pathlib.Path(f"/proc/{parent}/task").iterdir():
        try:
            for pid in (thread / "children").read_text().split():
                if any(os.readlink(fd) == deadly for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()):
                    os.kill(int(pid), int(blow))
        except OSError:  # a thread or a child that is gone by now
            pass
"""


@contextmanager
def _killing(deadly: Path, blow: int) -> Iterator[None]:
    words = [sys.executable, "-c", KILLER, str(os.getpid()), str(deadly), str(int(blow))]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as killer:
        assert killer.stdout is not None
        killer.stdout.readline()  # it looks, before there is anything to be seen
        try:
            yield
        finally:
            killer.kill()


Killing = Callable[[Path, int], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def killing() -> Killing:
    """``with killing(file, signal):`` strikes each child that has the file open, as an out-of-memory killer does.

    On a busy machine it comes too late at times: try again until it was seen to strike.
    """
    return _killing


@dataclass(frozen=True)
class World:
    """Sixteen tracks in four timbres (an album and an artist each), a history, and a home that learned from both."""

    music: Path
    history: Path
    home: Path

    def copy(self, to: Path) -> "World":
        """The same, to be changed. The files lie elsewhere than the catalogue says."""
        shutil.copytree(self.music, to / "music")
        shutil.copytree(self.home, to / "home")
        return World(to / "music", self.history, to / "home")


class Done(NamedTuple):
    """How a command ended: its exit status and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer to ``--json``."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line of a command that could not do what was asked."""
        assert self.code == 1, self.out + self.err
        said = [line for line in self.err.splitlines() if line.startswith("segue: ")]
        assert len(said) == 1, self.err
        assert self.err.splitlines()[-1] == said[0]
        assert "Traceback" not in self.err
        return said[0].removeprefix("segue: ")


Run = Callable[..., Done]


def _run(home: Path, *words: str | Path) -> Done:
    from typer.testing import CliRunner

    from segue.cli.app import app

    environment = {"SEGUE_HOME": str(home), "SEGUE_WORKERS": "1", "SEGUE_SIZE": "tiny", "COLUMNS": "160"}
    done = CliRunner().invoke(app, [str(word) for word in words], env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def run() -> Run:
    """``run(home, "recommend", "me")``: the command line in this process, on this home folder."""
    return _run


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A scanned, listened and trained home, made by real commands once a session: copy it to change it."""
    root = tmp_path_factory.mktemp("world")
    made = World(root / "music", root / "listens.jsonl", root / "home")
    for number in range(16):
        album = number // 4
        _make_sound(
            made.music / f"album {album}" / f"{number}.flac",
            seconds=6,
            rate_hz=22050,
            channels=1,
            frequencies=[
                pitch * (1 + number % 4 / 100) for pitch in ((110, 330), (440, 1320), (1760, 2200), (3520, 5000))[album]
            ],
            noise=number,
            tags={"title": f"Title {number}", "artist": f"Artist {album}", "album": f"Album {album}"},
        )
    dice = random.Random(1)
    listens = []
    for number in range(300):
        track = 4 * (number // 20 % 2) + dice.randrange(4) if number % 10 else 8 + dice.randrange(4)
        told = {"duration": 6, "duration_played": 6 if number % 6 else 1}
        names = {"artist_name": f"Artist {track // 4}", "track_name": f"Title {track}", "additional_info": told}
        listens.append({"listened_at": 1_700_000_000 + 200 * number + 86_400 * (number // 20), "track_metadata": names})
    made.history.write_text("\n".join(map(json.dumps, listens)))
    for words in (["scan", made.music], ["import", made.history, "--listener", "me"], ["train", "--size", "tiny"]):
        done = _run(made.home, *words)
        assert done.code == 0, done.err
    return made


@pytest.fixture
def own(world: World, tmp_path: Path) -> World:
    """A copy of the world, for a test that changes it."""
    return world.copy(tmp_path)
