"""Openly licensed MIDI as more music to learn from: each piece played by one of three soundfonts in one of three rooms.

Soundfont and room are drawn by the piece's content, so that the same piece always sounds the same. The player is
``fluidsynth``, an external program, and the soundfonts are those of the Debian archive.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

from segue.errors import NotReady

__all__ = ["lumps", "render"]

SOUNDFONTS = ("sf2/FluidR3_GM.sf2", "sf2/TimGM6mb.sf2", "sf3/MuseScore_General_Lite.sf3")
FOLDER = Path("/usr/share/sounds")
INSTALL = "apt-get install fluidsynth fluid-soundfont-gm timgm6mb-soundfont musescore-general-soundfont-small"
ROOMS = (
    ("--reverb=no", "--chorus=no"),
    ("--reverb=yes", "--chorus=yes"),
    ("--reverb=yes", "--chorus=no", "-o", "synth.reverb.room-size=0.8", "-o", "synth.reverb.level=0.9"),
)
RATE_HZ = 32_000


def lumps(wad: Path) -> list[Path]:
    """The MIDI in a Doom WAD, each as a file beside it (``NAME.WAD.mid``).

    A WAD is a header of twelve bytes (magic, number of lumps, where their list begins), the lumps, and sixteen bytes
    for each: where it begins, its length, its name (the unofficial Doom specs, 1994).
    """
    content = wad.read_bytes()
    count, begins = (int.from_bytes(content[at : at + 4], "little") for at in (4, 8))
    made: list[Path] = []
    seen: set[bytes] = set()
    for at in range(begins, begins + 16 * count, 16):
        place, length = (int.from_bytes(content[at + part : at + part + 4], "little") for part in (0, 4))
        lump = content[place : place + length]
        if lump.startswith(b"MThd") and lump not in seen:
            seen.add(lump)
            name = content[at + 8 : at + 16].rstrip(b"\0").decode("ascii")
            made.append(wad.with_name(f"{name}.{wad.stem}.mid"))
            made[-1].write_bytes(lump)
    return made


def render(piece: Path, flac: Path) -> None:
    """Play a piece into a file; nothing is left of a piece that can't be played.

    Raises
    ------
    NotReady
        fluidsynth or a soundfont is not installed.
    """
    program = shutil.which("fluidsynth")
    missing = [name for name in SOUNDFONTS if not (FOLDER / name).exists()]
    if program is None or missing:
        raise NotReady(f"MIDI is played by fluidsynth and three soundfonts: {INSTALL}")
    drawn = hashlib.blake2b(piece.read_bytes(), digest_size=2).digest()
    soundfont, room = FOLDER / SOUNDFONTS[drawn[0] % len(SOUNDFONTS)], ROOMS[drawn[1] % len(ROOMS)]
    part = flac.with_name(f".{flac.name}.part")
    command = [program, "-ni", "-q", "-r", str(RATE_HZ), "-g", "0.5", *room, "-T", "flac", "-F", str(part)]
    try:
        subprocess.run([*command, str(soundfont), str(piece)], check=False, capture_output=True, timeout=600)
    except subprocess.TimeoutExpired:
        part.unlink(missing_ok=True)
        return
    if part.exists():
        part.replace(flac)
