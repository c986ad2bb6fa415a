"""What the doctor says of a library's neighbourhoods, and of what in it does not sound like music."""

import copy

import numpy as np
import pytest

from segue.encoders import search
from segue.encoders.approximate import is_there
from segue.encoders.joint import Ears
from segue.encoders.musiclike import MusicLike
from segue.encoders.search import Vectors
from segue.encoders.shipped import shipped_ears
from segue.library import doctor
from segue.library.doctor import sound_neighbours, unlike_music
from segue.types import Track


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def library(rows: np.ndarray) -> tuple[Vectors, list[Track]]:
    ids = tuple(f"t{row}" for row in range(len(rows)))
    return Vectors(ids, unit(rows)), [Track(one, f"Title {one}", ("Somebody",)) for one in ids]


def test_an_even_library_is_well_and_its_largest_hub_is_named() -> None:
    rng = np.random.default_rng(0)
    middle = np.eye(64)[0]
    [found] = sound_neighbours(*library(np.vstack([middle, middle + rng.standard_normal((200, 64)) / 8])))
    assert (found.level, found.what, found.remedy) == ("good", "hubs", None)
    assert "“Somebody – Title t0”, 200×" in found.is_so
    assert "of 201 tracks" in found.is_so


@pytest.mark.parametrize("bound", ["UNEVEN_SKEW", "UNEVEN_NEVER"])
def test_uneven_neighbourhoods_are_noted_with_a_remedy(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, bound, -10.0)
    [found] = sound_neighbours(*library(np.random.default_rng(1).standard_normal((60, 8))))
    assert found.level == "note"
    assert found.remedy is not None
    assert "segue train" in found.remedy


def test_few_tracks_have_no_figures() -> None:
    assert sound_neighbours(*library(np.random.default_rng(2).standard_normal((49, 8)))) == []


@pytest.mark.skipif(is_there(), reason="faiss is installed: there is nothing to note")
def test_a_library_too_large_to_be_searched_exactly_by_many_is_told_of_the_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "EXACT_UP_TO", 40)
    [found] = sound_neighbours(*library(np.random.default_rng(2).standard_normal((45, 8))))
    assert (found.what, found.remedy) == ("search", "pip install 'segue[faiss]'")


@pytest.fixture
def telling() -> Ears:
    """Ears to which a vector's first number says whether it is music."""
    ears = copy.copy(shipped_ears())
    ears.likeness = MusicLike(8 * np.eye(ears.dim, dtype=np.float32)[0], 0.0)
    return ears


def planted(ears: Ears, first: list[float]) -> tuple[Vectors, list[Track]]:
    """Tracks of which the first number is this, and the second what makes them unit vectors."""
    rows = np.zeros((len(first), ears.dim))
    rows[:, 0] = first
    rows[:, 1] = np.sqrt(1 - rows[:, 0] ** 2)
    return library(rows)


def test_what_does_not_sound_like_music_is_counted_and_the_worst_are_named(telling: Ears) -> None:
    [found] = unlike_music(telling, *planted(telling, [0.6, -0.2, 0.9, -0.5, 0.1, -0.9, -0.3, 0.5]))
    assert (found.level, found.what) == ("note", "music-likeness")
    assert found.is_so.startswith("4 of 8 tracks do not sound like music")
    worst = "“Somebody – Title t5” (0.00), “Somebody – Title t3” (0.02), “Somebody – Title t6” (0.08)"
    assert found.is_so.endswith(f"first of all {worst}")
    assert found.remedy is not None
    assert "segue scan" in found.remedy


def test_a_library_of_music_only_is_well(telling: Ears) -> None:
    [found] = unlike_music(telling, *planted(telling, [0.6, 0.2, 0.9]))
    assert (found.level, found.what, found.remedy) == ("good", "music-likeness", None)
    assert found.is_so == "all 3 tracks sound like music"


def test_nothing_is_said_of_music_where_nothing_was_heard_or_the_encoder_cannot_tell(telling: Ears) -> None:
    assert unlike_music(telling, *planted(telling, [])) == []
    heard = planted(telling, [-0.9, 0.9])
    assert unlike_music(telling.statistics, *heard) == []
    telling.likeness = None
    assert unlike_music(telling, *heard) == []
