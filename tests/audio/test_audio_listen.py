"""Many files by several processes: in order, bounded, whatever happens to a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from segue.audio.decode import read_windows
from segue.audio.listen import SHAPE, mel_windows, mel_windows_of_many
from segue.audio.mel import log_mel
from segue.errors import SegueError, UnreadableAudio

MakeSound = Callable[..., Path]
Killing = Callable[[Path, int], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def files(make_sound: MakeSound, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("music")
    return [make_sound(folder / f"{i}.wav", seconds=2, rate_hz=16_000, noise=i) for i in range(12)]


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def test_one_file_is_its_log_mels_to_three_digits(files: list[Path]) -> None:
    found = mel_windows(files[0])
    assert found.shape == SHAPE
    assert found.dtype == np.float32
    assert np.array_equal(found, found.astype(np.float16))
    assert np.abs(found - log_mel(read_windows(files[0]))).max() < 2e-3


def test_processes_give_what_one_gives_in_order(files: list[Path], tmp_path: Path) -> None:
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n.wav"))
    strange.write_bytes(files[0].read_bytes())
    paths = [*files[:4], tmp_path / "missing.wav", strange, *files[4:]]
    told: list[tuple[int, int | None]] = []
    alone = list(mel_windows_of_many(paths, 1))
    several = list(mel_windows_of_many(paths, 2, lambda stage, done, total: told.append((done, total))))
    assert [position for position, _ in several] == list(range(len(paths)))
    for (_, one), (_, other) in zip(alone, several, strict=True):
        if isinstance(one, UnreadableAudio):
            assert str(one) == str(other) == f"{tmp_path / 'missing.wav'}: it can't be read (no such file or directory)"
        else:
            assert np.array_equal(one, other)
    assert told == [(done, len(paths)) for done in range(len(paths) + 1)]


def test_no_files_are_no_work() -> None:
    assert list(mel_windows_of_many([], 0)) == []


def test_few_files_are_read_ahead(files: list[Path], tmp_path: Path) -> None:
    """Files that are made unreadable after the first was taken: those read before show how far ahead it went."""
    paths = []
    for i in range(60):
        paths.append(tmp_path / f"{i}.wav")
        paths[-1].write_bytes(files[i % 12].read_bytes())
    heard = mel_windows_of_many(paths, 2)
    next(heard)
    time.sleep(1.5)
    for path in paths:
        path.unlink()
    answers = [mels for _, mels in heard]
    good = [not isinstance(mels, UnreadableAudio) for mels in answers]
    assert sum(good) <= 16
    assert not any(good[16:])


@pytest.fixture
def crew(files: list[Path]) -> Iterator[tuple[Iterator[object], list[int], list[Path]]]:
    paths = files * 8
    heard = mel_windows_of_many(paths, 2)
    before = set(children(os.getpid()))
    next(heard)
    yield heard, [pid for pid in children(os.getpid()) if pid not in before], paths
    heard.close()  # type: ignore[attr-defined]


def test_a_process_that_dies_is_replaced_and_its_file_tried_again(
    crew: tuple[Iterator[object], list[int], list[Path]],
) -> None:
    heard, workers, paths = crew
    assert len(workers) == 2
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    answers = list(heard)
    assert len(answers) == len(paths) - 1
    assert not [mels for _, mels in answers if isinstance(mels, UnreadableAudio)]


def test_a_file_that_brings_its_process_down_is_the_only_one_lost(
    files: list[Path], tmp_path: Path, make_sound: MakeSound, killing: Killing
) -> None:
    """A long file whose process is killed whenever it has it open, as an out-of-memory killer would."""
    deadly = make_sound(tmp_path / "deadly.flac", seconds=40, channels=2, rate_hz=192_000, noise=1)
    paths = [*files[:5], deadly, *files[5:]]
    with killing(deadly, signal.SIGKILL):
        for _ in range(40):
            answers = [mels for _, mels in mel_windows_of_many(paths, 2)]
            lost = [position for position, mels in enumerate(answers) if isinstance(mels, UnreadableAudio)]
            if lost:
                break
    assert lost == [5]
    assert str(answers[5]) == f"{deadly}: reading it brought the reader down (exit status -9)"


def test_a_process_that_can_not_start_is_no_files_fault(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SegueError, match="can't start"):
        list(mel_windows_of_many(files, 2))


def test_closing_early_ends_the_processes(crew: tuple[Iterator[object], list[int], list[Path]]) -> None:
    heard, workers, _ = crew
    heard.close()  # type: ignore[attr-defined]
    assert not [worker for worker in workers if runs(worker)]


PROGRAM = """
import sys
from segue.audio.listen import mel_windows_of_many
for position, mels in mel_windows_of_many(sys.argv[1:] * 200, 2):
    print(position, flush=True)
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_parent_ends(blow: signal.Signals, files: list[Path]) -> None:
    # A plain script without "if __name__ …": it must not be run again by the processes either.
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, files)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        for expected in (b"0\n", b"1\n", b"2\n"):
            assert parent.stdout.readline() == expected
        workers = children(parent.pid)
        assert len(workers) == 2
        if hasattr(os, "getpriority"):
            assert {os.getpriority(os.PRIO_PROCESS, worker) for worker in workers} == {10}
        parent.send_signal(blow)
        parent.communicate(timeout=30)
        assert parent.returncode == -blow
    assert wait_until(lambda: not any(map(runs, workers)))
