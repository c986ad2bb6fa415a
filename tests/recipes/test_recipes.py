"""The recipe of the shipped weights: its list, its windows, its teacher."""

import json
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from recipes import midi, music, prepare
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


def test_what_is_heard_in_between_lies_between() -> None:
    moments = np.arange(100 * RATE_HZ, dtype=np.float32)  # a sound that tells the time
    heard, between = (prepare.windows(moments, 1.0, later)[:, 0] for later in (False, True))
    assert np.allclose(between[:-1], (heard[:-1] + heard[1:]) / 2, atol=8)
    assert heard[-1] < between[-1] == len(moments) - WINDOW_SAMPLES


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


def test_broken_packets_of_a_recording_are_left_out(tmp_path: Path, make_sound) -> None:
    path = make_sound(tmp_path / "broken.m4a", seconds=25, noise=1)
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(len(content) // 10, len(content) * 9 // 10, 40):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(av.error.FFmpegError), av.open(str(path)) as container:
        list(container.decode(audio=0))
    assert 12 * RATE_HZ < len(prepare.decode(path)) <= 26 * RATE_HZ


def test_a_wad_gives_its_midi_and_nothing_else(tmp_path: Path) -> None:
    lumps = [
        (b"D_FIRST", b"MThd first"),
        (b"D_AGAIN", b"MThd first"),
        (b"PLAYPAL", b"colours"),
        (b"D_OTHER\0", b"MThd 2"),
    ]
    body = b"".join(content for _, content in lumps)
    listed, place = b"", 12
    for name, content in lumps:
        listed += place.to_bytes(4, "little") + len(content).to_bytes(4, "little") + name.ljust(8, b"\0")
        place += len(content)
    wad = tmp_path / "game.wad"
    wad.write_bytes(b"IWAD" + len(lumps).to_bytes(4, "little") + place.to_bytes(4, "little") + body + listed)
    made = midi.lumps(wad)
    assert [path.name for path in made] == ["D_FIRST.game.mid", "D_OTHER.game.mid"]
    assert [path.read_bytes() for path in made] == [b"MThd first", b"MThd 2"]


def test_midi_becomes_music(tmp_path: Path) -> None:
    if shutil.which("fluidsynth") is None or not all((midi.FOLDER / name).exists() for name in midi.SOUNDFONTS):
        pytest.skip(f"fluidsynth or a soundfont is missing: {midi.INSTALL}")
    piece, rendered = tmp_path / "piece.mid", tmp_path / "piece.mid.rendered.flac"
    notes = b"".join(bytes([0, 0x90, note, 100, 0x60, 0x80, note, 0]) for note in range(50, 80))
    track = b"\x00\xc0\x10" + notes + b"\x00\xff\x2f\x00"
    piece.write_bytes(
        b"MThd" + bytes([0, 0, 0, 6, 0, 0, 0, 1, 0, 96]) + b"MTrk" + len(track).to_bytes(4, "big") + track
    )
    midi.render(piece, rendered)
    assert log_mel(prepare.windows(prepare.decode(rendered), 1.0)).max() > 1
    piece.write_bytes(b"no piece")
    midi.render(piece, tmp_path / "none.flac")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["piece.mid", "piece.mid.rendered.flac"]
