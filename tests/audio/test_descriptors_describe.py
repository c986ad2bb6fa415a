"""Descriptors of files: every codec, every length, and what is said where nothing can be said."""

import dataclasses
import math
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from segue.audio.decode import read_excerpts
from segue.audio.descriptors.describe import describe_excerpts, describe_file
from segue.audio.descriptors.hearing import descriptors_of_many
from segue.audio.descriptors.kept import from_bytes, to_bytes
from segue.audio.descriptors.values import Descriptors
from segue.audio.listen import hear, mel_windows
from segue.errors import UnreadableAudio

MakeSound = Callable[..., Path]
RATE_HZ = 44_100
CODECS = ("a.mp3", "a.flac", "a.ogg", "a.opus", "a.m4a", "a.wav", "a.aiff", "a.wma", "a.wv")


def piece(seconds: float, *, seed: int = 0):
    """Chords of A minor under a beat of 110, in two channels that are not the same."""
    dice = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    y = np.zeros((2, len(time_s)))
    bar_s = 4 * 60 / 110
    for number, chord in enumerate(((57, 60, 64), (62, 65, 69), (52, 56, 59), (57, 60, 64))):
        sounding = (time_s // bar_s) % 4 == number
        for place, pitch in enumerate(chord):
            hz = 440 * 2 ** ((pitch - 69) / 12)
            y[place % 2] += sounding * (np.sin(2 * np.pi * hz * time_s) + np.sin(4 * np.pi * hz * time_s) / 2) * 0.1
    beat = (time_s % (60 / 110)) < 0.03
    hiss = dice.standard_normal(y.shape)
    hiss = np.stack([np.convolve(channel, np.ones(8) / 8, "same") for channel in hiss])  # little of it above 8 kHz
    return (y + 0.5 * beat * hiss).astype(np.float32)


def finite(found: Descriptors) -> bool:
    values = [value for value in dataclasses.asdict(found).values() if isinstance(value, float)]
    return all(math.isfinite(value) for value in values)


@pytest.fixture(scope="module")
def song(make_sound: MakeSound, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sound(tmp_path_factory.mktemp("song") / "song.flac", samples=piece(75), rate_hz=RATE_HZ)


def test_a_piece_is_what_it_was_made_to_be(song: Path) -> None:
    found = describe_file(song)
    assert found.tempo_bpm == pytest.approx(110, rel=0.01)
    assert found.key is not None
    assert found.key.name == "A minor"
    assert found.onsets_per_s == pytest.approx(110 / 60, rel=0.25)  # chords change, too
    assert found.pulse_clarity is not None
    assert found.pulse_clarity > 0.5
    assert found.loudness_range_lu is not None
    assert found.loudness_range_lu < 3
    assert found == describe_file(song)


@pytest.mark.parametrize("name", CODECS)
def test_windows_and_whole_files_of_every_codec_agree(
    make_sound: MakeSound, tmp_path: Path, song: Path, name: str
) -> None:
    path = make_sound(tmp_path / name, samples=piece(75), rate_hz=RATE_HZ)
    reference, windows, whole = describe_file(song), describe_file(path), describe_file(path, whole=True)
    assert (windows.whole, whole.whole) == (False, True)
    for found in (windows, whole):
        assert found.tempo_bpm == pytest.approx(reference.tempo_bpm, rel=0.01)
        assert found.key is not None
        assert found.key.name == "A minor"
        assert found.loudness_lufs == pytest.approx(reference.loudness_lufs, abs=0.8)
        assert found.brightness_hz == pytest.approx(reference.brightness_hz, rel=0.1)
        assert finite(found)


@pytest.mark.parametrize("side", [0.0, 0.5, 1.0])
def test_loudness_of_windows_knows_how_wide_a_recording_is(make_sound: MakeSound, tmp_path: Path, side: float) -> None:
    """What differs between two channels is not in their mean, but is heard."""
    dice = np.random.default_rng(0)
    y = dice.standard_normal((2, 80 * RATE_HZ)) * 0.05
    y[1] = (1 - side) * y[0] + side * y[1]
    y = np.apply_along_axis(lambda row: np.convolve(row, np.ones(8) / 8, "same"), 1, y)  # little above 8 kHz
    path = make_sound(tmp_path / "wide.wav", samples=y.astype(np.float32))
    windows, whole = describe_file(path), describe_file(path, whole=True)
    assert windows.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=0.6)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_is_as_loud_in_windows_as_the_standard_says(
    make_sound: MakeSound, tmp_path: Path, channels: int
) -> None:
    time_s = np.arange(80 * 48_000) / 48_000
    y = np.tile(10 ** (-23 / 20) * np.sin(2 * np.pi * 997 * time_s), (channels, 1)).astype(np.float32)
    path = make_sound(tmp_path / "tone.wav", samples=y, rate_hz=48_000, codec="float")
    expected = -23 if channels == 2 else -26
    for whole in (False, True):
        assert describe_file(path, whole=whole).loudness_lufs == pytest.approx(expected, abs=0.1)


def test_more_than_two_channels_are_measured_from_the_whole_file_only(make_sound: MakeSound, tmp_path: Path) -> None:
    """Case 6 of EBU Tech 3341, as a file of six channels whose fourth, the low one, counts nothing."""
    time_s = np.arange(20 * 48_000) / 48_000
    levels = np.array([-28, -28, -24, -10, -30, -30])
    y = (10 ** (levels[:, None] / 20) * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32)
    path = make_sound(tmp_path / "surround.wav", samples=y, rate_hz=48_000, codec="float")
    assert describe_file(path).loudness_lufs is None
    assert describe_file(path, whole=True).loudness_lufs == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("rate_hz", [1000, 3300, 8000, 192_000])
def test_odd_rates(make_sound: MakeSound, tmp_path: Path, rate_hz: int) -> None:
    path = make_sound(tmp_path / "odd.wav", seconds=5, rate_hz=rate_hz, noise=1)
    windows, whole = describe_file(path), describe_file(path, whole=True)
    assert finite(windows)
    assert finite(whole)
    assert windows.loudness_lufs == pytest.approx(whole.loudness_lufs, abs=2)


@pytest.mark.parametrize("gain_db", [-30.0, -6.0, 6.0])
def test_gain_moves_loudness_and_nothing_else(make_sound: MakeSound, tmp_path: Path, gain_db: float) -> None:
    y = piece(70) * 0.4
    made = [
        make_sound(tmp_path / f"{number}.wav", samples=(y * 10 ** (db / 20)).astype(np.float32), codec="float")
        for number, db in enumerate((0.0, gain_db))
    ]
    before, after = map(describe_file, made)
    assert after.loudness_lufs == pytest.approx(before.loudness_lufs + gain_db, abs=0.01)
    assert after.tempo_bpm == pytest.approx(before.tempo_bpm, rel=1e-3)
    assert after.key is not None
    assert before.key is not None
    assert after.key.name == before.key.name
    for name in ("brightness_hz", "loudness_range_lu", "pulse_clarity"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=0.01)


@pytest.mark.parametrize("seconds", [1.0, 1.7, 3.0, 8.0, 8.3, 20.0])
def test_short_files_are_described_as_far_as_they_go(make_sound: MakeSound, tmp_path: Path, seconds: float) -> None:
    """A short track fills its windows by being repeated: that must not become a tempo."""
    noise = np.random.default_rng(0).standard_normal((1, round(seconds * RATE_HZ))).astype(np.float32) * 0.1
    hiss = make_sound(tmp_path / "hiss.wav", samples=noise)
    for whole in (False, True):
        found = describe_file(hiss, whole=whole)
        assert (found.tempo_bpm, found.key, found.loudness_range_lu) == (None, None, None)
        assert found.loudness_lufs is not None
        assert found.brightness_hz is not None
        assert finite(found)
    song = describe_file(make_sound(tmp_path / "song.wav", samples=piece(seconds)))
    assert (song.tempo_bpm is None) == (seconds <= 3)
    if song.tempo_bpm:
        assert song.tempo_bpm == pytest.approx(110, rel=0.02)


def test_a_pulse_of_one_second_repeated_is_no_tempo(make_sound: MakeSound, tmp_path: Path) -> None:
    y = np.zeros((1, RATE_HZ), dtype=np.float32)
    y[0, 1000:1500] = 0.5
    found = describe_file(make_sound(tmp_path / "click.wav", samples=y))
    assert found.tempo_bpm is None
    assert found.pulse_clarity is None


def test_what_gives_no_sound_is_refused_as_everywhere(make_sound: MakeSound, tmp_path: Path) -> None:
    silence = make_sound(tmp_path / "silence.wav", samples=np.zeros((1, 5 * RATE_HZ), dtype=np.float32))
    short = make_sound(tmp_path / "short.wav", samples=piece(0.5))
    (tmp_path / "text.mp3").write_text("no sound")
    for path, reason in ((silence, "silent"), (short, "at least 1 s"), (tmp_path / "text.mp3", "not a sound file")):
        for whole in (False, True):
            with pytest.raises(UnreadableAudio, match=reason):
                describe_file(path, whole=whole)


def test_a_track_with_long_silences_and_one_click(make_sound: MakeSound, tmp_path: Path) -> None:
    y = np.zeros((2, 90 * RATE_HZ), dtype=np.float32)
    y[:, 45 * RATE_HZ] = 0.9
    y[:, 10 * RATE_HZ] = 0.9
    path = make_sound(tmp_path / "clicks.wav", samples=y)
    with pytest.raises(UnreadableAudio, match="silent"):  # its windows lie between
        describe_file(path)
    y[:, 46 * RATE_HZ] = y[:, 3 * RATE_HZ] = 0.9
    for whole in (False, True):
        found = describe_file(make_sound(tmp_path / "more.wav", samples=y), whole=whole)
        assert (found.tempo_bpm, found.key) == (None, None)
        assert finite(found)


def test_hearing_gives_the_log_mels_of_before_to_the_bit(song: Path) -> None:
    heard = hear(song)
    assert np.array_equal(heard.row, mel_windows(song))
    assert heard.descriptors == describe_file(song) == describe_excerpts(read_excerpts(song))


def test_what_goes_through_a_pipe_comes_out_the_same(song: Path, tmp_path: Path) -> None:
    found = describe_file(song)
    assert from_bytes(to_bytes(found)) == found
    assert from_bytes(to_bytes(Descriptors())) == Descriptors()
    paths = [song, tmp_path / "missing.flac", song]
    for workers in (1, 2):
        one, missing, other = (what for _, what in descriptors_of_many(paths, workers))
        assert one == other == found
        assert isinstance(missing, UnreadableAudio)


STARTER = Path(os.environ.get("SEGUE_DATA", "/nowhere")) / "music" / "starter"


@pytest.mark.skipif(not STARTER.is_dir(), reason="needs real music: SEGUE_DATA names no folder with music/starter")
@pytest.mark.parametrize("name", CODECS)
def test_real_music_is_described_alike_in_every_codec(make_sound: MakeSound, tmp_path: Path, name: str) -> None:
    """Two recordings whose tempo their makers published with them, as MIDI."""
    known = {
        "rock-carlos-viola-iborra-sectoid-war-of-freedom.ogg": 140,
        "metal-carlos-viola-iborra-sectoid-metal-madness.ogg": 150,
    }
    for file, bpm in known.items():
        with av.open(str(STARTER / file)) as container:
            stream = container.streams.audio[0]
            floats = av.AudioResampler("fltp", "stereo", 44_100)
            blocks = [block.to_ndarray() for frame in container.decode(stream) for block in floats.resample(frame)]
        original = describe_file(STARTER / file)
        assert original.tempo_bpm == pytest.approx(bpm, rel=0.01)
        found = describe_file(make_sound(tmp_path / name, samples=np.concatenate(blocks, 1), rate_hz=RATE_HZ))
        assert found.tempo_bpm == pytest.approx(bpm, rel=0.01)
        assert found.key is not None
        assert original.key is not None
        assert found.key.tonic == original.key.tonic or original.key.confidence < 0.5
        assert found.brightness_hz == pytest.approx(original.brightness_hz, rel=0.1)
        assert finite(found)
