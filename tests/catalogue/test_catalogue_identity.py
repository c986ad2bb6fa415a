"""The id of a sound: kept by everything that is not the sound, changed by everything that is."""

import os
import shutil
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from segue.catalogue.identity import HEAD_BYTES, identify, open_sound
from segue.errors import UnreadableAudio

FORMATS = {
    "mp3": ("a.mp3", {}, "mp3"),
    "flac": ("a.flac", {}, "flac"),
    "ogg": ("a.ogg", {}, "vorbis"),
    "opus": ("a.opus", {}, "opus"),
    "flac in ogg": ("a.oga", {"codec": "flac"}, "flac"),
    "opus in ogg": ("a.ogg", {"codec": "opus"}, "opus"),
    "aac": ("a.m4a", {}, "aac"),
    "alac": ("a.m4a", {"codec": "alac"}, "alac"),
    "adts": ("a.aac", {}, "aac"),
    "wav": ("a.wav", {}, "pcm_s16le"),
    "float wav": ("a.wav", {"codec": "float"}, "pcm_f32le"),
    "aiff": ("a.aiff", {}, "pcm_s16be"),
    "wma": ("a.wma", {}, "wmav2"),
    "wavpack": ("a.wv", {}, "wavpack"),
}
every_format = pytest.mark.parametrize("kind", FORMATS)


def made(make_sound, folder: Path, kind: str, **options) -> Path:
    name, fixed, _ = FORMATS[kind]
    return make_sound(folder / name, **{"seconds": 3.0, "noise": 1, **fixed, **options})


def retagged(source: Path, target: Path) -> Path:
    """The packets of ``source`` in a new file with long other tags: what a tag editor leaves."""
    with av.open(str(source)) as old, av.open(str(target), "w", format=None) as new:
        stream = old.streams.audio[0]
        copy = new.add_stream_from_template(stream)
        new.metadata.update({"title": "Another title " * 20, "comment": "x" * 100_000})
        for packet in old.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
    return target


@every_format
def test_each_format_is_known_with_its_length(make_sound, tmp_path, kind):
    identity = identify(made(make_sound, tmp_path, kind))
    assert identity.codec == FORMATS[kind][2]
    assert identity.duration_s == pytest.approx(3.0, abs=0.1)
    assert identity.channels == 2
    assert identity.rate_hz == (48000 if identity.codec == "opus" else 44100)
    assert len(identity.track_id) == 32
    assert int(identity.track_id, 16)


@every_format
def test_the_same_sound_with_other_tags_is_the_same(make_sound, tmp_path, kind):
    plain = made(make_sound, tmp_path / "plain", kind)
    tagged = made(make_sound, tmp_path / "tagged", kind, tags={"title": "T" * 300, "artist": "A", "date": "1999"})
    remuxed = retagged(plain, tmp_path / plain.name)
    moved = shutil.copy(plain, tmp_path / f"moved{plain.suffix}")
    assert plain.read_bytes() != remuxed.read_bytes() or kind == "adts"  # which has no place for tags
    assert {identify(Path(path)).track_id for path in (plain, tagged, remuxed, moved)} == {identify(plain).track_id}


@every_format
def test_other_sound_of_the_same_length_is_another(make_sound, tmp_path, kind):
    one = identify(made(make_sound, tmp_path / "one", kind))
    other = identify(made(make_sound, tmp_path / "other", kind, noise=2))
    assert one.track_id != other.track_id
    assert one.duration_s == pytest.approx(other.duration_s, abs=0.01)


@every_format
def test_a_longer_version_with_the_same_beginning_is_another(make_sound, tmp_path, kind):
    # Longer than the hashed head in no format but PCM: there the stated length has to tell them apart.
    seconds = 7 if kind in ("wav", "float wav", "aiff") else 1
    y = np.random.default_rng(0).standard_normal((2, 44100 * (seconds + 1))).astype(np.float32) * 0.1
    short = made(make_sound, tmp_path / "short", kind, samples=y[:, : 44100 * seconds])
    long = made(make_sound, tmp_path / "long", kind, samples=y)
    assert identify(short).track_id != identify(long).track_id


@pytest.mark.parametrize("kind", ["flac", "wav", "float wav", "aiff", "alac", "wavpack", "mp3", "wma"])
def test_tracks_that_begin_with_the_same_silence_stay_apart(make_sound, tmp_path, kind):
    """As exports of one project do: equal lengths, and silence for longer than the head that is hashed."""
    silent_s = 8
    tracks = []
    for number in (1, 2):
        y = np.zeros((2, 44100 * (silent_s + 2)), np.float32)
        y[:, 44100 * silent_s :] = np.random.default_rng(number).standard_normal((2, 44100 * 2)) * 0.1
        tracks.append(made(make_sound, tmp_path / str(number), kind, samples=y))
    if "wav" in kind:
        assert silent_s * 44100 * 4 > HEAD_BYTES
    assert identify(tracks[0]).track_id != identify(tracks[1]).track_id


def id3v2(padding: int) -> bytes:
    size = bytes([(padding >> 21) & 127, (padding >> 14) & 127, (padding >> 7) & 127, padding & 127])
    return b"ID3\x04\0\0" + size + bytes(padding)


def apev2() -> bytes:
    item = struct.pack("<II", 20, 0) + b"TITLE\0" + b"y" * 20
    ends = [
        b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000)
    ]
    return ends[0] + item + ends[1]


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.aac"])
def test_tags_written_around_the_sound_change_nothing(make_sound, tmp_path, name):
    plain = make_sound(tmp_path / name, seconds=2, noise=1)
    content = plain.read_bytes()
    for number, dressed in enumerate([id3v2(200_000) + content, content + b"TAG" + b"x" * 125, content + apev2()]):
        if name != "a.mp3" and number:
            continue  # ID3v1 and APEv2 belong to mp3
        copy = tmp_path / f"{number}{plain.suffix}"
        copy.write_bytes(dressed)
        assert identify(copy) == identify(plain), number


def test_cover_art_changes_nothing(make_sound, tmp_path):
    plain = make_sound(tmp_path / "a.flac", seconds=2, noise=1)
    content = plain.read_bytes()
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 1, 1, 24, 0, 50_000) + b"p" * 50_000
    block = bytes([6]) + len(picture).to_bytes(3, "big") + picture
    end_of_streaminfo = 4 + 4 + 34
    assert not content[4] & 0x80
    dressed = tmp_path / "b.flac"
    dressed.write_bytes(content[:end_of_streaminfo] + block + content[end_of_streaminfo:])
    assert identify(dressed) == identify(plain)


def test_a_flac_of_unstated_length_is_hashed_whole(make_sound, tmp_path):
    y = np.random.default_rng(0).standard_normal((2, 44100 * 15)).astype(np.float32) * 0.1
    identities = []
    for number in (0, 1):
        y[:, -1000:] *= -1  # a difference beyond the first MiB
        path = make_sound(tmp_path / f"{number}.flac", samples=y)
        content = bytearray(path.read_bytes())
        assert len(content) > 2 * HEAD_BYTES
        content[21] &= 0xF0  # STREAMINFO: 36 bits of total samples
        content[22:26] = bytes(4)
        path.write_bytes(content)
        identities.append(identify(path))
    assert identities[0].track_id != identities[1].track_id
    assert identities[0].duration_s == pytest.approx(15)


def test_an_mp3_is_hashed_whole(make_sound, tmp_path):
    content = make_sound(tmp_path / "short.mp3", seconds=10, noise=1).read_bytes()
    content *= HEAD_BYTES // len(content) + 2  # frames follow frames: a long mp3
    one, other = tmp_path / "one.mp3", tmp_path / "other.mp3"
    one.write_bytes(content)
    other.write_bytes(content[:-50] + bytes([content[-50] ^ 1]) + content[-49:])
    assert identify(one).track_id != identify(other).track_id
    assert identify(one).duration_s == pytest.approx(10 * len(content) / (tmp_path / "short.mp3").stat().st_size, abs=1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("short.mp3", {"seconds": 0.2}),
        ("short.flac", {"seconds": 0.2}),
        ("slow.mp3", {"rate_hz": 8000}),
        ("slow.wav", {"rate_hz": 8000, "channels": 1}),
        ("fast.flac", {"rate_hz": 192_000, "channels": 6}),
        ("fast.wav", {"rate_hz": 192_000, "channels": 6}),
        ("silent.flac", {"frequencies": ()}),
        ("nan.wav", {"codec": "float", "samples": np.full((2, 44100), np.nan, np.float32)}),
    ],
)
def test_unusual_sound_is_still_a_sound(make_sound, tmp_path, name, options):
    identity = identify(make_sound(tmp_path / name, **options))
    assert identity.rate_hz == options.get("rate_hz", 44100)
    assert identity.channels == options.get("channels", 2)


def test_a_damaged_file_says_what_is_wrong(make_sound, tmp_path):
    whole = {path.suffix: path.read_bytes() for path in (
        make_sound(tmp_path / "whole.flac", seconds=6, noise=1),
        make_sound(tmp_path / "whole.aiff", seconds=6, noise=1),
        make_sound(tmp_path / "whole.m4a", seconds=6, noise=1),
        make_sound(tmp_path / "whole.mp3", seconds=2, noise=1),
    )}  # fmt: skip
    noise = np.random.default_rng(0).bytes(300_000)
    cases = {
        "empty.mp3": (b"", "the file is empty"),
        "text.mp3": (b"Dear diary, today I heard a song.\n" * 100, "not a sound file"),
        "playlist.mp3": (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
            "not a sound file",
        ),
        "noise.mp3": (noise, "not a sound file"),
        "noise.flac": (noise, "not a sound file"),
        "noise.ogg": (b"OggS" + noise, "not a sound file"),
        "zeros.mp3": (bytes(300_000), "not a sound file"),
        "picture.mp3": (b"\xff\xd8\xff\xe0\0\x10JFIF" + noise, "not a sound file"),
        "only_tags.mp3": (id3v2(2048), "not a sound file"),
        "only_header.flac": (whole[".flac"][:42], "not a sound file"),
        "half.flac": (whole[".flac"][: len(whole[".flac"]) // 2], "cut short, 3 of 6 s are there"),
        "half.aiff": (whole[".aiff"][: len(whole[".aiff"]) // 2], "cut short, 3 of 6 s are there"),
        "half.m4a": (whole[".m4a"][: len(whole[".m4a"]) // 2], "not a sound file"),
        "frame.mp3": (whole[".mp3"][:200], "not a sound file"),
    }
    for name, (content, reason) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnreadableAudio) as raised:
            identify(path)
        assert str(raised.value).startswith(f"{path}: {reason}"), name


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UnreadableAudio, match="No such file"):
        identify(tmp_path / "nothing.mp3")


def test_names_that_are_no_utf8_or_look_like_addresses(make_sound, tmp_path, monkeypatch):
    plain = make_sound(tmp_path / "a.mp3", seconds=1)
    monkeypatch.chdir(tmp_path)
    for name in (b"caf\xe9.mp3", b"12:30.mp3", b"http:live.mp3", b"concat:a.mp3"):
        strange = Path(os.fsdecode(name))
        strange.write_bytes(plain.read_bytes())
        assert identify(strange) == identify(plain), name
        with open_sound(strange) as container:
            assert container.format.name == "mp3"
        strange.write_bytes(b"no sound")
        with pytest.raises(UnreadableAudio, match="not a sound file"):
            identify(strange)


def test_a_flac_in_which_ffmpeg_cannot_seek_is_a_track_like_any_other(tmp_path: Path, make_sound) -> None:
    path = make_sound(tmp_path / "cinema.flac", seconds=3, rate_hz=192_000, channels=6, noise=3)
    identity = identify(path)
    assert (identity.duration_s, identity.rate_hz, identity.channels) == (3.0, 192_000, 6)
