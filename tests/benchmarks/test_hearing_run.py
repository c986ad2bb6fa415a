"""The whole comparison on real files of planted albums, twice: the second time everything is already there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.hearing.comparison import Options, compare
from benchmarks.hearing.peers import Bliss, Tagger, joined
from benchmarks.hearing.sounds import Kept, Sound
from segue.encoders.statistics import MelStatistics
from segue.errors import BadInput, UnreadableAudio


@dataclass(frozen=True)
class Recording:
    path: Path
    package: str
    artist: str | None
    title: str
    style: str | None


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory, make_sound: Callable[..., Path]) -> list[Recording]:
    """Three albums of three tracks, each album in a chord of its own."""
    root = tmp_path_factory.mktemp("music")
    made = []
    for album, pitch in enumerate((110, 620, 2900)):
        for track in range(3):
            path = make_sound(
                root / f"{album}" / f"{track}.flac",
                seconds=10,
                rate_hz=16000,
                channels=1,
                frequencies=[pitch * (1 + track / 50), 1.5 * pitch],
                noise=3 * album + track,
            )
            made.append(Recording(path, f"album {album}", None, f"{track}", "calm" if album else "wild"))
    return made


def options(cache: Path, **others: object) -> Options:
    plain = {"only": ("chance", "statistics"), "measures": ("albums", "halves", "hubs")}
    return Options(cache, **{**plain, **others})  # type: ignore[arg-type]


def test_albums_that_sound_alike_are_found_and_nothing_is_heard_twice(
    music: list[Recording], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any saved encoder can stand for the ears: here the statistics, so that it is told ahead of chance."""
    ears = tmp_path / "ears"
    ears.mkdir()
    mels = np.stack([Sound(one.path, Kept(tmp_path)).mels for one in music])
    MelStatistics.train(mels, [one.package for one in music]).save(ears)
    asked = options(tmp_path, ears=ears, only=("chance", "statistics", "pca", "ears"))
    report = compare(music, music, asked)
    found = {one.name: one for one in report.outcomes}
    assert found["mAP"].estimates["statistics"].value > 0.9
    assert found["mAP"].estimates["ears"] == found["mAP"].estimates["statistics"]
    assert found["mAP"].differences["chance"].value > 0.1
    assert list(report.titles) == ["chance", "statistics", "pca", "ears"]
    assert report.titles["pca"] == "principal components (60)"
    monkeypatch.setattr("benchmarks.hearing.sounds.read_windows", lambda path: pytest.fail(f"{path} is read again"))
    again = compare(music, music, asked)
    assert again.json() == report.json()


def test_a_file_that_is_there_twice_is_asked_about_once_and_a_broken_one_never(
    music: list[Recording], tmp_path: Path
) -> None:
    twice, broken = tmp_path / "twice.flac", tmp_path / "broken.flac"
    twice.write_bytes(music[0].path.read_bytes())
    broken.write_bytes(b"no music")
    extra = [Recording(path, "album 9", None, "x", None) for path in (twice, broken)]
    report = compare([*music, *extra], music, options(tmp_path / "cache", only=("statistics",)))
    assert next(one for one in report.outcomes if one.name == "other half first").asked == "9 tracks"
    assert any("twice" in note for note in report.notes)
    assert any("broken.flac" in note for note in report.notes)


def test_an_unknown_contender_is_refused_with_the_names(music: list[Recording], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no contender is called 'opnl3': choose chance"):
        compare(music, music, options(tmp_path, only=("opnl3",)))


def test_a_peer_that_is_not_there_is_left_out_with_a_note(music: list[Recording], tmp_path: Path) -> None:
    report = compare(music, music, options(tmp_path, only=("statistics", "bliss"), bliss_python="/no/such/python"))
    assert list(report.titles) == ["statistics"]
    assert any("Without bliss" in note for note in report.notes)


class Loudness(torch.nn.Module):
    """In place of MusiCNN: 200 times the mean of a patch."""

    def embed(self, frames: np.ndarray) -> np.ndarray:
        count = len(frames) // 187
        return np.tile(frames[: count * 187].reshape(count, -1).mean(1)[:, None], (1, 200)).astype(np.float32)


def test_all_patches_of_a_file_are_heard_and_its_halves_are_halves(
    make_sound: Callable[..., Path], tmp_path: Path
) -> None:
    rate = 16000
    loud = np.random.default_rng(0).standard_normal((1, 40 * rate)).astype(np.float32) * 0.2
    loud[:, 20 * rate :] *= 0.01
    sound = Sound(make_sound(tmp_path / "y.wav", samples=loud, rate_hz=rate), Kept(tmp_path))
    assert sound.whole_frames.shape == (40 * rate // 256, 96)
    for whole in (True, False):
        total, first, second = Tagger("x", "x", Loudness(), whole=whole).hear(sound)[:, 0]  # type: ignore[arg-type]
        assert first > 2 * second
        assert total == pytest.approx((first + second) / 2, rel=0.2)


def test_a_damaged_kept_file_is_made_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.put("x-1", "abc", np.arange(3.0))
    np.testing.assert_array_equal(kept.get("x-1", "abc"), np.arange(3.0))
    (tmp_path / "x-1" / "abc.npz").write_bytes(b"PK\x03\x04cut")
    assert kept.get("x-1", "abc") is None
    assert kept.get("x-2", "abc") is None
    with pytest.raises(UnreadableAudio):
        _ = Sound(tmp_path / "nowhere.ogg", kept).content


def test_both_taggers_stand_side_by_side_only_where_both_were_heard() -> None:
    rows = np.zeros((2, 3, 4), dtype=np.float32)
    assert joined({"musicnn-mtt": rows}) == {}
    assert joined({"musicnn-mtt": rows, "musicnn-msd": rows})["musicnn-both"].shape == (2, 3, 8)


def test_a_peer_that_dies_of_one_file_hears_the_next(music: list[Recording], tmp_path: Path) -> None:
    """In place of an interpreter with bliss-audio: a program that dies of files of one album."""
    program = tmp_path / "python"
    dies = "case $name in */0/*) exit 1;; *) echo '[1, 2, 3]';; esac"
    program.write_text(f"#!/bin/sh\necho '\"1.0\"'\nwhile read -r name; do {dies}; done\n")
    program.chmod(0o755)
    kept = Kept(tmp_path)
    with Bliss(str(program)) as peer:
        for recording in music:
            if recording.package == "album 0":
                with pytest.raises(UnreadableAudio, match="bliss-audio ended"):
                    peer.hear(Sound(recording.path, kept))
            else:
                assert peer.hear(Sound(recording.path, kept))[0].tolist() == [1, 2, 3]
