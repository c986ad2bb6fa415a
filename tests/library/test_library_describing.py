"""Descriptors of a whole library: kept beside the vectors, made anew by a newer version, lost by no kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text, update

import segue
from segue.audio.descriptors import kept
from segue.audio.descriptors.describe import describe_file
from segue.audio.descriptors.kept import described, kept_descriptors
from segue.audio.descriptors.values import VERSION
from segue.errors import NotFound, UnreadableAudio
from segue.library import describing
from segue.store import Database
from segue.store.schema import descriptors

Run = Callable[..., Any]


def vectors_of(home: Path) -> bytes:
    return (home / "vectors" / "ears-0001" / "rows.bin").read_bytes()


def test_every_heard_track_has_its_descriptors(world: Any) -> None:
    with segue.open(world.home) as library:
        found = kept_descriptors(library.database)
        assert sorted(found) == [track.id for track in library.tracks()]
        for track in library.tracks()[::5]:
            assert track.path is not None
            assert found[track.id] == describe_file(track.path) == library.describe(track).descriptors


def test_a_new_track_is_described_by_the_scan_that_finds_it(run: Run, own: Any, make_sound: Any) -> None:
    path = make_sound(own.music / "new.flac", seconds=6, noise=99, tags={"title": "Brand New", "artist": "Somebody"})
    run(own.home, "scan", own.music)
    with segue.open(own.home) as library:
        track = library.track("Brand New")
        assert kept_descriptors(library.database, [track.id])[track.id] == describe_file(path)


def test_a_library_from_before_gets_them_and_keeps_its_vectors(
    run: Run, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(own.home, "scan", own.music)
    before, database = vectors_of(own.home), Database(own.home / "segue.sqlite")
    wanted = kept_descriptors(database)
    with database.writing() as connection:
        connection.execute(delete(descriptors).where(descriptors.c.track_id.in_(sorted(wanted)[:10])))
        connection.execute(
            update(descriptors)
            .where(descriptors.c.track_id == sorted(wanted)[12])
            .values(version=VERSION - 1, tempo_bpm=1.0)
        )
    assert len(described(database)) == 5
    asked: list[list[Path]] = []
    real = describing.describe_tracks

    from segue.audio.descriptors import hearing

    def watched(paths: Any, *rest: Any) -> Any:
        asked.append(list(paths))
        return original(paths, *rest)

    original = hearing.descriptors_of_many
    monkeypatch.setattr(hearing, "descriptors_of_many", watched)
    assert run(own.home, "train", "--json").json["described"] == 16
    assert [len(paths) for paths in asked] == [11]
    assert kept_descriptors(database) == wanted
    assert vectors_of(own.home) == before
    with segue.open(own.home) as library:
        assert real(library.database, library.tracks()) == 16
    assert len(asked) == 1  # nothing was left to do
    database.close()


def test_a_newer_version_describes_all_of_it_anew(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with segue.open(own.home, workers=1) as library:
        old = kept_descriptors(library.database)
        monkeypatch.setattr(kept, "VERSION", VERSION + 1)
        assert kept_descriptors(library.database) == {}
        assert describing.describe_tracks(library.database, library.tracks(), workers=1) == 16
        assert kept_descriptors(library.database) == old


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX has them")
def test_killed_while_describing_it_goes_on_where_it_was(run: Run, own: Any) -> None:
    run(own.home, "scan", own.music)
    database = Database(own.home / "segue.sqlite")
    wanted = kept_descriptors(database)
    with database.writing() as connection:
        connection.execute(delete(descriptors))
    code = (
        "import os\nfrom segue.library import describing\ndescribing.BATCH_TRACKS = 3\n"
        "from segue.audio.descriptors import kept\nreal, calls = kept.keep, []\n"
        "def keep(*a):\n    real(*a); calls.extend(a[1])\n    if len(calls) == 6: os.kill(os.getpid(), 9)\n"
        "kept.keep = keep\nfrom segue.cli.app import main\nmain()"
    )
    environment = {**os.environ, "SEGUE_HOME": str(own.home), "SEGUE_SIZE": "tiny", "SEGUE_WORKERS": "1"}
    words = [sys.executable, "-c", code, "train"]
    killed = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(described(database)) == 6
    assert run(own.home, "train", "--json").json["described"] == 16
    assert kept_descriptors(database) == wanted
    database.close()


def test_tracks_and_files_are_described(own: Any, tmp_path: Path, make_sound: Any) -> None:
    with segue.open(own.home) as library:
        track = library.track("Title 5")
        by_name, by_path = library.describe("Title 5"), library.describe(track.path)
        assert by_name == by_path
        assert (by_name.track, by_name.path, by_name.descriptors.whole) == (track, track.path, False)
        assert library.describe(track, whole=True).descriptors.whole
        outside = make_sound(tmp_path / "out.mp3", seconds=5, noise=1)
        found = library.describe(outside)
        assert (found.track, found.path) == (None, outside)
        with pytest.raises(NotFound, match="near it"):
            library.describe("nothing of that name")
        broken = tmp_path / "broken.mp3"
        broken.write_text("no sound")
        with pytest.raises(UnreadableAudio, match=r"broken\.mp3"):
            library.describe(broken)


def test_a_track_whose_file_is_gone_is_told_from_memory(run: Run, own: Any, make_sound: Any) -> None:
    path = make_sound(own.music / "new.flac", seconds=6, noise=99, tags={"title": "Brand New", "artist": "Somebody"})
    run(own.home, "scan", own.music)
    with segue.open(own.home) as library:
        track = library.track("Brand New")
        before = library.describe(track).descriptors
    path.unlink()
    run(own.home, "scan", own.music)
    with segue.open(own.home) as library:
        assert library.describe(track.id).descriptors == before
        with pytest.raises(NotFound, match="segue scan"):
            library.describe(track.id, whole=True)


def test_a_database_from_before_descriptors_is_brought_forward(own: Any) -> None:
    database = Database(own.home / "segue.sqlite")
    with database.writing() as connection:
        connection.execute(text("DROP TABLE descriptors"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    database.close()
    with segue.open(own.home) as library:
        assert len(library.tracks()) == 16
        assert kept_descriptors(library.database) == {}
        assert library.similar("Title 5", k=1)
