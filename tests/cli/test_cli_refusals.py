"""What can't be done is one line that says what, which and what next; nothing is lost, and the rest goes on."""

import math
import os
import shutil
import sqlite3
import wave
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segue
from segue.home import Home

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (["recommend", "me"], "segue scan FOLDER"),
        (["radio"], "segue scan FOLDER"),
        (["train"], "segue scan FOLDER"),
        (["similar", "x"], "segue scan FOLDER"),
        (["explain", "me", "x"], "segue scan FOLDER"),
    ],
)
def test_before_a_scan_the_next_step_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], next_step: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert next_step in run(tmp_path / "home", *words).complaint
    assert not (tmp_path / "v.parquet").exists()


def test_scanned_and_not_trained(run: Run, world: Any, tmp_path: Path) -> None:
    assert run(tmp_path, "scan", world.music).code == 0
    file = world.music / "album 0" / "0.flac"
    for words in (["similar", "Title 1"], ["similar", file], ["radio", "--start", "Title 1"]):
        assert "segue train" in run(tmp_path, *words).complaint
    answer = run(tmp_path, "recommend", "anybody", "--json").json  # no history at all: a varied start
    assert len(answer["picks"]) == 10
    assert all("varied start" in pick["reason"] for pick in answer["picks"])
    assert run(tmp_path, "recommend").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["recommend", "nobody"], "there are: me"),
        (["explain", "nobody", "Title 1"], "there are: me"),
        (["recommend", ""], "can't be empty"),
        (["recommend", "me", "--genre", "jazz"], "too few tracks have genres in their tags"),
        (["recommend", "me", "--year", "soon"], "'soon' is no year: write one number, or a range"),
        (["recommend", "me", "--year", "1950..1960", "--strict"], "no playable track is of the year from 1950 to 1960"),
        (["similar", "Titel 5"], "Artist 1 – Title 5"),
        (["similar", ""], "no track is called"),
        (["explain", "me", "Titel 5"], "Artist 1 – Title 5"),
        (["radio", "me", "--start", "Titel 5"], "Artist 1 – Title 5"),
        (["recommend", "me", "--at", "nonsense"], "write 22:30"),
        (["recommend", "me", "--at", "25:00"], "write 22:30"),
        (["radio", "me", "--to", "missing/x.m3u8"], "missing/x.m3u8"),
        (["embed", ".", "--to", "v.parquet", "--encoder", "nosuch"], "nosuch"),
        (["embed", ".", "--to", "v.parquet", "--encoder", "nosuch", "--train"], "ears, autoencoder"),
        (["embed", "missing", "--to", "v.parquet"], "missing"),
        (["embed", ".", "--to", "."], "can't be written"),
        (["scan", "missing"], "missing"),
        (["import", "missing"], "missing"),
        (["import", "."], "is a folder"),
        (["evaluate", "missing.csv", "--report", "r"], "missing.csv"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_line(
    run: Run, world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in run(world.home, *words).complaint
    assert not list(tmp_path.iterdir())


def test_an_ambiguous_title_names_the_choices(run: Run, own: Any, make_sound: Any) -> None:
    for artist in ("Ada", "Ben"):
        tags = {"title": "Same", "artist": artist}
        make_sound(own.music / f"{artist}.flac", seconds=2, noise=ord(artist[0]), tags=tags)
    run(own.home, "scan", own.music)
    said = run(own.home, "similar", "Same").complaint
    assert "Ada – Same" in said
    assert "Ben – Same" in said
    assert run(own.home, "similar", "Ben - Same").code == 0


def test_similar_to_what_is_no_sound(run: Run, world: Any, tmp_path: Path, make_sound: Any) -> None:
    text = tmp_path / "song.mp3"
    text.write_text("no sound")
    assert "song.mp3" in run(world.home, "similar", text).complaint
    short = make_sound(tmp_path / "short.wav", seconds=0.2)
    assert "short.wav" in run(world.home, "similar", short).complaint


def nan_file(path: Path) -> None:
    """A float WAV of NaN, byte by byte: no encoder would write one."""
    samples = np.full(44100 * 3, math.nan, dtype="<f4").tobytes()
    format_ = b"fmt " + (16).to_bytes(4, "little") + b"\x03\0\x01\0" + (44100).to_bytes(4, "little")
    format_ += (176400).to_bytes(4, "little") + b"\x04\0\x20\0"
    body = b"WAVE" + format_ + b"data" + len(samples).to_bytes(4, "little") + samples
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)


def test_bad_files_stop_nothing(run: Run, own: Any, make_sound: Any) -> None:
    odd = own.music / "odd"
    whole = make_sound(odd / "whole.flac", seconds=4, noise=1)
    (odd / "cut.flac").write_bytes(whole.read_bytes()[:200])
    (odd / "empty.mp3").write_bytes(b"")
    (odd / "text.mp3").write_text("Dear diary, no sound today.\n" * 50)
    make_sound(odd / "silence.wav", seconds=3, frequencies=[0.0])
    nan_file(odd / "nan.wav")
    make_sound(odd / "short.wav", seconds=0.2)
    make_sound(odd / "telephone.wav", seconds=3, rate_hz=8000, channels=1, noise=2, tags={"title": "Telephone"})
    make_sound(odd / "cinema.wav", seconds=3, rate_hz=192_000, channels=6, noise=3, tags={"title": "Cinema"})
    with wave.open(str(odd / "headers only.wav"), "wb") as file:
        file.setparams((1, 2, 44100, 0, "NONE", ""))
    raw = os.fsencode(odd) + b"/caf\xe9.flac"
    Path(os.fsdecode(raw)).write_bytes(make_sound(odd / "x.flac", seconds=3, noise=4).read_bytes())
    (odd / "loop").symlink_to(odd, target_is_directory=True)
    (odd / "self.mp3").symlink_to(odd / "self.mp3")
    (odd / "void").mkdir()
    report = run(own.home, "scan", own.music)
    assert report.code == 0
    assert "Traceback" not in report.err
    names = {Path(one["path"]).name for one in run(own.home, "scan", "--problems", "--json").json}
    assert {"empty.mp3", "text.mp3", "cut.flac"} <= names
    assert not {"whole.flac", "telephone.wav", "cinema.wav", "x.flac"} & names
    for title in ("Telephone", "Cinema"):
        assert len(run(own.home, "similar", title, "--json").json) == 10
    picks = run(own.home, "recommend", "me", "-k", "50", "--json").json["picks"]
    assert all(math.isfinite(pick["score"]) for pick in picks)
    assert run(own.home, "train", "--size", "tiny").code == 0
    assert "loop" not in {Path(str(pick["track"]["path"])).parent.name for pick in picks}


def test_an_empty_folder_and_a_missing_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    assert "No music was found there" in run(tmp_path / "home", "scan", tmp_path / "void").out
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert str(tmp_path / "a") in run(tmp_path / "home", "scan", tmp_path / "a").complaint
    assert "name a folder" in run(tmp_path / "home", "scan", __file__).complaint


def test_odd_listens_are_counted_and_the_rest_is_kept(run: Run, own: Any, tmp_path: Path) -> None:
    table = tmp_path / "odd.csv"
    table.write_bytes(
        b"artist,title,listened_at\n"
        b",Title 1,1700000000\nArtist 0,Title 1,99999999999\nArtist 0,Title 1,0\nArtist 0,,1700000000\n"
        b"Artist \xff\xfe,Title 2,1700000100\nArtist 0,Title 2,yesterday\nArtist 0,Title 3,1700000300\n"
    )
    report = run(own.home, "import", table, "--listener", "odd", "--json").json
    assert report["matched"] >= 1
    assert report["problem_count"] >= 3
    assert report["listens"] + report["problem_count"] == 7
    assert "line" in run(own.home, "import", table, "--listener", "odd").out
    assert run(own.home, "recommend", "odd").code == 0
    for content, name in ((b"", "e.csv"), (b"\x00\xff" * 50, "g.bin"), (b"PK\x03\x04 broken", "z.zip")):
        (tmp_path / name).write_bytes(content)
        assert name in run(own.home, "import", tmp_path / name).complaint


def test_another_process_holds_the_home(run: Run, own: Any) -> None:
    with Home(own.home).changing("train"):
        for words in (["scan", own.music], ["import", own.history], ["train"]):
            said = run(own.home, *words).complaint
            assert f"'segue train' (process {os.getpid()}" in said
            assert "wait" in said
        assert run(own.home, "recommend", "me").code == 0  # who only asks is not kept waiting
    assert run(own.home, "scan", own.music).code == 0


class TestDamage:
    """A damaged home says what to do, and doing it helps."""

    @pytest.mark.parametrize(
        ("name", "damage"),
        [("blend", "weights"), ("blend", "card"), ("blend", "no card"), ("ears", "weights"), ("ears", "no card")],
    )
    def test_a_damaged_model_is_made_anew_by_train(self, run: Run, own: Any, name: str, damage: str) -> None:
        place = own.home / "models" / name / "0001"
        expected = run(own.home, "similar", "Title 5", "--json").json
        if damage == "weights":
            with (place / "weights.safetensors").open("r+b") as file:
                file.seek(-8, os.SEEK_END)
                file.write(b"\x7f" * 8)
        elif damage == "card":
            (place / "card.json").write_text("{")
        else:
            (place / "card.json").unlink()
        findings = {found["level"] for found in _findings(run, own.home)}
        if (name, damage) != ("blend", "no card"):  # that one looks like no training at all
            assert "bad" in findings
            outside = shutil.copy(own.music / "album 1" / "5.flac", own.home / "outside.flac")
            words = ["recommend", "me"] if name == "blend" else ["similar", outside]
            assert "segue train" in run(own.home, *words).complaint
        assert run(own.home, "train", "--size", "tiny").code == 0
        assert "bad" not in {found["level"] for found in _findings(run, own.home)}
        assert run(own.home, "recommend", "me").code == 0
        assert run(own.home, "similar", "Title 5", "--json").json == expected

    def test_deleted_vectors_come_back(self, run: Run, own: Any) -> None:
        expected = run(own.home, "similar", "Title 5", "--json").json
        shutil.rmtree(own.home / "vectors")
        assert "segue train" in run(own.home, "similar", "Title 5").complaint
        assert run(own.home, "train", "--size", "tiny").code == 0
        again = run(own.home, "similar", "Title 5", "--json").json
        assert [pick["track"]["id"] for pick in again] == [pick["track"]["id"] for pick in expected]

    @pytest.mark.parametrize("damage", ["cut", "zero", "garbage"])
    def test_damaged_rows_are_told_and_mended_as_told(self, run: Run, own: Any, damage: str) -> None:
        rows = own.home / "vectors" / "ears-0001" / "rows.bin"
        size = rows.stat().st_size
        content = {"cut": b"", "zero": bytes(size), "garbage": np.random.default_rng(0).bytes(size)}[damage]
        rows.write_bytes(content)
        for words in (["recommend", "me"], ["similar", "Title 5"], ["train"], ["scan", own.music]):
            assert f"{rows.parent} holds" in run(own.home, *words).complaint
        assert "bad" in {found["level"] for found in _findings(run, own.home)}
        shutil.rmtree(rows.parent)
        assert run(own.home, "train").code == 0
        assert run(own.home, "similar", "Title 5").code == 0

    def test_a_database_of_garbage(self, run: Run, own: Any) -> None:
        for rest in ("-wal", "-shm"):
            (own.home / f"segue.sqlite{rest}").unlink(missing_ok=True)
        (own.home / "segue.sqlite").write_bytes(os.urandom(9000))
        for words in (["recommend", "me"], ["scan", own.music], ["doctor"]):
            assert "move it away and scan again" in run(own.home, *words).complaint

    def test_a_database_damaged_in_the_middle(self, run: Run, own: Any) -> None:
        file = own.home / "segue.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            roots = connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'alembic_version'")
            spared = {page for (page,) in roots}
        content = file.read_bytes()
        size = int.from_bytes(content[16:18], "big")
        pages = [content[at : at + size] for at in range(0, len(content), size)]
        dice = np.random.default_rng(0)
        spared |= _pages_of_the_tables_names(pages[0])
        file.write_bytes(b"".join(page if at in spared else dice.bytes(size) for at, page in enumerate(pages, start=1)))
        for words in (["recommend", "me"], ["similar", "Title 1"], ["train"], ["import", own.history]):
            assert "restore a copy" in run(own.home, *words).complaint
        findings = _findings(run, own.home)
        assert "database" in {found["what"] for found in findings if found["level"] == "bad"}

    @pytest.mark.parametrize(
        ("written", "said"), [("sise = 'tiny'", "did you mean size"), ("a = [\n\n", "not valid TOML")]
    )
    def test_settings_that_do_not_fit(self, run: Run, own: Any, written: str, said: str) -> None:
        (own.home / "segue.toml").write_text(written)
        assert said in run(own.home, "recommend", "me").complaint


def _pages_of_the_tables_names(first: bytes) -> set[int]:
    """The first page, and those it names where the schema fills several (SQLite's file format, section 1.6)."""
    if first[100] != 5:  # no inner page of a tree: all of it is here
        return {1}
    cells = int.from_bytes(first[103:105], "big")
    begins = [int.from_bytes(first[112 + 2 * cell : 114 + 2 * cell], "big") for cell in range(cells)]
    return {1, int.from_bytes(first[108:112], "big"), *(int.from_bytes(first[at : at + 4], "big") for at in begins)}


def _findings(run: Run, home: Path) -> list[dict[str, Any]]:
    import json

    found: list[dict[str, Any]] = json.loads(run(home, "doctor", "--json").out)
    return found


def test_titles_are_shown_as_they_are(run: Run, own: Any, make_sound: Any) -> None:
    tags = {"title": "[red]x[/red] 夜明け", "artist": "a\x1b[31mb\x07"}
    make_sound(own.music / "odd.flac", seconds=3, noise=5, tags=tags)
    run(own.home, "scan", own.music)
    shown = run(own.home, "similar", "Title 1", "-k", "20").out
    assert "[red]x[/red] 夜明け" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\x1b" not in run(own.home, "similar", "no\x1bname").err
    assert segue.open(own.home).track("[red]x[/red] 夜明け").title == "[red]x[/red] 夜明け"
