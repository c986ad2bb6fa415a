"""What is left of music in few numbers: error against size, and five reconstructions to look at and to listen to.

python -m benchmarks.reconstruction FOLDER [FOLDER ...] [--ears DIR] [--to docs/reconstruction] [--steps N]

A folder holds the music of one package of the Debian archive and has its name. Autoencoders of three sizes learn from
packages; the error is measured on others that nothing learned from (HELD_OUT), beside principal components of as many
numbers and the mean. Pictures and sounds come from the encoder in ``--ears``, or from the largest that was trained.
The numbers of the page beside the folder ``--to`` (``docs/reconstruction.md``) are written anew.
"""

import argparse
import base64
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from segue.audio.decode import WINDOW_S, WINDOWS, read_windows
from segue.audio.invert import invert
from segue.audio.listen import mel_windows_of_many
from segue.audio.mel import FRAMES, MELS, RATE_HZ, log_mel
from segue.catalogue.walk import Found, resolve_roots, walk
from segue.demo.pictures import Chart, Line, chart, spectrogram
from segue.encoders.autoencoder import Autoencoder, AutoencoderSettings
from segue.encoders.corpus import Corpus
from segue.encoders.joint import Ears
from segue.encoders.registry import load_encoder
from segue.encoders.training import Schedule
from segue.errors import SegueError, UnreadableAudio
from segue.home import write_bytes, write_text

HELD_OUT = ("supertux-data", "widelands-data", "flare-game", "blobwars-data", "marsshooter-data")
SIZES = (32, 128, 256)
"""Latents every half second: a half begins as principal components, a half is learned from nothing."""
PIECE_FRAMES = 16
LATENT_STEPS = FRAMES // PIECE_FRAMES
SHORTEST_S = 30.0
"""Shorter files of a game are its noises."""
BIT_RATE = 40_000
DARKEST, LIGHTEST = 0.0, 6.5
SOUNDS = {"drawn": "from the latents"}
"""Only what was made anew is written: the music itself stays where it is from."""
BEGIN, END = "<!-- measured -->", "<!-- /measured -->"

Floats = npt.NDArray[np.float32]
Reconstruct = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Eight seconds that may be shown: a window of a file in a package, and whom to thank for it."""

    name: str
    package: str
    file: str
    window: int
    style: str
    title: str
    author: str
    licence: str


EXCERPTS = (
    Excerpt("metal", "marsshooter-data", "menu.ogg", 3, "metal", "Megtört Álom", "Obsidian Shell", "CC-BY-SA-3.0"),
    Excerpt(
        "electronic", "blobwars-data", "credits.ogg", 3, "electronic", "Tryout - desperate",
        "SinQ (Sander van Oirschot)", "CC-BY-3.0",
    ),
    Excerpt(
        "mallets", "blobwars-data", "ice.ogg", 3, "electronic, mallets", "Xylophonia", "Ambick (Dick Huijer)",
        "CC-BY-SA-3.0",
    ),
    Excerpt(
        "fantasy", "flare-game", "town_theme.ogg", 3, "acoustic, for a game of fantasy", "Town theme of Flare",
        "Brandon Morris for Flare, © 2012–2021 Clint Bellanger and others", "CC-BY-SA-3.0",
    ),
    Excerpt(
        "orchestra", "widelands-data", "ingame_24.ogg", 3, "orchestral", "Hypatia's theme", "Stuart Marshall",
        "CC-BY-SA-3.0",
    ),
)  # fmt: skip
LICENCES = {
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
}


class Scale:
    """Log-mels in units of what each bin varies by over the training music; its errors are shares of variance."""

    def __init__(self, corpus: Corpus) -> None:
        self.mean, self.deviation = corpus.bins

    def error(self, mels: Floats, drawn: Floats) -> dict[str, float]:
        """Mean squared error in squared deviations of a bin, and the mean absolute difference in dB."""
        difference = drawn - mels
        return {
            "error": round(float(np.square(difference / self.deviation).mean()), 4),
            "amiss_db": round(float(10 * np.abs(difference).mean()), 3),
        }


class Components:
    """Principal components of pieces of 16 frames, from every window of the training music."""

    def __init__(self, windows: Floats, scale: Scale) -> None:
        self.scale = scale
        pieces = self._pieces(windows)
        self.centre = pieces.mean(0)
        pieces -= self.centre
        _, self.directions = np.linalg.eigh(pieces.T @ pieces)

    def of(self, count: int) -> Reconstruct:
        """What so many components draw; never below 0, as for the autoencoder."""
        kept = self.directions[:, -count:]

        def reconstruct(mels: Floats) -> Floats:
            drawn = (self._pieces(mels) - self.centre) @ kept @ kept.T + self.centre
            levels = drawn.reshape(mels.shape) * self.scale.deviation + self.scale.mean
            return np.asarray(np.maximum(levels, 0), dtype=np.float32)

        return reconstruct

    def _pieces(self, mels: Floats) -> Floats:
        standardised = (mels - self.scale.mean) / self.scale.deviation
        return np.asarray(standardised.reshape(-1, PIECE_FRAMES * MELS), dtype=np.float32)


def music(folder: Path, most: int) -> list[Path]:
    """At most so many files of a folder, evenly spread, that last half a minute."""
    files = [Path(os.fsdecode(one.path)) for one in walk(resolve_roots([folder])) if isinstance(one, Found)]
    lasting = []
    for file in sorted(files):
        try:
            with av.open(os.fspath(file), metadata_errors="replace") as container:
                if (container.duration or 0) >= SHORTEST_S * av.time_base:
                    lasting.append(file)
        except av.error.FFmpegError:
            continue
    if not lasting:
        return []
    return [lasting[place] for place in np.unique(np.linspace(0, len(lasting) - 1, most).round().astype(int))]


def listen(folders: Sequence[Path], most: int) -> tuple[Floats, list[str]]:
    """(tracks, 8, 256, 96) log-mels, and the package of each."""
    files = [(file, folder.name) for folder in folders for file in music(folder, most)]
    heard, packages = [], []
    for place, mels in mel_windows_of_many([file for file, _ in files], workers=1, progress=say):
        if not isinstance(mels, UnreadableAudio):
            heard.append(mels)
            packages.append(files[place][1])
    return np.stack(heard) if heard else np.zeros((0, WINDOWS, FRAMES, MELS), np.float32), packages


def settings(latents: int, steps: int) -> AutoencoderSettings:
    """Half plane, half learned; learning to draw and nothing else."""
    schedule = Schedule(steps=steps, frames=FRAMES // 2)
    return AutoencoderSettings(schedule, plane=latents // 2, latents=latents - latents // 2, masked=0.0, contrast=0.0)


def measured(reconstruct: Reconstruct, tracks: Floats, scale: Scale) -> dict[str, float]:
    """The mean over tracks of the errors of each."""
    each = [scale.error(mels, reconstruct(mels)) for mels in tracks]
    return {name: round(float(np.mean([one[name] for one in each])), 4) for name in each[0]}


def compare(corpus: Corpus, tracks: Floats, steps: int, ears: Autoencoder | None) -> tuple[dict[str, Any], Reconstruct]:
    """The errors of every size and every rival, and who draws the pictures."""
    scale = Scale(corpus)
    components = Components(np.asarray(corpus.mels, dtype=np.float32).reshape(-1, FRAMES, MELS), scale)
    say("principal components", 1, 1)
    rows: list[dict[str, Any]] = []
    best: Reconstruct | None = None
    for latents in SIZES:
        before = time.process_time()
        trained = Autoencoder.fit(corpus, settings(latents, steps), progress=say)
        best = trained.reconstruct
        rows.append(
            {
                "numbers": latents * LATENT_STEPS,
                "autoencoder": measured(best, tracks, scale),
                "components": measured(components.of(latents), tracks, scale),
                "training_s": round(time.process_time() - before),
            }
        )
    found: dict[str, Any] = {
        "steps": steps,
        "training_tracks": len(corpus),
        "held_out_tracks": len(tracks),
        "mean": measured(lambda mels: np.broadcast_to(scale.mean, mels.shape), tracks, scale),
        "sizes": rows,
    }
    if ears is not None:
        best = ears.reconstruct
        numbers = int(ears.card["reconstruction"]["numbers_a_window"])
        found["ears"] = {
            "numbers": numbers,
            "autoencoder": measured(best, tracks, scale),
            "components": measured(components.of(numbers // LATENT_STEPS), tracks, scale),
        }
    assert best is not None
    return found, best


def show(excerpt: Excerpt, folder: Path, to: Path, reconstruct: Reconstruct) -> dict[str, Any] | None:
    """Write the picture and the sounds of an excerpt; what was measured of it, or None where its file is not there."""
    files = sorted(folder.rglob(f"*{excerpt.file}"))
    if not files:
        return None
    mels = log_mel(read_windows(files[0]))
    drawn = reconstruct(mels)[excerpt.window][None]
    mels = mels[excerpt.window][None]
    before = time.process_time()
    again = invert(np.concatenate([mels, drawn]))
    seconds = (time.process_time() - before) / 2
    difference = 10 * np.abs(log_mel(again) - np.concatenate([mels, drawn])).mean((1, 2))
    write_bytes(to / f"{excerpt.name}.png", picture(mels[0], drawn[0]))
    loudest = max(1.0, float(np.abs(again).max()))
    for sound, samples in zip(SOUNDS, again[1:], strict=True):
        comment = f"Changed: {WINDOW_S:.0f} s of it, mono, {RATE_HZ // 1000} kHz; {SOUNDS[sound]}"
        tags = {
            "title": excerpt.title,
            "artist": excerpt.author,
            "license": f"{excerpt.licence} {LICENCES[excerpt.licence]}",
            "comment": comment,
            "source": f"Debian package {excerpt.package}",
        }
        write_opus(to / f"{excerpt.name}-{sound}.opus", samples / loudest, tags)
    return {
        "drawn_amiss_db": round(float(10 * np.abs(drawn - mels).mean()), 2),
        "inversion_amiss_db": [round(float(one), 2) for one in difference],
        "seconds_a_window": round(seconds, 2),
    }


def picture(mels: Floats, drawn: Floats) -> bytes:
    """PNG: the spectrogram above, its reconstruction below."""
    gap = np.full((FRAMES, 2), LIGHTEST, dtype=np.float32)
    both = spectrogram(np.concatenate([drawn, gap, mels], axis=1), DARKEST, LIGHTEST)
    return base64.b64decode(both.partition(",")[2])


def write_opus(path: Path, y: Floats, tags: Mapping[str, str]) -> None:
    """Mono at 16 kHz; the same sound gives the same bytes."""
    with av.open(os.fspath(path), "w", format="ogg", options={"fflags": "+bitexact"}) as output:
        output.metadata.update(tags)
        stream = output.add_stream("libopus", rate=RATE_HZ, layout="mono", options={"flags": "+bitexact"})
        stream.bit_rate = BIT_RATE
        stream.codec_context.open()
        resampler = av.AudioResampler("flt", "mono", RATE_HZ, frame_size=stream.codec_context.frame_size)
        sound = av.AudioFrame.from_ndarray(np.asarray(y, np.float32)[None], format="flt", layout="mono")
        sound.sample_rate = RATE_HZ
        for frame in [*resampler.resample(sound), *resampler.resample(None), None]:
            output.mux(stream.encode(frame))


def curve(found: Mapping[str, Any]) -> str:
    """The errors over the numbers, as SVG."""
    rows = found["sizes"]
    drawn = chart(
        "Error on music nobody learned from",
        [row["numbers"] for row in rows],
        {
            name: [row[kind]["error"] for row in rows]
            for name, kind in (("autoencoder", "autoencoder"), ("principal components", "components"))
        },
        x_label="numbers",
        levels={"mean": found["mean"]["error"]},
    )
    assert drawn is not None
    return svg(drawn)


def svg(drawn: Chart) -> str:
    """A chart on white paper."""
    colours = ("#b03a2e", "#3b5b92")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawn.width + 130} {drawn.height}" role="img" '
        f'font-family="sans-serif" font-size="10"><title>{escape(drawn.summary)}</title>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for y, label in drawn.y_ticks:
        parts.append(f'<path d="M{drawn.left} {y} H{drawn.right}" stroke="#ddd"/>')
        parts.append(f'<text x="{drawn.left - 5}" y="{y + 3}" text-anchor="end">{label}</text>')
    for x, label in drawn.x_ticks:
        parts.append(f'<text x="{x}" y="{drawn.height - 12}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{drawn.right}" y="{drawn.height - 1}" text-anchor="end">{drawn.x_label} a window</text>')
    below = 0.0
    for line, colour in sorted(zip((*drawn.lines, *drawn.levels), (*colours, "#777"), strict=True), key=height):
        below = max(below + 12, line.end_y + 3)  # names of curves that end together stand one below the other
        parts.append(f'<path d="{line.path}" stroke="{colour}" stroke-width="1.5" fill="none"/>')
        named = escape(f"{line.name} {line.last}")
        parts.append(f'<text x="{line.end_x + 5}" y="{below:.1f}" fill="{colour}">{named}</text>')
    return "\n".join([*parts, "</svg>", ""])


def height(drawn: tuple[Line, str]) -> float:
    """Where a curve ends."""
    return drawn[0].end_y


def tables(found: Mapping[str, Any], folder: str) -> str:
    """What the page says of the numbers and the excerpts, as Markdown."""
    whole = FRAMES * MELS
    lines = [
        f"{found['training_tracks']} tracks to learn from, {found['held_out_tracks']} of other packages to measure on, "
        f"{found['steps']} steps.",
        "",
        "| numbers for 8.2 s | of the spectrogram | autoencoder | principal components |",
        "|---|---|---|---|",
        f"| the mean of each band | | {said(found['mean'])} | |",
    ]
    rows = [("", row) for row in found["sizes"]] + ([("the ears: ", found["ears"])] if "ears" in found else [])
    lines += [
        f"| {who}{row['numbers']:,} | {row['numbers'] / whole:.1%} | {said(row['autoencoder'])} | "
        f"{said(row['components'])} |"
        for who, row in rows
    ]
    lines += ["", f"![Error against size]({folder}/curve.svg)", ""]
    for excerpt in EXCERPTS:
        if excerpt.name not in found["excerpts"]:
            continue
        one = found["excerpts"][excerpt.name]
        sounds = " · ".join(f"[{what}]({folder}/{excerpt.name}-{sound}.opus)" for sound, what in SOUNDS.items())
        lines += [
            f"### {excerpt.title} ({excerpt.style})",
            "",
            f"![The spectrogram of {excerpt.title} above its reconstruction]({folder}/{excerpt.name}.png)",
            "",
            f"Listen: {sounds}. Drawn {one['drawn_amiss_db']:.1f} dB amiss; made audible, another "
            f"{one['inversion_amiss_db'][1]:.1f} dB.",
            "",
            f"{excerpt.author}, [{excerpt.licence}]({LICENCES[excerpt.licence]}), from the Debian package "
            f"`{excerpt.package}` (`{excerpt.file}`).",
            "",
        ]
    lines += [
        "The sounds and pictures on this page are adaptations of other people's music and stand under its licences:",
        f"[whose music this is]({folder}/ATTRIBUTION.md).",
    ]
    return "\n".join(lines)


def said(error: Mapping[str, float]) -> str:
    """An error for a table."""
    return f"{error['error']:.3f} ({error['amiss_db']:.1f} dB)"


def attribution(found: Mapping[str, Any]) -> str:
    """The note that lies beside the sounds and pictures."""
    lines = [
        "# Whose music this is",
        "",
        "The sounds and pictures in this folder are excerpts and adaptations of the works below and stand under the",
        "licences of these works, not under Segue's. They were shortened to 8 s, made mono at 16 kHz, and the",
        "sounds computed anew from what Segue keeps of them.",
        "",
        "| files | title | author | licence | source |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{one.name}*` | {one.title} | {one.author} | [{one.licence}]({LICENCES[one.licence]}) | "
        f"Debian package `{one.package}`, `{one.file}` |"
        for one in EXCERPTS
        if one.name in found["excerpts"]
    ]
    return "\n".join([*lines, ""])


def say(stage: str, done: int, total: int | None) -> None:
    """One line a stage, on standard error."""
    if total is not None and done == total:
        print(f"{stage}: {done} ({time.process_time():.0f} CPU-s so far)", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders of music, one a package, named like it")
    parser.add_argument("--held-out", nargs="+", default=HELD_OUT, metavar="NAME", help="folders nothing learns from")
    parser.add_argument(
        "--ears", type=Path, help="a folder with a trained encoder (ears or autoencoder) to measure too"
    )
    parser.add_argument("--to", type=Path, help="where pictures, sounds and numbers go; NAME.md beside it is updated")
    parser.add_argument("--steps", type=int, default=600, help="training steps of each size (default: 600)")
    parser.add_argument("--tracks", type=int, default=12, help="tracks of each package, at most (default: 12)")
    arguments = parser.parse_args()
    learned = [folder for folder in arguments.folders if folder.name not in arguments.held_out]
    others = [folder for folder in arguments.folders if folder.name in arguments.held_out]
    try:
        encoder = load_encoder(arguments.ears) if arguments.ears else None
        ears = encoder.autoencoder if isinstance(encoder, Ears) else encoder
        if ears is not None and not isinstance(ears, Autoencoder):
            parser.error(f"{arguments.ears} holds an encoder that can't draw: give ears or an autoencoder")
        training, packages = listen(learned, arguments.tracks)
        tracks, _ = listen(others, arguments.tracks)
    except SegueError as error:
        parser.error(str(error))
    if not len(training) or not len(tracks):
        parser.error(f"there must be music to learn from and music that is not ({', '.join(arguments.held_out)})")
    found, reconstruct = compare(Corpus(training, packages), tracks, arguments.steps, ears)
    if arguments.to:
        to: Path = arguments.to
        to.mkdir(parents=True, exist_ok=True)
        places = {folder.name: folder for folder in others}
        shown = {one.name: show(one, places[one.package], to, reconstruct) for one in EXCERPTS if one.package in places}
        found["excerpts"] = {name: numbers for name, numbers in shown.items() if numbers}
        write_text(to / "curve.svg", curve(found))
        write_text(to / "ATTRIBUTION.md", attribution(found))
        write_text(
            to / "numbers.json",
            json.dumps({**found, "excerpt_files": [asdict(one) for one in EXCERPTS]}, indent=1) + "\n",
        )
        page = to.with_suffix(".md")
        if page.exists():
            told = f"{BEGIN}\n{tables(found, to.name)}\n{END}"
            write_text(page, re.sub(f"{BEGIN}.*{END}", lambda _: told, page.read_text("utf-8"), flags=re.DOTALL))
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
