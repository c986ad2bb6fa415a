"""The demo as a whole: what it refuses, what it replaces, and (slow) one real run on music made here."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from segue.demo.evening import lessons
from segue.demo.run import run_demo
from segue.demo.story import Played
from segue.errors import BadInput, NotFound
from segue.home import Home
from segue.library import Library
from segue.settings import load_settings
from segue.types import Pick, Track


def quiet() -> Console:
    return Console(file=io.StringIO(), width=140, highlight=False)


def test_paths_that_are_not_there_are_named(tmp_path: Path) -> None:
    for given in ({"music": tmp_path / "Musik"}, {"music": tmp_path, "history": tmp_path / "export.zip"}):
        with pytest.raises(NotFound, match=r"(Musik|export\.zip) is not there"):
            run_demo(Home(tmp_path / "home"), console=quiet(), page=tmp_path / "page.html", **given)


def test_a_library_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    Library(home, load_settings()).close()
    before = home.database.read_bytes()
    with pytest.raises(BadInput, match="no demo made"):
        run_demo(home, console=quiet(), music=tmp_path, page=tmp_path / "page.html")
    assert home.database.read_bytes() == before


def test_a_folder_without_music_says_what_to_pass(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    with pytest.raises(BadInput, match=r"no music .* make demo MUSIC="):
        run_demo(Home(tmp_path / "home"), console=quiet(), music=tmp_path / "music", page=tmp_path / "page.html")


def test_what_is_left_of_an_ended_demo_is_replaced_and_of_a_killed_one_kept(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    home = Home(tmp_path / "home")

    def run() -> None:
        with pytest.raises(BadInput, match="no music"):
            run_demo(home, console=quiet(), music=tmp_path / "music", page=tmp_path / "page.html")

    run()
    model = home.models / "ears" / "0001"
    model.mkdir(parents=True)
    song = home.cache / "music" / "song.ogg"
    song.parent.mkdir()
    song.touch()
    run()  # the same demo, not ended: it goes on
    assert model.exists()
    marker = home.root / "demo.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "ended": True}))
    run()
    assert not model.exists()
    assert song.exists()


def test_lessons_tell_what_was_heard() -> None:
    tracks = [Track(name, name.title(), duration_s=60.0) for name in "abcd"]
    sounds = dict(zip("abcd", np.array([[1, 0], [0.9, 0.436], [0, 1], [-1, 0]], dtype=np.float32), strict=True))

    def evening(second: Track) -> list[Played]:
        return [
            Played(Pick(tracks[0], 1.0, ""), "liked", tracks[0]),
            Played(Pick(second, 1.0, ""), "played", tracks[2]),
        ]

    liked, changed = lessons(evening(tracks[1]), sounds, listens=1000)
    assert (
        liked
        == "After “A” was liked, what came sounds more like it than planned (mean similarity 0.90 instead of 0.00)."
    )
    assert changed == "Of 1 tracks after the like, 1 are others than planned at their place."
    worse, _ = lessons(evening(tracks[3]), sounds, listens=1000)
    assert "sounds less like it than planned (mean similarity −1.00 instead of 0.00)" in worse
    same, _ = lessons(evening(tracks[2]), sounds, listens=1000)
    assert "about as much like it as planned: one word beside 1,000 listens" in same


@pytest.mark.slow
def test_the_whole_way_on_music_of_ones_own(tmp_path: Path, make_sound) -> None:  # type: ignore[no-untyped-def]
    for number in range(30):
        make_sound(
            tmp_path / "music" / f"Album {number // 6}" / f"{number}.flac",
            seconds=12,
            frequencies=(110.0 * (1 + number // 6), 150.0 + 40 * number),
            noise=number,
            tags={"title": f"Piece {number}", "artist": f"Band {number // 6}", "album": f"Album {number // 6}"},
        )
    console, page = quiet(), tmp_path / "page.html"
    run_demo(Home(tmp_path / "home"), console=console, music=tmp_path / "music", page=page)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert page.as_uri() in said
    assert "20,000 listens of 40 simulated listeners" in said
    radio = said.partition("Radio for simulated-01")[2]
    assert radio.count("♥ liked") == radio.count("✕ skipped, 12 s") == 1
    assert sum(line.rstrip().endswith("simulated") for line in radio.splitlines()) == 20
    html = page.read_text("utf-8")
    assert html.count('<circle class="t') == 30
    assert "your music" in html
    assert "Debian" not in html
