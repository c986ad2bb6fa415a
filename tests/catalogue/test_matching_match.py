import pytest

from segue.catalogue.match import Matcher
from segue.types import Track

MBID = "8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
LIBRARY = [
    Track("a1", "Army of Me", ("Björk",), album="Post", duration_s=235.0, recording_mbid=MBID, isrc="GBAYE9500001"),
    Track("a2", "Army of Me", ("Björk",), album="Greatest Hits", duration_s=241.0),
    Track("b1", "Heroes", ("David Bowie",), album="Heroes", duration_s=370.0),
    Track("b2", "Heroes (Live)", ("David Bowie",), album="Stage", duration_s=390.0),
    Track("c1", "Under Pressure", ("Queen", "David Bowie"), album="Hot Space", album_artist="Queen"),
    Track("d1", "Blue Monday", ("New Order",), album="Hits of 1983", album_artist="Various Artists"),
    Track("e1", "Portishead - Roads", (), album=None),
    Track("f1", "Solo", ("Frank Ocean",), album="Blonde", duration_s=257.0),
    Track("f2", "Solo", ("Frank Ocean",), album="Blonde", duration_s=120.0),
    Track("g1", "!!!", ("!!!",)),
    Track("h1", "", ()),
]
MATCHER = Matcher(LIBRARY)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        # artist, title, album, duration_s, recording_mbid, isrc
        (("Somebody", "Else", None, None, MBID.upper(), None), ("a1", "mbid")),
        (("Somebody", "Else", None, None, None, "GB-AYE-95-00001"), ("a1", "isrc")),
        (("New Order", "Blue Monday", None, None, MBID, None), ("a1", "mbid")),
        (("New Order", "Blue Monday", None, None, MBID.replace("8", "9"), None), ("d1", "name")),
        (("bjork", "ARMY OF ME", None, None, None, None), ("a1", "name")),
        (("Björk", "Army of Me", "Greatest hits", None, None, None), ("a2", "name")),
        (("Björk", "Army of Me", "Greatest Hits", 235.0, None, None), ("a2", "name")),
        (("Björk", "Army of Me", None, 240.0, None, None), ("a2", "name")),
        (("Björk", "Army of Me", None, 600.0, None, None), ("a1", "name")),
        (("Björk", "Army of Me", "Another Album", 242.0, None, None), ("a2", "name")),
        (("David Bowie", "Heroes - 2017 Remaster", None, None, None, None), ("b1", "name")),
        (("David Bowie", "Heroes - Live", None, None, None, None), ("b2", "name")),
        (("David Bowie", "Heroes (Acoustic)", None, None, None, None), None),
        (("Queen, David Bowie", "Under Pressure", None, None, None, None), ("c1", "name")),
        (("Queen & David Bowie", "Under Pressure", None, None, None, None), ("c1", "name")),
        (("Queen feat. David Bowie", "Under Pressure", None, None, None, None), ("c1", "credit")),
        (("David Bowie", "Under Pressure", None, None, None, None), ("c1", "credit")),
        (("Various Artists", "Blue Monday", None, None, None, None), None),
        (("A Channel", "New Order - Blue Monday", None, None, None, None), ("d1", "credit")),
        ((None, "New Order - Blue Monday", None, None, None, None), ("d1", "credit")),
        (("Portishead", "Roads", None, None, None, None), ("e1", "credit")),
        ((None, "Blue Monday", None, None, None, None), None),
        (("Frank Ocean", "Solo", "Blonde", 121.0, None, None), ("f2", "name")),
        (("Frank Ocean", "Solo", "Blonde", None, None, None), ("f1", "name")),
        (("!!!", "!!!", None, None, None, None), ("g1", "name")),
        (("???", "!!!", None, None, None, None), None),
        (("Earth", "Roads", None, None, None, None), None),
    ],
)
def test_matching(asked: tuple, answer: tuple[str, str] | None) -> None:
    assert MATCHER.match(*asked) == answer


def test_the_order_of_the_library_does_not_matter() -> None:
    turned = Matcher(LIBRARY[::-1])
    assert turned.match("Björk", "Army of Me", None, None, None, None) == ("a1", "name")
    assert turned.match("Frank Ocean", "Solo", None, None, None, None) == ("f1", "name")


def test_an_empty_library_matches_nothing() -> None:
    assert Matcher([]).match("Björk", "Army of Me", None, None, MBID, None) is None
