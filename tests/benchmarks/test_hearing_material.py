"""Spoilt copies are what their names say, and simulated pieces have the tempo and key that they are said to have."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import hearing_material
from benchmarks.composer import DRUMS_CHANNEL, SCALES, STYLES, compose
from benchmarks.hearing_material import DISTORTIONS, KEYS, PIECES, TEMPO_BPM, distorted, tempo_key_set
from segue.errors import NotReady, UnreadableAudio


def sound(path: Path):
    """Rate, samples (channels, n), codec and bit rate of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        floats = av.AudioResampler("fltp", stream.layout, stream.codec_context.sample_rate)
        blocks = [block.to_ndarray() for frame in container.decode(stream) for block in floats.resample(frame)]
        blocks += [block.to_ndarray() for block in floats.resample(None)]
        return stream.codec_context.sample_rate, np.concatenate(blocks, 1), stream.codec_context.name


@pytest.fixture(scope="module")
def copies(make_sound, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("copies")
    samples = np.random.default_rng(0).standard_normal((2, 6 * 44100)).clip(-3, 3).astype(np.float32) / 4
    original = make_sound(folder / "original.flac", samples=samples)
    return original, folder / "made", distorted(original, folder / "made")


def test_each_copy_is_what_its_name_says(copies) -> None:
    original, _, made = copies
    rate, y, _ = sound(original)
    heard = {name: sound(path) for name, path in made.items()}
    assert set(heard) == set(DISTORTIONS)
    np.testing.assert_allclose(heard["6 dB louder"][1], y * 1.99526, rtol=1e-5)
    assert np.abs(heard["6 dB louder"][1]).max() > 1.4, "it was clipped"
    np.testing.assert_allclose(heard["6 dB softer"][1], y / 1.99526, rtol=1e-5)
    np.testing.assert_array_equal(heard["trimmed by 1.2 s"][1], y[:, round(1.2 * rate) :])
    np.testing.assert_allclose(heard["mixed to mono"][1], y.mean(0, keepdims=True), atol=2e-4)
    resampled_hz, resampled, _ = heard["resampled to 22.05 kHz"]
    assert resampled_hz == 22050
    assert resampled.shape[1] == pytest.approx(y.shape[1] / 2, abs=50)
    for name, codecs in (("mp3 at 64 kbit/s", {"mp3", "mp3float"}), ("opus at 64 kbit/s", {"opus", "libopus"})):
        codec_hz, squeezed, codec = heard[name]
        assert codec in codecs
        assert squeezed.shape[1] / codec_hz == pytest.approx(6, abs=0.1)
        assert made[name].stat().st_size * 8 / 6 == pytest.approx(64_000, rel=0.25)


def test_copies_are_made_once_and_leave_nothing_else(copies) -> None:
    original, folder, made = copies
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert distorted(original, folder) == made
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert set(before) == set(made.values())


def test_a_copy_that_is_gone_is_made_again_and_is_the_same(copies) -> None:
    original, folder, made = copies
    for name in ("opus at 64 kbit/s", "mixed to mono"):
        content = made[name].read_bytes()
        made[name].unlink()
        assert distorted(original, folder)[name].read_bytes() == content


@pytest.mark.parametrize("channels", [1, 6])
def test_other_channels_and_rates_are_taken(make_sound, tmp_path: Path, channels: int) -> None:
    original = make_sound(tmp_path / "high.flac", seconds=2, rate_hz=96000, channels=channels)
    for name, path in distorted(original, tmp_path / "made").items():
        rate, y, _ = sound(path)
        assert y.shape[1] / rate == pytest.approx(0.8 if "trimmed" in name else 2, abs=0.1), name
        assert y.shape[0] == (1 if channels == 1 or "mono" in name else 2), name


def test_what_is_no_sound_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "noise.mp3").write_bytes(b"no sound at all" * 1000)
    with pytest.raises(UnreadableAudio, match=r"noise\.mp3"):
        distorted(tmp_path / "noise.mp3", tmp_path / "made")
    assert not list((tmp_path / "made").iterdir())


def events(midi: bytes):
    """(tick, message) of a MIDI file of one track, and its ticks a beat."""
    ticks, position, now, found = int.from_bytes(midi[12:14], "big"), 22, 0, []
    assert int.from_bytes(midi[18:22], "big") == len(midi) - 22
    while position < len(midi):
        delta = 0
        while True:
            byte, position = midi[position], position + 1
            delta = delta << 7 | byte & 127
            if byte < 128:
                break
        now += delta
        kind = midi[position]
        length = 3 + midi[position + 2] if kind == 0xFF else 2 if kind & 0xF0 == 0xC0 else 3
        found.append((now, midi[position : position + length]))
        position += length
    return ticks, found


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
@pytest.mark.parametrize(("tonic", "mode"), [(0, "major"), (9, "minor")])
def test_a_piece_has_the_tempo_and_the_key_that_were_asked_for(style, tonic: int, mode: str) -> None:
    ticks, found = events(compose(style, tonic, mode, 97.0, duration_s=40, seed="1"))
    tempi = [message for _, message in found if message[:2] == b"\xff\x51"]
    assert [60e6 / int.from_bytes(message[3:], "big") for message in tempi] == [pytest.approx(97, rel=1e-4)]
    assert found[-1][1] == b"\xff\x2f\x00"
    assert found[-1][0] / ticks * 60 / 97 == pytest.approx(40, abs=2)
    pitched = [message for _, message in found if message[0] >> 4 == 9 and message[0] & 15 != DRUMS_CHANNEL]
    outside = [message[1] for message in pitched if (message[1] - tonic) % 12 not in SCALES[mode]]
    assert {(pitch - tonic) % 12 for pitch in outside} <= ({11} if mode == "minor" else set())
    counts = np.bincount([(message[1] - tonic) % 12 for message in pitched], minlength=12)
    assert counts[0] >= counts.mean()
    third, other_third = (4, 3) if mode == "major" else (3, 4)
    assert counts[third] > counts[other_third]
    sounding: dict[tuple[int, int], int] = {}
    for _, message in found:
        voice = (message[0] & 15, message[1])
        sounding[voice] = sounding.get(voice, 0) + {9: 1, 8: -1}.get(message[0] >> 4, 0)
    assert not any(sounding.values()), "a note was never ended"


def test_patterns_fill_their_bars() -> None:
    for style in STYLES:
        assert {len(style.chords), *map(len, style.drums.values())} <= {len(style.bass)}, style.name
        assert len(style.bass) % 4 == 0


def test_the_same_seed_is_the_same_piece() -> None:
    said = [compose(STYLES[0], 2, "major", 120, duration_s=10, seed=seed) for seed in ("1", "1", "2")]
    assert said[0] == said[1] != said[2]


def test_the_plan_is_balanced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every style has each tonic and each part of the range of tempo once, and neither tells the other."""
    font = tmp_path / "font.sf2"
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(hearing_material, "SOUNDFONTS", (font.name,))
    monkeypatch.setattr(hearing_material, "SOUNDFONT_FOLDERS", (tmp_path,))
    font.touch()
    monkeypatch.setattr(hearing_material, "render", lambda program, font, score, path: path.write_bytes(score))
    pieces = tempo_key_set(tmp_path / "set")
    assert len(pieces) == len({piece.path for piece in pieces}) == PIECES
    assert all("simulated" in piece.path.name for piece in pieces)
    for piece in pieces:  # a piece that does not end is rendered for ever
        ticks, found = events(piece.path.read_bytes())
        assert found[-1][1] == b"\xff\x2f\x00"
        assert found[-1][0] / ticks * 60 / piece.tempo_bpm == pytest.approx(40, abs=2)
    lowest, highest = TEMPO_BPM
    for style in STYLES:
        own = [piece for piece in pieces if piece.group == style.name]
        assert sorted(piece.key for piece in own) == list(range(len(KEYS)))
        assert [piece.mode for piece in own].count("minor") == len(KEYS) // 2
        place = np.log([piece.tempo_bpm / lowest for piece in own]) / np.log(highest / lowest) * len(KEYS)
        assert sorted(np.floor(place + 1e-3).tolist()) == list(range(len(KEYS)))
    assert abs(np.corrcoef([piece.key for piece in pieces], [piece.tempo_bpm for piece in pieces])[0, 1]) < 0.2


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotReady, match=r"fluidsynth.*apt-get install fluidsynth"):
        tempo_key_set(tmp_path)
    monkeypatch.setattr(hearing_material, "SOUNDFONTS", ("Nowhere.sf2",))
    with pytest.raises(NotReady, match=r"Nowhere\.sf2"):
        tempo_key_set(tmp_path)


def test_a_rendered_piece_sounds_at_its_tempo(tmp_path: Path) -> None:
    try:
        pieces = tempo_key_set(tmp_path, count=2)
    except NotReady as missing:
        pytest.skip(str(missing))
    for piece in pieces:
        rate, y, _ = sound(piece.path)
        assert y.shape[1] / rate == pytest.approx(40, abs=6)
        assert 0.01 < np.abs(y).max() < 1, "too soft, or clipped"
        # Rises in the bands, at 100 a second, come at eighths of this tempo and of none 4 % away. (The loudness of all
        # bands together also rises where slow or trembling instruments swell.)
        hop = rate // 100
        frames = np.lib.stride_tricks.sliding_window_view(y.mean(0), 1024)[::hop] * np.hanning(1024)
        onsets = np.maximum(np.diff(np.log1p(np.abs(np.fft.rfft(frames)) / 2), axis=0), 0).sum(1)
        times_s = np.arange(len(onsets)) * hop / rate

        def pulse(tempo_bpm: float, onsets=onsets, times_s=times_s) -> float:
            return abs(np.exp(-2j * np.pi * times_s * 2 * tempo_bpm / 60) @ (onsets - onsets.mean()))

        assert pulse(piece.tempo_bpm) > 4 * max(pulse(0.96 * piece.tempo_bpm), pulse(1.04 * piece.tempo_bpm))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert tempo_key_set(tmp_path, count=2) == pieces
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert set(before) == {piece.path for piece in pieces}
