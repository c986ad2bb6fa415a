"""Windows of real files in every codec: their level, their place, and every way in which a file can be bad."""

import os
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.signal import correlate

from segue.audio import decode
from segue.audio.decode import RATE_HZ, WINDOW_S, WINDOW_SAMPLES, WINDOWS, read_windows, window_starts
from segue.errors import UnreadableAudio

MakeSound = Callable[..., Path]
LONG_S = 25.0
CODECS = {
    "mp3": "mp3",
    "flac": "flac",
    "ogg": "vorbis",
    "opus": "opus",
    "m4a": "aac",
    "aac": "aac",
    "wav": "wav",
    "aiff": "aiff",
    "wma": "wma",
    "wv": "wavpack",
}
LOSSLESS = {"flac", "wav", "aiff", "wv"}


@pytest.fixture(autouse=True)
def _sought_in_when_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of 25 s are sought in, as those of 70 s are: a third of the encoding."""
    monkeypatch.setattr(decode, "WHOLE_S", 12.0)


@cache
def music(rate_hz: int, seconds: float = LONG_S) -> np.ndarray:
    """float32 (samples,): tones that glide without ever repeating, known at any rate."""
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    y = np.zeros_like(t)
    for low, wide, every in ((300, 150, 7.3), (900, 500, 11.9), (2100, 900, 3.1), (4200, 1400, 17.7)):
        y += np.sin(2 * np.pi * (low * t - wide * every / (2 * np.pi) * np.cos(2 * np.pi * t / every + low)))
    return (y * 0.15).astype(np.float32)


@pytest.fixture(scope="module")
def long_file(make_sound: MakeSound, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A track that is long enough to be sought in, made once for each ending."""
    folder = tmp_path_factory.mktemp("long")

    def make(ending: str) -> Path:
        path = folder / f"long.{ending}"
        if not path.exists():
            rate_hz = 48_000 if ending == "opus" else 44_100
            make_sound(path, samples=np.tile(music(rate_hz), (2, 1)), rate_hz=rate_hz, codec=CODECS[ending])
        return path

    return make


def whole(path: Path) -> np.ndarray:
    with decode._sound(path) as sound:
        return np.concatenate(list(sound.blocks()))


def found_at(window: np.ndarray, track: np.ndarray, near: int, reach: int = 1000) -> tuple[int, float]:
    """How many samples later than ``near`` the window lies in the track, and how alike it is there."""
    first = max(0, near - reach)
    place = first + int(np.argmax(correlate(track[first : near + WINDOW_SAMPLES + reach], window, "valid")))
    return place - near, float(np.corrcoef(window, track[place : place + WINDOW_SAMPLES])[0, 1])


@pytest.mark.parametrize("ending", CODECS)
def test_windows_are_the_stretches_of_the_track_that_they_say(ending: str, long_file: Callable[[str], Path]) -> None:
    path = long_file(ending)
    with decode._sound(path) as sound:
        starts = window_starts(sound.declared() or 0)
        sought, _end = sound.seek_windows(starts)
    assert sought is not None, "it can be sought in"
    windows = read_windows(path)
    assert np.array_equal(windows, sought), "the same bits each time"
    assert windows.shape == (WINDOWS, WINDOW_SAMPLES)
    assert windows.dtype == np.float32
    track, truth = whole(path), music(RATE_HZ)
    # ASF stamps packets of several blocks, and its decoder is one block behind: up to 92 ms for a codec of the past.
    # AAC begins with a block of silence, which ADTS has nowhere to say; a block is no whole number of our samples.
    off_s, off_truth_s = {"wma": (0.1, 0.05), "aac": (0.0, 0.025)}.get(ending, (0.0, 0.001))
    for window, start in list(zip(windows, starts, strict=True))[::3]:
        late, alike = found_at(window, track, start, reach=1_600)
        assert abs(late) <= off_s * RATE_HZ
        assert alike >= (0.97 if off_s else 0.9999)
        if ending in LOSSLESS:
            assert np.allclose(window, track[start : start + WINDOW_SAMPLES], atol=1e-6)
        late, alike = found_at(window, truth, start)
        assert abs(late) <= off_truth_s * RATE_HZ
        assert alike >= (0.85 if off_truth_s > 0.001 else 0.9999)


@pytest.mark.parametrize("rate_hz", [44_056, 22_255, 8_000, 96_000])
def test_a_file_of_any_rate_can_be_sought_in(rate_hz: int, make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound(tmp_path / "odd.wav", samples=music(rate_hz)[None], rate_hz=rate_hz, codec="float")
    track = whole(path)
    with decode._sound(path) as sound:
        starts = window_starts(sound.declared() or 0)
        windows, _end = sound.seek_windows(starts)
    assert windows is not None
    for window, start in zip(windows, starts, strict=True):
        assert np.allclose(window, track[start : start + WINDOW_SAMPLES], atol=1e-6)


def test_the_first_window_begins_near_the_start_and_the_last_ends_near_the_end() -> None:
    for seconds in (8.192, 8.2, 9.0, 20.0, 70.0, 240.0, 36_000.0):
        samples = round(seconds * RATE_HZ)
        starts = window_starts(samples)
        assert 0 <= starts[0] <= 0.02 * samples
        assert 0.98 * samples - 1 <= starts[-1] + WINDOW_SAMPLES <= samples
        assert np.ptp(np.diff(starts)) <= 1


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 1), (44_100, 2), (8_000, 1), (192_000, 6), (22_050, 2)])
def test_equal_channels_keep_their_level(rate_hz: int, channels: int, make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound(tmp_path / "tone.wav", seconds=2, rate_hz=rate_hz, channels=channels, codec="float")
    level_db = 20 * np.log10(read_windows(path)[3].std() / (0.5 / np.sqrt(2)))
    assert abs(level_db) < 0.02


def test_what_is_above_8_khz_does_not_fold_back(make_sound: MakeSound, tmp_path: Path) -> None:
    for rate_hz, high_hz in ((44_100, 9_500), (44_100, 11_500), (44_100, 20_000), (48_000, 15_990), (96_000, 31_000)):
        path = make_sound(tmp_path / "t.wav", seconds=9, rate_hz=rate_hz, codec="float", frequencies=(440.0, high_hz))
        spectrum = np.abs(np.fft.rfft(read_windows(path)[3].astype(np.float64) * np.blackman(WINDOW_SAMPLES)))
        hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / RATE_HZ)
        elsewhere_db = 20 * np.log10(spectrum[np.abs(hz - 440) > 20].max() / spectrum.max())
        assert elsewhere_db < -96, (rate_hz, high_hz)


def test_high_notes_below_the_limit_stay(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound(tmp_path / "t.wav", seconds=9, codec="float", frequencies=(7_000.0,))
    assert abs(20 * np.log10(read_windows(path)[0].std() / (0.5 / np.sqrt(2)))) < 0.1


def test_a_short_track_is_repeated_and_a_middling_one_overlaps(make_sound: MakeSound, tmp_path: Path) -> None:
    short = read_windows(make_sound(tmp_path / "short.wav", samples=music(16_000, 2.0)[None], rate_hz=16_000))
    assert np.array_equal(short[0, :32_000], short[0, 32_000:64_000])
    assert np.array_equal(short[0], short[7])
    samples = music(16_000, 12.0)
    middling = read_windows(make_sound(tmp_path / "m.wav", samples=samples[None], rate_hz=16_000, codec="float"))
    for window, start in zip(middling, window_starts(len(samples)), strict=True):
        assert np.allclose(window, samples[start : start + WINDOW_SAMPLES], atol=1e-6)


@pytest.mark.parametrize("ending", ["mp3", "flac", "ogg", "opus", "wav", "wv"])
def test_a_file_cut_short_is_read_as_far_as_it_goes(
    ending: str, long_file: Callable[[str], Path], tmp_path: Path
) -> None:
    content = long_file(ending).read_bytes()
    path = tmp_path / f"cut.{ending}"
    path.write_bytes(content[: len(content) * 6 // 10])
    windows = read_windows(path)
    truth = music(RATE_HZ)
    starts = window_starts(len(whole(path)))
    assert starts[-1] < len(truth) * 0.62
    for window, start in zip(windows, starts, strict=True):
        assert found_at(window, truth, start, reach=3_000)[1] > 0.95


def test_sound_after_the_declared_end_is_heard(tmp_path: Path) -> None:
    # A guess from the first seconds' bit rate tells of half of it.
    path = tmp_path / "guessed.mp3"
    with path.open("wb") as joined:
        for bit_rate in (320_000, 64_000):
            with av.open(joined, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as output:
                stream = output.add_stream("libmp3lame", rate=44_100, layout="mono")
                stream.bit_rate = bit_rate
                frame = av.AudioFrame.from_ndarray(music(44_100)[None], format="fltp", layout="mono")
                frame.sample_rate = 44_100
                for ready in av.AudioResampler("fltp", "mono", 44_100, frame_size=1_152).resample(frame):
                    output.mux(stream.encode(ready))
                output.mux(stream.encode(None))
    with decode._sound(path) as sound:
        declared = sound.declared() or 0
    length = len(whole(path))
    assert declared < 0.7 * length
    track = np.tile(music(RATE_HZ), 2)
    late, alike = found_at(read_windows(path)[-1], track, window_starts(length)[-1], reach=8_000)
    assert alike > 0.8
    assert abs(late) < 0.15 * RATE_HZ


def test_a_file_without_its_beginning_is_heard(long_file: Callable[[str], Path], tmp_path: Path) -> None:
    content = long_file("mp3").read_bytes()
    path = tmp_path / "headless.mp3"
    path.write_bytes(content[len(content) // 3 :])
    assert read_windows(path).std(axis=1).min() > 0.1


def test_broken_packets_are_passed_over(long_file: Callable[[str], Path], tmp_path: Path) -> None:
    content = bytearray(long_file("flac").read_bytes())
    for place in np.random.default_rng(0).integers(len(content) // 10, len(content), 40):
        content[place] ^= 0xFF
    path = tmp_path / "broken.flac"
    path.write_bytes(content)
    assert read_windows(path).std(axis=1).min() > 0.1


def test_24_bits_and_channels_that_stand_nowhere(tmp_path: Path) -> None:
    tone = (music(44_100, 3.0) * 2**31).astype("<i4").view("u1").reshape(-1, 4)[:, 1:]
    for channels in (1, 2, 7, 9, 24):
        path = tmp_path / f"{channels}.wav"
        with wave.open(os.fspath(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(3)
            file.setframerate(44_100)
            file.writeframes(np.repeat(tone[:, None], channels, axis=1).tobytes())
        assert np.isclose(read_windows(path)[0].std(), music(16_000, 3.0).std(), rtol=0.01)


def test_names_that_are_no_utf_8_or_look_like_addresses(
    make_sound: MakeSound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_sound(tmp_path / "a.wav", seconds=2)
    expected = read_windows(path)
    strange = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    Path(strange).write_bytes(path.read_bytes())
    assert np.array_equal(read_windows(strange), expected)
    monkeypatch.chdir(tmp_path)
    Path("http:live.wav").write_bytes(path.read_bytes())
    assert np.array_equal(read_windows("http:live.wav"), expected)
    Path(strange).write_bytes(b"no sound")
    with pytest.raises(UnreadableAudio) as error:
        read_windows(strange)
    assert r"caf\xe9.wav" in str(error.value)


def bad_files(folder: Path, make_sound: MakeSound) -> dict[str, tuple[Path, str]]:
    noise = np.random.default_rng(0).standard_normal((1, 44_100 * 9)).astype(np.float32) * 0.1
    nan, huge = noise.copy(), noise.copy()
    nan[0, 44_100 * 4] = np.nan
    huge[0, 44_100 * 4 : 44_100 * 5] = 1e20
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "text.mp3").write_text("These are no notes.\n" * 5_000)
    (folder / "random.mp3").write_bytes(np.random.default_rng(0).bytes(300_000))
    (folder / "playlist.mp3").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n")
    (folder / "list.mp3").write_text("ffconcat version 1.0\nfile 'short.wav'\n")
    os.mkfifo(folder / "pipe.mp3")
    m4a = make_sound(folder / "whole.m4a", seconds=9).read_bytes()
    (folder / "headless.m4a").write_bytes(m4a[len(m4a) // 2 :])
    make_sound(folder / "short.wav", seconds=0.2)
    make_sound(folder / "silent.flac", samples=np.zeros((2, 44_100 * 9), np.float32))
    make_sound(folder / "nan.wav", samples=nan, codec="float")
    make_sound(folder / "huge.wav", samples=huge, codec="float")
    with av.open(os.fspath(folder / "picture.mov"), "w") as video:
        stream = video.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame(32, 32, "yuv420p")
        video.mux(stream.encode(frame))
        video.mux(stream.encode(None))
    no_sound = "not a sound file, or a damaged one"
    reasons = {
        "missing.mp3": "it can't be read (no such file or directory)",
        ".": "it is not a file",
        "pipe.mp3": "it is not a file",
        "empty.mp3": no_sound,
        "text.mp3": "sound",
        "random.mp3": no_sound,
        "playlist.mp3": no_sound,
        "list.mp3": "can't be read",
        "headless.m4a": no_sound,
        "picture.mov": "there is no sound in it",
        "short.wav": "it lasts 0.2 s; at least 1 s is needed",
        "silent.flac": "it is silent",
        "nan.wav": "it holds samples that are not numbers",
        "huge.wav": "times full scale",
    }
    return {name: (folder / name, reason) for name, reason in reasons.items()}


def test_every_bad_file_has_its_reason(make_sound: MakeSound, tmp_path: Path) -> None:
    for path, reason in bad_files(tmp_path, make_sound).values():
        with pytest.raises(UnreadableAudio) as error:
            read_windows(path)
        assert str(error.value).startswith(f"{path}: "), path
        assert reason in str(error.value), path
        assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_said_to_be_so(make_sound: MakeSound, tmp_path: Path) -> None:
    path = make_sound(tmp_path / "secret.wav", seconds=2)
    path.chmod(0)
    with pytest.raises(UnreadableAudio, match="permission denied"):
        read_windows(path)


def test_windows_of_real_music_do_not_slip() -> None:
    """Vorbis files of real encoders change their block length, and the stamp after a change is late."""
    data = os.environ.get("SEGUE_DATA")
    if not data:
        pytest.skip("SEGUE_DATA names no folder with real music")
    files = sorted((Path(data) / "music" / "starter").glob("*.ogg"))[3::3]
    assert files
    for path in files:
        track = whole(path)
        starts = [second * RATE_HZ for second in range(1, int(len(track) / RATE_HZ - WINDOW_S), 3)]
        with decode._sound(path) as sound:
            windows, _end = sound.seek_windows(starts)
        assert windows is not None
        places = [found_at(window, track, start) for window, start in zip(windows, starts, strict=True)]
        # Some files cut off a part of a block at their beginning, which the container does not count.
        assert np.ptp([late for late, _ in places]) <= 1, path.name
        assert abs(places[0][0]) <= 0.015 * RATE_HZ
        assert min(alike for _, alike in places) >= (0.9 if places[0][0] else 0.9999), path.name
