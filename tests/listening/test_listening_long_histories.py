"""Many files become what one table of them would be, and what is wrong with one of them is told of that one."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from segue.errors import BadInput, NotFound
from segue.evaluate.problem import pose
from segue.listening import long_histories
from segue.listening.long_histories import files_matching, read_histories
from segue.listening.tables import read_tables


def listens(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    track = rng.integers(30, size=rows)
    return pl.DataFrame(
        {
            "listener": [f"l{number}" for number in rng.integers(7, size=rows)],
            "played_at": 1_600_000_000_000 + rng.integers(150, size=rows) * 500,  # half seconds, many of them equal
            "track": [f"t{number}" for number in track],
            "artist": [None if number % 5 == 0 else f"A{rng.integers(2)}{number % 4}" for number in track],
            "played_s": rng.uniform(0, 200, rows),
            "duration_s": np.full(rows, 200.0),
        }
    )


def scattered(frame: pl.DataFrame, folder: Path, files: int = 4) -> list[Path]:
    folder.mkdir(exist_ok=True)
    bounds = np.linspace(0, len(frame), files + 1).astype(int)
    paths = []
    for number in range(files):
        paths.append(folder / f"{number:02d}.parquet")
        frame[bounds[number] : bounds[number + 1]].write_parquet(paths[-1])
    return paths


@pytest.mark.parametrize("slice_rows", [1_000, 17])
def test_many_files_are_what_one_table_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slice_rows: int) -> None:
    """The evaluator's own columns are the reference: same ids, same numbers, same order of equal moments."""
    monkeypatch.setattr(long_histories, "SLICE", slice_rows)
    frame = listens()
    frame.with_columns(target=True).write_parquet(tmp_path / "one.parquet")
    vectors = (["t3", "unheard"], np.eye(2, dtype=np.float32))
    one = read_tables([tmp_path / "one.parquet"])[0]
    empty = one.take(np.zeros(1, dtype=np.int64), np.ones(1, dtype=bool))
    known = pose(one, empty, vectors)
    read = read_histories(scattered(frame, tmp_path / "many"), vectors)
    assert read.items.ids == known.items.ids
    assert read.items.vectors is not None
    assert known.items.vectors is not None
    assert np.array_equal(read.items.vectors, known.items.vectors)
    assert read.items.artist is not None
    assert known.items.artist is not None
    assert read.items.artist.tolist() == known.items.artist.tolist()
    assert read.events.listeners == known.train.listeners
    for name in ("listener", "track", "started_at", "outcome", "completion"):
        mine, theirs = getattr(read.events, name), getattr(known.train, name)
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs, equal_nan=name == "completion"), name


def test_playlists_and_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("playlist,position,track\n007,2,b\n007,1,a\n")
    (tmp_path / "b.csv").write_text("playlist,position,track\n7,1,c\n007,3,c\n")
    events = read_histories(files_matching(str(tmp_path / "*.csv"))).events
    assert events.listeners == ("007", "7")
    assert events.track.tolist() == [0, 1, 2, 2]
    assert events.started_at.tolist() == [0] * 4


def test_no_file_matches(tmp_path: Path) -> None:
    (tmp_path / "sub.parquet").mkdir()
    with pytest.raises(NotFound, match=r"no file matches .*\*\.parquet: give a file, or a pattern in quotes"):
        files_matching(str(tmp_path / "*.parquet"))
    odd = tmp_path / "a[1].parquet"
    odd.touch()
    assert files_matching(str(odd)) == [odd]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda frame: frame.drop("track"), r"02\.parquet has no column track"),
        (lambda frame: frame.rename({"listener": "playlist"}), r"share no column listener or playlist"),
        (lambda frame: frame.with_columns(track=pl.lit(None, pl.String)), r"02\.parquet: 100 rows of track are null"),
        (lambda frame: frame.with_columns(played_at=pl.lit("now")), r"02\.parquet: column played_at is of type String"),
        (lambda frame: frame[:0], r"02\.parquet has no rows"),
        (lambda frame: frame.with_columns(played_s=pl.lit(-1.0)), r"02\.parquet: 100 rows of played_s are below zero"),
    ],
)
def test_what_is_wrong_with_one_file_is_told_of_that_file(tmp_path: Path, change: Any, sentence: str) -> None:
    paths = scattered(listens(), tmp_path)
    change(pl.read_parquet(paths[2])).write_parquet(paths[2])
    with pytest.raises(BadInput, match=sentence) as caught:
        read_histories(paths)
    assert "\n" not in str(caught.value)


def test_two_files_of_which_neither_is_the_odd_one(tmp_path: Path) -> None:
    paths = scattered(listens(), tmp_path, files=6)
    pl.read_parquet(paths[4]).rename({"listener": "playlist"}).write_parquet(paths[4])
    with pytest.raises(BadInput) as caught:
        read_histories(paths)
    assert str(caught.value).count(".parquet") == 2  # one of each kind, not all six


@pytest.mark.parametrize("kept", [0.5, 0.98])
def test_a_file_cut_short(tmp_path: Path, kept: float) -> None:
    paths = scattered(listens(), tmp_path)
    content = paths[1].read_bytes()
    paths[1].write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadInput, match=r"01\.parquet can't be read as a table"):
        read_histories(paths)


def test_a_file_damaged_in_its_middle(tmp_path: Path) -> None:
    paths = scattered(listens(4_000), tmp_path)
    content = bytearray(paths[1].read_bytes())
    content[200:6_000] = b"\xff" * 5_800
    paths[1].write_bytes(content)
    with pytest.raises(BadInput, match=r"01\.parquet can't be read as a table"):
        read_histories(paths)


def test_units_may_differ_between_files_and_not_within_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = scattered(listens(), tmp_path)
    seconds = read_histories(paths).events.started_at
    for path in paths[:2]:
        pl.read_parquet(path).with_columns(pl.col("played_at") / 1_000).write_parquet(path)
    assert np.array_equal(read_histories(paths).events.started_at, seconds)
    monkeypatch.setattr(long_histories, "SLICE", 10)
    frame = pl.read_parquet(paths[3])
    mixed = pl.concat([frame[:50].with_columns(pl.col("played_at") // 1_000), frame[50:]])
    mixed.write_parquet(paths[3])
    with pytest.raises(BadInput, match=r"03\.parquet, rows from 50 on: played_at mixes seconds"):
        read_histories(paths)


def test_memory_follows_numbers_and_not_text(tmp_path: Path) -> None:
    """80,000 listens of two tracks with names of a kilobyte are small in all that Python and NumPy hold."""
    import tracemalloc

    rows = 20_000
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.parquet")
        track = np.array(["x" * 1_000, "y" * 1_000], dtype=object)[np.arange(rows) % 2]
        pl.DataFrame({"listener": ["a"] * rows, "played_at": np.arange(rows), "track": track}).write_parquet(paths[-1])
    tracemalloc.start()
    events = read_histories(paths).events
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(events) == 4 * rows
    assert sum(
        getattr(events, name).nbytes for name in ("listener", "track", "started_at", "outcome", "completion")
    ) == (21 * len(events))
    assert peak < 120 * len(events)
