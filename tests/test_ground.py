"""The ground: errors, settings, the home folder, the store."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

import segue
from segue import errors
from segue.errors import BadInput, DamagedHome, HomeBusy, SegueError
from segue.home import Home, new_directory, write_bytes, write_text
from segue.settings import load_settings
from segue.store import Database
from segue.store.database import HEAD
from segue.store.schema import metadata


def test_the_error_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict.fromkeys(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert set(drawn) | {"SegueError"} == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), SegueError) for name in errors.__all__)


def test_the_public_names_are_there() -> None:
    assert set(segue.__all__) == {"Library", "SegueError", "open"}
    for name in segue.__all__:
        assert getattr(segue, name).__doc__
    with pytest.raises(AttributeError):
        _ = segue.nothing_of_that_name


def test_importing_segue_loads_nothing_heavy() -> None:
    heavy = ["torch", "numpy", "polars", "sqlalchemy", "pydantic", "av", "rich"]
    code = f"import sys, segue, segue.cli.app; print([name for name in {heavy!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


class TestSettings:
    def test_flags_win_over_the_environment_over_the_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "segue.toml"
        file.write_text("seed = 3\n[recommend]\nartist_spacing = 9\nalbum_spacing = 7\n")
        assert load_settings(file).seed == 3
        monkeypatch.setenv("SEGUE_SEED", "5")
        monkeypatch.setenv("SEGUE_RECOMMEND__ALBUM_SPACING", "1")
        settings = load_settings(file)
        assert (settings.seed, settings.recommend.artist_spacing, settings.recommend.album_spacing) == (5, 9, 1)
        assert load_settings(file, seed=8, size=None).seed == 8

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ("sed = 3", "did you mean seed"),
            ("[recommend]\nartist_spaceing = 2", "did you mean recommend.artist_spacing"),
            ("seed = -1", "seed"),
            ("size = 'huge'", "size"),
            ("seed = [", "not valid TOML"),
        ],
    )
    def test_what_does_not_fit_is_one_clear_line(self, tmp_path: Path, written: str, said: str) -> None:
        file = tmp_path / "segue.toml"
        file.write_text(written)
        with pytest.raises(BadInput, match=said) as caught:
            load_settings(file)
        assert "\n" not in str(caught.value) or "TOML" in str(caught.value)


class TestHome:
    def test_the_folder_comes_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "there"))
        assert Home().root == tmp_path / "there"
        assert (tmp_path / "there" / "vectors").is_dir()

    def test_a_folder_that_cannot_be_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BadInput, match="--home"):
            Home(tmp_path / "file" / "home")

    def test_a_second_process_is_told_who_holds_it(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        code = (
            "import sys, time; from segue.home import Home\n"
            f"with Home({str(tmp_path)!r}).changing('scan'):\n    print('held', flush=True); time.sleep(60)"
        )
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(HomeBusy, match=rf"'segue scan' \(process {other.pid}"), home.changing("train"):
                pass
        finally:
            other.send_signal(signal.SIGKILL)
            other.wait()
            assert other.stdout is not None
            other.stdout.close()
        with home.changing("train"):  # a killed holder leaves no lock behind
            pass

    def test_a_file_is_written_whole_or_not_at_all(self, tmp_path: Path) -> None:
        place = tmp_path / "card.json"
        write_text(place, "old")
        with pytest.raises(TypeError):
            write_bytes(place, "no bytes")  # type: ignore[arg-type]
        assert place.read_text() == "old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["card.json"]

    def test_a_killed_writer_leaves_the_old_file_or_the_new_one(self, tmp_path: Path) -> None:
        place = tmp_path / "big"
        code = (
            "from pathlib import Path; from segue.home import write_bytes\n"
            f"n = 0\nwhile True:\n    n += 1\n    write_bytes(Path({str(place)!r}), (b'%08d' % n) * 100_000)\n"
        )
        for moment in (0.4, 0.45, 0.5, 0.55):
            writer = subprocess.Popen([sys.executable, "-c", code])
            time.sleep(moment)
            writer.kill()
            writer.wait()
            if place.exists():
                content = place.read_bytes()
                assert len(content) == 800_000
                assert content == content[:8] * 100_000

    def test_models_are_published_whole_and_numbered(self, tmp_path: Path) -> None:
        home = Home(tmp_path)
        assert home.latest("gru") is None

        def interrupted() -> None:
            with home.publish("gru") as directory:
                (directory / "card.json").write_text("{}")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            interrupted()
        assert home.latest("gru") is None
        for version in ("0001", "0002"):
            with home.publish("gru") as directory:
                (directory / "card.json").write_text("{}")
            latest = home.latest("gru")
            assert latest is not None
            assert latest.name == version
        with pytest.raises(FileExistsError), new_directory(home.models / "gru" / "0001"):
            pass


class TestStore:
    def test_the_newest_migration_makes_the_tables_of_the_schema(self, tmp_path: Path) -> None:
        versions = Path(segue.__file__).parent / "store" / "migrations" / "versions"
        assert max(path.stem.rsplit("_", 1)[-1] for path in versions.glob("*_[0-9]*.py")) == HEAD
        database = Database(tmp_path / "segue.sqlite")
        seen = inspect(database.engine)
        assert set(seen.get_table_names()) == set(metadata.tables) | {"alembic_version"}
        for name, table in metadata.tables.items():
            assert {column["name"] for column in seen.get_columns(name)} == {column.name for column in table.columns}
        database.close()

    def test_a_file_that_is_no_database_is_a_clear_error(self, tmp_path: Path) -> None:
        place = tmp_path / "segue.sqlite"
        place.write_bytes(os.urandom(5000))
        with pytest.raises(DamagedHome, match="move it away"):
            Database(place)

    def test_a_newer_database_is_refused(self, tmp_path: Path) -> None:
        database = Database(tmp_path / "segue.sqlite")
        with database.writing() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        database.close()
        with pytest.raises(DamagedHome, match="upgrade segue"):
            Database(tmp_path / "segue.sqlite")

    def test_what_was_committed_outlives_a_kill(self, tmp_path: Path) -> None:
        place = tmp_path / "segue.sqlite"
        code = (
            "import os; from pathlib import Path; from segue.store import Database; from sqlalchemy import text\n"
            f"database = Database(Path({str(place)!r}))\n"
            "with database.writing() as c: c.execute(text(\"INSERT INTO listener (name) VALUES ('kept')\"))\n"
            "with database.writing() as c:\n"
            "    c.execute(text(\"INSERT INTO listener (name) VALUES ('lost')\")); os.kill(os.getpid(), 9)\n"
        )
        subprocess.run([sys.executable, "-c", code], check=False)
        database = Database(place)
        with database.reading() as connection:
            assert connection.execute(text("SELECT name FROM listener")).scalars().all() == ["kept"]
        database.close()
