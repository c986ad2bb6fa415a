"""A library that lives: it grows, moves, shrinks, is listened to; and its Python face."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import segue
from segue.errors import NotFound, NotReady, SegueError

Run = Callable[..., Any]


def test_a_new_track_is_an_answer_right_after_the_scan(run: Run, own: Any, make_sound: Any) -> None:
    new = own.music / "new.flac"
    tags = {"title": "Brand New", "artist": "Somebody"}
    make_sound(new, seconds=6, rate_hz=22050, channels=1, frequencies=[445, 1330], noise=99, tags=tags)
    run(own.home, "scan", own.music)
    picks = run(own.home, "similar", "Brand New", "-k", "4", "--json").json
    assert {pick["track"]["album"] for pick in picks[:2]} == {"Album 1"}
    assert "Brand New" in {
        pick["track"]["title"] for pick in run(own.home, "similar", "Title 5", "-k", "4", "--json").json
    }
    answer = run(own.home, "recommend", "me", "-k", "17", "--json").json
    assert "Brand New" in {pick["track"]["title"] for pick in answer["picks"]}


def test_moved_files_keep_their_vectors_and_listens(run: Run, own: Any, tmp_path: Path) -> None:
    run(own.home, "scan", own.music)
    before = run(own.home, "similar", "Title 5", "--json").json
    rows = (own.home / "vectors" / "ears-0001" / "rows.bin").read_bytes()
    (own.music / "album 1").rename(own.music / "renamed")
    report = run(own.home, "scan", own.music, "--json").json
    assert (report["moved"], report["gone"], report["added"]) == (4, 0, 0)
    after = run(own.home, "similar", "Title 5", "--json").json
    assert [(one["track"]["id"], one["score"]) for one in after] == [
        (one["track"]["id"], one["score"]) for one in before
    ]
    assert {Path(one["track"]["path"]).parent.name for one in after[:3]} == {"renamed"}
    assert (own.home / "vectors" / "ears-0001" / "rows.bin").read_bytes() == rows
    assert "100% of them" in run(own.home, "doctor").out


def test_files_that_are_gone_are_no_answer_and_come_back_whole(run: Run, own: Any, tmp_path: Path) -> None:
    run(own.home, "scan", own.music)
    away = tmp_path / "away"
    shutil.move(own.music / "album 0", away)
    shutil.rmtree(own.music / "album 3")
    run(own.home, "scan", own.music)
    for words in (["recommend", "me", "-k", "50"], ["similar", "Title 5", "-k", "50"], ["radio", "--minutes", "1"]):
        answer = run(own.home, *words, "--json").json
        picks = answer if isinstance(answer, list) else answer["picks"]
        # The session's own files, which the copied catalogue knows too, are still there.
        assert all(Path(pick["track"]["path"]).is_file() for pick in picks)
    shutil.move(away, own.music / "album 0")
    assert run(own.home, "scan", own.music, "--json").json["gone"] == 0


def test_a_library_that_lost_everything_says_so(run: Run, tmp_path: Path, make_sound: Any) -> None:
    music = tmp_path / "music"
    make_sound(music / "a.flac", seconds=2, noise=1, tags={"title": "One", "artist": "Ada"})
    make_sound(music / "b.flac", seconds=2, noise=2, tags={"title": "Two", "artist": "Ben"})
    run(tmp_path / "home", "scan", music)
    (music / "a.flac").unlink()
    run(tmp_path / "home", "scan", music)
    titles = [pick["track"]["title"] for pick in run(tmp_path / "home", "recommend", "--json").json["picks"]]
    assert titles == ["Two"]
    assert run(tmp_path / "home", "explain", "me", "One").complaint
    (music / "b.flac").unlink()
    run(tmp_path / "home", "scan", music)
    assert "segue scan FOLDER" in run(tmp_path / "home", "recommend").complaint


def test_listens_that_came_before_the_music_find_it(run: Run, world: Any, tmp_path: Path) -> None:
    assert run(tmp_path, "import", world.history, "--json").json["matched"] == 0
    run(tmp_path, "scan", world.music)
    assert "300 listens, 100% of them of tracks in the library" in run(tmp_path, "doctor").out


def test_what_happens_on_a_station_is_kept_and_respected(own: Any) -> None:
    at = int(time.time()) - 600  # what is still to come would be left out
    with segue.open(own.home) as library:
        station = library.radio("me", start="Title 5", at=at)
        skipped = next(station)
        station.skip(skipped, after_s=1)
        liked = next(station)
        station.like(liked)
        station.played(liked)
        disliked = next(station)
        station.dislike(disliked)
        banned = next(station)
        station.ban(banned)
    with segue.open(own.home) as library:  # another process would see the same
        from segue.listening.history import load_events, opinions
        from segue.types import Opinion, Outcome

        said = opinions(library.database, "me")
        assert said == {
            liked.track.id: Opinion.LIKE,
            disliked.track.id: Opinion.DISLIKE,
            banned.track.id: Opinion.BAN,
        }
        ids = [track.id for track in library.tracks()]
        events = load_events(library.database, ids, ["me"])
        recent = {
            ids[track]: Outcome(int(how))
            for track, when, how in zip(events.track, events.started_at, events.outcome, strict=True)
            if when >= at
        }
        assert recent[skipped.track.id] is Outcome.SKIPPED
        assert recent[liked.track.id] is Outcome.FINISHED
        answer = library.recommend("me", k=50)
        picked = [pick.track.id for pick in answer]
        assert not {disliked.track.id, banned.track.id} & set(picked)
        assert {skipped.track.id, liked.track.id} & set(picked[:5]) == set()  # just heard: they rest
        assert len(picked) == 14
        assert library.explain("me", banned.track).filtered
        later = library.radio("me", start=banned.track)
        assert not {next(later).track.id for _ in range(20)} & {disliked.track.id, banned.track.id}


def test_a_newcomer_on_the_radio_becomes_a_listener(own: Any) -> None:
    with segue.open(own.home) as library:
        with pytest.raises(NotFound, match="there are: me"):
            library.recommend("ada")
        station = library.radio("ada", start="Title 5")
        station.played(next(station))
        assert library.listeners() == ["ada", "me"]
        assert library.recommend("ada", k=3).picks


def test_the_readme_in_python(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEGUE_WORKERS", "1")
    with segue.open() as library:
        assert library.tracks() == []
        with pytest.raises(NotReady, match="segue scan"):
            library.train()
        with pytest.raises(NotReady, match="segue train"):
            library.encoder()
        assert library.scan(world.music).added == 16
        assert library.listen(world.history, listener="me").new == 300
        answer = library.recommend("me", k=10, at="22:30")  # without a training: sound and habits
        assert len(answer) == 10
        for pick in answer:
            assert str(pick.track)
            assert pick.reason
    with segue.open(world.home, seed=3) as library:
        assert library.settings.seed == 3
        assert library.track("artist 1 - title 5").title == "Title 5"
        track = library.track("Title 5")
        assert library.similar(track, k=2) == library.similar("Title 5", k=2) == library.similar(track.path, k=2)
        assert len(library.vectors()) == 16
        programme = library.programme("me", minutes=1)
        assert sum(pick.track.duration_s for pick in programme) >= 60
    with pytest.raises(SegueError, match="did you mean seed"):
        segue.open(world.home, sed=3)


def test_two_libraries_see_what_the_other_wrote(own: Any) -> None:
    with segue.open(own.home) as one, segue.open(own.home) as other:
        station = one.radio("ada", start="Title 1")
        station.like(next(station))
        assert "ada" in other.listeners()
