"""The benchmark of descriptors counts what it says it counts, on pieces that are what it says they are."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import descriptors
from benchmarks.composer import STYLES, compose
from benchmarks.describing.chorales import chorales
from benchmarks.describing.contenders import Said, constant
from benchmarks.describing.material import HELD_OUT_STYLES, Known, held_out
from benchmarks.describing.midi_files import tempo_of
from benchmarks.describing.scores import acc1, acc2, mirex
from benchmarks.pages import put
from segue.errors import BadInput

NOTE = "<note><pitch><step>{}</step><alter>{}</alter><octave>{}</octave></pitch><duration>{}</duration>{}</note>"


def score(fifths: int, last: str, *, parts: int = 4) -> str:
    """Three notes in each part; the last one, tied over the bar, is what the key is told by."""
    notes = NOTE.format("G", 0, 4, 2, "") + NOTE.format("F", 1, 4, 1, "")
    notes += NOTE.format(last, 0, 3, 1, '<tie type="start"/>') + NOTE.format(last, 0, 3, 4, '<tie type="stop"/>')
    head = f"<attributes><divisions>2</divisions><key><fifths>{fifths}</fifths></key></attributes>"
    return "<score-partwise>" + parts * f"<part><measure>{head}{notes}</measure></part>" + "</score-partwise>"


def wheel(folder: Path, **scores: str) -> Path:
    path = folder / "music21-0.whl"
    with zipfile.ZipFile(path, "w") as corpus:
        for name, text in scores.items():
            inner = folder / f"{name}.mxl"
            with zipfile.ZipFile(inner, "w") as packed:
                packed.writestr("META-INF/container.xml", "<container/>")
                packed.writestr(f"{name}.xml", text)
            corpus.write(inner, f"music21/corpus/bach/{name}.mxl")
    return path


def test_a_chorale_is_read_with_its_key_and_its_ties(tmp_path: Path) -> None:
    made = wheel(
        tmp_path,
        bwv1=score(1, "G"),
        bwv2=score(-3, "C"),
        bwv3=score(0, "D"),  # a church mode
        bwv4=score(1, "G", parts=5),
    )
    found = chorales(made)
    assert [(one.name, one.key, one.mode) for one in found] == [("bwv1", 7, "major"), ("bwv2", 0, "minor")]
    assert found[0].notes[:3] == ((0, 67, 0, 4), (0, 66, 4, 2), (0, 55, 6, 10))
    midi, tempo_bpm = found[0].midi(0)
    (tmp_path / "one.mid").write_bytes(midi)
    assert tempo_of(tmp_path / "one.mid") == pytest.approx(tempo_bpm, rel=1e-4)
    assert found[0].midi(0) == (midi, tempo_bpm)
    assert found[0].midi(1) != (midi, tempo_bpm)


def test_the_tempo_of_a_midi_file(tmp_path: Path) -> None:
    path = tmp_path / "piece.mid"
    for bpm in (63.5, 120, 177):
        path.write_bytes(compose(STYLES[1], 0, "major", bpm, duration_s=5, seed="0"))
        assert tempo_of(path) == pytest.approx(bpm, rel=1e-4)
    content = path.read_bytes()
    path.write_bytes(content[:200])
    assert tempo_of(path) is None or tempo_of(path) == pytest.approx(177, rel=1e-4)
    for broken in (b"", b"MThd", b"no MIDI at all"):
        path.write_bytes(broken)
        assert tempo_of(path) is None


def test_a_piece_that_changes_its_tempo_has_none(tmp_path: Path) -> None:
    def event(wait: int, *message: int) -> bytes:
        return bytes([0x80 | wait >> 7, wait & 127, *message])

    def tempo(wait: int, beat_us: int) -> bytes:
        return event(wait, 0xFF, 0x51, 3, *beat_us.to_bytes(3, "big"))

    def piece(first: int, second: int) -> bytes:
        track = tempo(0, 500_000) + event(first, 0x90, 60, 64) + tempo(0, 400_000) + event(second, 0x80, 60, 0)
        track += event(0, 0xFF, 0x2F, 0)
        return b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96]) + b"MTrk" + len(track).to_bytes(4, "big") + track

    (tmp_path / "half.mid").write_bytes(piece(5000, 5000))
    (tmp_path / "nearly.mid").write_bytes(piece(10_000, 100))
    assert tempo_of(tmp_path / "half.mid") is None
    assert tempo_of(tmp_path / "nearly.mid") == 120


def test_what_an_answer_is_worth() -> None:
    assert [acc1(bpm, 100) for bpm in (96.1, 103.9, 95, 200, None)] == [1, 1, 0, 0, 0]
    assert [acc2(bpm, 100) for bpm in (200, 50, 300, 33.4, 150, 75, None)] == [1, 1, 1, 1, 0, 0, 0]
    minor = (9, "minor")
    assert [mirex(key, minor) for key in (minor, (4, "minor"), (2, "minor"), (0, "major"), (9, "major"))] == [
        1, 0.5, 0.5, 0.3, 0.2,
    ]  # fmt: skip
    assert mirex((3, "major"), (0, "minor")) == 0.3
    assert mirex(None, minor) == mirex((7, "major"), minor) == 0


def test_figures_are_over_the_pieces_of_a_source(tmp_path: Path) -> None:
    known = [
        Known(tmp_path / f"{i}", "a" if i < 4 else "b", 100 + i, (i, "major") if i < 4 else None) for i in range(6)
    ]

    def half(one: Known) -> Said:
        return Said(one.tempo_bpm * (1 if int(one.path.name) % 2 else 2), (int(one.path.name), "major"), 0.5)

    told: list[object] = []
    found = descriptors.measure(known, {"half": half, "constant": constant(known)}, lambda *what: told.append(what))
    assert told[-1] == ("constant", 6, 6)
    assert (found["a"]["half"]["acc1"].value, found["a"]["half"]["acc2"].value) == (0.5, 1)
    assert found["a"]["half"]["key"].value == 1
    assert found["b"]["half"]["key"] is None
    assert (found["b"]["half"]["pieces"], found["b"]["half"]["cpu_s"]) == (2, 0.5)
    assert found["a"]["constant"]["key"].value == pytest.approx(np.mean([1, 0, 0, 0]), abs=0.13)
    text = descriptors.tables(found, {})
    assert "| a (4) | half | 0.500" in text
    document = tmp_path / "page.md"
    put(text, document, "descriptors")
    put(text, document, "descriptors")
    assert document.read_text().count("| a (4) | half |") == 1
    document.write_text("no place")
    with pytest.raises(BadInput, match="no place"):
        put(text, document, "descriptors")


def test_some_is_held_out_and_some_is_not() -> None:
    names = {style.name for style in STYLES}
    assert set(HELD_OUT_STYLES) < names
    assert len(names) == 2 * len(HELD_OUT_STYLES)
    sides = [held_out(f"bwv{number}") for number in range(200)]
    assert 70 < sum(sides) < 130
