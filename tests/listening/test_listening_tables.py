"""What people hand in: tolerated where its meaning is plain, refused in one sentence where it is not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from segue.errors import BadInput, NotFound
from segue.evaluate.problem import pose
from segue.listening.shaping import Table
from segue.listening.tables import read_tables
from segue.listening.vector_tables import read_vectors
from segue.types import Outcome


def table(tmp_path: Path, name: str = "listens.parquet", **columns: Any) -> Table:
    path = tmp_path / name
    pl.DataFrame({"listener": ["a", "b"], "played_at": [1, 2], "track": ["x", "y"], **columns}).write_parquet(path)
    return read_tables([path])[0]


@pytest.mark.parametrize(
    ("played_at", "seconds"),
    [
        ([1_700_000_000, 5], [1_700_000_000, 5]),
        ([1_700_000_000_250, 1_700_000_001_000], [1_700_000_000, 1_700_000_001]),
        ([1_700_000_000.5, 7.0], [1_700_000_000, 7]),
        ([datetime(2020, 1, 1), datetime(2020, 1, 2)], [1_577_836_800, 1_577_923_200]),  # noqa: DTZ001
        ([datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)], [1_577_836_800, 1_577_923_200]),
    ],
)
def test_times_in_every_unit(tmp_path: Path, played_at: list[Any], seconds: list[int]) -> None:
    assert table(tmp_path, played_at=played_at).frame["started_at"].to_list() == seconds


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_keep_what_lies_below_a_second_for_the_order(tmp_path: Path, unit: str) -> None:
    times = pl.Series([1_000_002, 1_000_001]).cast(pl.Datetime("ms")).cast(pl.Datetime(unit))
    assert table(tmp_path, played_at=times).frame["moment"].to_list() == [1_000_002_000, 1_000_001_000]


@pytest.mark.parametrize("column", [[7, 12], pl.Series(["7", "12"], dtype=pl.Categorical), np.array([7, 12], np.int8)])
def test_ids_of_any_type_are_text(tmp_path: Path, column: Any) -> None:
    found = table(tmp_path, track=column, listener=column)
    assert found.frame["track"].to_list() == ["7", "12"]
    assert found.frame["group"].to_list() == ["7", "12"]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"track": ["x", None]}, "1 rows of track are null"),
        ({"listener": [None, None]}, "2 rows of listener are null"),
        ({"played_at": [None, 5]}, "1 rows of played_at are null"),
        ({"played_at": ["2020", "2021"]}, "played_at is of type String"),
        ({"played_at": [float("nan"), 1.0]}, "1 rows of played_at are not finite"),
        ({"played_at": [1_700_000_000, 1_700_000_000_000]}, "mixes seconds"),
        ({"played_at": [1e18, 1e18]}, "no unix time"),
        ({"track": [["x"], ["y"]]}, "column track is of type List"),
        ({"target": [True, None]}, "target must be true or false"),
        ({"target": [1, 0]}, "target must be true or false"),
        ({"played_s": [-1.0, 3.0]}, "1 rows of played_s are below zero"),
        ({"duration_s": ["long", "short"]}, "duration_s is of type String"),
        ({"skipped": ["no", "yes"]}, "skipped is of type String"),
        ({"skipped": [2, 0]}, "skipped is of type Int64"),
    ],
)
def test_a_bad_column_is_named(tmp_path: Path, columns: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        table(tmp_path, **columns)
    assert "listens.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_columns_are_named_with_what_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "songs.parquet"
    pl.DataFrame({"user": ["a"], "played_at": [1], "track": ["x"]}).write_parquet(path)
    with pytest.raises(BadInput, match=r"no column listener or playlist: .* it has played_at, track"):
        read_tables([path])


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        read_tables([tmp_path / "nowhere.parquet"])
    with pytest.raises(NotFound, match="no file"):
        read_tables([tmp_path])
    text = tmp_path / "notes.parquet"
    text.write_text("not a table")
    with pytest.raises(BadInput, match="can't be read as a table"):
        read_tables([text])
    empty = tmp_path / "empty.parquet"
    pl.DataFrame({"listener": [], "played_at": [], "track": []}).write_parquet(empty)
    with pytest.raises(BadInput, match="has no rows"):
        read_tables([empty])


def test_train_and_test_must_speak_of_the_same(tmp_path: Path) -> None:
    times, places = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pl.DataFrame({"listener": ["a"], "played_at": [1], "track": ["x"]}).write_parquet(times)
    pl.DataFrame({"listener": ["a"], "position": [1], "track": ["x"]}).write_parquet(places)
    with pytest.raises(BadInput, match="share no column played_at or position"):
        read_tables([times, places])


def test_csv_keeps_ids_as_written(tmp_path: Path) -> None:
    path = tmp_path / "listens.csv"
    path.write_text("listener,played_at,track,other\n007,2020-01-01 00:00:00,01,x\n7,2020-01-01 00:00:05,1,y\n")
    found = read_tables([path])[0]
    assert found.frame["group"].to_list() == ["007", "7"]
    assert found.frame["track"].to_list() == ["01", "1"]
    assert found.frame["started_at"].to_list() == [1_577_836_800, 1_577_836_805]


def test_how_a_listen_ended(tmp_path: Path) -> None:
    found = table(tmp_path, skipped=[True, False], played_s=[10.0, 195.0], duration_s=[200.0, 200.0])
    assert found.frame["outcome"].to_list() == [int(Outcome.SKIPPED), int(Outcome.FINISHED)]
    assert found.frame["completion"].to_list() == pytest.approx([0.05, 0.975])
    unknown = table(tmp_path)
    assert unknown.frame["outcome"].to_list() == [int(Outcome.UNKNOWN)] * 2
    assert unknown.frame["completion"].is_nan().all()


def test_playlists_go_by_position_and_have_no_times(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    pl.DataFrame(
        {"playlist": [5, 5, 5], "position": [3, 1, 2], "played_at": [1, 2, 3], "track": ["c", "a", "b"]}
    ).write_parquet(path)
    found = read_tables([path], ("playlist", "listener"))[0]
    assert (found.group, found.order) == ("playlist", "position")
    problem = pose(found, found)
    assert problem.train.started_at.tolist() == [0, 0, 0]
    assert [problem.items.ids[track] for track in problem.train.track] == ["a", "b", "c"]


def test_vectors(tmp_path: Path) -> None:
    path = tmp_path / "vectors.parquet"
    for column in ([[3.0, 4.0], [0.0, 0.0]], pl.Series([[3, 4], [0, 0]], dtype=pl.Array(pl.Float64, 2))):
        pl.DataFrame({"track": [2, 1], "vector": column}).write_parquet(path)
        ids, matrix = read_vectors(path)
        assert ids == ["2", "1"]
        assert matrix.dtype == np.float32
        assert matrix.tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"track": ["a", "b"]}, "no column vector"),
        ({"vector": [[1.0]]}, "no column track"),
        ({"track": ["a", "a"], "vector": [[1.0], [1.0]]}, "1 rows of track repeat"),
        ({"track": ["a", "b"], "vector": [[1.0], [1.0, 2.0]]}, "1 rows of vector are empty or differ"),
        ({"track": ["a", "b"], "vector": [[1.0], None]}, "1 rows of vector are empty or differ"),
        ({"track": ["a", "b"], "vector": [None, [1.0]]}, "rows of vector are empty or differ"),
        ({"track": ["a", "b"], "vector": [[1.0], [None]]}, "1 rows of vector hold nulls"),
        ({"track": ["a", "b"], "vector": [[1.0], [float("inf")]]}, "1 rows of vector hold nulls"),
        ({"track": ["a"], "vector": ["loud"]}, "vector is of type String"),
        ({"track": ["a", None], "vector": [[1.0], [1.0]]}, "1 rows of track are null"),
    ],
)
def test_bad_vectors_are_named(tmp_path: Path, columns: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "vectors.parquet"
    pl.DataFrame(columns, strict=False).write_parquet(path)
    with pytest.raises(BadInput, match=sentence):
        read_vectors(path)


def test_the_catalogue_is_all_that_is_named_and_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    train = table(tmp_path, "train.parquet", track=["m", "c"], artist=["Ada", None])
    test = table(tmp_path, "test.parquet", played_at=[5, 6], track=["b", "c"], artist=["Bo", "Cy"])
    vectors = (["z", "c"], np.array([[1, 0], [0, 1]], dtype=np.float32))
    problem = pose(train, test, vectors)
    assert problem.items.ids == ("b", "c", "m", "z")
    assert problem.items.vectors is not None
    assert problem.items.vectors.tolist() == [[0, 0], [0, 1], [0, 0], [1, 0]]
    assert problem.items.artist is not None
    assert problem.items.artist.tolist() == [1, 2, 0, -1]
    backwards = pose(
        train.take(np.array([1, 0]), np.zeros(2, dtype=bool)),
        test.take(np.array([1, 0]), np.ones(2, dtype=bool)),
        vectors,
    )
    assert backwards.items.ids == problem.items.ids
    assert backwards.items.artist.tolist() == problem.items.artist.tolist()  # type: ignore[union-attr]
    assert backwards.histories.track.tolist() == problem.histories.track.tolist()


def test_equal_times_go_train_first_then_by_row(tmp_path: Path) -> None:
    same = {"listener": ["a", "a"], "played_at": [9, 9]}
    problem = pose(
        table(tmp_path, "train.parquet", **same, track=["r", "q"]),
        table(tmp_path, "test.parquet", **same, track=["p", "o"]),
    )
    assert [problem.items.ids[track] for track in problem.histories.track] == ["r", "q", "p", "o"]
    assert problem.targets.tolist() == [2, 3]
    assert problem.rows.tolist() == [0, 1]
