"""The recipe of the shipped weights: its list, its windows, its teacher."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from recipes import music, prepare
from recipes.musicnn import DIM, PATCH_FRAMES, MusiCNN, wheel
from segue.audio.mel import RATE_HZ, WINDOW_SAMPLES, log_mel

CARD = Path(__file__).parents[2] / "src" / "segue" / "encoders" / "weights" / "ears" / "card.json"


def test_every_package_is_on_one_side_and_has_a_licence() -> None:
    listed = music.packages()
    names = [one.package for one in listed]
    assert len(set(names)) == len(names)
    assert {one.role for one in listed} == {"train", "test"}
    assert all(one.licence.strip() for one in listed)
    assert {one.package for one in music.packages("test")}.isdisjoint(one.package for one in music.packages("train"))


def test_styles_of_the_unheard_music_stand_in_several_packages() -> None:
    styles = [one.style for one in music.packages("test") if one.style]
    assert sum(styles.count(style) >= 2 for style in set(styles)) >= 4


def test_the_shipped_weights_name_their_music_and_none_of_it_is_unheard() -> None:
    card = json.loads(CARD.read_text("utf-8"))
    sources = {source["package"] for source in card["sources"]}
    assert sources == {one.package for one in music.packages("train")}
    assert all(len(source["sha256"]) == 64 and source["licence"] for source in card["sources"])


def tone(seconds: float, hz: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.mark.parametrize(("speed", "hz"), [(1.0, 1000), (2.0 ** (3 / 12), 1189)])
def test_music_played_faster_is_higher(speed: float, hz: float) -> None:
    windows = prepare.windows(tone(60, 1000), speed)
    assert windows.shape == (prepare.WINDOWS, WINDOW_SAMPLES)
    spectrum = np.abs(np.fft.rfft(windows[5]))
    assert spectrum.argmax() * RATE_HZ / WINDOW_SAMPLES == pytest.approx(hz, abs=1)


def test_a_short_sound_is_repeated() -> None:
    assert log_mel(prepare.windows(tone(3, 500), 1.1)).shape[0] == prepare.WINDOWS


def test_recordings_are_long_enough_and_no_stems(tmp_path: Path, make_sound) -> None:
    folder = tmp_path / "fretsonfire-songs-sectoid"
    for name, seconds in (("song.ogg", 25), ("guitar.ogg", 25), ("jingle.ogg", 5)):
        make_sound(folder / name, seconds=seconds, noise=1, tags={"artist": "Sectoid", "title": name})
    (folder / "copyright").write_text("MIT")
    (found,) = music.recordings(tmp_path, "test")
    assert (found.path.name, found.artist, found.package) == ("song.ogg", "Sectoid", "fretsonfire-songs-sectoid")
    assert music.recordings(tmp_path, "train") == []


@pytest.mark.slow
def test_the_teacher_tells_noise_from_a_tone(tmp_path: Path) -> None:
    """The published weights, out of the wheel that pip gets."""
    try:
        place = wheel(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"pip can't get the musicnn wheel: {error}")
    teacher = MusiCNN(place, "MTT_musicnn")
    noise = np.random.default_rng(0).standard_normal(WINDOW_SAMPLES).astype(np.float32) * 0.1
    frames = prepare.log_mel_frames(np.stack([noise, tone(WINDOW_SAMPLES / RATE_HZ, 440)]))
    said = [teacher.embed(one[: 2 * PATCH_FRAMES]) for one in frames]
    assert said[0].shape == (2, DIM)
    within = np.linalg.norm(said[0][0] - said[0][1])
    assert np.linalg.norm(said[0][0] - said[1][0]) > 5 * within
