import os
from pathlib import Path

import pytest

from segue.errors import BadInput
from segue.recommend.playlists import write_m3u8
from segue.types import Track


def test_every_line_is_as_players_read_it(tmp_path: Path) -> None:
    file = tmp_path / "evening.m3u8"
    tracks = [
        Track("a", "Água", ("Zé", "Ana"), duration_s=181.6, path=tmp_path / "zé.ogg"),
        Track("b", "Two\r\nlines\x00", path=tmp_path / "b.ogg"),
    ]
    write_m3u8(file, tracks, "Ev\nening")
    assert file.read_bytes().decode("utf-8") == (
        "#EXTM3U\n#EXTENC: UTF-8\n#PLAYLIST:Ev ening\n"
        f"#EXTINF:182,Zé, Ana - Água\n{tmp_path}/zé.ogg\n"
        f"#EXTINF:-1,Unknown artist - Two lines\n{tmp_path}/b.ogg\n"
    )


def test_relative_paths_lead_from_the_playlist_to_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    music = [tmp_path / "music" / "a.ogg", folder / "#1.ogg", folder / "b.ogg"]
    tracks = [Track(str(number), "t", path=path) for number, path in enumerate(music)]
    write_m3u8(folder / "x.m3u8", tracks, "x", relative=True)
    lines = (folder / "x.m3u8").read_text("utf-8").splitlines()
    paths = [line for line in lines if not line.startswith("#")]
    assert paths == ["../music/a.ogg", "./#1.ogg", "b.ogg"]
    assert [(folder / path).resolve() for path in paths] == music


def test_names_of_broken_encoding_keep_their_bytes(tmp_path: Path) -> None:
    broken = tmp_path / os.fsdecode(b"caf\xe9.ogg")
    try:
        broken.write_bytes(b"")
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")
    write_m3u8(tmp_path / "x.m3u8", [Track("a", "\udce9", ("x",), path=broken)], "x")
    line = (tmp_path / "x.m3u8").read_bytes().splitlines()[-1]
    assert line.endswith(b"caf\xe9.ogg")
    assert Path(os.fsdecode(line)).exists()


def test_a_line_end_in_a_file_name_becomes_an_address(tmp_path: Path) -> None:
    write_m3u8(tmp_path / "x.m3u8", [Track("a", "t", path=tmp_path / "two\nlines.ogg")], "x")
    line = (tmp_path / "x.m3u8").read_text("utf-8").splitlines()[-1]
    assert line == (tmp_path / "two\nlines.ogg").as_uri()


def test_an_old_playlist_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.m3u8"
    file.write_text("old")
    write_m3u8(file, [], "x")
    assert file.read_text("utf-8") == "#EXTM3U\n#EXTENC: UTF-8\n#PLAYLIST:x\n"
    assert list(tmp_path.iterdir()) == [file]


def test_a_missing_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be written"):
        write_m3u8(tmp_path / "nowhere" / "x.m3u8", [], "x")
    with pytest.raises(ValueError, match="no file"):
        write_m3u8(tmp_path / "x.m3u8", [Track("a", "t")], "x")
