import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from segue.catalogue.match import Matcher
from segue.errors import BadInput, NotFound, UnreadableHistory
from segue.listening.history import heard_tracks, load_events, opinions, rematch, track_ids
from segue.listening.importing import import_history, write_unmatched
from segue.listening.mentions import Mention, place
from segue.listening.outcomes import outcome
from segue.store import Database
from segue.store.schema import track as track_table
from segue.types import Opinion, Outcome, Track

AT, NOW = 1_700_000_000, 1_710_000_000
MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
TRACKS = [
    Track("t1", "Roads", ("Portishead",), album="Dummy", duration_s=300.0),
    Track("t2", "Army of Me", ("Björk",), album="Post", duration_s=235.0, recording_mbid=MBID),
]


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path / "segue.sqlite")
    yield opened
    opened.close()


def table(path: Path, rows: list[str], header: str = "listened_at,artist,title,played_s") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def export(path: Path, listens: list[dict], feedback: list[dict] = ()) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("user.json", '{"user_id": 1, "username": "ada"}')
        made.writestr("listens/2023/11.jsonl", "".join(json.dumps(each) + "\n" for each in listens))
        if feedback:
            made.writestr("feedback.jsonl", "".join(json.dumps(each) + "\n" for each in feedback))
    return path


def told(title: str, artist: str | None, at: float, *, mapped: str | None = None, **info: object) -> dict:
    metadata = {"track_name": title, "artist_name": artist, "additional_info": info}
    if mapped:
        metadata["mbid_mapping"] = {"recording_mbid": mapped}
    return {"listened_at": at, "track_metadata": metadata}


def rows(database: Database | Path, *tables: str) -> dict[str, list[tuple]]:
    with sqlite3.connect(database.name if isinstance(database, Database) else database) as connection:
        found = {name: connection.execute(f"SELECT * FROM {name} ORDER BY id").fetchall() for name in tables}
    connection.close()
    return found


EVERYTHING = ("listener", "mention", "import_run", "listen", "feedback")


def test_exact_counts(database: Database, tmp_path: Path) -> None:
    listens = [
        told("Roads", "Portishead", AT, duration_played=290),
        told("roads (Remastered 2008)", "portishead", AT + 300),
        told("A Misspelling", "Björk", AT + 600, recording_mbid=MBID),
        told("Nobody Knows", "Someone", AT + 900),
        told("NOBODY KNOWS", "Someone", AT + 1200),
        told("Roads", "Portishead", AT, duration_played=290),
        told("Untitled", None, AT + 1500),
        told("", "Someone", AT + 1800),
        told("Too early", "Someone", 5),
        told("Too late", "Someone", NOW + 90_000),
        told("Just in time", "Someone", NOW + 80_000),
    ]
    feedback = [
        {"recording_mbid": MBID, "score": 1, "created": AT},
        {"recording_mbid": MBID[::-1].replace("-", "0")[:36], "score": 1, "created": AT},
        {"recording_mbid": "12345678-1234-1234-1234-123456789012", "score": -1, "created": AT},
    ]
    calls: list[tuple] = []
    report = import_history(
        database,
        TRACKS,
        export(tmp_path / "x.zip", listens, feedback),
        " ada ",
        now=NOW,
        progress=lambda *call: calls.append(call),
    )
    assert (report.format, report.listens, report.new, report.already_known, report.others) == (
        "listenbrainz",
        8,
        7,
        1,
        0,
    )
    assert (report.matched, report.unmatched, report.by_method) == (4, 4, {"mbid": 1, "name": 3})
    assert (report.mentions, report.unmatched_mentions) == (7, 4)
    assert (report.first_at, report.last_at, report.import_id) == (AT, NOW + 80_000, 1)
    assert report.opinions == 2
    assert report.problem_count == 4
    assert {(problem.where, problem.reason) for problem in report.problems} == {
        ("listens/2023/11.jsonl line 8", "it has no title"),
        ("listens/2023/11.jsonl line 9", "its time (1970-01-01) is before scrobbling existed"),
        ("listens/2023/11.jsonl line 10", "its time (2024-03-10) is in the future"),
        ("feedback.jsonl line 2", "it names no recording"),
    }
    assert opinions(database, "ada")["t2"] is Opinion.LIKE
    assert len(opinions(database, "ada")) == 2
    events = load_events(database, track_ids(database))
    assert len(events) == 7
    assert len(track_ids(database)) == 5  # t1, t2, and three that are only heard (two spellings share one)
    assert {track.title for track in heard_tracks(database)} >= {"Nobody Knows", "Untitled", "Just in time"}
    assert {stage for stage, _, _ in calls} == {"read", "match", "write"}


def test_the_same_file_twice_and_overlapping_files(database: Database, tmp_path: Path) -> None:
    every = [f"{AT + n},Someone,Song {n % 7},100" for n in range(60)]
    first = table(tmp_path / "first.csv", every[:40])
    second = table(tmp_path / "second.csv", every[20:])
    assert import_history(database, TRACKS, first, "ada", now=NOW).new == 40
    before = rows(database, "listener", "mention", "listen")
    again = import_history(database, TRACKS, first, "ada", now=NOW)
    assert (again.new, again.already_known) == (0, 40)
    assert rows(database, "listener", "mention", "listen") == before
    overlap = import_history(database, TRACKS, second, "ada", now=NOW)
    assert (overlap.new, overlap.already_known) == (20, 20)
    assert len(rows(database, "listen")["listen"]) == 60
    assert import_history(database, TRACKS, second, "bob", now=NOW).new == 40
    assert [json.loads(run[-1])["new"] for run in rows(database, "import_run")["import_run"]] == [40, 0, 20, 40]


def test_a_mapping_that_comes_later_is_no_second_listen(database: Database, tmp_path: Path) -> None:
    import_history(database, TRACKS, export(tmp_path / "a.zip", [told("Army", "B", AT)]), "ada", now=NOW)
    report = import_history(
        database, TRACKS, export(tmp_path / "b.zip", [told("Army", "B", AT, mapped=MBID)]), "ada", now=NOW
    )
    assert (report.new, report.already_known, report.by_method) == (0, 1, {"mbid": 1})
    assert track_ids(database) == ["t2"]


def test_newest_first_files_keep_the_order_of_a_minute(database: Database, tmp_path: Path) -> None:
    minute = AT - AT % 60
    played = [(minute + 60 * (n // 3), f"Song {n}") for n in range(30)]
    newest_first = [f"{at},A,{title}," for at, title in reversed(played)]
    import_history(database, [], table(tmp_path / "x.csv", newest_first), "ada", now=NOW)
    titles = {track.id: track.title for track in heard_tracks(database)}
    ids = track_ids(database)
    events = load_events(database, ids)
    assert [titles[ids[track]] for track in events.track] == [title for _, title in played]


def test_outcomes_take_the_length_from_wherever_it_is_known(database: Database, tmp_path: Path) -> None:
    header = "listened_at,artist,title,played_s,duration_s,skipped"
    lines = [
        f"{AT},Portishead,Roads,290,,",  # 300 s in the library
        f"{AT + 1},Portishead,Roads,100,,",
        f"{AT + 2},Portishead,Roads,100,110,",
        f"{AT + 3},Nobody,Song,12,,",
        f"{AT + 4},Nobody,Other,90,,",
        f"{AT + 5},Nobody,Third,,200,true",
        f"{AT + 6},Nobody,Third,150,,",
    ]
    lists: dict[str, list[str]] = {"artists": [], "genres": [], "moods": [], "artist_mbids": []}
    with database.writing() as connection:
        connection.execute(track_table.insert().values(id="t1", title="Roads", duration_s=300.0, **lists))
    import_history(database, TRACKS, table(tmp_path / "x.csv", lines, header), "ada", now=NOW)
    events = load_events(database, track_ids(database))
    finished, partial, skipped, unknown = Outcome.FINISHED, Outcome.PARTIAL, Outcome.SKIPPED, Outcome.UNKNOWN
    assert events.outcome.tolist() == [finished, partial, finished, skipped, unknown, skipped, partial]
    np.testing.assert_allclose(events.completion, [290 / 300, 1 / 3, 1 / 3, np.nan, np.nan, np.nan, 0.75], rtol=1e-6)


@pytest.mark.parametrize(
    ("played_s", "duration_s", "skipped", "how"),
    [
        (None, None, None, Outcome.UNKNOWN),
        (None, 200, False, Outcome.UNKNOWN),
        (None, None, True, Outcome.SKIPPED),
        (199, 200, True, Outcome.SKIPPED),
        (170, 200, None, Outcome.FINISHED),
        (169, 200, None, Outcome.PARTIAL),
        (29, 200, None, Outcome.SKIPPED),
        (30, 200, None, Outcome.PARTIAL),
        (14, 30, None, Outcome.SKIPPED),
        (16, 30, None, Outcome.PARTIAL),
        (29, 30, None, Outcome.FINISHED),
        (29, None, False, Outcome.SKIPPED),
        (30, None, False, Outcome.UNKNOWN),
        (30, 0, None, Outcome.UNKNOWN),
        (500, 200, None, Outcome.FINISHED),
    ],
)
def test_the_rule_of_outcomes(played_s, duration_s, skipped, how) -> None:
    assert outcome(played_s, duration_s, skipped) is how


def test_several_people_in_one_file(database: Database, tmp_path: Path) -> None:
    header = "user,listened_at,artist,title"
    path = table(tmp_path / "x.csv", [f"Ada,{AT},A,One", f"bob,{AT},A,Two", f"Ada,{AT + 1},A,Three"], header)
    with pytest.raises(BadInput, match=r"2 people \(Ada, bob\) and none is called 'eve'"):
        import_history(database, [], path, "eve", now=NOW)
    assert rows(database, "listener")["listener"] == []
    report = import_history(database, [], path, "ada", now=NOW)
    assert (report.listens, report.others, report.mentions) == (2, 1, 2)
    alone = table(tmp_path / "y.csv", [f"whoever,{AT},A,One"], header)
    assert import_history(database, [], alone, "eve", now=NOW).listens == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b", "a\nb", "\ud800"])
def test_a_listener_needs_a_name(database: Database, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="name"):
        import_history(database, [], table(tmp_path / "x.csv", []), name, now=NOW)


def test_nothing_is_written_when_the_file_is_damaged(database: Database, tmp_path: Path) -> None:
    path = export(tmp_path / "x.zip", [told(f"Song {n}", "A", AT + n) for n in range(3000)])
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"Song 2999"', b'"Song 2998"'))
    with pytest.raises(UnreadableHistory, match="damaged"):
        import_history(database, [], path, "ada", now=NOW)
    assert all(not found for found in rows(database, *EVERYTHING).values())


def test_private_fields_never_reach_the_database(database: Database, tmp_path: Path) -> None:
    secrets = ["203.0.113.77", "Mozilla/5.0 (Secret)", "ada@example.org", "secret-token", "https://private.example/x"]
    private = dict(zip(("ip_addr", "user_agent", "email", "token", "origin_url"), secrets, strict=True))
    listen = told("Roads", "Portishead", AT, **private) | private
    listen["track_metadata"] |= private
    import_history(database, TRACKS, export(tmp_path / "x.zip", [listen], [{"score": 1, **private}]), "ada", now=NOW)
    header = "listened_at,artist,title," + ",".join(private)
    line = f"{AT},Portishead,Roads," + ",".join(secrets)
    import_history(database, TRACKS, table(tmp_path / "x.csv", [line], header), "ada", now=NOW)
    database.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("segue.sqlite*"))
    assert b"Portishead" in content
    assert not [secret for secret in secrets if secret.encode() in content]


def test_odd_signs_are_kept_or_made_harmless(database: Database, tmp_path: Path) -> None:
    listens = [told("half \ud83d", "A", AT), told("nul\x00 and\nline", "A", AT + 1), told("\x00\x07", "A", AT + 2)]
    listens += [told("君", "!!!", AT + 3), told("🔥", "!!!", AT + 4), told("x" * 5000, "A", AT + 5)]
    report = import_history(database, [], export(tmp_path / "x.zip", listens), "ada", now=NOW)
    assert (report.listens, report.problem_count) == (5, 1)
    titles = {track.title for track in heard_tracks(database)}
    assert {"nul and line", "君", "🔥", "x" * 2000} < titles
    assert len(track_ids(database)) == 5


def test_what_did_not_match_goes_to_a_table(database: Database, tmp_path: Path) -> None:
    listens = [told("Roads", "Portishead", AT)]
    listens += [told("Nobody Knows", "Someone", AT + n) for n in range(3)] + [told("Untitled", None, AT)]
    import_history(database, TRACKS, export(tmp_path / "x.zip", listens), "ada", now=NOW)
    assert write_unmatched(database, "ada", tmp_path / "unmatched.csv") == 2
    with (tmp_path / "unmatched.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["plays"], row["artist"], row["title"], row["track"]) for row in found] == [
        ("3", "Someone", "Nobody Knows", ""),
        ("1", "", "Untitled", ""),
    ]
    with pytest.raises(NotFound, match="there are: ada"):
        write_unmatched(database, "eve", tmp_path / "unmatched.csv")
    with pytest.raises(BadInput, match="can't be written"):
        write_unmatched(database, "ada", tmp_path / "no" / "folder.csv")


def test_matching_again_when_the_library_changes(database: Database, tmp_path: Path) -> None:
    lines = [f"{AT},Portishead,Roads,", f"{AT + 1},Portishead,ROADS,", f"{AT + 2},Someone,Else,"]
    import_history(database, [], table(tmp_path / "x.csv", lines), "ada", now=NOW)
    listens = rows(database, "listen")
    report = rematch(database, TRACKS)
    assert (report.mentions, report.changed, report.matched, report.unmatched) == (3, 2, 2, 1)
    assert report.by_method == {"name": 2}
    assert rematch(database, TRACKS).changed == 0
    assert "t1" in track_ids(database)
    away = rematch(database, [TRACKS[1]])
    assert (away.changed, away.matched) == (0, 2), "a track that is away keeps its history"
    renamed = rematch(database, [Track("t1", "Glory Box", ("Portishead",)), TRACKS[1]])
    assert (renamed.changed, renamed.matched) == (2, 0)
    assert rows(database, "listen") == listens


@pytest.mark.parametrize("how", ["id", "mbid", "isrc"])
def test_what_was_matched_by_an_id_stays(how: str) -> None:
    mention = Mention.told("Roads", "Portishead", None, None, None)
    assert mention is not None
    assert place(Matcher(TRACKS), {"t1", "t2"}, mention, ("t2", how)) == ("t2", how)
    assert place(Matcher(TRACKS), {"t1", "t2"}, mention, ("t2", "name")) == ("t1", "name")


IMPORT = """
import sys, time
from pathlib import Path
from segue.listening.importing import import_history
from segue.store import Database
from segue.store.schema import track as track_table
from segue.types import Track

def progress(stage, done, total):
    print(stage, done, flush=True)
    time.sleep(0.02)

tracks = [Track(f"t{n}", f"Song {n}", ("Someone",), duration_s=200.0) for n in range(0, 3000, 2)]
import_history(Database(Path(sys.argv[1])), tracks, Path(sys.argv[2]), "ada", now=1710000000, progress=progress)
print("done", 0, flush=True)
"""


def run(database: Path, history: Path, until: str | None = None, *, count: int = 1) -> None:
    """Import in a process of its own; kill it at the ``count``-th report of a stage."""
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(database), str(history)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            count -= line.split()[0] == until
            if count == 0:
                os.kill(process.pid, signal.SIGKILL)
                break
        process.stdout.read()
        process.wait()
    assert process.returncode == (0 if until is None else -signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_an_import_that_is_killed_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    songs = generator.integers(0, 3000, 30_000).tolist()
    lines = [f"{AT + 60 * n},Someone,Song {song},{song % 250}" for n, song in enumerate(songs)]
    history = table(tmp_path / "x.csv", lines)
    whole, killed = tmp_path / "whole.sqlite", tmp_path / "killed.sqlite"
    run(whole, history)
    expected = rows(whole, *EVERYTHING)
    assert len(expected["listen"]) == 30_000
    # Both stand inside the transaction: its mentions are written, and later all of its listens.
    for until, count in (("match", 2), ("write", 2)):
        run(killed, history, until, count=count)
        assert all(not found for found in rows(killed, *EVERYTHING).values()), (until, count)
    run(killed, history)
    assert rows(killed, *EVERYTHING) == expected


@pytest.mark.skipif("SEGUE_DATA" not in os.environ, reason="SEGUE_DATA names no folder with listening/samples")
def test_real_exports_of_other_formats_say_that_they_are_not_yet_read(database: Database) -> None:
    samples = sorted((Path(os.environ["SEGUE_DATA"]) / "listening" / "samples").glob("*.json"))
    assert samples
    for sample in samples:
        with pytest.raises(UnreadableHistory, match="not yet read"):
            import_history(database, [], sample, "ada", now=NOW)
