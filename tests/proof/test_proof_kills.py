"""Killed at twenty random moments, scan, import and train end where an undisturbed run ends: the same rows and bits."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from segue.home import Home
from segue.store import Database
from segue.store.schema import metadata

TRACKS = 36


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory, make_sound: Callable[..., Path]) -> Path:
    """A folder of short files in several codecs, two of them broken, and a history beside it."""
    folder = tmp_path_factory.mktemp("music")
    for number in range(TRACKS):
        ending = ("flac", "mp3", "ogg", "m4a")[number % 4]
        pitch = 90.0 * (1 + number % 6)
        make_sound(
            folder / f"album {number % 4}" / f"{number:02d}.{ending}",
            seconds=12,
            noise=number,
            frequencies=[pitch, 2 * pitch, 5 * pitch],
            tags={"title": f"Title {number}", "artist": f"Artist {number % 5}", "album": f"Album {number % 4}"},
        )
    (folder / "broken.mp3").write_text("no sound at all")
    (folder / "empty.flac").write_bytes(b"")
    make_sound(folder / "silent.wav", seconds=12, frequencies=[0.0])
    listens = [
        {
            "listened_at": 1_700_000_000 + 240 * number,
            "track_metadata": {
                "artist_name": f"Artist {number * 7 % TRACKS % 5}",
                "track_name": f"Title {number * 7 % TRACKS}",
                "additional_info": {"duration": 12, "duration_played": 12},
            },
        }
        for number in range(2_000)
    ]
    (folder.parent / "listens.jsonl").write_text("\n".join(map(json.dumps, listens)))
    return folder


def snapshot(home: Path) -> dict[str, Any]:
    """Everything that must be equal: all rows but the time of an import, the vectors and weights to the bit."""
    database = Database(home / "segue.sqlite")
    seen: dict[str, Any] = {}
    with database.reading() as connection:
        for name, table in metadata.tables.items():
            columns = [column for column in table.columns if column.name != "imported_at"]
            seen[name] = sorted(map(repr, connection.execute(select(*columns)).all()))
    database.close()
    for matrix in sorted((home / "vectors").glob("*/rows.bin")):
        seen[matrix.parent.name] = hashlib.sha256(matrix.read_bytes()).hexdigest()
    for name in ("ears", "blend"):
        place = Home(home).latest(name)
        if place is not None:
            files = sorted(place.rglob("*.safetensors"))
            seen[name] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return seen


def commands(music: Path) -> list[list[str]]:
    history = music.parent / "listens.jsonl"
    return [
        ["scan", str(music)],
        ["import", str(history), "--listener", "me"],
        ["train", "--size", "tiny"],
        ["train", "--size", "tiny", "--from-scratch"],
    ]


def start(home: Path, words: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "segue", *words],
        env={**os.environ, "SEGUE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(home: Path, words: list[str]) -> float:
    began = time.monotonic()
    process = start(home, words)
    _, complaint = process.communicate(timeout=600)
    assert process.returncode == 0, complaint.decode()
    return time.monotonic() - began


def killed(home: Path, words: list[str], after_s: float) -> bool:
    """Whether the command still ran when it was killed."""
    process = start(home, words)
    time.sleep(after_s)
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)  # its workers end with their input
    process.communicate()
    return alive


@pytest.mark.slow
def test_twenty_kills_end_in_the_same_bits(music: Path, tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    dice = random.Random(7)
    for words, kills in zip(commands(music), (6, 2, 6, 6), strict=True):
        longest = finish(calm, words)
        for _ in range(kills):
            while not killed(rough, words, dice.uniform(0.1, 0.95) * longest):
                longest *= 0.7  # it had little left to do, and ended first
        finish(rough, words)
        assert snapshot(rough) == snapshot(calm), words


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_leaves_no_process_behind(music: Path, tmp_path: Path) -> None:
    process = start(tmp_path / "home", ["scan", str(music)])
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    if process.returncode != 0:
        assert process.returncode == 130
        assert complaint.decode().count("segue: stopped") == 1
        assert "Traceback" not in complaint.decode()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    time.sleep(1)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in listed.splitlines() if "segue.catalogue.reading" in line]
