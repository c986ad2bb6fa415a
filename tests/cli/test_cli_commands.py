"""Every command as it is meant to be used: what a person reads, what a machine reads, and exit statuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import segue
from segue.audio.listen import mel_windows
from segue.encoders.shipped import shipped_ears

Run = Callable[..., Any]

PICK = {"track", "score", "reason", "parts", "voices"}


def test_scan_counts_what_it_finds_and_opens_nothing_twice(run: Run, own: Any, make_sound: Any) -> None:
    (own.music / "broken.mp3").write_text("no sound")
    first = run(own.home, "scan", own.music, "--json").json
    assert set(first) == {"added", "changed", "moved", "gone", "unchanged", "skipped"}
    assert [one["path"] for one in first["skipped"]] == [str(own.music / "broken.mp3")]
    again = run(own.home, "scan", own.music, "--json").json
    assert (again["added"], again["changed"], again["moved"], again["unchanged"]) == (0, 0, 0, 16)
    shown = run(own.home, "scan", own.music)
    assert "The library holds 16 tracks. Next: segue train" in shown.out
    assert "broken.mp3" in run(own.home, "scan", "--problems").out
    assert [set(one) for one in run(own.home, "scan", "--problems", "--json").json] == [{"path", "reason"}]


def test_import_twice_counts_once(run: Run, own: Any) -> None:
    again = run(own.home, "import", own.history, "--listener", "me", "--json").json
    assert (again["listens"], again["new"], again["already_known"], again["matched"]) == (300, 0, 300, 300)
    assert "listenbrainz, for me" in run(own.home, "import", own.history).out


def test_train_again_does_nothing_again(run: Run, own: Any) -> None:
    result = run(own.home, "train", "--size", "tiny", "--json").json
    assert set(result) == {"sound", "taste", "tracks", "embedded", "described", "listens", "seconds", "adapting"}
    assert (result["tracks"], result["embedded"], result["described"]) == (16, 16, 16)
    for name in ("ears", "blend"):
        assert [place.name for place in (own.home / "models" / name).iterdir()] == ["0001"]
    assert "Trained" in run(own.home, "train", "--size", "tiny").out


def test_recommend(run: Run, world: Any) -> None:
    answer = run(world.home, "recommend", "me", "--count", "3", "--json").json
    assert set(answer) == {"picks", "basis", "notes"}
    assert len(answer["picks"]) == 3
    for pick in answer["picks"]:
        assert set(pick) == PICK
        assert sum(pick["parts"].values()) == pytest.approx(pick["score"], abs=1e-4)
        assert Path(pick["track"]["path"]).is_file()
    shown = run(world.home, "recommend", "me", "-k", "3", "--at", "22:30").out
    assert "For me, from your listening" in shown
    assert shown.count("Title ") >= 3


def test_wishes_steer_what_is_recommended(run: Run, own: Any, make_sound: Any) -> None:
    for number in range(14):
        kind, tagged = number % 2, number < 12
        make_sound(
            own.music / "tagged" / f"{number}.flac",
            seconds=6,
            rate_hz=22050,
            channels=1,
            frequencies=[(150, 450), (2500, 4000)][kind],
            noise=100 + number,
            tags={"title": f"Tagged {number}", "artist": f"Somebody {number // 2}", "date": str(1990 + number)}
            | ({"genre": ("Dub Techno", "Folk Music")[kind]} if tagged else {}),
        )
    assert run(own.home, "scan", own.music).code == 0
    answer = run(own.home, "recommend", "me", "-k", "5", "--genre", "minimal", "--json").json
    titles = [pick["track"]["title"] for pick in answer["picks"]]
    assert {int(title.split()[1]) % 2 for title in titles if title.startswith("Tagged")} == {0}
    assert sum(title.startswith("Tagged") for title in titles) >= 4
    assert "tagged techno – " in answer["picks"][0]["reason"]
    strict = run(own.home, "recommend", "me", "--genre", "folk", "--year", "1990..1994", "--strict", "--json").json
    assert sorted(pick["track"]["year"] for pick in strict["picks"]) == [1991, 1993]
    evening = run(own.home, "radio", "me", "--genre", "folk", "--strict", "--minutes", "1", "--json").json
    assert all("folk" in pick["reason"] for pick in evening["picks"])
    assert len(evening["picks"]) > 5
    why = run(own.home, "explain", "me", "Tagged 2", "--genre", "folk", "--strict", "--json").json
    assert why["filtered"] == "not folk, which was wished strictly"
    told = run(own.home, "recommend", "me", "--mood", "clam").complaint
    assert "did you mean: calm" in told
    moved = run(own.home, "recommend", "me", "--mood", "calm", "--energy", "..0.5", "--json").json
    assert {"mood", "energy"} <= set(moved["picks"][0]["parts"])
    assert "calm by its sound (energy 0." in moved["picks"][0]["reason"]
    assert "valence runs from 0 to 1" in run(own.home, "radio", "me", "--valence", "2..").complaint
    told = run(own.home, "recommend", "me", "--genre", "follk").complaint
    assert "no genre 'follk' in this library; did you mean: folk" in told
    assert run(own.home, "describe", "Tagged 3").out.count("folk") == 1
    [untagged] = run(own.home, "describe", "Tagged 13", "--json").json
    assert untagged["genres"][0][0] == "folk"
    assert 0.3 < untagged["genres"][0][1] < 1


def test_similar_finds_the_timbre(run: Run, world: Any) -> None:
    picks = run(world.home, "similar", "Title 5", "-k", "3", "--json").json
    assert [set(pick) for pick in picks] == [PICK] * 3
    assert {pick["track"]["album"] for pick in picks} == {"Album 1"}
    assert "Title 5" not in [pick["track"]["title"] for pick in picks]
    for name in ("artist 1 - title 5", str(world.music / "album 1" / "5.flac")):
        assert run(world.home, "similar", name, "-k", "3", "--json").json == picks
    assert "Sounds like Title 5" in run(world.home, "similar", "Title 5").out


def test_similar_takes_any_file(run: Run, world: Any, tmp_path: Path, make_sound: Any) -> None:
    outside = make_sound(tmp_path / "out.mp3", seconds=5, channels=1, frequencies=[1780, 2210], noise=77)
    picks = run(world.home, "similar", outside, "-k", "4", "--json").json
    assert {pick["track"]["album"] for pick in picks[:3]} == {"Album 2"}
    assert len(segue.open(world.home).tracks()) == 16


def test_describe_tells_what_a_track_or_a_file_is_like(run: Run, world: Any, tmp_path: Path, make_sound: Any) -> None:
    outside = make_sound(tmp_path / "out.mp3", seconds=5, channels=1, frequencies=[440, 550, 660], noise=77)
    one, other = run(world.home, "describe", "Title 5", outside, "--json").json
    assert set(one) == {"path", "track", "descriptors", "genres"}
    assert set(one["descriptors"]) == {
        "tempo_bpm", "other_tempo_bpm", "tempo_confidence", "key", "loudness_lufs", "loudness_range_lu",
        "brightness_hz", "onsets_per_s", "pulse_clarity", "whole",
    }  # fmt: skip
    assert (one["track"]["title"], one["path"]) == ("Title 5", one["track"]["path"])
    assert (other["track"], other["path"]) == (None, str(outside))
    assert set(other["descriptors"]["key"]) == {"name", "camelot", "tonic", "mode", "confidence"}
    assert -40 < other["descriptors"]["loudness_lufs"] < 0
    (whole,) = run(world.home, "describe", outside, "--whole", "--json").json
    assert whole["descriptors"]["whole"]
    shown = run(world.home, "describe", "Title 5", outside).out
    assert "Artist 1 – Title 5" in shown
    assert "out.mp3" in shown
    assert other["descriptors"]["key"]["camelot"] in shown
    assert "--whole measures it" in shown
    assert "--whole" not in run(world.home, "describe", outside, "--whole").out
    assert "near it" in run(world.home, "describe", "no such track").complaint
    (tmp_path / "text.flac").write_text("no sound")
    assert "text.flac: not a sound file" in run(world.home, "describe", tmp_path / "text.flac").complaint
    assert run(world.home, "describe").code == 2
    assert "nothing has been scanned" in run(tmp_path / "empty", "describe", "x").complaint


def test_radio_writes_a_playlist_and_keeps_nothing(run: Run, own: Any, tmp_path: Path) -> None:
    to = tmp_path / "evening.m3u8"
    before = run(own.home, "doctor", "--json").json
    answer = run(own.home, "radio", "me", "--minutes", "1", "--start", "Title 9", "--to", to, "--json").json
    assert set(answer) == {"listener", "picks", "playlist"}
    assert answer["playlist"] == str(to)
    lines = to.read_text("utf-8").splitlines()
    assert lines[0] == "#EXTM3U"
    assert [line for line in lines if not line.startswith("#")] == [pick["track"]["path"] for pick in answer["picks"]]
    assert run(own.home, "doctor", "--json").json == before
    assert f"written to {to}" in run(own.home, "radio", "me", "--minutes", "1", "--to", to).out
    one = run(own.home, "radio", "me", "--minutes", "1", "--at", "2026-01-01", "--seed", "1", "--json").json
    assert one == run(own.home, "radio", "me", "--minutes", "1", "--at", "2026-01-01", "--seed", "1", "--json").json


def test_explain(run: Run, world: Any) -> None:
    shown = run(world.home, "explain", "me", "Title 1", "--json").json
    assert {"track", "score", "parts", "voices", "rank", "of", "reason", "near", "away", "filtered"} <= set(shown)
    assert sum(shown["parts"].values()) == pytest.approx(shown["score"], abs=1e-4)
    assert f"stands at {shown['rank']} of 16 for me" in run(world.home, "explain", "me", "Title 1").out


def test_doctor(run: Run, world: Any) -> None:
    findings = run(world.home, "doctor", "--json").json
    assert all(set(found) == {"level", "what", "is_so", "remedy"} for found in findings)
    assert "bad" not in {found["level"] for found in findings}
    shown = run(world.home, "doctor")
    assert shown.code == 0
    assert "300 listens, 100% of them of tracks in the library" in shown.out


def test_embed_writes_the_columns_it_promises(run: Run, world: Any, tmp_path: Path) -> None:
    to = tmp_path / "vectors.parquet"
    (tmp_path / "bad.mp3").write_text("no sound")
    report = run(world.home, "embed", world.music / "album 0", tmp_path / "bad.mp3", "--to", to, "--json").json
    assert (report["embedded"], report["skipped"], report["vectors"]) == (4, 1, str(to))
    table = polars.read_parquet(to)
    assert table.schema == {"path": polars.String, "vector": polars.List(polars.Float32)}
    lengths = np.linalg.norm(np.stack(table["vector"].to_list()), axis=1)
    assert np.allclose(lengths, 1, atol=1e-4)
    skipped = [json.loads(line) for line in (tmp_path / "vectors.skipped.jsonl").read_text("utf-8").splitlines()]
    assert [set(line) for line in skipped] == [{"path", "reason"}]
    assert skipped[0]["path"] == str(tmp_path / "bad.mp3")
    assert (
        f"4 files embedded ({report['dim']} numbers each), 1 skipped"
        in run(world.home, "embed", world.music / "album 0", tmp_path / "bad.mp3", "--to", to).out
    )


def test_embed_takes_the_shipped_ears_and_no_home(run: Run, world: Any, tmp_path: Path) -> None:
    to, home = tmp_path / "v.parquet", tmp_path / "home"
    assert run(home, "embed", world.music / "album 0", "--to", to, "--json").json["embedded"] == 4
    assert not (home / "segue.sqlite").exists()
    table = polars.read_parquet(to)
    alike = np.array(table["vector"][0], dtype=np.float32)
    assert np.array_equal(alike, shipped_ears().encode(mel_windows(table["path"][0])))


def test_embed_needs_no_home_when_it_trains(run: Run, world: Any, tmp_path: Path) -> None:
    to, home = tmp_path / "own.parquet", tmp_path / "home"
    words = ("--encoder", "statistics", "--train", "--size", "tiny")
    run(home, "embed", world.music, "--to", to, *words, "--json").json  # noqa: B018 (asserts that it went well)
    again = tmp_path / "again.parquet"
    run(home, "embed", world.music, "--to", again, "--encoder", tmp_path / "own.encoder", "--json").json  # noqa: B018
    one, two = (np.stack(polars.read_parquet(file)["vector"].to_list()) for file in (to, again))
    assert np.allclose(one, two, atol=2e-3)  # the first heard log-mels through float16
    assert not (home / "segue.sqlite").exists()


def test_evaluate(run: Run, tmp_path: Path) -> None:
    rows = [
        {"listener": f"l{who}", "played_at": 1_700_000_000 + 300 * (60 * who + at), "track": f"t{(at * 3 + who) % 12}"}
        for who in range(6)
        for at in range(40)
    ]
    polars.DataFrame(rows).write_csv(tmp_path / "listens.csv")
    words = ("evaluate", tmp_path / "listens.csv", "--report", tmp_path / "report", "--models", "popularity,rules")
    figures = run(tmp_path / "home", *words, "--json").json
    assert {"task", "doubts"} <= set(figures)
    for name in ("report.md", "report.json", "predictions.parquet"):
        assert (tmp_path / "report" / name).stat().st_size
    assert "The whole report" in run(tmp_path / "home", *words).out


@pytest.mark.parametrize(
    "words",
    [
        ["recommend", "me", "--count", "0"],
        ["similar", "x", "--count", "-1"],
        ["radio", "me", "--minutes", "0"],
        ["radio", "me", "--minutes", "inf"],
        ["radio", "me", "--minutes", "nan"],
        ["train", "--size", "huge"],
        ["train", "--seed", "-1"],
        ["train", "--adapt", "--from-scratch"],
        ["scan"],
        ["embed", "music"],
        ["no-such-command"],
        ["recommend", "--no-such-option"],
        [],
    ],
    ids=" ".join,
)
def test_a_wrong_usage_is_exit_status_2(run: Run, world: Any, words: list[str]) -> None:
    done = run(world.home, *words)
    assert done.code == 2
    assert "Traceback" not in done.err


def test_python_m_segue_is_the_same_and_help_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "segue", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == f"segue {segue.__version__}\n"
    heavy = ["torch", "numpy", "polars", "sqlalchemy", "pydantic", "av", "optuna"]  # rich draws the help
    code = (
        "import sys\nfrom segue.cli.app import main\nsys.argv = ['segue', '--help']\n"
        f"try: main()\nexcept SystemExit: pass\nprint([name for name in {heavy!r} if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"
    for command in ("demo", "scan", "import", "train", "recommend", "similar", "radio", "explain", "doctor", "embed"):
        assert f" {command} " in said.stdout


def test_help_of_every_command_writes_nothing(run: Run, tmp_path: Path) -> None:
    from segue.cli.app import app

    for command in app.registered_commands:
        assert command.callback is not None
        done = run(tmp_path / "home", command.name or command.callback.__name__, "--help")
        assert done.code == 0
        assert "Usage" in done.out
    assert not list(tmp_path.iterdir())
