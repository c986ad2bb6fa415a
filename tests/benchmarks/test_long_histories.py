"""The measurement of long tables: its tables are what it says, and a small one goes the whole way."""

from pathlib import Path

import polars as pl

from benchmarks.long_histories import FILES, measure, simulated


def test_simulated_tables_are_the_same_every_time_and_favour_few_tracks(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert len(simulated(tmp_path / name, 5_010, 1_000)) == FILES
    one, two = (pl.read_parquet(tmp_path / name / "*.parquet") for name in ("one", "two"))
    assert one.equals(two)
    assert len(one) == 5_010
    assert one["track"].str.starts_with("simulated-").all()
    counts = one["track"].value_counts(sort=True)["count"]
    assert counts[0] > 0.08 * len(one) > 20 * counts[100]


def test_a_small_one_goes_the_whole_way() -> None:
    found = measure(2_000, 100, "gru", 1)
    assert (found["files"], found["events"], found["passes"]) == (FILES, 2_000, 1)
    assert found["libraries_mib"] <= found["reading_mib"] <= found["peak_mib"]
