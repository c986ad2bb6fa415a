from pathlib import Path

import numpy as np
import pytest

from segue.errors import BadInput, NotFound
from segue.listening.history import (
    heard_tracks,
    listeners,
    load_events,
    opinions,
    record,
    rematch,
    say,
    track_ids,
)
from segue.store import Database
from segue.store.schema import track as track_table
from segue.types import Opinion, Outcome, Track

ROADS = Track("t1", "Roads", ("Portishead",), album="Dummy", duration_s=300.0)
ARMY = Track("t2", "Army of Me", ("Björk",), duration_s=200.0)
HEARD = Track("heard:1", "Glory Box", ("Portishead",))


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path / "segue.sqlite")
    yield opened
    opened.close()


def test_recorded_listens_come_back_as_columns(database: Database) -> None:
    record(database, "bob", ARMY, started_at=50, played_s=500.0, outcome=Outcome.FINISHED, source="radio")
    record(database, "ada", ROADS, started_at=200, played_s=150.0, outcome=Outcome.PARTIAL)
    record(database, "ada", ARMY, started_at=100)
    record(database, "ada", HEARD, started_at=200, played_s=3.0, outcome=Outcome.SKIPPED)
    record(database, "ada", ROADS, started_at=200, played_s=9.0)  # the same listen again
    assert listeners(database) == ["ada", "bob"]
    assert track_ids(database) == ["heard:1", "t1", "t2"]
    events = load_events(database, ["t2", "heard:1", "t1"])
    assert events.listeners == ("ada", "bob")
    assert events.listener.tolist() == [0, 0, 0, 1]
    assert events.track.tolist() == [0, 2, 1, 0]
    assert events.started_at.tolist() == [100, 200, 200, 50]
    assert events.outcome.tolist() == [Outcome.UNKNOWN, Outcome.PARTIAL, Outcome.SKIPPED, Outcome.FINISHED]
    np.testing.assert_array_equal(events.completion, np.array([np.nan, 0.5, np.nan, 1.0], dtype=np.float32))


def test_some_listeners_and_some_tracks(database: Database) -> None:
    record(database, "ada", ROADS, started_at=1)
    record(database, "bob", ARMY, started_at=2)
    record(database, "eve", ARMY, started_at=3)
    say(database, "silent", ARMY, Opinion.LIKE, 4)
    events = load_events(database, ["t2"], ["eve", "silent", "ada"])
    assert events.listeners == ("eve", "silent", "ada")
    assert (events.listener.tolist(), events.track.tolist(), events.started_at.tolist()) == ([0], [0], [3])
    assert len(load_events(database, [])) == 0
    with pytest.raises(NotFound, match=r"no listener is called 'x'; there are: ada, bob, eve, silent; .*--listener x"):
        load_events(database, ["t2"], ["x"])


def test_an_empty_database(database: Database) -> None:
    assert listeners(database) == []
    assert track_ids(database) == []
    events = load_events(database, ["t1"])
    assert (len(events), events.listeners) == (0, ())
    with pytest.raises(NotFound, match="there are: nobody yet"):
        opinions(database, "ada")


def test_completion_takes_the_library_s_length_first(database: Database) -> None:
    record(database, "ada", ROADS, started_at=1, played_s=100.0)
    assert load_events(database, ["t1"]).completion.tolist() == pytest.approx([1 / 3])
    row = {
        "id": "t1",
        "title": "Roads",
        "artists": [],
        "genres": [],
        "moods": [],
        "artist_mbids": [],
        "duration_s": 400.0,
    }
    with database.writing() as connection:
        connection.execute(track_table.insert().values(**row))
    assert load_events(database, ["t1"]).completion.tolist() == pytest.approx([0.25])


def test_the_latest_opinion_counts(database: Database) -> None:
    say(database, "ada", ROADS, Opinion.LIKE, 30)
    say(database, "ada", ROADS, Opinion.DISLIKE, 20)
    say(database, "ada", ARMY, Opinion.BAN, 10)
    say(database, "ada", HEARD, Opinion.LIKE, 10)
    say(database, "ada", HEARD, Opinion.NONE, 11)
    say(database, "bob", ARMY, Opinion.LIKE, 99)
    assert opinions(database, "ada") == {"t1": Opinion.LIKE, "t2": Opinion.BAN}
    say(database, "ada", ARMY, Opinion.LIKE, 10)  # in the same second: the later word
    assert opinions(database, "ada")["t2"] is Opinion.LIKE


def test_a_heard_track_finds_its_file_later(database: Database) -> None:
    record(database, "ada", HEARD, started_at=1)
    record(database, "ada", ROADS, started_at=2)
    assert [track.id for track in heard_tracks(database)] == ["heard:1"]
    report = rematch(database, [Track("t9", "Glory Box", ("Portishead",)), ARMY])
    assert (report.changed, report.by_method) == (1, {"id": 1, "name": 1})
    assert track_ids(database) == ["t1", "t9"]
    assert heard_tracks(database) == []


def test_a_name_is_needed(database: Database) -> None:
    with pytest.raises(BadInput, match="empty"):
        record(database, " ", ROADS, started_at=1)
    assert listeners(database) == []
