"""Finding the track that a person means."""

import pytest

from segue.catalogue.scan import scan
from segue.catalogue.tracks import Catalogue
from segue.errors import NotFound
from segue.store import Database


@pytest.fixture(scope="module")
def folder(make_sound, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue") / "music"
    for number, (artist, title) in enumerate(
        [("Nina Simone", "Sinnerman"), ("Björk", "Jóga"), ("Somebody", "Intro"), ("Other", "Intro"), ("A; B", "Duet")]
    ):
        make_sound(folder / f"{number}.flac", seconds=0.2, noise=number, tags={"title": title, "artist": artist})
    (folder / "bad.flac").write_bytes(b"bad")
    return folder


@pytest.fixture(scope="module")
def catalogue(folder):
    database = Database(folder.parent / "segue.sqlite")
    scan(database, [folder], workers=1)
    yield Catalogue(database)
    database.close()


def test_every_way_to_name_a_track_finds_it(catalogue, folder, monkeypatch):
    track = next(track for track in catalogue.tracks() if track.title == "Jóga")
    monkeypatch.chdir(folder)
    for text in (
        track.id,
        track.id[:8],
        track.id[:8].upper(),
        str(folder / "1.flac"),
        "1.flac",
        "../music/1.flac",
        "Björk - Jóga",
        "björk – jóga",
        "  JÓGA ",
        "bjork joga",
    ):
        assert catalogue.resolve(text) == track, text
    for text in ("A - Duet", "B - Duet", "A, B - Duet", "a & b - duet"):
        assert catalogue.resolve(text).title == "Duet"
    assert catalogue.get(track.id) == track
    assert catalogue.get("0" * 32) is None


def test_what_can_mean_several_names_them(catalogue):
    with pytest.raises(NotFound, match="can mean 2 tracks") as raised:
        catalogue.resolve("intro")
    assert "Somebody – Intro" in str(raised.value)
    assert "Other – Intro" in str(raised.value)
    assert catalogue.resolve("Other - Intro").artists == ("Other",)


@pytest.mark.parametrize(
    ("text", "near"),
    [("sinerman", "Nina Simone – Sinnerman"), ("Nina Simon - Sinermann", "Sinnerman"), ("bjork jogga", "Björk – Jóga")],
)
def test_what_is_not_there_names_the_nearest(catalogue, text, near):
    with pytest.raises(NotFound) as raised:
        catalogue.resolve(text)
    said = str(raised.value)
    assert repr(text) in said
    assert near in said.split("near it: ")[1].split(";")[0]


@pytest.mark.parametrize("text", ["", "\0", "~nobody/x.mp3", "a" * 5000, "\udcff", "%", "bad.flac"])
def test_nonsense_is_not_found(catalogue, folder, monkeypatch, text):
    monkeypatch.chdir(folder)
    with pytest.raises(NotFound):
        catalogue.resolve(text)


def test_an_empty_catalogue_says_so(tmp_path):
    database = Database(tmp_path / "segue.sqlite")
    assert Catalogue(database).tracks() == []
    assert Catalogue(database).problems() == []
    with pytest.raises(NotFound, match="nothing has been scanned"):
        Catalogue(database).resolve("Jóga")
    database.close()


def test_problems_are_listed(catalogue, folder):
    assert [(problem.path, problem.reason) for problem in catalogue.problems()] == [
        (str(folder / "bad.flac"), "not a sound file, or a damaged one")
    ]
