"""Which ears a library is heard with: the shipped ones, newer shipped ones, adapted ones, its own; and never two."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segue
from segue.audio.listen import mel_windows
from segue.encoders import adapting, shipped
from segue.encoders.contract import read_card
from segue.encoders.joint import Ears
from segue.encoders.rows import RowStore
from segue.errors import BadInput, DamagedHome
from segue.home import Home
from segue.store import Database

Run = Callable[..., Any]


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The weights that another version of the package brings: everything learned is a little otherwise."""
    ears = Ears.load(shipped.shipped_place())
    rng = np.random.default_rng(0)
    tensors = ears.tensors()
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f":
            tensors[name] = (tensor * rng.uniform(0.8, 1.25, tensor.shape)).astype(tensor.dtype)
    place = tmp_path / "newer"
    place.mkdir()
    Ears.restore(ears.card, tensors).save(place)
    return place


def versions(home: Path) -> list[str]:
    return sorted(place.name for place in (home / "models" / "ears").iterdir())


def kept(home: Path) -> list[str]:
    return sorted(place.name for place in (home / "vectors").iterdir())


def test_the_shipped_ears_are_published_once_and_taken_as_they_are(run: Run, own: Any) -> None:
    place = own.home / "models" / "ears" / "0001"
    weights = shipped.shipped_place() / "weights.safetensors"
    assert (place / "weights.safetensors").read_bytes() == weights.read_bytes()
    assert read_card(place)["origin"] == "shipped"
    assert "origin" not in shipped.shipped_ears().card  # what everybody shares was not written on
    result = run(own.home, "train", "--size", "tiny", "--seed", "5", "--json").json
    assert versions(own.home) == ["0001"]
    assert (result["sound"]["origin"], result["adapting"]) == ("shipped", None)
    assert kept(own.home) == ["ears-0001"]  # no log-mels
    with segue.open(own.home) as library:
        for track in library.tracks()[:3]:
            assert track.path is not None
            vector = library.vectors().matrix_for([track.id])[0]
            assert np.array_equal(vector, shipped.shipped_ears().encode(mel_windows(track.path)))


def test_newer_shipped_ears_are_a_new_version_and_nothing_old_is_compared_with_it(
    run: Run, own: Any, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = own.music / "album 1" / "5.flac"
    outside = own.music.parent / "outside.flac"
    shutil.copy(file, outside)
    held = segue.open(own.home)
    before = held.similar(outside, k=5)
    monkeypatch.setattr(shipped, "shipped_place", lambda: newer)
    assert run(own.home, "train", "--size", "tiny").code == 0
    assert versions(own.home) == ["0001", "0002"]
    assert kept(own.home) == ["ears-0002"]
    assert held.similar(outside, k=5) == before  # who was here before goes on comparing old with old
    with segue.open(own.home) as library:
        after = library.similar(outside, k=5)
        assert [pick.score for pick in after] != [pick.score for pick in before]
        assert after[0].score == pytest.approx(1, abs=1e-5)
        assert np.array_equal(library.encoder().tensors()["statistics.standard.mean"], _mean(newer))
    monkeypatch.undo()
    assert run(own.home, "train", "--size", "tiny").code == 0  # the package of old: its ears are here already
    assert versions(own.home) == ["0001", "0002"]
    assert kept(own.home) == ["ears-0001"]
    with segue.open(own.home) as library:
        assert library.similar(outside, k=5) == before


def _mean(place: Path) -> Any:
    return Ears.load(place).tensors()["statistics.standard.mean"]


def test_vectors_and_ears_that_disagree_are_told_and_mended(run: Run, own: Any, newer: Path) -> None:
    expected = run(own.home, "similar", "Title 5", "--json").json
    for file in newer.iterdir():
        shutil.copy(file, own.home / "models" / "ears" / "0001")
    for words in (["similar", "Title 5"], ["recommend", "me"], ["radio", "me"]):
        said = run(own.home, *words).complaint
        assert "ears-0001 holds the vectors of other weights" in said
        assert "segue train" in said
    with pytest.raises(DamagedHome, match="other weights"):
        segue.open(own.home).vectors()
    assert run(own.home, "train", "--size", "tiny").code == 0
    assert run(own.home, "similar", "Title 5", "--json").json == expected


def test_newer_ears_go_on_where_they_were_killed(run: Run, own: Any, newer: Path) -> None:
    """Killed while the tracks are heard anew, it answers as before; then only the rest is heard."""
    before = run(own.home, "similar", "Title 5", "--json").json
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from segue.encoders import embedding, shipped\nfrom segue.cli.app import main\n"
        f"shipped.shipped_place = lambda: Path({str(newer)!r})\n"
        "embedding.BATCH_TRACKS = 4\nlasting, append = int(sys.argv.pop(1)), embedding.RowStore.append\n"
        "def counting(*given):\n"
        "    global lasting\n    append(*given)\n    lasting -= 1\n"
        "    if not lasting:\n        os.kill(os.getpid(), 9)\n"
        "embedding.RowStore.append = counting\nmain()"
    )
    environment = {**os.environ, "SEGUE_HOME": str(own.home), "SEGUE_SIZE": "tiny", "SEGUE_WORKERS": "2"}

    def train(lasting: int) -> "subprocess.CompletedProcess[bytes]":
        words = [sys.executable, "-c", code, str(lasting), "train"]
        return subprocess.run(words, env=environment, capture_output=True, check=False)

    assert train(lasting=2).returncode == -signal.SIGKILL
    assert versions(own.home) == ["0001", "0002"]
    database = Database(Home(own.home).database)
    first = RowStore.open(database, own.home / "vectors", "ears-0002")
    assert len(first) == 8
    rows = np.array(first.matrix())
    database.close()
    assert run(own.home, "similar", "Title 5", "--json").json == before
    done = train(lasting=-1)
    assert done.returncode == 0, done.stderr
    assert b"listening: 8 in" in done.stderr
    assert kept(own.home) == ["ears-0002"]
    with segue.open(own.home) as library:
        assert len(library.vectors()) == 16
        assert np.array_equal(library.vectors().matrix[:8], rows)


def test_ears_from_scratch_are_the_librarys_own(run: Run, own: Any) -> None:
    result = run(own.home, "train", "--from-scratch", "--size", "tiny", "--json").json
    assert result["sound"]["origin"] == "from scratch"
    assert result["sound"]["data"]["tracks"] == 16
    assert versions(own.home) == ["0001", "0002"]
    assert kept(own.home) == ["ears-0002", "log_mel"]
    picks = run(own.home, "similar", "Title 5", "-k", "3", "--json").json
    assert {pick["track"]["album"] for pick in picks} == {"Album 1"}
    again = run(own.home, "train", "--from-scratch", "--size", "tiny", "--json").json
    assert again["seconds"]["sound"] < result["seconds"]["sound"]
    assert versions(own.home) == ["0001", "0002"]
    assert run(own.home, "train", "--size", "tiny", "--json").json["sound"]["origin"] == "shipped"
    assert kept(own.home) == ["ears-0001", "log_mel"]


def test_ears_are_adapted_and_judged(run: Run, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real training; whatever it comes to, the report says which ears answer, and it is not done twice."""
    monkeypatch.setattr(adapting, "FEWEST_TRACKS", 2)
    result = run(own.home, "train", "--adapt", "--size", "tiny", "--json").json
    report = result["adapting"]
    assert set(report) == {"tracks", "before", "after", "kept"}
    assert set(report["before"]) == set(report["after"]) == {"halves_recall", "group_map"}
    assert report["tracks"] == 4
    assert result["sound"]["origin"] == ("adapted" if report["kept"] else "shipped")
    monkeypatch.setattr(Ears, "continued", None)
    shown = run(own.home, "train", "--adapt", "--size", "tiny").out
    assert "measured on 4 held-out tracks" in shown
    assert "were kept" in shown


@pytest.mark.parametrize("better", [True, False])
def test_adapted_ears_answer_where_they_are_better(
    run: Run, own: Any, newer: Path, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    monkeypatch.setattr(adapting, "FEWEST_TRACKS", 2)
    monkeypatch.setattr(adapting, "_better", lambda *_: better)
    monkeypatch.setattr(Ears, "continued", lambda *_, **__: Ears.load(newer))
    result = run(own.home, "train", "--adapt", "--size", "tiny", "--json").json
    assert result["adapting"]["kept"] is better
    weights = (own.home / "models" / "ears" / versions(own.home)[-1] / "weights.safetensors").read_bytes()
    if better:
        assert versions(own.home) == ["0001", "0002"]
        assert weights == (newer / "weights.safetensors").read_bytes()
        assert result["sound"]["adapting"] == result["adapting"]
        assert kept(own.home) == ["ears-0002", "log_mel"]
    else:
        assert versions(own.home) == ["0001"]
        assert kept(own.home) == ["ears-0001", "log_mel"]
    monkeypatch.setattr(Ears, "continued", None)  # neither is done again
    assert run(own.home, "train", "--adapt", "--size", "tiny", "--json").json["adapting"] == result["adapting"]
    said = run(own.home, "train", "--adapt", "--size", "tiny").out
    assert ("better by more than chance" in said) is better
    assert ("the shipped ones were kept" in said) is not better


def test_a_library_too_small_to_adapt_to_is_told_so(run: Run, own: Any) -> None:
    said = run(own.home, "train", "--adapt").complaint
    assert "16 tracks of 4 albums" in said
    assert "without --adapt" in said
    assert versions(own.home) == ["0001"]


def test_both_ways_of_training_ears_are_one_too_many(run: Run, own: Any) -> None:
    assert run(own.home, "train", "--adapt", "--from-scratch").code == 2
    with segue.open(own.home) as library, pytest.raises(BadInput, match="choose one"):
        library.train(adapt=True, from_scratch=True)
