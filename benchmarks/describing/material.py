"""Pieces whose tempo and key are known, none of which any constant of the descriptors was chosen on.

Simulated pieces come in the styles that were held out, chorales are those whose names fall on this side, and what a
package of open music holds as MIDI, or as a song with its notes beside it, is taken from packages that were held out.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.describing.chorales import chorales, fetch_wheel
from benchmarks.describing.midi_files import tempo_of
from benchmarks.hearing_material import render, synthesiser, tempo_key_set
from recipes import midi
from segue.errors import NotReady
from segue.progress import Progress, silent

__all__ = ["CHORALES", "HELD_OUT_STYLES", "PACKAGES", "SIMULATED", "SONGS", "Known", "pieces"]

SIMULATED, CHORALES, PACKAGES, SONGS = "simulated", "chorales", "game music", "recordings"
HELD_OUT_STYLES = ("rock", "waltz", "dance", "reggae", "canon")
"""Of ``benchmarks.composer``. Constants were chosen on the other five, on the other chorales, and on freedoom."""
PLAYED = "openttd-openmsx"
"""A package of MIDI by several composers, as ``recipes.midi`` plays it: three soundfonts, three rooms."""
SUNG = ("fretsonfire-songs-muldjord", "fretsonfire-songs-sectoid")
"""Packages of recordings with their notes as MIDI: ``TITLE__song.ogg`` beside ``TITLE__notes.mid``."""

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A file, its tempo, and its key where it is known."""

    path: Path
    source: str
    tempo_bpm: float
    key: Key | None = None


def pieces(
    music: Path | None, cache: Path, *, count: int | None = None, seed: int = 0, progress: Progress = silent
) -> list[Known]:
    """All of them; rendered into ``cache``, once.

    Parameters
    ----------
    music
        The folder of packages that ``recipes.music.fetch`` fills; None leaves its pieces out.
    count
        At most so many of each source.

    Raises
    ------
    NotReady
        fluidsynth, a soundfont or the chorales are not to be had.
    """
    progress("rendering", 0, None)
    found = [
        Known(one.path, SIMULATED, one.tempo_bpm, (one.key, one.mode))
        for one in tempo_key_set(cache / "simulated", seed=seed)
        if one.group in HELD_OUT_STYLES
    ][:count]
    found += _chorales(cache, seed)[:count]
    if music is not None:
        found += _played(music, cache)[:count] + _sung(music)[:count]
    progress("rendering", len(found), len(found))
    return found


def held_out(name: str) -> bool:
    """Whether a chorale of this name is measured on; on the others constants were chosen."""
    return hashlib.blake2b(name.encode()).digest()[0] % 2 == 0


def _chorales(cache: Path, seed: int) -> list[Known]:
    folder = cache / "chorales"
    folder.mkdir(parents=True, exist_ok=True)
    program, fonts = synthesiser()
    found = []
    for chorale in chorales(fetch_wheel(cache)):
        if not held_out(chorale.name):
            continue
        score, tempo_bpm = chorale.midi(seed)
        digest = hashlib.blake2b(score, digest_size=4).hexdigest()
        path = folder / f"{chorale.name} {tempo_bpm:.0f} {digest}.flac"
        if not path.exists():
            render(program, random.Random(chorale.name).choice(fonts), score, path)
        found.append(Known(path, CHORALES, tempo_bpm, (chorale.key, chorale.mode)))
    return found


def _played(music: Path, cache: Path) -> list[Known]:
    found = []
    for score in _present(music, (PLAYED,), "*.mid"):
        tempo_bpm = tempo_of(score)
        path = cache / "played" / f"{score.stem}.flac"
        if tempo_bpm is None:
            continue
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            midi.render(score, path)
        if path.exists():
            found.append(Known(path, PACKAGES, tempo_bpm))
    return found


def _sung(music: Path) -> list[Known]:
    found = []
    for notes in _present(music, SUNG, "*__notes.mid"):
        song = notes.with_name(notes.name.replace("__notes.mid", "__song.ogg"))
        tempo_bpm = tempo_of(notes)
        if tempo_bpm is not None and song.exists():
            found.append(Known(song, SONGS, tempo_bpm))
    return found


def _present(music: Path, packages: Sequence[str], pattern: str) -> list[Path]:
    if not any((music / package).is_dir() for package in packages):
        raise NotReady(f"{' and '.join(packages)} are not in {music}: fetch them as recipes.music does")
    return [path for package in packages for path in sorted((music / package).glob(pattern))]
