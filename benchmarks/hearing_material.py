"""What hearing is measured on besides music itself: spoilt copies of it, and simulated pieces of known tempo and key.

``distorted`` writes copies of a music file as a library has them of one song: squeezed, louder, softer, resampled,
trimmed, in mono. ``tempo_key_set`` renders the pieces of ``benchmarks.composer`` (simulated: no one recorded them) with
fluidsynth and two General MIDI soundfonts, which are external programs and files. Both keep what they made.
"""

import hashlib
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from benchmarks.composer import MODES, STYLES, Mode, compose
from segue.errors import NotReady, UnreadableAudio

__all__ = ["DISTORTIONS", "KEYS", "PIECES", "Piece", "distorted", "render", "synthesiser", "tempo_key_set"]

Samples = npt.NDArray[np.float32]

TRIM_S = 1.2
MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


class Distortion(NamedTuple):
    """One way to spoil a file: what happens to its samples (channels, n), and how they are written."""

    ending: str
    codec: str
    change: Callable[[Samples], Samples] = lambda y: y
    rates_hz: tuple[int, ...] = ()
    """The rates that may be written, the first unless the file's own is among them; any, where there is none."""
    bit_rate: int | None = None
    skip_s: float = 0
    mono: bool = False
    effort: int = 0
    """How hard the encoder tries, as FFmpeg counts it (``compression_level``; FLAC loses nothing at any)."""


DISTORTIONS: Mapping[str, Distortion] = {
    "mp3 at 64 kbit/s": Distortion("mp3", "libmp3lame", rates_hz=(44100, *MP3_RATES_HZ), bit_rate=64_000, effort=7),
    "opus at 64 kbit/s": Distortion("opus", "libopus", rates_hz=(48000,), bit_rate=64_000, effort=5),
    # as floats, which do not clip
    "6 dB louder": Distortion("wav", "pcm_f32le", change=lambda y: np.float32(10 ** (6 / 20)) * y),
    "6 dB softer": Distortion("wav", "pcm_f32le", change=lambda y: np.float32(10 ** (-6 / 20)) * y),
    "resampled to 22.05 kHz": Distortion("flac", "flac", rates_hz=(22050,)),
    "trimmed by 1.2 s": Distortion("flac", "flac", skip_s=TRIM_S),
    "mixed to mono": Distortion("flac", "flac", change=lambda y: y.mean(0, keepdims=True), mono=True),
}


def distorted(path: Path, folder: Path) -> dict[str, Path]:
    """Copies of a music file in ``folder``, by the name of the distortion (see ``DISTORTIONS``); made once.

    Files of more than two channels are mixed to two first.

    Raises
    ------
    UnreadableAudio
        The file can't be decoded.
    """
    state = path.stat()
    told = f"{path.absolute()} {state.st_size} {state.st_mtime_ns}".encode("utf-8", "surrogateescape")
    name = hashlib.blake2b(told, digest_size=10).hexdigest()
    places = {said: folder / f"{name} {said.replace('/', ' per ')}.{one.ending}" for said, one in DISTORTIONS.items()}
    missing = {said: place for said, place in places.items() if not place.exists()}
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        parts = {said: place.with_name(place.name + ".part") for said, place in missing.items()}
        try:
            _distort(path, parts)
        except (OSError, IndexError, av.error.FFmpegError) as error:
            for part in parts.values():
                part.unlink(missing_ok=True)
            raise UnreadableAudio(f"{path}: it can't be decoded from end to end ({error})") from error
        for said, part in parts.items():
            part.replace(missing[said])
    return places


def _distort(path: Path, parts: Mapping[str, Path]) -> None:
    """One decoding for all of the copies, block by block."""
    with av.open(str(path), metadata_errors="replace") as container:
        stream = container.streams.audio[0]
        rate_hz, channels = stream.codec_context.sample_rate, min(stream.codec_context.channels, 2)
        copies = [_Copy(DISTORTIONS[said], part, rate_hz, channels) for said, part in parts.items()]
        try:
            floats = av.AudioResampler("fltp", _layout(channels), rate_hz)
            for frame in container.decode(stream):
                for block in floats.resample(frame):
                    for copy in copies:
                        copy.push(np.asarray(block.to_ndarray(), np.float32))
        finally:
            for copy in copies:
                copy.close()


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"


class _Copy:
    """A distorted copy that is being written."""

    def __init__(self, how: Distortion, part: Path, rate_hz: int, channels: int) -> None:
        self._how, self._rate_hz = how, rate_hz
        self._layout = _layout(1 if how.mono else channels)
        self._skip, self._pushed = round(how.skip_s * rate_hz), 0
        out_hz = rate_hz if not how.rates_hz or rate_hz in how.rates_hz else how.rates_hz[0]
        self._output = av.open(str(part), "w", format=how.ending, options={"fflags": "+bitexact"})
        choices = {"flags": "+bitexact", "compression_level": str(how.effort)}
        stream = self._output.add_stream(how.codec, rate=out_hz, options=choices)
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        self._stream.layout = self._layout
        context = self._stream.codec_context
        if how.bit_rate is not None:
            context.bit_rate = how.bit_rate
        context.open()
        self._fit = av.AudioResampler(context.format, context.layout, out_hz, frame_size=context.frame_size or None)

    def push(self, y: Samples) -> None:
        y, self._skip = y[:, self._skip :], max(0, self._skip - y.shape[1])
        if y.shape[1]:
            changed = np.ascontiguousarray(self._how.change(y))
            frame = av.AudioFrame.from_ndarray(changed, format="fltp", layout=self._layout)
            frame.sample_rate, frame.time_base, frame.pts = self._rate_hz, Fraction(1, self._rate_hz), self._pushed
            self._pushed += y.shape[1]
            self._write(frame)

    def close(self) -> None:
        if self._pushed:
            self._write(None)
            self._output.mux(self._stream.encode(None))
        self._output.close()

    def _write(self, frame: av.AudioFrame | None) -> None:
        for ready in self._fit.resample(frame):
            self._output.mux(self._stream.encode(ready))


PIECES = 120
PIECE_S = 40.0
TEMPO_BPM = (60.0, 180.0)
KEYS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
RENDER_HZ = 22_050
SOUNDFONTS = ("FluidR3_GM.sf2", "TimGM6mb.sf2")
SOUNDFONT_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/soundfonts"), Path("/usr/local/share/sounds/sf2"))
INSTALL = "apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont"


class Piece(NamedTuple):
    """A simulated piece; tempo and key are what was written, not what was found."""

    path: Path
    tempo_bpm: float
    key: int
    """The tonic's pitch class: a place in ``KEYS``."""
    mode: Mode
    group: str
    """The style: its progressions and patterns are the same in all of its pieces, so folds part by it."""


def tempo_key_set(folder: Path, *, count: int = PIECES, seed: int = 0) -> list[Piece]:
    """Simulated pieces of 40 s with tempo and key known by construction, in ``folder``; rendered once.

    Every style has each of the twelve tonics once, half of them in minor, and each twelfth of the (logarithmic) range
    of tempo once, in an order of its own. The instruments and the soundfont are drawn for each piece.

    Parameters
    ----------
    count
        Only so many of them; the styles take turns.

    Raises
    ------
    NotReady
        fluidsynth or a soundfont is not installed; the message says what to install.
    """
    program, fonts = synthesiser()
    folder.mkdir(parents=True, exist_ok=True)
    lowest, highest = TEMPO_BPM
    pieces = []
    for number in range(count):
        key, style = number // len(STYLES) % len(KEYS), STYLES[number % len(STYLES)]
        mode = MODES[(key + number % len(STYLES)) % 2]
        order = list(range(len(KEYS)))
        random.Random(f"{seed} {style.name}").shuffle(order)
        rng = random.Random(f"{seed} {number}")
        tempo_bpm = round(lowest * (highest / lowest) ** ((order[key] + rng.random()) / len(order)), 2)
        score = compose(style, key, mode, tempo_bpm, duration_s=PIECE_S, seed=f"{seed} {number}")
        font = rng.choice(fonts)
        print_ = hashlib.blake2b(score + font.name.encode(), digest_size=4).hexdigest()
        path = folder / f"simulated {number:03} {style.name} {KEYS[key]} {mode} {tempo_bpm:.0f} {print_}.flac"
        if not path.exists():
            render(program, font, score, path)
        pieces.append(Piece(path, tempo_bpm, key, mode, style.name))
    return pieces


def synthesiser() -> tuple[str, list[Path]]:
    """fluidsynth and the soundfonts.

    Raises
    ------
    NotReady
        One is not installed; the message says what to install.
    """
    program = shutil.which("fluidsynth")
    found = {name: next((at / name for at in SOUNDFONT_FOLDERS if (at / name).is_file()), None) for name in SOUNDFONTS}
    fonts = [font for font in found.values() if font is not None]
    absent = [*([] if program else ["fluidsynth"]), *(name for name, font in found.items() if font is None)]
    if program is None or absent:
        raise NotReady(
            f"the simulated pieces are rendered by external programs; {', '.join(absent)} missing: {INSTALL}"
        )
    return program, fonts


def render(program: str, font: Path, score: bytes, path: Path) -> None:
    """Play a standard MIDI file into a FLAC file.

    Raises
    ------
    NotReady
        fluidsynth can't do it.
    """
    # Without reverberation and with few voices at once it takes a third of the time.
    cheap = ["-R", "0", "-C", "0", "-o", "synth.polyphony=48", "-o", "synth.dynamic-sample-loading=1"]
    # Another process may be rendering the same piece into the same folder.
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        midi, part = Path(scratch, "score.mid"), Path(scratch, "sound.flac")
        midi.write_bytes(score)
        command = [program, "-ni", *cheap, "-r", str(RENDER_HZ), "-g", "0.6", "-T", "flac", "-F", str(part)]
        try:
            subprocess.run([*command, str(font), str(midi)], check=True, capture_output=True, stdin=subprocess.DEVNULL)
            part.replace(path)
        except (subprocess.CalledProcessError, OSError) as error:
            raise NotReady(f"fluidsynth could not render {path.name} ({error}): {INSTALL}") from error
