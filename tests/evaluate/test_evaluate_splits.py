"""Splits that let nothing of the future into what is learned."""

from pathlib import Path

import polars as pl
import pytest
from evaluate_models import random_listens

from segue.errors import BadInput
from segue.evaluate.problem import pose
from segue.evaluate.splits import split_by_playlist, split_by_time
from segue.evaluate.tables import Table, read_tables


def table(tmp_path: Path, frame: pl.DataFrame) -> Table:
    path = tmp_path / "listens.parquet"
    frame.write_parquet(path)
    return read_tables([path])[0]


def playlists(count: int = 300, each: int = 7) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "playlist": [number for number in range(count) for _ in range(each)],
            "position": [place for _ in range(count) for place in range(each)],
            "track": [f"t{number % 11 + place}" for number in range(count) for place in range(each)],
        }
    )


def test_one_cut_in_time_for_everybody(tmp_path: Path) -> None:
    frame = random_listens()
    parted = split_by_time(table(tmp_path, frame))
    times = frame["played_at"].sort()
    cut = times[int(0.8 * len(times))]
    assert parted.said["cut_s"] == cut
    assert parted.train.frame["started_at"].max() < cut
    assert parted.test.frame["started_at"].min() == cut
    assert len(parted.train) + len(parted.test) == len(frame)
    assert parted.test.frame["target"].all()
    assert parted.test.frame["row"].to_list() == list(range(len(parted.test)))
    assert not pose(parted.train, parted.test).doubts


def test_equal_times_fall_on_one_side(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"listener": ["a"] * 10, "played_at": [1, 2, 3, 4, 5, 6, 7, 7, 7, 8], "track": list("abcdefghij")}
    )
    parted = split_by_time(table(tmp_path, frame))
    assert parted.train.frame["started_at"].to_list() == [1, 2, 3, 4, 5, 6]


def test_a_listener_first_seen_after_the_cut_starts_from_nothing(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "listener": ["a"] * 8 + ["new"] * 2,
            "played_at": range(10),
            "track": list("abcdefgxyx")[:10],
        }
    )
    parted = split_by_time(table(tmp_path, frame))
    problem = pose(parted.train, parted.test)
    assert parted.said["new_listeners"] == 1
    assert problem.known_listener.tolist() == [False, False]
    assert problem.histories.listeners[problem.histories.listener[0]] == "new"
    assert len(problem.histories) == 2


def test_no_time_to_cut(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="played_at"):
        split_by_time(table(tmp_path, playlists()))
    with pytest.raises(BadInput, match="all times being equal"):
        split_by_time(table(tmp_path, random_listens().with_columns(played_at=5)))


def test_whole_playlists_are_held_out_and_their_second_half_predicted(tmp_path: Path) -> None:
    frame = playlists()
    parted = split_by_playlist(table(tmp_path, frame), seed=3)
    held = set(parted.test.frame["group"])
    assert not held & set(parted.train.frame["group"])
    assert 15 <= len(held) <= 45
    for (_,), rows in parted.test.frame.group_by("group"):
        assert rows.sort("moment")["target"].to_list() == [False] * 4 + [True] * 3
    shuffled = split_by_playlist(table(tmp_path, frame.sample(fraction=1, shuffle=True, seed=1)), seed=3)
    assert set(shuffled.test.frame["group"]) == held
    more = split_by_playlist(table(tmp_path, playlists(310)), seed=3)
    assert {group for group in more.test.frame["group"] if int(group) < 300} == held
    assert set(split_by_playlist(table(tmp_path, frame), seed=4).test.frame["group"]) != held


def test_playlists_of_one_track_give_no_target(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="too little"):
        split_by_playlist(table(tmp_path, playlists(each=1)))


def test_a_split_that_teaches_the_future_is_called_so(tmp_path: Path) -> None:
    frame = random_listens()
    frame[::2].write_parquet(tmp_path / "train.parquet")
    frame[1::2].write_parquet(tmp_path / "test.parquet")
    train, test = read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"])
    assert "teaches the future" in pose(train, test).doubts[0]
    (seen, _) = pose(train, train).doubts
    assert "seen the answer" in seen


def test_which_targets_are_repeats_and_which_are_cold(tmp_path: Path) -> None:
    train = pl.DataFrame({"listener": ["a", "b"], "played_at": [1, 2], "track": ["x", "y"]})
    test = pl.DataFrame(
        {
            "listener": ["a", "a", "a", "c"],
            "played_at": [3, 4, 5, 6],
            "track": ["x", "y", "z", "z"],
        }
    )
    train.write_parquet(tmp_path / "train.parquet")
    test.write_parquet(tmp_path / "test.parquet")
    problem = pose(*read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"]))
    assert problem.repeat.tolist() == [True, False, False, False]
    assert problem.known.tolist() == [True, True, False, False]
    assert problem.known_listener.tolist() == [True, True, True, False]
    assert problem.plays.tolist() == [1, 1, 0]
