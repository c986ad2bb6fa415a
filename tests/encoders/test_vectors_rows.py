"""Rows outlive what happens to the process that writes them, and are refused when they are not what they say."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from segue.encoders.rows import RowStore
from segue.errors import DamagedHome, NotReady, SegueError
from segue.store import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "segue.sqlite")


def rows_of(numbers: range) -> np.ndarray:
    return np.array([np.random.default_rng(number).standard_normal((3, 5)) for number in numbers], dtype=np.float16)


def store(database: Database, folder: Path, name: str = "log_mel", **other: object) -> RowStore:
    return RowStore(database, folder, name, **{"shape": (3, 5), "dtype": np.float16, **other})  # type: ignore[arg-type]


def test_rows_come_back_in_order(database: Database, tmp_path: Path) -> None:
    kept = store(database, tmp_path)
    assert kept.ids() == []
    assert kept.matrix().shape == (0, 3, 5)
    kept.append(["b", "a"], rows_of(range(2)))
    kept.append([], np.zeros((0, 3, 5)))
    kept.append(["c"], rows_of(range(2, 3)))
    for seen in (kept, store(database, tmp_path), RowStore.open(database, tmp_path, "log_mel")):
        assert seen.ids() == ["b", "a", "c"]
        assert len(seen) == 3
        assert np.array_equal(seen.matrix(), rows_of(range(3)))
        assert seen.matrix().dtype == np.float16
        assert [seen.row_of(one) for one in ("a", "b", "c", "d")] == [1, 0, 2, None]
    with pytest.raises(ValueError, match="read-only"):
        kept.matrix()[0, 0, 0] = 1


def test_names_do_not_meet(database: Database, tmp_path: Path) -> None:
    store(database, tmp_path).append(["a"], rows_of(range(1)))
    other = store(database, tmp_path, "ears-0001", shape=(4,), dtype=np.float32)
    other.append(["b", "a"], np.ones((2, 4)))
    assert store(database, tmp_path).ids() == ["a"]
    assert other.ids() == ["b", "a"]
    RowStore.drop(database, tmp_path, "ears-0001")
    assert not (tmp_path / "ears-0001").exists()
    assert store(database, tmp_path).ids() == ["a"]
    assert store(database, tmp_path, "ears-0001", shape=(4,), dtype=np.float32).ids() == []


def test_a_map_handed_out_stays_as_it_was(database: Database, tmp_path: Path) -> None:
    kept = store(database, tmp_path)
    kept.append(["a"], rows_of(range(1)))
    before = kept.matrix()
    kept.append(["b"], rows_of(range(1, 2)))
    assert np.array_equal(before, rows_of(range(1)))


@pytest.mark.parametrize(
    ("ids", "rows"),
    [
        (["c"], np.zeros((2, 3, 5))),
        (["c"], np.zeros((1, 5, 3))),
        (["a"], np.zeros((1, 3, 5))),
        (["c", "c"], np.zeros((2, 3, 5))),
    ],
)
def test_rows_that_do_not_fit_change_nothing(
    ids: list[str], rows: np.ndarray, database: Database, tmp_path: Path
) -> None:
    kept = store(database, tmp_path)
    kept.append(["a", "b"], rows_of(range(2)))
    with pytest.raises(ValueError, match=r"shape|two rows"):
        kept.append(ids, rows)
    assert kept.ids() == ["a", "b"]
    kept.append(["c"], rows_of(range(2, 3)))
    assert np.array_equal(kept.matrix(), rows_of(range(3)))


def test_bytes_that_nobody_names_are_written_over(database: Database, tmp_path: Path) -> None:
    kept = store(database, tmp_path)
    kept.append(["a"], rows_of(range(1)))
    file = tmp_path / "log_mel" / "rows.bin"
    with file.open("ab") as end:
        end.write(b"half a row of somebody who was killed, or more than that" * 3)
    assert len(store(database, tmp_path).matrix()) == 1
    store(database, tmp_path).append(["b"], rows_of(range(1, 2)))
    assert file.read_bytes() == rows_of(range(2)).tobytes()


def test_damage_is_told_with_what_to_do(database: Database, tmp_path: Path) -> None:
    kept = store(database, tmp_path)
    kept.append(["a", "b"], rows_of(range(2)))
    folder = tmp_path / "log_mel"
    for other in ({"shape": (5, 3)}, {"dtype": np.float32}):
        with pytest.raises(DamagedHome, match="delete this folder and run 'segue train' again"):
            store(database, tmp_path, **other)
    content = (folder / "rows.bin").read_bytes()
    (folder / "rows.bin").write_bytes(content[:-1])
    with pytest.raises(DamagedHome, match="holds 1 rows"):
        store(database, tmp_path)
    (folder / "rows.bin").unlink()
    with pytest.raises(DamagedHome, match="holds 0 rows"):
        RowStore.open(database, tmp_path, "log_mel")
    (folder / "rows.bin").write_bytes(content)
    for header in (b"", b"[1]", b'{"shape": [3, 5]}', b'{"shape": [3], "dtype": "nothing", "source": ""}', b"\xff"):
        (folder / "header.json").write_bytes(header)
        with pytest.raises(DamagedHome, match="delete"):
            store(database, tmp_path)


def test_doing_what_the_message_says_helps(database: Database, tmp_path: Path) -> None:
    store(database, tmp_path).append(["a", "b"], rows_of(range(2)))
    for file in (tmp_path / "log_mel").iterdir():
        file.unlink()
    (tmp_path / "log_mel").rmdir()
    with pytest.raises(NotReady, match="segue train"):
        RowStore.open(database, tmp_path, "log_mel")
    again = store(database, tmp_path)
    assert again.ids() == []
    again.append(["b"], rows_of(range(1)))
    assert again.row_of("b") == 0


def test_rows_of_another_source_are_dropped(database: Database, tmp_path: Path) -> None:
    store(database, tmp_path, source="one").append(["a"], rows_of(range(1)))
    assert store(database, tmp_path, source="one").ids() == ["a"]
    assert RowStore.open(database, tmp_path, "log_mel").ids() == ["a"]
    assert store(database, tmp_path, source="two").ids() == []


def test_a_disk_that_is_full_is_told(database: Database, tmp_path: Path) -> None:
    kept = store(database, tmp_path)
    (tmp_path / "log_mel" / "rows.bin").symlink_to("/dev/full")
    with pytest.raises(SegueError, match=r"can't be written .*run again"):
        kept.append(["a"], rows_of(range(1)))
    assert kept.ids() == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", ".hidden", "../a"])
def test_a_name_is_no_path(name: str, database: Database, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name"):
        store(database, tmp_path, name)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from segue.encoders.rows import RowStore
from segue.store import Database

folder = Path(sys.argv[1])
store = RowStore(Database(folder / "segue.sqlite"), folder, "kept", (64, 96), np.float16)
done = len(store)
print("ready", flush=True)
while done < 300:
    batch = range(done, min(done + 7, 300))
    rows = [np.random.default_rng(number).standard_normal((64, 96)) for number in batch]
    store.append([f"track {number}" for number in batch], np.array(rows, np.float16))
    done = batch[-1] + 1
    print(done, flush=True)
"""


def test_a_writer_killed_at_any_moment_ends_in_the_same_bits(tmp_path: Path) -> None:
    chance = random.Random(0)
    folder = tmp_path / "home"
    folder.mkdir()
    lengths = []
    while not lengths or lengths[-1] < 300:
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            if len(lengths) < 6:
                for _ in range(chance.randrange(6)):
                    writer.stdout.readline()
                time.sleep(chance.uniform(0, 0.01))
                writer.send_signal(signal.SIGKILL)
        database = Database(folder / "segue.sqlite")
        kept = RowStore.open(database, folder, "kept")
        lengths.append(len(kept))
        assert kept.ids() == [f"track {number}" for number in range(lengths[-1])]
        database.close()
    assert lengths == sorted(lengths)
    assert any(0 < length < 300 for length in lengths), "it was killed on its way"
    expected = np.array([np.random.default_rng(n).standard_normal((64, 96)) for n in range(300)], np.float16)
    assert (folder / "kept" / "rows.bin").read_bytes() == expected.tobytes()
