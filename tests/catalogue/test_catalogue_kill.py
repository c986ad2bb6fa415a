"""kill -9 at any moment of a scan, then scan again: the tables are those of a scan that nobody disturbed."""

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from segue.catalogue.scan import scan
from segue.store import Database
from segue.store.schema import metadata

SCAN = """
import sys
from pathlib import Path
from segue.catalogue import scan
from segue.store import Database
scan.BATCH_FILES = 7
database = Database(Path(sys.argv[1]))


def say_and_wait(*said):
    print(*said, flush=True)
    sys.stdin.readline()


scan.scan(database, [sys.argv[2]], workers=int(sys.argv[3]), progress=say_and_wait)
"""


def kill_scan(database: Path, folder: Path, *, words: int, after_s: float, workers: int) -> tuple[int, bool]:
    """Kill a real scan ``after_s`` seconds after it has said ``words`` words: files reported done, and had it ended?

    It goes on from word to word only when it is told to, and after the last one as far as the next: so the kill
    falls somewhere in the work between the two, however fast or busy the machine.
    """
    command = [sys.executable, "-c", SCAN, str(database), str(folder), str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        with contextlib.suppress(BrokenPipeError):  # a scan with less left to say has ended
            for _ in range(words):
                said += process.stdout.readline()
                os.write(process.stdin.fileno(), b"\n")
        time.sleep(after_s)
        process.kill()
        said += process.stdout.read()
    return files_reported(said), process.returncode == 0


def files_reported(said: str) -> int:
    """The last number of files that a whole line reported: a kill may cut the last line short, or come before any."""
    whole = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return max((int(words[2]) for words in whole if words[:2] == ["reading", "files"]), default=0)


def tables(path: Path) -> dict[str, list[tuple]]:
    database = Database(path)
    with database.reading() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    database.close()
    return found


def scanned(path: Path, folder: Path) -> dict[str, list[tuple]]:
    database = Database(path)
    scan(database, [folder], workers=1)
    database.close()
    return tables(path)


def build(make_sound, folder: Path, files: int) -> None:
    """Sounds, copies of sounds under other tags, and bad files."""
    for number in range(12):
        make_sound(folder / "source" / f"{number}.mp3", seconds=0.4, noise=number, tags={"title": f"T{number}"})
    for number in range(files):
        source = (folder / "source" / f"{number % 12}.mp3").read_bytes()
        path = folder / f"{number % 5}" / f"{number}.mp3"
        path.parent.mkdir(exist_ok=True)
        if number % 10 == 9:
            path.write_bytes(source[: number % 90])
        else:
            frames = b"TIT2" + (6).to_bytes(4, "big") + b"\0\0\x03" + f"{number:05d}".encode()
            tag = b"ID3\x04\0\0\0\0\0" + bytes([len(frames)]) + frames
            # every third has a sound of its own: one more frame than its source
            path.write_bytes(tag + source + (source[-104:] * (number // 3) if number % 3 == 0 else b""))


def rearrange(folder: Path) -> None:
    """What happens to a collection between two scans: moves, removals, other content, new copies."""
    files = sorted(folder.glob("[0-9]/*.mp3"))
    for number, path in enumerate(files):
        if number % 7 == 0:
            path.rename(folder / "source" / f"moved {path.name}")
        elif number % 7 == 2:
            path.unlink()
        elif number % 7 == 4:
            path.write_bytes(files[number - 1].read_bytes())
        elif number % 7 == 6:
            shutil.copy(path, folder / f"copy {path.name}")


def prove(make_sound, tmp_path: Path, *, files: int, kills: int, most_words: int) -> None:
    chance = random.Random(0)
    music = tmp_path / "music"
    build(make_sound, music, files)
    undisturbed, disturbed = tmp_path / "undisturbed.sqlite", tmp_path / "disturbed.sqlite"
    cut = 0
    for stage in range(2):
        if stage:
            rearrange(music)
        expected = scanned(undisturbed, music)
        for number in range(kills):
            workers = 1 + number % 2
            words, after_s = chance.randint(1, most_words), chance.uniform(0, 0.01)
            done, ended = kill_scan(disturbed, music, words=words, after_s=after_s, workers=workers)
            cut += not ended
            kept = tables(disturbed)["file"]
            assert len(kept) >= done
            if number % 4 == 3 and stage == 0:  # begin again from nothing
                for leftover in tmp_path.glob("disturbed.sqlite*"):
                    leftover.unlink()
        assert scanned(disturbed, music) == expected
    assert cut >= kills, "most scans have to be killed before they end for this to prove anything"
    assert {row[-1] for row in expected["file"]} == {False, True}


def test_only_whole_lines_count_as_reported():
    assert files_reported("looking for files 3 None\n") == 0
    assert files_reported("reading files 7 120\nreading files ") == 7
    assert files_reported("reading files 7 120\nreading files 14") == 7


def test_killed_scans_end_in_the_same_tables(make_sound, tmp_path):
    prove(make_sound, tmp_path, files=120, kills=2, most_words=6)


@pytest.mark.slow
def test_many_killed_scans_end_in_the_same_tables(make_sound, tmp_path):
    prove(make_sound, tmp_path, files=1200, kills=20, most_words=40)
