import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.catalogue import match, names
from segue.catalogue.names import name_key, normalise


@pytest.mark.parametrize("module", [names, match])
def test_examples_in_the_docstrings_hold(module) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Beyoncé", "beyonce"),
        ("Sigur Rós", "SIGUR ROS"),
        ("Røyksopp", "Royksopp"),
        ("The Beatles", "Beatles"),
        ("Beatles, The", "the beatles"),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("Don't Stop", "Don’t Stop"),
        ("Don´t Stop", "Dont Stop"),
        ("R.E.M.", "REM"),
        ("Ｆｕｌｌ Ｗｉｄｔｈ", "full width"),
        ("Straße", "STRASSE"),
        ("Ёлка", "Елка"),
        ("Song (Remastered 2011)", "Song"),
        ("Song - 2009 Remaster", "Song"),
        ("Song [24-Bit Digitally Remastered]", "Song"),
        ("Song - Remastered Version", "Song"),
        ("Song (Album Version)", "song"),
        ("Song (feat. Somebody & Friends)", "Song"),
        ("Song ft. Somebody", "Song"),
        ("Song feat. Somebody - Live", "Song - Live"),
        ("Song (Live) - Remastered 2003", "Song (Live)"),
        ("Rock–Paper — Scissors", "Rock-Paper - Scissors"),
        ("Song   with\tspaces", "song with spaces"),
    ],
)
def test_spellings_of_one_name_agree(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song (Live)", "Song"),
        ("Song (Acoustic)", "Song"),
        ("Song - Radio Edit", "Song"),
        ("Song (Somebody Remix)", "Song"),
        ("Song - Live / Remastered", "Song"),
        ("Song (feat. Somebody) [Somebody Else Remix]", "Song"),
        ("Song - featuring Somebody / Other Remix", "Song"),
        ("10 Ft Ganja Plant", "10"),
        ("か", "が"),
        ("कि", "की"),
        ("Мой", "Мои"),
        ("+", "-"),
        ("!!!", "???"),
        ("❤️", "🔥"),
        ("The The", "The Who"),
    ],
)
def test_other_recordings_and_other_names_stay_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    "text", ["!!!", "君", "The", "the the", "(feat. X)", "[Remastered]", "…", "\u200b", "❤️", "&", "()"]
)
def test_a_name_never_becomes_nothing(text: str) -> None:
    assert normalise(text)


@given(st.text(min_size=1))
def test_any_text_has_a_key(text: str) -> None:
    assert normalise(text)
    assert normalise(text) == normalise(text)
    assert name_key(text, text).count("\t") >= 1


def test_hostile_text_takes_no_time() -> None:
    for text in (" " * 50_000 + "-", "(" * 50_000, "remaster" + "!" * 50_000, " feat. " * 8_000, "a - " * 12_000):
        assert normalise(text)
