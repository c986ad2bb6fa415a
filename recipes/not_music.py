"""Sound that is no music, to learn from and, apart from it, to measure on: noise, effects of games, speech.

In: ``CACHE/music`` (see ``recipes.music``), whose packages hold effects beside their music, speech out of packages of
the Debian archive (``CACHE/speech/PACKAGE``, fetched here), and ``espeak-ng``, an external program. Out: clips in
``CACHE/not-music/ROLE``, 20 s mono FLAC at 32 kHz, made once.

The two sides share nothing: an archive package is wholly on one, espeak-ng speaks for training only, and two kinds of
made sound (beeps, surf) are for testing only. Effects and single words are strung together with pauses, since a
library's file of speech or effects is seldom a second long.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from scipy.signal import butter, chirp, sosfilt

from recipes import music
from recipes.music import Role
from segue.errors import BadInput, NotReady
from segue.progress import Progress, silent

__all__ = ["SPEECH", "Clip", "not_music"]

RATE_HZ = 32_000
CLIP_S = 20.0
LONGEST_EFFECT_S = 3.0
"""What is longer, in a game, may be a jingle, or music."""
SOUNDS = (*music.SOUNDS, ".g722")

SPEECH: dict[Role, dict[str, str]] = {
    "train": {
        "asterisk-core-sounds-en-g722": "CC-BY-SA-3.0",
        "asterisk-core-sounds-fr-g722": "CC-BY-SA-3.0",
        "fillets-ng-data-cs": "GPL-2+",
        "ktuberling-data": "GPL-2+",
    },
    "test": {
        "fillets-ng-data-nl": "GPL-2+",
        "gcin-voice": "CC-BY-3.0",
        "klettres-data": "GPL-2+",
    },
}
"""Packages of people speaking, and the licence of each."""
SPEECH_CLIPS = 12
EFFECT_CLIPS = 4
"""At most so many clips of one package, fewer where it has less than ``PIECES`` sounds for each."""
PIECES = 6
MADE_CLIPS = 6
"""Clips of each kind of made sound."""

Samples = npt.NDArray[np.float32]
Sound = npt.NDArray[np.float64]


class Clip(NamedTuple):
    """A file of sound that is no music."""

    path: Path
    kind: str
    """"effects", "speech", "simulated speech", or a key of ``MADE``."""
    package: str
    """Where it is from, for folds: an archive package, "espeak-ng LANGUAGE", or "made KIND"."""


def not_music(folder: Path, role: Role, progress: Progress = silent) -> list[Clip]:
    """Clips of one side in a stable order; what is in ``folder/not-music`` is not made again.

    The effects are those of the packages of this side that are in ``folder/music``.

    Raises
    ------
    NotReady
        There is no apt, or no espeak-ng.
    BadInput
        A package of speech could not be had.
    """
    sources = [*_made(role), *_effects(folder / "music", role), *_recorded_speech(folder / "speech", role)]
    if role == "train":
        sources += _simulated_speech()
    clips = []
    for done, (kind, package, number, make) in enumerate(sources):
        progress("making sound that is no music", done, len(sources))
        path = folder / "not-music" / role / f"{package.replace(' ', '-')} {number}.flac"
        if not path.exists():
            _write(path, make(np.random.default_rng([number, *f"{role} {package}".encode()])))
        clips.append(Clip(path, kind, package))
    return clips


class _Source(NamedTuple):
    kind: str
    package: str
    number: int
    make: Callable[[np.random.Generator], Samples]


TIME_S = np.arange(int(CLIP_S * RATE_HZ)) / RATE_HZ


def _coloured(power: float) -> Callable[[np.random.Generator], Sound]:
    """Noise whose power falls with this power of the frequency: 0 white, 1 pink, 2 brown."""

    def noise(rng: np.random.Generator) -> Sound:
        spectrum = np.fft.rfft(rng.standard_normal(TIME_S.size))
        frequency = np.fft.rfftfreq(TIME_S.size, 1 / RATE_HZ)
        y: Sound = np.fft.irfft(spectrum / np.maximum(frequency, 20) ** (power / 2), TIME_S.size)
        return y

    return noise


def _hum(rng: np.random.Generator) -> Sound:
    """Mains, its harmonics and some hiss."""
    base = rng.choice([50, 60])
    harmonics = [rng.random() / n * np.sin(2 * np.pi * base * n * TIME_S + rng.random() * 6) for n in range(1, 12)]
    y: Sound = np.sum(harmonics, 0) + 10 ** rng.uniform(-4, -2) * rng.standard_normal(TIME_S.size)
    return y


def _clicks(rng: np.random.Generator) -> Sound:
    """Crackle: single samples at random moments, as a worn record gives between songs."""
    y = np.where(rng.random(TIME_S.size) < 10 ** rng.uniform(-4, -2.5), rng.standard_normal(TIME_S.size), 0)
    filtered: Sound = sosfilt(butter(1, rng.uniform(2000, 12000), fs=RATE_HZ, output="sos"), y)
    return filtered + 1e-4 * rng.standard_normal(TIME_S.size)


def _sweep(rng: np.random.Generator) -> Sound:
    """A test tone that rises or falls, once or again and again."""
    ends = rng.permutation([rng.uniform(20, 200), rng.uniform(4000, 15000)])
    period_s = rng.choice([2, 5, CLIP_S])
    y: Sound = chirp(TIME_S % period_s, *(ends[0], period_s, ends[1]), method="logarithmic")
    return y


def _beeps(rng: np.random.Generator) -> Sound:
    """Two tones together, on and off, as a telephone signals."""
    tones = np.sum([np.sin(2 * np.pi * hz * TIME_S) for hz in rng.uniform(350, 1600, 2)], 0)
    period_s = rng.uniform(0.4, 4)
    on: Sound = tones * (TIME_S % period_s < period_s * rng.uniform(0.2, 0.6))
    return on + 1e-3 * rng.standard_normal(TIME_S.size)


def _surf(rng: np.random.Generator) -> Sound:
    """Noise that swells and falls, as waves and wind do."""
    swell = np.mean([np.sin(2 * np.pi * TIME_S / rng.uniform(3, 12) + rng.random() * 6) for _ in range(3)], 0)
    y: Sound = _coloured(rng.uniform(0.5, 1.8))(rng) * 10 ** (1.2 * swell)
    return y


MADE: dict[str, tuple[Callable[[np.random.Generator], Sound], tuple[Role, ...]]] = {
    "white noise": (_coloured(0), ("train", "test")),
    "pink noise": (_coloured(1), ("train", "test")),
    "brown noise": (_coloured(2), ("train", "test")),
    "hum": (_hum, ("train", "test")),
    "clicks": (_clicks, ("train", "test")),
    "sweep": (_sweep, ("train", "test")),
    "near-silence": (_coloured(0), ("train", "test")),
    "beeps": (_beeps, ("test",)),
    "surf": (_surf, ("test",)),
}
"""Kinds of made sound, and the sides that they are on."""


def _made(role: Role) -> Iterator[_Source]:
    for kind, (make, roles) in MADE.items():

        def scaled(
            rng: np.random.Generator,
            kind: str = kind,
            make: Callable[[np.random.Generator], Sound] = make,
        ) -> Samples:
            y = make(rng)
            # Near-silence is the dither of a 16-bit file, one or two steps high.
            peak = 2**-15 * rng.uniform(1, 2) if kind == "near-silence" else rng.uniform(0.05, 0.9)
            return np.asarray(y / np.abs(y).max() * peak, np.float32)

        if role in roles:
            for number in range(MADE_CLIPS):
                yield _Source(kind, f"made {kind}", number, scaled)


def _effects(folder: Path, role: Role) -> Iterator[_Source]:
    for listed in music.packages(role):
        short = [path for path in _sounds(folder / listed.package) if _seconds(path) <= LONGEST_EFFECT_S]
        yield from _strung("effects", listed.package, short, EFFECT_CLIPS, pauses_s=(0.05, 1.0))


def _recorded_speech(folder: Path, role: Role) -> Iterator[_Source]:
    for package in SPEECH[role]:
        _fetch(folder, package)
        yield from _strung("speech", package, _sounds(folder / package), SPEECH_CLIPS, pauses_s=(0.1, 0.6))


def _strung(
    kind: str, package: str, sounds: Sequence[Path], most: int, pauses_s: tuple[float, float]
) -> Iterator[_Source]:
    """Clips of sounds in a row; no sound is in two clips."""
    count = min(most, len(sounds) // PIECES)
    for number in range(count):
        # Neighbours of a listing are one speaker's, or one weapon's; a clip takes them together.
        share = list(sounds[number * len(sounds) // count : (number + 1) * len(sounds) // count])

        def string(rng: np.random.Generator, share: Sequence[Path] = share) -> Samples:
            parts: list[Samples] = []
            length = 0
            order = [share[place] for place in rng.permutation(len(share))]
            while length < CLIP_S * RATE_HZ:
                for path in order:
                    pause = np.zeros(int(rng.uniform(*pauses_s) * RATE_HZ), np.float32)
                    parts += [_read(path), pause]
                    length += len(parts[-2]) + len(pause)
                    if length >= CLIP_S * RATE_HZ:
                        break
            return np.concatenate(parts)[: int(CLIP_S * RATE_HZ)]

        yield _Source(kind, package, number, string)


TEXTS = {
    "en": "It was getting dark when the last train left the harbour. Nobody on the platform said a word, and the rain "
    "went on as if it would never stop. Seven letters lay on the table, each of them opened and none of them read.",
    "de": "Es wurde schon dunkel, als der letzte Zug den Hafen verließ. Niemand auf dem Bahnsteig sagte ein Wort, und "
    "der Regen fiel weiter, als würde er nie mehr aufhören. Sieben Briefe lagen auf dem Tisch.",
    "fr": "Il faisait presque nuit quand le dernier train quitta le port. Personne sur le quai ne disait un mot, et la "
    "pluie tombait comme si elle ne devait jamais cesser. Sept lettres étaient posées sur la table.",
    "es": "Ya oscurecía cuando el último tren salió del puerto. Nadie en el andén decía una palabra, y la lluvia "
    "seguía cayendo como si no fuera a parar nunca. Siete cartas estaban sobre la mesa.",
    "ru": "Уже темнело, когда последний поезд покинул гавань. Никто на платформе не сказал ни слова, а дождь всё шёл "
    "и шёл, будто никогда не кончится. Семь писем лежали на столе.",
    "tr": "Son tren limandan ayrıldığında hava kararıyordu. Peronda kimse tek kelime etmedi ve yağmur hiç "
    "durmayacakmış gibi yağmaya devam etti. Masanın üzerinde yedi mektup duruyordu.",
}
VOICES = (("m1", 150, 45), ("f2", 190, 60), ("m7", 120, 30), ("f4", 240, 75))
"""espeak-ng's variant, words a minute, pitch (0 to 99)."""


def _simulated_speech() -> Iterator[_Source]:
    program = shutil.which("espeak-ng")
    if program is None:
        raise NotReady("speech to train on is made by espeak-ng: apt-get install espeak-ng")
    for language, text in TEXTS.items():
        for number, (variant, words, pitch) in enumerate(VOICES):
            command = [program, "-v", f"{language}+{variant}", "-s", str(words), "-p", str(pitch), "--stdin"]

            def speak(_: np.random.Generator, command: Sequence[str] = command, text: str = text) -> Samples:
                with tempfile.TemporaryDirectory() as scratch:
                    spoken = Path(scratch, "spoken.wav")
                    subprocess.run([*command, "-w", str(spoken)], input=text.encode(), capture_output=True, check=True)
                    return np.resize(_read(spoken), int(CLIP_S * RATE_HZ))

            yield _Source("simulated speech", f"espeak-ng {language}", number, speak)


def _fetch(folder: Path, package: str) -> None:
    """Have a package's tree in ``folder/package``: flat, as music is kept, one language would overwrite another."""
    place = folder / package
    if place.exists():
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotReady("recorded speech comes out of packages of the Debian archive: this machine has no apt")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        got = subprocess.run(["apt-get", "download", package], cwd=scratch, capture_output=True, text=True, check=False)
        archives = sorted(Path(scratch).glob("*.deb"))
        if got.returncode or not archives:
            reason = (got.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BadInput(f"{package} could not be fetched ({reason}): run apt-get update and try again")
        tree = Path(scratch, "tree")
        subprocess.run(["dpkg-deb", "-x", str(archives[0]), str(tree)], check=True, capture_output=True)
        tree.rename(place)


def _sounds(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS and "silence" not in path.parts)
    return sorted(found)


def _seconds(path: Path) -> float:
    """Its declared length; endless where there is none, so that it is not taken for a short one."""
    try:
        with _opened(path) as container:
            return container.duration / av.time_base if container.duration else np.inf
    except (av.error.FFmpegError, OSError):
        return np.inf


def _read(path: Path) -> Samples:
    """float32 mono at 32 kHz, empty where nothing can be decoded, and as loud as the file has it."""
    blocks = [np.zeros((1, 0), np.float32)]
    resampler = av.AudioResampler("fltp", "mono", RATE_HZ)
    try:
        with _opened(path) as container:
            for frame in container.decode(audio=0):
                blocks += [np.asarray(resampled.to_ndarray(), np.float32) for resampled in resampler.resample(frame)]
        blocks += [np.asarray(resampled.to_ndarray(), np.float32) for resampled in resampler.resample(None)]
    except (av.error.FFmpegError, OSError):
        pass  # a damaged file among hundreds: what came before it ends is sound too
    samples: Samples = np.concatenate(blocks, 1)[0]
    return samples


def _opened(path: Path) -> av.container.InputContainer:
    return av.open(str(path), format="g722" if path.suffix == ".g722" else None, metadata_errors="replace")


def _write(path: Path, y: Samples) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with av.open(str(part), "w", format="flac") as output:
        stream = output.add_stream("flac", rate=RATE_HZ)
        stream.layout, stream.format = "mono", "s16"
        steps = np.clip(np.round(y * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
        for start in range(0, len(steps), 4096):
            frame = av.AudioFrame.from_ndarray(steps[None, start : start + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE_HZ, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    part.replace(path)
