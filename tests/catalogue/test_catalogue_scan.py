"""Scanning real folders: what is counted, what is kept, what is never opened."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from segue.catalogue.reading import read_many
from segue.catalogue.scan import ScanReport, scan
from segue.catalogue.tracks import Catalogue
from segue.errors import BadInput, NotFound, SegueError
from segue.store import Database
from segue.store.schema import file, metadata


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "segue.sqlite")
    yield database
    database.close()


@pytest.fixture
def music(make_sound, tmp_path):
    """Five tracks in three folders."""
    folder = tmp_path / "music"
    for number, name in enumerate(["a/1.flac", "a/2.mp3", "b/3.ogg", "b/4.m4a", "c/5.wav"]):
        make_sound(folder / name, seconds=0.5, noise=number, tags={"title": f"T{number}", "artist": "A"})
    return folder


def counts(report: ScanReport) -> tuple[int, int, int, int, int, int]:
    """added, changed, moved, gone, unchanged, skipped"""
    return report.added, report.changed, report.moved, report.gone, report.unchanged, len(report.skipped)


def tables(database: Database) -> dict[str, list[tuple]]:
    with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def test_a_first_scan_adds_and_a_second_changes_nothing(database, music):
    told = []
    report = scan(database, [music], workers=1, progress=lambda *said: told.append(said))
    assert counts(report) == (5, 0, 0, 0, 0, 0)
    assert told[0] == ("reading files", 0, 5)
    assert told[-1] == ("reading files", 5, 5)
    before = tables(database)
    assert counts(scan(database, [music], workers=1)) == (0, 0, 0, 0, 5, 0)
    assert tables(database) == before
    found = {track.title: track for track in Catalogue(database).tracks()}
    assert list(found) == [track.title for track in sorted(found.values(), key=lambda track: track.id)]
    assert found["T1"].path == music / "a" / "2.mp3"
    assert found["T1"].artists == ("A",)
    assert found["T1"].duration_s == pytest.approx(0.5, abs=0.1)


def test_workers_find_what_one_process_finds(music, tmp_path):
    (music / "bad.mp3").write_bytes(b"no sound")
    found = []
    for workers in (1, 3):
        database = Database(tmp_path / f"{workers}.sqlite")
        report = scan(database, [music], workers=workers)
        found.append((report, tables(database)))
        database.close()
    assert found[0] == found[1]


OPENED: list[bytes] = []
LISTENING = False


def _hook(event, arguments):
    if LISTENING and event == "open" and isinstance(arguments[0], str | bytes):
        OPENED.append(os.fsencode(arguments[0]))


def test_an_unchanged_tree_is_not_opened(database, make_sound, tmp_path):
    """Python opens nothing there; and FFmpeg neither: it would meet other content than it met before."""
    global LISTENING
    tree = tmp_path / "tree"
    source = make_sound(tmp_path / "one.mp3", seconds=0.3)
    for number in range(300):
        path = tree / f"{number // 50}" / f"{number}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, path)
    assert counts(scan(database, [tree], workers=1)) == (300, 0, 0, 0, 0, 0)
    for path in tree.rglob("*.mp3"):
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    sys.addaudithook(_hook)  # can't be taken off again, so it listens only here
    LISTENING = True
    try:
        report = scan(database, [tree], workers=1)
    finally:
        LISTENING = False
    assert counts(report) == (0, 0, 0, 0, 300, 0)
    assert [path for path in OPENED if path.startswith(os.fsencode(tree))] == []
    os.utime(tree / "0" / "7.mp3")
    LISTENING = True
    try:
        assert counts(scan(database, [tree], workers=1)) == (0, 0, 0, 0, 299, 1)
    finally:
        LISTENING = False


def test_a_moved_file_keeps_its_track(database, music):
    scan(database, [music], workers=1)
    before = {track.id: track.title for track in Catalogue(database).tracks()}
    (music / "new folder").mkdir()
    (music / "a" / "1.flac").rename(music / "new folder" / "renamed.flac")
    assert counts(scan(database, [music], workers=1)) == (0, 0, 1, 0, 4, 0)
    after = Catalogue(database).tracks()
    assert {track.id: track.title for track in after} == before
    assert music / "new folder" / "renamed.flac" in [track.path for track in after]
    assert len(tables(database)["file"]) == 5


def test_a_retagged_file_keeps_its_track_and_shows_its_new_tags(database, music, make_sound):
    scan(database, [music], workers=1)
    ids = {track.id for track in Catalogue(database).tracks()}
    make_sound(music / "a" / "1.flac", seconds=0.5, noise=0, tags={"title": "New", "artist": "A", "genre": "Jazz"})
    assert counts(scan(database, [music], workers=1)) == (0, 1, 0, 0, 4, 0)
    after = {track.id: track for track in Catalogue(database).tracks()}
    assert after.keys() == ids
    assert [(track.title, track.genres) for track in after.values() if track.genres] == [("New", ("Jazz",))]


def test_a_moved_and_retagged_file_is_one_move(database, music, make_sound):
    scan(database, [music], workers=1)
    (music / "a" / "1.flac").unlink()
    make_sound(music / "z.flac", seconds=0.5, noise=0, tags={"title": "New"})
    assert counts(scan(database, [music], workers=1)) == (0, 0, 1, 0, 4, 0)
    assert "New" in [track.title for track in Catalogue(database).tracks()]


def test_other_sound_under_an_old_name_is_another_track(database, music, make_sound):
    scan(database, [music], workers=1)
    old = Catalogue(database).resolve("T0")
    make_sound(music / "a" / "1.flac", seconds=0.6, noise=99, tags={"title": "Other"})
    assert counts(scan(database, [music], workers=1)) == (0, 1, 0, 0, 4, 0)
    catalogue = Catalogue(database)
    assert catalogue.resolve("Other").id != old.id
    assert catalogue.get(old.id) is not None
    assert catalogue.get(old.id).path is None


def test_a_copy_is_the_same_track_and_the_first_path_names_it(database, music, make_sound):
    scan(database, [music], workers=1)
    make_sound(music / "a" / "0 copy.flac", seconds=0.5, noise=0, tags={"title": "First"})
    make_sound(music / "z" / "copy.flac", seconds=0.5, noise=0, tags={"title": "Last"})
    assert counts(scan(database, [music], workers=1)) == (2, 0, 0, 0, 5, 0)
    (track,) = [track for track in Catalogue(database).tracks() if track.title in ("T0", "First", "Last")]
    assert (track.title, track.path) == ("First", music / "a" / "0 copy.flac")
    (music / "a" / "0 copy.flac").unlink()
    assert counts(scan(database, [music], workers=1)) == (0, 0, 0, 1, 6, 0)
    assert Catalogue(database).get(track.id).title == "T0"
    (music / "a" / "1.flac").unlink()
    scan(database, [music], workers=1)
    assert Catalogue(database).get(track.id).title == "Last"
    assert Catalogue(database).get(track.id).path == music / "z" / "copy.flac"
    make_sound(music / "a" / "1.flac", seconds=0.5, noise=0, tags={"title": "T0"})
    scan(database, [music], workers=1)
    assert Catalogue(database).get(track.id).title == "T0"


def test_a_first_path_that_takes_another_sound_hands_the_naming_on(database, music, make_sound):
    make_sound(music / "a" / "0.flac", seconds=0.5, noise=0, tags={"title": "First"})
    scan(database, [music], workers=1)
    track = Catalogue(database).resolve("First")
    make_sound(music / "a" / "0.flac", seconds=0.7, noise=77, tags={"title": "Other"})
    scan(database, [music], workers=1)
    assert Catalogue(database).get(track.id).title == "T0"


def test_what_is_gone_keeps_its_track_and_may_return(database, music, tmp_path):
    scan(database, [music], workers=1)
    ids = [track.id for track in Catalogue(database).tracks()]
    away = tmp_path / "away"
    (music / "b").rename(away)  # as a disk that is unmounted
    assert counts(scan(database, [music], workers=1)) == (0, 0, 0, 2, 3, 0)
    catalogue = Catalogue(database)
    assert len(catalogue.tracks()) == 3
    assert all(catalogue.get(track_id) is not None for track_id in ids)
    assert counts(scan(database, [music], workers=1)) == (0, 0, 0, 0, 3, 0)
    away.rename(music / "b")
    assert counts(scan(database, [music], workers=1)) == (2, 0, 0, 0, 3, 0)
    assert [track.id for track in catalogue.tracks()] == ids


def test_scanning_one_folder_says_nothing_of_another(database, music):
    scan(database, [music], workers=1)
    shutil.rmtree(music / "b")
    assert counts(scan(database, [music / "a"], workers=1)) == (0, 0, 0, 0, 2, 0)
    assert len(Catalogue(database).tracks()) == 5
    assert counts(scan(database, [music / "a", music], workers=1)) == (0, 0, 0, 2, 3, 0)


def test_a_single_file_can_be_scanned(database, music):
    assert counts(scan(database, [music / "a" / "1.flac"], workers=1)) == (1, 0, 0, 0, 0, 0)
    assert counts(scan(database, [music / "a" / "1.flac", music], workers=1)) == (4, 0, 0, 0, 1, 0)


def test_an_empty_folder_is_a_report_of_nothing(database, tmp_path):
    (tmp_path / "empty").mkdir()
    assert counts(scan(database, [tmp_path / "empty"])) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("roots", "error", "said"),
    [
        (["missing"], NotFound, "no folder or file"),
        (["music", "missing"], NotFound, "missing"),
        (["music/a/1.flac/inside"], NotFound, "inside"),
        (["notes.txt"], BadInput, "neither a folder nor a sound file"),
        (["\0"], BadInput, "can't be scanned"),
        (["pipe.mp3"], BadInput, "neither"),
        ([], BadInput, "no folder"),
    ],
)
def test_a_root_that_is_none_stops_before_anything_happens(database, music, tmp_path, monkeypatch, roots, error, said):
    (tmp_path / "notes.txt").write_text("hello")
    os.mkfifo(tmp_path / "pipe.mp3")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said) as raised:
        scan(database, roots, workers=1)
    assert type(raised.value) is error
    assert tables(database)["file"] == []


def test_the_home_sign_and_links_are_followed(database, music, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(music)
    assert counts(scan(database, ["~/link"], workers=1)) == (5, 0, 0, 0, 0, 0)
    assert Catalogue(database).resolve("T0").path == music / "a" / "1.flac"


def test_circles_and_dead_links_end(database, music, tmp_path):
    (music / "a" / "up").symlink_to(music)
    (music / "self.mp3").symlink_to(music / "self.mp3")
    (music / "dead.mp3").symlink_to(music / "nowhere.mp3")
    (music / "0 first").symlink_to(music / "b")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(music / "c", elsewhere)
    (music / "linked").symlink_to(elsewhere)
    os.mkfifo(music / "pipe.mp3")
    report = scan(database, [music], workers=1)
    assert counts(report) == (6, 0, 0, 0, 0, 3)
    assert [Path(skipped.path).name for skipped in report.skipped] == ["dead.mp3", "pipe.mp3", "self.mp3"]
    paths = [track.path for track in Catalogue(database).tracks()]
    assert music / "b" / "3.ogg" in paths  # a folder goes by its own name, though a link sorts before it


def test_hidden_and_other_files_are_passed_over(database, music, make_sound):
    make_sound(music / ".hidden" / "a.flac", seconds=0.2, noise=9)
    make_sound(music / "._a.flac", seconds=0.2, noise=9)
    (music / "cover.jpg").write_bytes(b"\xff\xd8")
    (music / "UPPER.MP3").write_bytes((music / "a" / "2.mp3").read_bytes())
    assert counts(scan(database, [music], workers=1)) == (6, 0, 0, 0, 0, 0)


def test_bad_files_are_skipped_with_their_reason_until_they_change(database, music, make_sound):
    (music / "empty.mp3").touch()
    (music / "text.mp3").write_text("just words " * 100)
    whole = make_sound(music / "half.flac", seconds=6, noise=5)
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    report = scan(database, [music], workers=1)
    assert counts(report) == (5, 0, 0, 0, 0, 3)
    assert [(Path(skipped.path).name, skipped.reason) for skipped in report.skipped] == [
        ("empty.mp3", "the file is empty"),
        ("half.flac", "cut short, 3 of 6 s are there"),
        ("text.mp3", "not a sound file, or a damaged one"),
    ]
    assert tuple(Catalogue(database).problems()) == report.skipped
    again = scan(database, [music], workers=1)
    assert counts(again) == (0, 0, 0, 0, 5, 3)
    assert again.skipped == report.skipped
    whole.write_bytes(content)
    assert counts(scan(database, [music], workers=1)) == (0, 1, 0, 0, 5, 2)
    (music / "a" / "1.flac").write_bytes(b"broken now")
    assert counts(scan(database, [music], workers=1)) == (0, 0, 0, 0, 5, 3)
    assert len(Catalogue(database).tracks()) == 5
    assert Catalogue(database).get(Catalogue(database).resolve("T0").id).path is None


def test_names_that_are_no_utf8_are_kept(database, music):
    odd = os.fsencode(music) + b"/\xff caf\xe9.flac"
    shutil.copy(music / "a" / "1.flac", odd)
    bad = os.fsencode(music) + b"/\xfe.mp3"
    Path(os.fsdecode(bad)).write_bytes(b"nothing")
    (music / "a" / "1.flac").unlink()
    report = scan(database, [music], workers=2)
    assert counts(report) == (5, 0, 0, 0, 0, 1)
    assert report.skipped[0].path.endswith("\\xfe.mp3")
    report.skipped[0].path.encode("utf-8")
    track = Catalogue(database).resolve("T0")
    assert os.fsencode(track.path) == odd
    assert track.path.exists()


def test_a_folder_that_may_not_be_read_is_skipped(make_sound):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sound(folder / "music" / "open" / "a.flac", seconds=0.2)
        make_sound(folder / "music" / "shut" / "b.flac", seconds=0.2, noise=1)
        for place in (folder, *folder.rglob("*")):
            if os.geteuid() == 0:
                os.chown(place, 65534, 65534)
        (folder / "music" / "shut").chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)  # root may read everything
        try:
            database = Database(folder / "segue.sqlite")
            report = scan(database, [folder / "music"], workers=1)
            with pytest.raises(BadInput, match="permission denied"):
                scan(database, [folder / "music" / "shut"], workers=1)
            database.close()
        finally:
            if is_root:
                os.seteuid(0)
            (folder / "music" / "shut").chmod(0o700)
    assert counts(report) == (1, 0, 0, 0, 0, 1)
    assert report.skipped[0].path == str(folder / "music" / "shut")
    assert "Permission denied" in report.skipped[0].reason


@pytest.mark.parametrize("options", [
    {"codec": "float", "samples": "nan"}, {"seconds": 0.2}, {"rate_hz": 8000}, {"rate_hz": 192_000, "channels": 6},
])  # fmt: skip
def test_odd_sound_is_taken_in(database, make_sound, tmp_path, options):
    import numpy as np

    if "samples" in options:
        options = {**options, "samples": np.full((2, 44100), np.nan, np.float32)}
    make_sound(tmp_path / "music" / "a.wav", **options)
    assert counts(scan(database, [tmp_path / "music"], workers=1)) == (1, 0, 0, 0, 0, 0)
    with database.reading() as connection:
        (row,) = connection.execute(select(file)).all()
    assert (row.rate_hz, row.channels) == (options.get("rate_hz", 44100), options.get("channels", 2))


def children(parent: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(parent)], capture_output=True, text=True)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return [int(process) for process, name in lines if not name.startswith("ps") and alive(int(process))]


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_worker_that_is_killed_costs_nothing(music):
    paths = [os.fsencode(path) for path in sorted(music.rglob("*.*"))] * 20
    with closing(read_many(paths, 2)) as readings:
        first = next(readings)
        victims = children(os.getpid())
        assert len(victims) == 2
        os.kill(victims[0], signal.SIGSEGV)
        rest = list(readings)
    assert [reading.path for reading in (first, *rest)] == paths
    assert not [reading.problem for reading in rest if reading.problem]
    assert children(os.getpid()) == []


def test_a_worker_that_dies_while_it_starts_costs_nothing(music, tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\nmkdir "{tmp_path}/died" 2>/dev/null && kill -SEGV $$\nexec "{sys.executable}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    paths = [os.fsencode(path) for path in sorted(music.rglob("*.*"))]
    with closing(read_many(paths, 2)) as readings:
        assert {reading.path: reading.problem for reading in readings} == dict.fromkeys(paths)
    assert (tmp_path / "died").exists()


def test_workers_that_can_not_start_stop_the_scan_and_blame_no_file(database, music, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(SegueError, match="can't start"):
        scan(database, [music], workers=2)
    assert tables(database)["file"] == []
    assert counts(scan(database, [music], workers=1)) == (5, 0, 0, 0, 0, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_file_that_brings_the_reader_down_is_skipped(music, killing):
    """A decoder that dies takes its process along, here by our hand: that file is reported, the others are read."""
    content = (music / "a" / "2.mp3").read_bytes()
    heavy = music / "heavy.mp3"
    with heavy.open("wb") as file:
        for _ in range(15_000):
            file.write(content)
    paths = [os.fsencode(path) for path in sorted(music.rglob("*.*"))]

    with killing(heavy, signal.SIGSEGV):
        for _ in range(40):
            with closing(read_many(paths, 2)) as readings:
                found = {reading.path: reading.problem for reading in readings}
            if found[os.fsencode(heavy)]:
                break
    assert found == dict.fromkeys(paths) | {os.fsencode(heavy): "reading it brought the reader down (exit status -11)"}


def test_workers_are_polite_and_end_with_their_iterator(music):
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with closing(read_many([os.fsencode(path) for path in sorted(music.rglob("*.*"))] * 40, 2)) as readings:
        for _ in range(100):  # 64 files are given out ahead: by now both workers have read some
            next(readings)
        crew = children(os.getpid())
        assert [os.getpriority(os.PRIO_PROCESS, worker) - own for worker in crew] == [10, 10]
    assert not any(map(alive, crew))


SCAN = """
import sys
from pathlib import Path
from segue.catalogue.scan import scan
from segue.store import Database
scan(Database(Path(sys.argv[1])), [sys.argv[2]], workers=2, progress=lambda *said: print(*said, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_scan_leaves_no_process_behind(music, tmp_path, number):
    source = (music / "a" / "2.mp3").read_bytes()
    for extra in range(1500):
        (music / f"{extra}.mp3").write_bytes(source)
    with subprocess.Popen(
        [sys.executable, "-c", SCAN, str(tmp_path / "x.sqlite"), str(music)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        while not process.stdout.readline().startswith("reading files 0"):
            pass
        reported = int(process.stdout.readline().split()[2])
        crew = children(process.pid)
        assert len(crew) == 2
        os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
        _, errors = process.communicate(timeout=20)
    assert errors.count("KeyboardInterrupt") == (number == signal.SIGINT), "only the scan itself speaks of it"
    deadline = time.monotonic() + 10
    while any(map(alive, crew)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, crew))
    database = Database(tmp_path / "x.sqlite")
    assert 0 < reported <= len(tables(database)["file"]) < 1505
    database.close()
