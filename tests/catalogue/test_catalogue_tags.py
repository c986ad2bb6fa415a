"""Tags: every format's spelling becomes one, and nothing a file may hold gets past the cleaning."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalogue.tags import LONGEST, Tags, clean, read_tags, tags_from

NOWHERE = Path("/music/Folder/file.mp3")
WRITTEN = {
    "title": "Það er Ljós",
    "artist": "AC/DC",
    "album_artist": "Earth, Wind & Fire",
    "album": "Blue / Train",
    "track": "3/9",
    "disc": "2/2",
    "date": "1999-02-03",
    "genre": "Jazz; Hard Bop;Jazz",
}
MBID = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
OTHER_MBID = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", {}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("a.opus", {}),
        ("a.m4a", {}),
        ("b.m4a", {"codec": "alac"}),
        ("a.aiff", {}),
        ("a.wv", {}),
    ],
)
def test_each_format_says_the_same(make_sound, tmp_path, name, options):
    tags = read_tags(make_sound(tmp_path / name, seconds=0.3, tags=WRITTEN, **options))
    assert tags == Tags(
        title="Það er Ljós",
        artists=("AC/DC",),
        album="Blue / Train",
        album_artist="Earth, Wind & Fire",
        track_number=3,
        disc_number=2,
        year=1999,
        genres=("Jazz", "Hard Bop"),
    )


@pytest.mark.parametrize("name", ["a.wav", "a.wma"])
def test_formats_with_fewer_fields_say_what_they_can(make_sound, tmp_path, name):
    tags = read_tags(make_sound(tmp_path / name, seconds=0.3, tags=WRITTEN))
    assert (tags.title, tags.artists, tags.genres) == ("Það er Ljós", ("AC/DC",), ("Jazz", "Hard Bop"))
    assert (tags.album, tags.year) == ("Blue / Train", 1999)


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.opus", "a.wv"])
def test_what_taggers_add_is_read(make_sound, tmp_path, name):
    written = {
        "title": "T",
        "BPM" if name != "a.mp3" else "TBPM": "128",
        "ISRC" if name != "a.mp3" else "TSRC": "us-rc1-76-07839",
        "MOOD" if name != "a.mp3" else "TMOO": "calm; dark",
        "MUSICBRAINZ_TRACKID" if name != "a.mp3" else "MusicBrainz Track Id": MBID,
        "MUSICBRAINZ_ALBUMID" if name != "a.mp3" else "MusicBrainz Album Id": OTHER_MBID.upper(),
        "MUSICBRAINZ_ARTISTID" if name != "a.mp3" else "MusicBrainz Artist Id": f"{MBID}; {OTHER_MBID}",
        "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
    }
    tags = read_tags(make_sound(tmp_path / name, seconds=0.3, tags=written))
    assert tags == Tags(
        title="T",
        moods=("calm", "dark"),
        bpm=128.0,
        replaygain_db=-6.5,
        isrc="USRC17607839",
        recording_mbid=MBID,
        release_mbid=OTHER_MBID,
        artist_mbids=(MBID, OTHER_MBID),
    )


def id3_frame(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "big") + b"\0\0" + content


def test_the_recording_id_that_id3_hides_is_found(make_sound, tmp_path):
    """Picard writes it as a UFID frame only; several values of one field stand apart by NUL."""
    plain = make_sound(tmp_path / "plain.mp3", seconds=0.3)
    frames = (
        id3_frame(b"UFID", b"http://musicbrainz.org\0" + MBID.encode())
        + id3_frame(b"TIT2", b"\x03T")
        + id3_frame(b"TPE1", b"\x03Nina\0Simon & Co")
        + id3_frame(b"TCON", b"\x03(17)")
    )
    path = tmp_path / "a.mp3"
    path.write_bytes(b"ID3\x04\0\0\0\0" + bytes([len(frames) >> 7, len(frames) & 127]) + frames + plain.read_bytes())
    tags = read_tags(path)
    assert (tags.title, tags.artists, tags.genres) == ("T", ("Nina", "Simon & Co"), ("Rock",))
    assert tags.recording_mbid == MBID


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"artist": ["A feat. B", "A", "B"]}, {"artists": ("A", "B")}),
        ({"artist": ["A", "AB"]}, {"artists": ("A", "AB")}),
        ({"artist": ["Nick Cave & The Bad Seeds"]}, {"artists": ("Nick Cave & The Bad Seeds",)}),
        ({"genre": ["R&B/Soul", "Folk, World"]}, {"genres": ("R&B/Soul", "Folk, World")}),
        ({"year": ["0"]}, {"year": None}),
        ({"year": ["0000-00-00"], "originaldate": ["1971-05"]}, {"year": 1971}),
        ({"date": ["03.02.1999"]}, {"year": 1999}),
        ({"bpm": ["0"]}, {"bpm": None}),
        ({"bpm": ["127,5"]}, {"bpm": 127.5}),
        ({"bpm": ["fast"]}, {"bpm": None}),
        ({"track": ["0"]}, {"track_number": None}),
        ({"track": ["A1"]}, {"track_number": None}),
        ({"tracknumber": ["07/12"]}, {"track_number": 7}),
        ({"replaygaintrackgain": ["−6.5 dB"]}, {"replaygain_db": -6.5}),
        ({"replaygaintrackgain": ["+1.25 dB"]}, {"replaygain_db": 1.25}),
        ({"replaygaintrackgain": ["nan"]}, {"replaygain_db": None}),
        ({"replaygaintrackgain": ["9999 dB"]}, {"replaygain_db": None}),
        ({"r128trackgain": ["-2560"]}, {"replaygain_db": -5.0}),
        ({"isrc": ["nonsense"]}, {"isrc": None}),
        ({"musicbrainztrackid": ["nonsense"]}, {"recording_mbid": None}),
        ({"artist": ["\x00\x00", " \n"]}, {"artists": ()}),
    ],
)
def test_values(fields, expected):
    tags = tags_from({"title": ["T"], **fields}, NOWHERE)
    assert {name: getattr(tags, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("path", "title", "artists", "number"),
    [
        ("03 - Blue Train.mp3", "Blue Train", (), 3),
        ("03. Blue Train.mp3", "Blue Train", (), 3),
        ("03 Blue Train.mp3", "Blue Train", (), 3),
        ("1-03 Blue Train.mp3", "Blue Train", (), 3),
        ("John Coltrane - Blue Train.mp3", "Blue Train", ("John Coltrane",), None),
        ("03 - John Coltrane - Blue Train.mp3", "Blue Train", ("John Coltrane",), 3),
        ("John Coltrane - 03 - Blue Train.mp3", "Blue Train", ("John Coltrane",), 3),
        ("03_-_John_Coltrane_-_Blue_Train.mp3", "Blue Train", ("John Coltrane",), 3),
        ("99 Luftballons.mp3", "99 Luftballons", (), None),
        ("7 rings.mp3", "7 rings", (), None),
        ("1979.mp3", "1979", (), None),
        ("2-4-6-8 Motorway.mp3", "2-4-6-8 Motorway", (), None),
        ("One - Two - Three - Four.mp3", "One - Two - Three - Four", (), None),
        ("Track-01.mp3", "Track-01", (), None),
        ("03.mp3", "03", (), None),
    ],
)
def test_a_file_without_tags_is_named_by_its_name(path, title, artists, number):
    tags = tags_from({}, Path("/music/The Album") / path)
    assert (tags.title, tags.artists, tags.track_number, tags.album) == (title, artists, number, "The Album")


def test_a_single_with_some_tags_gets_no_album_from_its_folder():
    tags = tags_from({"artist": ["Somebody"]}, Path("/music/Downloads/Somebody - Song.mp3"))
    assert (tags.title, tags.artists, tags.album) == ("Song", ("Somebody",), None)


def test_a_name_that_is_no_utf8_is_read_as_old_windows_wrote_it(make_sound, tmp_path):
    source = make_sound(tmp_path / "plain.wav", seconds=0.2)
    odd = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    source.rename(os.fsdecode(odd))
    assert read_tags(Path(os.fsdecode(odd))).title == "café"


@pytest.mark.parametrize(
    "content", [b"", b"x", b"ID3\x04\0\0\x7f\x7f\x7f\x7fTIT2", b"fLaC" + b"\xff" * 99, b"\xff" * 400]
)
@pytest.mark.parametrize("ending", ["mp3", "flac", "ogg", "m4a", "wav", "aiff", "wma", "wv", "ape", "aac"])
def test_broken_tags_are_no_tags(tmp_path, ending, content):
    path = tmp_path / "Album" / f"02 - Song.{ending}"
    path.parent.mkdir()
    path.write_bytes(content)
    assert read_tags(path) == Tags(title="Song", album="Album", track_number=2)


@given(st.text(st.characters(), max_size=2 * LONGEST))
def test_cleaned_text_is_fit_to_store_and_show(text):
    cleaned = clean(text)
    if cleaned is None:
        assert not any(letter.isalnum() for letter in text)
        return
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in cleaned)
    assert cleaned == " ".join(cleaned.split())
    assert 0 < len(cleaned) <= LONGEST
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean(cleaned) == cleaned


NAMES = """title artist album albumartist track disc year date genre mood bpm isrc ufid replaygaintrackgain
    r128trackgain musicbrainztrackid musicbrainzartistid"""
names = st.sampled_from(NAMES.split())
values = st.lists(st.text(st.characters()) | st.text("0123456789-+−.,/;: dB"), max_size=3)


@given(st.dictionaries(names, values), st.text(st.characters(exclude_characters="/\0"), min_size=1))
def test_any_fields_and_any_name_make_tags(fields, name):
    tags = tags_from(fields, Path("/music") / f"{name}.mp3")
    texts = [tags.title, tags.album, tags.album_artist, *tags.artists, *tags.genres, *tags.moods]
    assert tags.title
    assert all(text is None or clean(text) == text for text in texts)
    assert tags.year is None or 1000 <= tags.year <= 2200
    assert tags.bpm is None or 20 <= tags.bpm <= 400
    assert tags.track_number is None or tags.track_number > 0
    assert tags.replaygain_db is None or abs(tags.replaygain_db) <= 133
