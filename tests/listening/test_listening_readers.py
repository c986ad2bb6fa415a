import doctest
import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.errors import NotFound, UnreadableHistory
from segue.listening import context, mentions, outcomes, people
from segue.listening.readers import lines, rows, times
from segue.listening.readers.registry import read_history
from segue.listening.readers.rows import Heard, Problem, Said
from segue.types import Opinion

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
MSID = "11111111-2222-3333-4444-555555555555"
AT = 1_700_000_000


@pytest.mark.parametrize("module", [context, mentions, outcomes, people, rows, times])
def test_examples_in_the_docstrings_hold(module) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def listen(title="Roads", artist="Portishead", at=AT, album="Dummy", mapped=None, msid=None, **info) -> dict:
    told = {"artist_name": artist, "track_name": title, "release_name": album, "additional_info": info}
    told["mbid_mapping"] = None if mapped is None else {"recording_mbid": mapped, "artist_mbids": []}
    if msid:
        told["recording_msid"] = msid
    return {"listened_at": at, "inserted_at": AT + 1.5, "track_metadata": told}


def jsonl(*items: object) -> bytes:
    return b"".join(item + b"\n" if isinstance(item, bytes) else json.dumps(item).encode() + b"\n" for item in items)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def read(tmp_path: Path, content: bytes, name: str = "history") -> tuple[str, list]:
    path = tmp_path / name
    path.write_bytes(content)
    found, rows = read_history(path)
    return found, list(rows)


@pytest.mark.parametrize("prefix", ["", "export/", "a/b/"])
def test_a_listenbrainz_export(tmp_path: Path, prefix: str) -> None:
    content = archive(
        {
            f"{prefix}user.json": b'{"user_id": 7, "username": "ada"}\n',
            f"{prefix}listens/2024/10.jsonl": jsonl(listen("Third", at=AT + 2)),
            f"{prefix}listens/2024/2.jsonl": jsonl(
                listen("First", at=float(AT), duration_ms=200_000, duration_played=180, isrc="GBAYE9500001", msid=MSID),
                listen("Second", at=AT + 1, duration=100, recording_mbid=MBID, mapped="other"),
            ),
            f"{prefix}feedback.jsonl": jsonl(
                {"recording_msid": MSID, "recording_mbid": None, "score": 1, "created": AT + 5},
                {"recording_msid": None, "recording_mbid": MBID, "score": -1, "created": AT + 6},
                {"recording_msid": None, "recording_mbid": MBID[::-1], "score": 0, "created": AT + 7},
                {"recording_msid": "nowhere", "recording_mbid": None, "score": 1, "created": AT + 8},
                {"recording_msid": MSID, "recording_mbid": None, "score": 5, "created": AT + 8},
            ),
            f"{prefix}pinned_recording.jsonl": jsonl({"blurb_content": "x"}),
            "__MACOSX/listens/2024/._2.jsonl": b"\x00\x05\x16\x07",
            "readme.txt": b"hello",
        }
    )
    found, every = read(tmp_path, content, "renamed.bin")
    assert found == "listenbrainz"
    heard = [row for row in every if isinstance(row, Heard)]
    assert [row.title for row in heard] == ["First", "Second", "Third"]
    assert heard[0][:9] == ("First", "Portishead", "Dummy", None, "GBAYE9500001", AT, None, 180.0, 200.0)
    assert (heard[1].recording_mbid, heard[1].mapped_mbid, heard[1].duration_s) == (MBID, "other", 100.0)
    said = [row for row in every if isinstance(row, Said)]
    assert [(row.title, row.opinion, row.said_at) for row in said] == [
        ("First", Opinion.LIKE, AT + 5),
        ("Second", Opinion.DISLIKE, AT + 6),
        (None, Opinion.NONE, AT + 7),
    ]
    assert said[2].recording_mbid == MBID[::-1]
    assert [row.where for row in every if isinstance(row, Problem)] == [
        f"{prefix}feedback.jsonl line 5",
        f"{prefix}feedback.jsonl line 4",
    ]


def test_lines_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + jsonl(
        listen("Good"),
        b'{"listened_at": 17000',
        b"",
        listen(title=None),
        listen(title="  "),
        listen(at=None),
        listen(at="soon"),
        listen("No artist", artist=None),
        b"[1, 2]",
        b'{"listened_at": 1700000000, "track_metadata": {"artist_name": "A", "track_name": "Caf\xc3 \xff"}}',
        b'{"listened_at": 1700000000, "track_metadata": {"artist_name": "A", "track_name": "half \\ud83d"}}',
        b"[" * 100_000,
        {
            **listen("Odd types", album=3),
            "track_metadata": {"track_name": "Odd", "additional_info": [], "artist_name": {}},
        },
        listen("Text time", at=str(AT)) | {"extra": float("nan")},
        b"x" * 3_000_000,
        listen("After the long line"),
    )
    found, every = read(tmp_path, content)
    assert found == "listenbrainz"
    assert [(row.line, row.title, row.artist) for row in every if isinstance(row, Heard)] == [
        (1, "Good", "Portishead"),
        (8, "No artist", None),
        (10, "Caf\ufffd \ufffd", "A"),
        (11, "half \ud83d", "A"),
        (13, "Odd", None),
        (14, "Text time", "Portishead"),
        (16, "After the long line", "Portishead"),
    ]
    assert [(row.where, row.reason) for row in every if isinstance(row, Problem)] == [
        ("line 2", "the line is not JSON"),
        ("line 4", "it has no title"),
        ("line 5", "it has no title"),
        ("line 6", "it has no time"),
        ("line 7", "it has no time"),
        ("line 9", "it is no listen"),
        ("line 12", "the line is not JSON"),
        ("line 15", "the line is too long to be a listen"),
    ]


def test_a_page_of_the_api(tmp_path: Path) -> None:
    page = {"payload": {"count": 2, "user_id": "ada", "listens": [listen("One"), 3, listen("Two")]}}
    found, every = read(tmp_path, json.dumps(page, indent=1).encode())
    assert (found, [type(row).__name__ for row in every]) == ("listenbrainz", ["Heard", "Problem", "Heard"])
    with pytest.raises(UnreadableHistory, match="damaged or incomplete page"):
        read(tmp_path, json.dumps(page).encode()[:-9])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_with_named_columns(tmp_path: Path, delimiter: str, end: str) -> None:
    table = [
        [
            "UTS",
            "utc_time",
            "Artist",
            "artist_mbid",
            "Album",
            "Track",
            "Track MBID",
            "ms_played",
            "duration_s",
            "Skipped",
        ],
        [str(AT), "x", "Portishead", "", "Dummy", "Roads", MBID, "90500", "181", "TRUE"],
        [f"{AT}000", "", '"Weird; Al", the\tone', "", "", "Eat It", "", "", "", "0"],
        [str(AT), "", "A", "", "", "", "", "", "", ""],
        ["never", "", "A", "", "", "B", "", "", "", ""],
    ]

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',;\t"') else text

    content = end.join([delimiter.join(map(cell, row)) for row in table] + [f"{AT}{delimiter}", ""])
    found, every = read(tmp_path, b"\xef\xbb\xbf" + content.encode())
    assert found == "csv"
    assert every[0] == Heard("Roads", "Portishead", "Dummy", MBID, None, AT, None, 90.5, 181.0, True, None, None, "", 2)
    assert every[1] == Heard("Eat It", '"Weird; Al", the\tone', None, None, None, AT, skipped=False, line=3)
    assert every[2:] == [
        Problem("line 4", "it has no title"),
        Problem("line 5", "its time can't be read ('never')"),
        Problem("line 6", "it has no title"),
    ]


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("1786968840", 1786968840),
        ("1786968840.75", 1786968840),
        ("1786968840123", 1786968840),
        ("2026-08-17T12:14:00Z", 1786968840),
        ("2026-08-17 12:14", 1786968840),
        ("2026-08-17T14:14:00.5+02:00", 1786968840),
        ("2026-08-17 12:14:00 UTC", 1786968840),
        ("17 Aug 2026, 12:14", 1786968840),
        ("17 August 2026 12:14:00", 1786968840),
        (" 1786968840 ", 1786968840),
        ("0", 0),
        ("-5", -5),
        ("²", None),
        ("nan", None),
        ("1e400", None),
        ("32 Aug 2026, 12:14", None),
        ("17 Foo 2026, 12:14", None),
        ("99999-01-01T00:00:00", None),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
        (1786968840.9, 1786968840),
    ],
)
def test_times(told: object, at: int | None) -> None:
    assert times.unix_seconds(told) == at


def test_an_end_becomes_the_beginning(tmp_path: Path) -> None:
    content = f"title,played_at,ended_at,seconds_played\nA,,{AT},30\nB,{AT},{AT + 9},30\nC,,{AT},\n"
    _, every = read(tmp_path, content.encode())
    assert [row.started_at for row in every] == [AT - 30, AT, AT]


def test_an_open_quotation_mark_and_a_huge_field_do_not_stop_a_table(tmp_path: Path) -> None:
    content = f'title,date\nA,{AT}\n"B,{AT}\nC,{AT}\n"{"x" * 200_000}",{AT}\nD,{AT}\n'
    _, every = read(tmp_path, content.encode())
    assert [row.title for row in every if isinstance(row, Heard)] == ["A", "D"]
    assert [row.where for row in every if isinstance(row, Problem)]


UNREADABLE = {
    "empty": (b"", "is empty"),
    "text": (b"hello\nworld\n", "no listening history"),
    "binary": (bytes(range(256)) * 999, "no listening history"),
    "no time": (b"artist,title\na,b\n", "no listening history"),
    "no header": (b'A,B,C,"19 Aug 2026, 20:39"\n', "no listening history"),
    "cut zip": (archive({"listens/2024/1.jsonl": jsonl(listen())})[:-30], "damaged or incomplete"),
    "other zip": (archive({"a.txt": b"x"}), "no listening history"),
    "empty zip": (archive({}), "no listening history"),
    "spotify zip": (archive({"x/Streaming_History_Audio_1.json": b"[]"}), "not yet read"),
    "scrobbler": (b"#AUDIOSCROBBLER/1.1\n#TZ/UTC\n", "not yet read"),
    "extended": (b'[{"ts":"2022-02-22T20:46:54Z","ms_played":21}]', "Spotify extended"),
    "account": (b'[{"endTime":"2021-02-08 00:43","msPlayed":1}]', "Spotify account"),
    "maloja": (b'{"scrobbles":[]}', "JSON list of scrobbles"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_history_says_so_in_a_sentence(tmp_path: Path, name: str) -> None:
    content, reason = UNREADABLE[name]
    with pytest.raises(UnreadableHistory, match=reason) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    if "damaged" not in reason and "empty" not in reason:
        assert "ListenBrainz" in str(caught.value)
        assert ".csv" in str(caught.value)


def test_a_member_that_is_damaged_in_the_middle(tmp_path: Path) -> None:
    whole = archive({"listens/2024/1.jsonl": jsonl(*(listen(f"{n}") for n in range(500)))}, zipfile.ZIP_STORED)
    place = whole.index(b'"250"')
    with pytest.raises(UnreadableHistory, match="damaged"):
        read(tmp_path, whole[:place] + b'"XXX"' + whole[place + 5 :])


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_history(tmp_path / "nothing")
    with pytest.raises(UnreadableHistory, match="folder"):
        read_history(tmp_path)


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.sampled_from(
    [
        *(b'{"track_metadata":', b'{"track_name":"a","artist_name":"b"}', b',"listened_at":1700000000}', b"\n", b"\r"),
        *(b"title,listened_at,artist,ms_played", b"title\tdate", b",", b";", b"\t", b'"', b"1700000000", b"\xff\xfe"),
        *(b'{"payload":{"listens":[', b"]}}", b"{", b"}", b"[", b'{"score":1,"recording_mbid":"x"}', b"\\ud800", b"-1"),
        *(b"1e999", b"nan", b"\x00", b"PK\x03\x04"),
    ]
)
SCRAPS = st.lists(st.one_of(PIECES, st.binary(max_size=8)), max_size=30).map(b"".join)
ANYTHING = st.one_of(st.binary(max_size=300), SCRAPS)


def survives(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    every = []
    with suppress(UnreadableHistory):
        every.extend(read_history(path)[1])
    for row in every:
        assert type(row) in {Heard, Said, Problem}
        assert not isinstance(row, Heard) or (row.title.strip() and isinstance(row.started_at, int))


@FUZZ
@given(ANYTHING)
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    survives(tmp_path / "any", content)
    survives(tmp_path / "any", b"title,listened_at,duration_s\n" + content)
    survives(tmp_path / "any", jsonl(listen()) + content)
    survives(tmp_path / "any", archive({"listens/2024/1.jsonl": content, "feedback.jsonl": content}))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(AT)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=4,
)


@FUZZ
@given(st.data())
def test_any_json_in_every_field(tmp_path: Path, data: st.DataObject) -> None:
    info = {key: data.draw(JSON) for key in ("recording_mbid", "isrc", "duration", "duration_ms", "duration_played")}
    told = {
        key: data.draw(JSON) for key in ("artist_name", "track_name", "release_name", "mbid_mapping", "recording_msid")
    }
    item = {"listened_at": data.draw(JSON), "track_metadata": {**told, "additional_info": info}}
    said = {key: data.draw(JSON) for key in ("score", "recording_mbid", "recording_msid", "created")}
    survives(tmp_path / "any", jsonl(listen(), said, item, {**item, "track_metadata": data.draw(JSON)}))


@FUZZ
@given(st.integers(min_value=0), st.binary(min_size=1, max_size=6))
def test_any_damage_to_a_zip(tmp_path: Path, place: int, damage: bytes) -> None:
    place %= len(WHOLE)
    survives(tmp_path / "any", WHOLE[:place] + damage + WHOLE[place + len(damage) :])


WHOLE = archive(
    {"user.json": b"{}", "listens/2024/1.jsonl": jsonl(listen(), listen("B")), "feedback.jsonl": jsonl({"score": 1})}
)


def test_lines_come_whole_from_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 7)
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 20)
    too_long: list[int] = []
    content = b"\xef\xbb\xbfone\n\ntwo and more\n" + b"x" * 50 + b"\nlast"
    found = [line for some in lines.lines(io.BytesIO(content), Path("x"), too_long.append) for line in some]
    assert found == [b"one", b"", b"two and more", b"", b"last"]
    assert too_long == [4]
