"""Files and folders in, one Parquet file out: every readable file a row, every other one its reason."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars
import pytest

from segue.audio.listen import mel_windows
from segue.encoders.files import EmbedReport, embed_paths
from segue.encoders.statistics import MelStatistics
from segue.errors import BadInput, NotFound

MakeSound = Callable[..., Path]


@pytest.fixture(scope="module")
def music(make_sound: MakeSound, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for i, name in enumerate(["b/two.flac", "b/one.mp3", "a.ogg", "c/deep/er.opus", "Z.wav", "ü 7″.m4a"]):
        make_sound(folder / name, seconds=1.5, frequencies=(300.0 + 200 * i, 2_000.0), noise=i)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav")).write_bytes((folder / "Z.wav").read_bytes())
    (folder / "b" / "notes.mp3").write_bytes(b"")
    (folder / "b" / "cover.jpg").write_bytes(b"no sound at all")
    make_sound(folder / "short.wav", seconds=0.3)
    return folder


@pytest.fixture(scope="module")
def encoder(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a saved one."""
    place = tmp_path_factory.mktemp("encoder")
    mels = np.stack([mel_windows(music / "a.ogg"), mel_windows(music / "Z.wav")])
    MelStatistics.train(mels, ["a", "b"]).save(place)
    return place


def read(report: EmbedReport) -> tuple[polars.DataFrame, list[dict[str, str]]]:
    lines = report.skipped_file.read_text("utf-8").splitlines()
    return polars.read_parquet(report.vectors), [json.loads(line) for line in lines]


def test_a_folder_becomes_a_table(music: Path, encoder: Path, tmp_path: Path) -> None:
    loaded = MelStatistics.load(encoder)
    report = embed_paths([music], encoder, tmp_path / "new" / "vectors.parquet", workers=2)
    table, skipped = read(report)
    assert table.schema == {"path": polars.String, "vector": polars.List(polars.Float32)}
    names = [r"Z.wav", "a.ogg", "b/one.mp3", "b/two.flac", "c/deep/er.opus", r"caf\xe9.wav", "ü 7″.m4a"]
    assert table["path"].to_list() == [f"{music}/{name}" for name in names]
    for path, vector in table.iter_rows():
        if "\\" not in path:
            assert np.array_equal(np.array(vector, np.float32), loaded.encode(mel_windows(path)))
    assert skipped == [
        {"path": f"{music}/b/notes.mp3", "reason": "not a sound file, or a damaged one"},
        {"path": f"{music}/short.wav", "reason": "it lasts 0.3 s; at least 1 s is needed"},
    ]
    assert (report.embedded, report.skipped, report.dim) == (7, 2, loaded.dim)
    assert report.skipped_file.name == "vectors.skipped.jsonl"
    assert sorted(path.name for path in report.vectors.parent.iterdir()) == ["vectors.parquet", "vectors.skipped.jsonl"]


def test_files_and_folders_in_any_order_give_the_same_bytes(music: Path, encoder: Path, tmp_path: Path) -> None:
    one = embed_paths([music / "b", music / "a.ogg"], encoder, tmp_path / "one.parquet", workers=1)
    other = embed_paths(
        [music / "a.ogg", music / "b" / "one.mp3", music / "b", music / "b"], encoder, tmp_path / "2.parquet", workers=2
    )
    assert one.vectors.read_bytes() == other.vectors.read_bytes()
    assert one.skipped_file.read_bytes() == other.skipped_file.read_bytes()


def test_relative_paths_stay_as_they_were_given(
    music: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(music)
    table, _ = read(embed_paths(["c", "a.ogg"], encoder, tmp_path / "v.parquet", workers=1))
    assert table["path"].to_list() == ["a.ogg", "c/deep/er.opus"]


def test_a_file_that_was_named_is_tried_whatever_its_ending(music: Path, encoder: Path, tmp_path: Path) -> None:
    other = tmp_path / "sound.bin"
    other.write_bytes((music / "Z.wav").read_bytes())
    table, skipped = read(embed_paths([other, music / "b" / "cover.jpg"], encoder, tmp_path / "v.parquet", workers=1))
    assert table["path"].to_list() == [str(other)]
    assert [line["path"] for line in skipped] == [f"{music}/b/cover.jpg"]


def test_no_readable_file_is_an_empty_table(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = embed_paths([tmp_path / "empty"], encoder, tmp_path / "v.parquet")
    table, skipped = read(report)
    assert table.schema == {"path": polars.String, "vector": polars.List(polars.Float32)}
    assert (len(table), skipped, report.embedded) == (0, [], 0)


def test_a_path_that_is_not_there_changes_nothing(music: Path, encoder: Path, tmp_path: Path) -> None:
    to = tmp_path / "v.parquet"
    with pytest.raises(NotFound, match=r"nobody\.mp3"):
        embed_paths([music, tmp_path / "nobody.mp3"], encoder, to)
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_not_be_written_is_told_before_the_work(music: Path, encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "file").write_text("")
    for to in (tmp_path / "folder.parquet", tmp_path / "file" / "v.parquet"):
        with pytest.raises(BadInput, match="can't be written"):
            embed_paths([music / "a.ogg"], encoder, to, progress=_never)


def _never(stage: str, done: int, total: int | None) -> None:
    raise AssertionError("work was begun")
