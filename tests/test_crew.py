"""Worker processes of a module that does on each path what the path says: print, hang, die."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from segue.crew import Lost, answers
from segue.errors import SegueError

DEEDS = """
import os, signal, sys, time
from pathlib import Path
from segue.crew import serve

def do(path):
    deed, _, rest = path.partition(b":")
    if deed == b"sleep":
        time.sleep(float(rest))
    elif deed == b"die":  # and leave a mark, so that the attempts can be counted
        with open(rest, "a") as marks:
            marks.write("x")
        os.kill(os.getpid(), signal.SIGSEGV)
    elif deed == b"die once":
        marks = Path(os.fsdecode(rest))
        if not marks.exists():
            marks.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    elif deed == b"raise":
        raise RuntimeError("a defect")
    elif deed == b"print":
        print("by Python")
        os.write(1, b"by a library\\n")
        os.system("echo by a program")
    elif deed == b"who":
        return b"%d %s" % (os.getpid(), os.environ.get("OMP_NUM_THREADS", "").encode())
    elif deed == b"big":
        return bytes(range(256)) * int(rest)
    elif deed == b"size":
        return b"%d" % os.stat(rest).st_size
    return path[::-1]

if __name__ == "__main__":
    serve(do)
"""
Ask = Callable[..., Iterator[tuple[bytes, bytes | Lost]]]


@pytest.fixture
def deeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "deeds.py").write_text(DEEDS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("deeds")
    del sys.modules["deeds"]


@pytest.fixture
def ask(deeds: ModuleType) -> Ask:
    return lambda paths, workers=2, **options: answers("deeds", deeds.do, paths, workers, **options)


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(parent: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def wait_until(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_answers_come_in_order_whatever_each_took(ask: Ask, workers: int) -> None:
    paths = [b"sleep:%.3f" % (0.03 * (number * 7 % 5)) for number in range(40)]
    assert list(ask(paths, workers)) == [(path, path[::-1]) for path in paths]


@pytest.mark.parametrize("workers", [1, 2])
def test_any_bytes_are_sent_and_answered(
    ask: Ask, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    strange = b"12:30 \xff\n\r.mp3"
    Path(os.fsdecode(strange)).write_bytes(b"four")
    paths = [b"", b"\n", b"5\nhello", b"\xff\xfe", b"a" * 200_000, b"big:0", b"big:20000", b"size:" + strange]
    found = dict(ask(paths, workers))
    assert [found[path] for path in paths[:5]] == [path[::-1] for path in paths[:5]]
    assert found[b"big:0"] == b""
    assert found[b"big:20000"] == bytes(range(256)) * 20_000
    assert found[b"size:" + strange] == b"4"


def test_no_paths_start_no_worker(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert list(ask([], 0)) == []


def test_there_are_never_more_workers_than_paths(ask: Ask) -> None:
    before = set(children(os.getpid()))
    with closing(ask(iter([b"who:1", b"who:2"]), 16)) as answered:
        next(answered)
        assert len(set(children(os.getpid())) - before) <= 2


def test_one_worker_is_this_process(ask: Ask) -> None:
    ((_, answer),) = ask([b"who:"], 1)
    assert isinstance(answer, bytes)
    assert answer.split()[0] == b"%d" % os.getpid()


def test_workers_are_polite(ask: Ask) -> None:
    with closing(ask([b"who:", b"sleep:0"])) as answered:
        _, answer = next(answered)
        assert isinstance(answer, bytes)
        process, threads = map(int, answer.split())
        assert threads == 1
        assert os.getpriority(os.PRIO_PROCESS, process) - os.getpriority(os.PRIO_PROCESS, 0) == 10
        assert os.getsid(process) == process


def test_paths_are_taken_as_they_are_needed(ask: Ask) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"%d" % taken

    with closing(ask(endless(), 2, ahead=3)) as answered:
        for number in range(1, 21):
            assert next(answered) == (b"%d" % number, str(number)[::-1].encode())
            assert taken <= number + 2 * 3


def test_a_fault_in_the_paths_ends_the_workers(ask: Ask) -> None:
    before = set(children(os.getpid()))

    def faulty() -> Iterator[bytes]:
        yield from [b"sleep:30"] * 3
        raise OSError("the disk has gone")

    with pytest.raises(OSError, match="the disk has gone"):
        list(ask(faulty()))
    assert set(children(os.getpid())) <= before


def test_a_killed_worker_is_replaced_and_its_path_tried_again(ask: Ask) -> None:
    paths = [b"who:", *(b"sleep:0.05" + b"0" * number for number in range(30))]
    with closing(ask(paths)) as answered:
        _, who = next(answered)
        assert isinstance(who, bytes)
        os.kill(int(who.split()[0]), signal.SIGKILL)
        assert list(answered) == [(path, path[::-1]) for path in paths[1:]]


def test_a_path_that_brought_a_worker_down_once_is_answered(ask: Ask, tmp_path: Path) -> None:
    path = b"die once:" + os.fsencode(tmp_path / "marks")
    assert list(ask([path])) == [(path, path[::-1])]
    assert (tmp_path / "marks").exists()


def test_a_path_that_brings_workers_down_is_the_only_one_lost(ask: Ask, tmp_path: Path) -> None:
    deadly = b"die:" + os.fsencode(tmp_path / "marks")
    paths = [b"a", b"b", deadly, b"c", b"d", deadly, b"e"]
    lost = Lost("reading it brought the reader down (exit status -11)")
    assert list(ask(paths)) == [(path, lost if path == deadly else path[::-1]) for path in paths]
    assert (tmp_path / "marks").read_text() == "xx" * 2


def test_a_defect_shows_its_traceback_and_costs_its_path(ask: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    assert [answer for _, answer in ask([b"raise:", b"a"])] == [
        Lost("reading it brought the reader down (exit status 1)"),
        b"a",
    ]
    assert "RuntimeError: a defect" in capfd.readouterr().err


def test_what_is_printed_goes_where_errors_go(ask: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    paths = [b"print:%d" % number for number in range(6)]
    assert list(ask(paths)) == [(path, path[::-1]) for path in paths]
    said = capfd.readouterr()
    assert said.out == ""
    for line in ("by a library", "by a program"):
        assert said.err.count(line) == 6


def test_a_path_that_takes_too_long_is_given_up(ask: Ask) -> None:
    began = time.monotonic()
    paths = [b"a", b"sleep:60", b"b", b"c"]
    found = list(ask(paths, limit_s=0.5))
    assert found[1] == (b"sleep:60", Lost("reading it took more than 0.5 s"))
    assert [answer for _, answer in found if not isinstance(answer, Lost)] == [b"a", b"b", b"c"]
    assert time.monotonic() - began < 30


def test_a_stopped_worker_is_given_up_too(ask: Ask) -> None:
    """It answers nobody, as one does that waits for a disk that has gone."""
    with closing(ask([b"who:", *[b"sleep:0.2"] * 8, b"end"], limit_s=2)) as answered:
        _, who = next(answered)
        assert isinstance(who, bytes)
        os.kill(int(who.split()[0]), signal.SIGSTOP)
        found = [answer for _, answer in answered]
    assert found.count(Lost("reading it took more than 2 s")) == 1
    assert found[-1] == b"dne"


def test_closing_early_ends_everything_at_once(ask: Ask) -> None:
    before = set(children(os.getpid()))
    answered = ask([b"who:", *[b"sleep:60"] * 10])
    next(answered)
    assert wait_until(lambda: len(set(children(os.getpid())) - before) >= 2)
    began = time.monotonic()
    answered.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 5
    assert not set(filter(runs, children(os.getpid()))) - before


def test_closing_does_not_wait_for_workers_that_start(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first starts at once, the second never."""
    begun = tmp_path / "begun"
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nmkdir "{begun}" 2>/dev/null || exec sleep 60\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    def paths() -> Iterator[bytes]:
        yield b"sleep:1"
        assert wait_until(begun.exists)
        yield b"b"

    with closing(ask(paths())) as answered:
        assert next(answered)[0] == b"sleep:1"
        before = time.monotonic()
    assert time.monotonic() - before < 5


def test_workers_that_can_not_start_are_one_error(ask: Ask, deeds: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SegueError, match=r"can't start \(exit status 1\): .*1 worker"):
        list(answers("no_such_module", deeds.do, [b"a", b"b"], 2))
    Path(str(deeds.__file__)).with_name("noisy.py").write_text(
        "print('hello', flush=True)\nimport time\ntime.sleep(60)"
    )
    with pytest.raises(SegueError, match="can't start"):
        list(answers("noisy", deeds.do, [b"a", b"b"], 2))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(SegueError, match="no such file or directory"):
        list(ask([b"a", b"b"]))


PARENT = """
import sys
from segue.crew import answers
import deeds
for path, answer in answers("deeds", deeds.do, [b"who:", b"who:"] + [b"sleep:0.2"] * 1000, 2):
    print(path.decode(), flush=True)
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent_or_speaks_of_its_end(deeds: ModuleType, blow: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        for _ in range(4):
            assert parent.stdout.readline()
        workers = children(parent.pid)
        assert len(workers) == 2
        os.killpg(parent.pid, blow)  # as Ctrl-C in a terminal does
        _, said = parent.communicate(timeout=30)
        assert parent.returncode == -blow
    assert said.count("Traceback") == said.count("KeyboardInterrupt") == (blow == signal.SIGINT)
    assert "BrokenPipe" not in said
    assert wait_until(lambda: not any(map(runs, workers)))
