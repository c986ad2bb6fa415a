"""Bach's chorales, played at tempi of our choice: real harmony whose key can be read off, and no drums with the beat.

In: the wheel of music21, whose corpus holds them as MusicXML (entered by Margaret Greentree; its licence is in the
wheel, and nothing of it is kept here). Out: standard MIDI files, and the tempo and key of each. A chorale's key is what
signature and last bass note agree on; the few where they do not (church modes) are left out.
"""

import io
import random
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from benchmarks.composer import STEPS, Mode, Score
from segue.errors import NotReady

__all__ = ["Chorale", "chorales", "fetch_wheel"]

FOLDER = "music21/corpus/bach/bwv"
WHEEL = "music21==10.5.1"
PITCHES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
PROGRAMS = (0, 6, 16, 19, 21, 48, 49, 52, 61, 68, 71, 73)
"""Pianos, organs, strings, a choir, brass and woods (General MIDI, counted from 0): what a chorale may be played on."""
TEMPO_BPM = (60.0, 120.0)
LONGEST_BEATS = 100
"""Longer ones are movements of cantatas, not plain chorales."""


@dataclass(frozen=True)
class Chorale:
    """A chorale: its catalogue number, its key, and its notes (channel, pitch, step, length in steps)."""

    name: str
    key: int
    mode: Mode
    notes: tuple[tuple[int, int, int, int], ...]

    def midi(self, seed: int) -> tuple[bytes, float]:
        """It as a MIDI file on one kind of instrument, and its tempo; both are drawn by name and seed."""
        rng = random.Random(f"{seed} {self.name}")
        low, high = TEMPO_BPM
        tempo_bpm = round(low * (high / low) ** rng.random(), 2)
        score, program = Score(rng, 0.5), rng.choice(PROGRAMS)
        for channel in range(4):
            score.program(channel, program)
        for channel, pitch, step, length in self.notes:
            score.note(channel, pitch, step, length, 90)
        return score.file(tempo_bpm, max(step + length for _, _, step, length in self.notes)), tempo_bpm


def fetch_wheel(folder: Path) -> Path:
    """The wheel in this folder, by pip where it is not there yet.

    Raises
    ------
    NotReady
        It can't be fetched.
    """
    found = sorted(folder.glob("music21-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (subprocess.CalledProcessError, OSError) as error:
            raise NotReady(f"{WHEEL} can't be fetched ({error}): put its wheel into {folder}") from error
        found = sorted(folder.glob("music21-*.whl"))
    return found[0]


def chorales(wheel: Path) -> list[Chorale]:
    """All four-part chorales in a wheel of music21 whose key is plain, by name."""
    found = []
    with zipfile.ZipFile(wheel) as corpus:
        for name in sorted(corpus.namelist()):
            if name.startswith(FOLDER) and name.endswith(".mxl"):
                with zipfile.ZipFile(io.BytesIO(corpus.read(name))) as packed:
                    inner = next(one for one in packed.namelist() if one.endswith("xml") and "META-INF" not in one)
                    score = Xml.fromstring(packed.read(inner))
                chorale = _chorale(name.removeprefix("music21/corpus/bach/").removesuffix(".mxl"), score)
                if chorale is not None:
                    found.append(chorale)
    return found


def _chorale(name: str, score: "Xml.Element[str]") -> Chorale | None:
    parts = score.findall("part")
    fifths = {int(one.text or 0) for one in score.iter("fifths")}
    if len(parts) != 4 or len(fifths) != 1:
        return None
    notes: list[tuple[int, int, int, int]] = []
    for channel, part in enumerate(parts):
        notes += _notes(channel, part)
    if not notes or max(step for _, _, step, _ in notes) > LONGEST_BEATS * STEPS:
        return None
    last = max((step, pitch % 12) for channel, pitch, step, _ in notes if channel == 3)[1]
    major = 7 * fifths.pop() % 12
    mode: Mode | None = {major: "major", (major + 9) % 12: "minor"}.get(last)  # type: ignore[assignment]
    return None if mode is None else Chorale(name, last, mode, tuple(notes))


def _notes(channel: int, part: "Xml.Element[str]") -> list[tuple[int, int, int, int]]:
    notes: list[tuple[int, int, int, int]] = []
    divisions, now, tied = 1, 0, False
    for element in part.iter():
        if element.tag == "divisions":
            divisions = int(element.text or 1)
        elif element.tag in ("backup", "forward"):
            now += int(element.findtext("duration", "0")) * (1 if element.tag == "forward" else -1)
        elif element.tag == "note" and element.find("grace") is None:
            length = int(element.findtext("duration", "0"))
            pitch = element.find("pitch")
            if pitch is not None and element.find("chord") is None:
                step, end = (round(STEPS * at / divisions) for at in (now, now + length))
                if tied and notes:
                    _, before, begun, _ = notes.pop()
                    notes.append((channel, before, begun, end - begun))
                elif end > step:
                    semitones = PITCHES[pitch.findtext("step", "C")] + int(float(pitch.findtext("alter", "0")))
                    notes.append((channel, 12 * (int(pitch.findtext("octave", "4")) + 1) + semitones, step, end - step))
                tied = any(one.get("type") == "start" for one in element.findall("tie"))
            else:
                tied = False
            now += 0 if element.find("chord") is not None else length
    return notes
