"""The package brings ears that hear, and says what to do where it is not whole."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.audio.listen import mel_windows
from segue.encoders import shipped
from segue.encoders.contract import read_card
from segue.encoders.joint import Ears
from segue.encoders.registry import load_encoder
from segue.errors import SegueError

MOST_BYTES = 15_000_000


def test_the_shipped_ears_are_read_once_and_hear(make_sound: Any, tmp_path: Path) -> None:
    ears = shipped.shipped_ears()
    assert shipped.shipped_ears() is ears
    assert isinstance(ears, Ears)
    low, again, high = (
        ears.encode(mel_windows(make_sound(tmp_path / f"{name}.wav", seconds=9, frequencies=pitches, noise=noise)))
        for name, pitches, noise in (("a", (110, 220), 1), ("b", (112, 224), 2), ("c", (2500, 4000), 3))
    )
    assert low.shape == (ears.dim,)
    assert float(np.linalg.norm(low)) == pytest.approx(1, abs=1e-5)
    assert low @ again > low @ high


def test_what_is_shipped_is_small_and_says_what_it_is() -> None:
    place = shipped.shipped_place()
    assert sorted(file.name for file in place.iterdir()) == ["card.json", "weights.safetensors"]
    assert sum(file.stat().st_size for file in place.iterdir()) < MOST_BYTES
    card = read_card(place)
    assert card["weights_blake2b"] == shipped.shipped_version()
    assert card["dim"] == load_encoder(place).dim


@pytest.mark.parametrize("damage", ["no card", "no weights", "cut", "other", "nameless"])
def test_a_package_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    place = tmp_path / "ears"
    shutil.copytree(shipped.shipped_place(), place)
    weights, card = place / "weights.safetensors", place / "card.json"
    match damage:
        case "no card":
            card.unlink()
        case "no weights":
            weights.unlink()
        case "cut":
            weights.write_bytes(weights.read_bytes()[:-8])
        case "other":
            card.write_text(card.read_text("utf-8").replace('"encoder": "ears"', '"encoder": "gru"', 1), "utf-8")
        case "nameless":
            card.write_text(card.read_text("utf-8").replace("weights_blake2b", "checksum"), "utf-8")
    monkeypatch.setattr(shipped, "shipped_place", lambda: place)
    with pytest.raises(SegueError, match="install Segue again") as caught:
        shipped.shipped_ears()
    assert str(place) in str(caught.value)
    assert "train again" not in str(caught.value)
