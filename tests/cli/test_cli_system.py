"""The command line as a process: terminals without Unicode, closed pipes, full disks, rights taken away, kills."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and rights as POSIX has them")


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "SEGUE_HOME": str(home), "SEGUE_SIZE": "tiny", "SEGUE_WORKERS": "1", **more}


def process(home: Path, *words: str | Path, more: dict[str, str] | None = None, **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "segue", *map(str, words)],
        env=environment(home, **(more or {})),
        stderr=subprocess.PIPE,
        timeout=120,
        check=False,
        **{"stdout": subprocess.PIPE, **options},
    )


def without_privilege() -> None:
    """Let rights hold for root as well (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH are dropped at exec)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (1, 2):
            libc.prctl(24, capability, 0, 0, 0)


@pytest.mark.parametrize("more", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}])
def test_a_terminal_without_unicode(run: Run, own: Any, make_sound: Any, more: dict[str, str]) -> None:
    make_sound(own.music / "jp.flac", seconds=3, noise=5, tags={"title": "夜明け", "artist": "東京"})
    run(own.home, "scan", own.music)
    done = process(own.home, "similar", "夜明け", more=more)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert b"\\u591c\\u660e\\u3051" in done.stdout
    assert process(own.home, "--help", more=more).returncode == 0


def test_a_reader_that_goes_away(world: Any) -> None:
    for words in (["recommend", "me"], ["radio", "me", "--minutes", "60", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = process(world.home, *words, stdout=writing)
        os.close(writing)
        assert done.returncode == 1
        assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(world: Any) -> None:
    with Path("/dev/full").open("wb") as full:
        for words in (["recommend", "me"], ["recommend", "me", "--json"]):
            done = process(world.home, *words, stdout=full)
            assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
            assert done.stderr.startswith(b"segue: the output: No space left on device")


@pytest.mark.skipif(sys.platform != "linux", reason="drops capabilities")
def test_what_may_not_be_read_or_written(own: Any, tmp_path: Path) -> None:
    def refused(*words: str | Path) -> str:
        done = process(own.home, *words, preexec_fn=without_privilege)
        assert done.returncode == 1, done.stderr
        assert b"Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith(b"segue: ")
        return str(done.stderr.splitlines()[-1].decode())

    def locked(place: Path, mode: int, *words: str | Path) -> str:
        before = place.stat().st_mode
        place.chmod(mode)
        try:
            return refused(*words)
        finally:
            place.chmod(before)

    closed = tmp_path / "closed"
    closed.mkdir()
    assert "give this user the right" in locked(closed, 0, "scan", closed)
    assert "closed/x.m3u8" in locked(closed, 0o555, "radio", "me", "--minutes", "1", "--to", closed / "x.m3u8")
    assert "rows.bin" in locked(own.home / "vectors" / "ears-0001" / "rows.bin", 0, "recommend", "me")
    assert "--home DIR" in locked(own.home / "segue.sqlite", 0, "recommend", "me")
    for place in (own.home, *own.home.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        assert "--home DIR" in refused("scan", own.music)
    finally:
        for place in (own.home, *own.home.rglob("*")):
            place.chmod(0o755)


def test_a_folder_in_the_library_that_may_not_be_read(own: Any) -> None:
    (own.music / "album 3").chmod(0)
    try:
        done = process(own.home, "scan", own.music, "--json", preexec_fn=without_privilege)
    finally:
        (own.music / "album 3").chmod(0o755)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["added"] + report["moved"] == 12
    assert [one["path"] for one in report["skipped"]] == [str(own.music / "album 3")]


def test_killed_between_ears_and_taste_it_answers_as_before_and_goes_on(run: Run, own: Any) -> None:
    def answers() -> list[Any]:
        at = ("--at", "2026-01-01T22:30")
        return [run(own.home, *words, "--json").json for words in (["recommend", "me", *at], ["similar", "Title 5"])]

    before = answers()
    code = (
        "import os\nfrom segue.library import training\nfrom segue.cli.app import main\n"
        "training._train_taste = lambda *_: os.kill(os.getpid(), 9)\nmain()"
    )
    words = [sys.executable, "-c", code, "train", "--from-scratch", "--seed", "1"]
    killed = subprocess.run(words, env=environment(own.home), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (own.home / "models" / "ears" / "0002").is_dir()
    assert answers() == before
    assert "bad" not in {found["level"] for found in run(own.home, "doctor", "--json").json}
    assert run(own.home, "scan", own.music).code == 0
    done = run(own.home, "train", "--from-scratch", "--seed", "1")
    assert done.code == 0
    assert "autoencoder" not in done.err  # the ears were kept
    assert not (own.home / "vectors" / "ears-0001").exists()
    assert run(own.home, "similar", "Title 5").code == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_stopped_while_training(run: Run, own: Any, how: signal.Signals) -> None:
    before = run(own.home, "similar", "Title 5", "--json").json
    words = [sys.executable, "-m", "segue", "train", "--from-scratch", "--seed", "7"]
    running = subprocess.Popen(words, env=environment(own.home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (own.home / ".lock.json").exists():
        assert running.poll() is None
        time.sleep(0.01)
    time.sleep(1.5)
    running.send_signal(how)
    _, complaint = running.communicate(timeout=60)
    if how is signal.SIGINT:
        # CPython ends by the signal itself where it came while a module compiled a dataclass; a shell says 130 to both.
        assert running.returncode in (130, -signal.SIGINT)
        assert complaint.decode().splitlines()[-1].startswith("segue: stopped; what was done is kept")
        assert "Traceback" not in complaint.decode()
    else:
        assert running.returncode == -how
    assert not list((own.home / "models").rglob("card.json.part"))
    assert run(own.home, "similar", "Title 5", "--json").json == before
    assert run(own.home, "scan", own.music).code == 0  # no stale lock
