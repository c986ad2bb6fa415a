"""Fetching music with the real apt, from an archive of our own on the disk; and once from the real archive."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from segue.demo.music import Package, fetch, packages
from segue.errors import BadInput, NotReady

needs_apt = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))), reason="this machine has no apt"
)


def sound(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-9000, 9000, 4000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(noise.tobytes())


class Archive:
    """A package archive in a folder, and the environment in which apt knows it and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root / "archive"
        self.root.mkdir()
        lists = root / "machine-lists"
        (lists / "partial").mkdir(parents=True)
        sources = root / "sources.list"
        sources.write_text(f"deb [trusted=yes] file:{self.root} ./\n")
        config = root / "apt.conf"
        config.write_text(
            f'Dir::State::Lists "{lists}";\nDir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "/nowhere";\n'
        )
        self.environment = {"APT_CONFIG": str(config)}
        self.stanzas: list[str] = []

    def add(self, name: str, files: dict[str, int], *, zipped: bool = False, wrong_sum: bool = False) -> None:
        tree = self.root.parent / f"tree-{name}"
        for place, seed in files.items():
            sound(tree / place, seed)
        if zipped:
            inside = sorted(tree.rglob("*.wav"))
            with zipfile.ZipFile(tree / "usr/share/game.love", "w") as archive:
                for file in inside:
                    archive.write(file, f"data/{file.name}")
                    file.unlink()
        notice = tree / "usr/share/doc" / name / "copyright"
        notice.parent.mkdir(parents=True)
        notice.write_text("CC0-1.0\n")
        control = tree / "DEBIAN/control"
        control.parent.mkdir()
        control.write_text(
            f"Package: {name}\nVersion: 1.0-1\nArchitecture: all\n"
            "Maintainer: Nobody <n@example.org>\nDescription: sound\n"
        )
        deb = self.root / f"{name}_1.0-1_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, capture_output=True)
        content = deb.read_bytes()
        sha256 = "0" * 64 if wrong_sum else hashlib.sha256(content).hexdigest()
        self.stanzas.append(
            control.read_text() + f"Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {sha256}\n",
        )
        (self.root / "Packages").write_text("\n".join(self.stanzas))


def package(name: str, **other: object) -> Package:
    fields: dict[str, object] = {
        "name": name,
        "title": name.title(),
        "by": "Nobody",
        "style": "noise",
        "licence": "CC0-1.0",
        "tracks": 2,
        "megabytes": 0.1,
        "keep": ("music/*.wav",),
    }
    return Package(**(fields | other))  # type: ignore[arg-type]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    made = Archive(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def test_the_list_is_small_varied_and_openly_licensed() -> None:
    listed = packages()
    assert 60 <= sum(entry.tracks for entry in listed) <= 120
    assert sum(entry.megabytes for entry in listed) <= 230
    assert len({entry.style for entry in listed}) >= 8
    assert len({entry.title for entry in listed}) == len({entry.name for entry in listed}) == len(listed)
    assert all("NC" not in entry.licence and "ND" not in entry.licence for entry in listed)


def test_without_apt_it_says_what_to_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotReady, match=r"no apt-get.*make demo MUSIC=/path/to/music \(or segue demo --music DIR\)"):
        fetch(tmp_path / "cache")


@needs_apt
def test_music_comes_verified_with_its_notice_and_only_once(archive: Archive, tmp_path: Path) -> None:
    archive.add("alpha", {"usr/share/alpha/music/one.wav": 1, "usr/share/alpha/music/two_b.wav": 2, "usr/bang.wav": 3})
    archive.add("beta", {"usr/share/beta/x.wav": 4, "usr/share/beta/y.wav": 5}, zipped=True)
    chosen = [
        package("alpha"),
        package("beta", inside="game.love", keep=("data/*.wav",), artist="Ada"),
        package("gone"),
    ]
    said: list[str] = []
    moved: list[tuple[str, int, int | None]] = []
    cache = tmp_path / "cache"
    sources = fetch(cache, chosen=chosen, fewest=4, say=said.append, progress=lambda *report: moved.append(report))
    assert [source.files for source in sources] == [("one.wav", "two_b.wav"), ("Ada - X.wav", "Ada - Y.wav")]
    assert said == ["gone: not fetched, this machine's package sources do not carry it"]
    assert sources[0].sha256 == hashlib.sha256((archive.root / "alpha_1.0-1_all.deb").read_bytes()).hexdigest()
    assert sorted(file.name for file in (cache / "music/Alpha").iterdir()) == ["copyright", "one.wav", "two_b.wav"]
    assert not list(cache.glob("part-*"))
    assert not list(cache.rglob("*.deb"))
    assert moved[-1][1] == moved[-1][2]

    shutil.rmtree(archive.root)  # what is there is not fetched again
    again = fetch(cache, chosen=chosen[:2], fewest=4)
    assert again == sources
    assert [entry["package"] for entry in json.loads((cache / "SOURCES.json").read_text("utf-8"))] == ["alpha", "beta"]


@needs_apt
def test_a_package_that_lost_a_file_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    archive.add("alpha", {"usr/music/one.wav": 1, "usr/music/two.wav": 2})
    cache = tmp_path / "cache"
    fetch(cache, chosen=[package("alpha")], fewest=2)
    (cache / "music/Alpha/one.wav").unlink()
    fetch(cache, chosen=[package("alpha")], fewest=2)
    assert (cache / "music/Alpha/one.wav").is_file()


@needs_apt
def test_a_file_that_is_not_what_the_archive_states_is_refused(archive: Archive, tmp_path: Path) -> None:
    archive.add("alpha", {"usr/music/one.wav": 1}, wrong_sum=True)
    with pytest.raises(BadInput, match=r"only 0 tracks .* make demo MUSIC="):
        fetch(tmp_path / "cache", chosen=[package("alpha")], fewest=1)
    assert not list((tmp_path / "cache").rglob("*.wav"))


@needs_apt
def test_a_killed_fetch_goes_on_and_leaves_no_rubbish(archive: Archive, tmp_path: Path) -> None:
    names = [f"package-{number}" for number in range(12)]
    for number, name in enumerate(names):
        archive.add(name, {f"usr/music/{number}.wav": number})
    cache = tmp_path / "cache"
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_demo_music as t; from pathlib import Path\n"
        "t.fetch(Path(sys.argv[2]), chosen=[t.package(f'package-{n}') for n in range(12)], fewest=12)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(cache)], env={**os.environ}
    )
    deadline = time.monotonic() + 60
    while not (cache / "SOURCES.json").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = [entry["package"] for entry in json.loads((cache / "SOURCES.json").read_text("utf-8"))]
    assert 1 <= len(done) < 12
    untouched = {name: (cache / "music" / name.title()).stat().st_mtime_ns for name in done}
    (cache / "part-of-a-killed-one").mkdir(exist_ok=True)

    sources = fetch(cache, chosen=[package(name) for name in names], fewest=12)
    assert [source.package for source in sources] == names
    assert not list(cache.glob("part-*"))
    assert {name: (cache / "music" / name.title()).stat().st_mtime_ns for name in done} == untouched


@needs_apt
def test_the_real_archive_serves_the_list(tmp_path: Path) -> None:
    chosen = [entry for entry in packages() if entry.name == "tumiki-fighters-data"]
    try:
        (source,) = fetch(tmp_path, chosen=chosen, fewest=1)
    except BadInput as error:
        pytest.skip(f"the archive can't be reached from here: {error}")
    assert len(source.files) == chosen[0].tracks
    assert all(name.startswith("Kenta Cho - ") for name in source.files)
    assert (tmp_path / "music/Tumiki Fighters/copyright").read_text("utf-8", "replace").count("Kenta Cho")
