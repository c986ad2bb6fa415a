"""Ablations on a made-up order: what is taken away is missed exactly where it was needed."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import ablations, taste_data
from segue.taste.gru_inputs import GruSettings


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rings of 40 tracks gone through in steps of one, forwards or backwards: the latest two listens tell which."""
    chance, folder = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    rows = [
        {"listener": f"l{who}", "played_at": 1_700_000_000 + 300 * at, "track": f"t{(start + way * at) % 40}"}
        for who in range(40)
        for start, way in [(int(chance.integers(40)), 1 if who % 2 else -1)]
        for at in range(60)
    ]
    frame = pl.DataFrame(rows)
    cut = 1_700_000_000 + 300 * 50
    frame.filter(pl.col("played_at") < cut).write_parquet(folder / "train.parquet")
    frame.filter(pl.col("played_at") >= cut).with_columns(target=True).write_parquet(folder / "test.parquet")
    return folder / "train.parquet", folder / "test.parquet"


def test_memory_and_order_are_missed(tables: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*map(str, tables), "--size", "small", "--seeds", "1", "--report", str(tmp_path)]
    assert ablations.main([*words, "--only", "feed-forward,shuffled order,latest event,latest 5"]) == 0
    found = json.loads((tmp_path / "report.json").read_text())["variants"]
    value = {name: one["mrr@20"]["value"] for name, one in found.items()}
    assert value["whole"] > 0.9
    assert value["latest 5"] > 0.6
    assert value["feed-forward"] < 0.8
    assert value["latest event"] < 0.8
    assert value["shuffled order"] < 0.5
    assert found["shuffled order"]["mrr@20"]["high"] < 0
    assert "| feed-forward | no memory" in (tmp_path / "report.md").read_text()


def test_numbers_are_changed_to_both_sides(tables: tuple[Path, Path], tmp_path: Path) -> None:
    words = [*map(str, tables), "--size", "tiny", "--seeds", "1", "--sensitivity", "--report", str(tmp_path)]
    assert ablations.main([*words, "--only", "width 32,epochs 24"]) == 0
    found = json.loads((tmp_path / "report.json").read_text())["variants"]
    assert found["width 32"]["mrr@20"] == found["whole"]["mrr@20"]  # which is tiny's own
    assert found["epochs 24"]["mrr@20"]["low"] > 0
    assert "| epochs 24 | in place of 3 |" in (tmp_path / "report.md").read_text()
    assert "id_dropout 0" in ablations.variants(GruSettings(), vectors=True, sensitivity=True)


def test_an_unknown_variant_is_refused(tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert ablations.main([*map(str, tables), "--only", "no vectors", "--report", str(tmp_path)]) == 1
    assert "no variant is called 'no vectors'" in capsys.readouterr().err


def test_tag_vectors_lie_near_where_tags_are_alike() -> None:
    chance = np.random.default_rng(0)
    tags = pl.DataFrame(
        [
            {"artist": f"Artist {number}", "tag": f"{'rock' if number < 100 else 'folk'} {tag}", "count": 5}
            for number in range(200)
            for tag in chance.choice(80, 6, replace=False)
        ]
    )
    tracks = pl.DataFrame({"track": ["a", "b", "c", "d"], "artist": ["artist 1", "artist 2", "artist 150", "unknown"]})
    found = taste_data.tag_vectors(tracks, tags)
    assert found["track"].to_list() == ["a", "b", "c"]
    vectors = np.array(found["vector"].to_list())
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert abs(vectors[0] @ vectors[2]) < 1e-6
