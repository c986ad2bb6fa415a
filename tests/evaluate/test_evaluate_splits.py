"""Splits that let nothing of the future into what is learned."""

from pathlib import Path

import polars as pl
import pytest
from evaluate_models import random_listens

from segue.errors import BadInput
from segue.evaluate.problem import pose
from segue.evaluate.splits import split_by_playlist, split_by_time
from segue.listening.shaping import Table
from segue.listening.tables import read_tables


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


def test_tracks_that_only_test_plays_are_called_easy_for_who_knows_artists(tmp_path: Path) -> None:
    rows = {"listener": ["a", "a", "a"], "played_at": [1, 2, 3], "track": ["x", "y", "z"], "artist": ["m", "m", "n"]}
    frame = pl.DataFrame(rows)
    frame[:2].write_parquet(tmp_path / "train.parquet")
    frame[2:].write_parquet(tmp_path / "test.parquet")
    train, test = read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"])
    (doubt,) = pose(train, test).doubts
    assert "1 of 1 targets are not in TRAIN and have an artist" in doubt
    frame.drop("artist")[2:].write_parquet(tmp_path / "test.parquet")
    frame.drop("artist")[:2].write_parquet(tmp_path / "train.parquet")
    train, test = read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"])
    assert not pose(train, test).doubts


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


def segments_of(train: pl.DataFrame, test: pl.DataFrame, tmp_path: Path) -> dict[str, list[bool]]:
    from segue.evaluate.segments import SEGMENTS

    train.write_parquet(tmp_path / "train.parquet")
    test.write_parquet(tmp_path / "test.parquet")
    problem = pose(*read_tables([tmp_path / "train.parquet", tmp_path / "test.parquet"]))
    return {name: segment.holds(problem).tolist() for name, segment in SEGMENTS.items()}


def test_slices_by_what_train_knows_of_a_track_and_of_a_listener(tmp_path: Path) -> None:
    train = pl.DataFrame(
        {
            "listener": ["a"] * 39 + ["b"],
            "played_at": range(40),
            "track": ["hit"] * 20 + ["rare"] * 19 + ["b's"],
            "artist": ["X"] * 39 + [None],
        }
    )
    test = pl.DataFrame(
        {
            "listener": ["new", "new", "new", "new", "new", "a", "a"],
            "played_at": range(100, 107),
            "track": ["hit", "rare", "cold x", "cold y", "cold y", "b's", "hit"],
            "artist": ["X", "X", "X", "Y", "Y", None, "X"],
        }
    )
    found = segments_of(train, test, tmp_path)
    no, yes = False, True  # rows are sorted by listener: a's two first, then the five of "new"
    assert found["rare"] == [yes, no, no, yes, no, no, no]
    assert found["cold"] == [no, no, no, no, yes, yes, yes]
    assert found["cold, known artist"] == [no, no, no, no, yes, no, no]
    assert found["cold, new artist"] == [no, no, no, no, no, yes, yes]
    assert found["repeat"] == [no, yes, no, no, no, no, yes]
    assert found["repeat since TRAIN"] == [no, no, no, no, no, no, yes]
    assert found["≤1 before"] == [no, no, yes, yes, no, no, no]
    assert found["2–3 before"] == [no, no, no, no, yes, yes, no]
    assert found["4–5 before"] == [no, no, no, no, no, no, yes]


def test_slices_by_place_in_the_session(tmp_path: Path) -> None:
    times = [0, 100, 100 + 1799, 4000, 4001, 4002, 4003, 4004, 4005]
    frame = pl.DataFrame({"listener": "a", "played_at": [10_000 + time for time in times], "track": "x"})
    found = segments_of(frame[:1], frame[1:], tmp_path)
    assert found["1st in session"] == [False, False, True, False, False, False, False, False]
    assert found["2nd–5th in session"] == [True, True, False, True, True, True, True, False]
    assert found["later in session"] == [False] * 7 + [True]


def test_slices_that_need_times_or_artists_are_empty_without(tmp_path: Path) -> None:
    frame = playlists()
    found = segments_of(frame[:1000], frame[1000:], tmp_path)
    for name in ("1st in session", "later in session", "cold, new artist", "cold, known artist"):
        assert not any(found[name])


def test_a_gap_must_be_hours_and_leave_something(tmp_path: Path) -> None:
    listens = table(tmp_path, random_listens())
    parted = split_by_time(listens, gap_hours=1)
    cut = parted.said["cut_s"]
    target = parted.test.frame["target"]
    assert target.to_list() == (parted.test.frame["started_at"] >= cut + 3600).to_list()
    assert 0 < target.sum() < len(target)
    assert parted.test.given["target"].to_list() == target.to_list()
    assert parted.said["gap_hours"] == 1
    with pytest.raises(BadInput, match="leaves nothing to predict"):
        split_by_time(listens, gap_hours=10_000)
