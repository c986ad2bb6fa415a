"""Simulated listeners: what the file holds, and that what they were given to like and to follow can be found in it."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from segue.demo.listeners import simulate
from segue.listening.readers.registry import read_history
from segue.types import Track

UNTIL = 1_790_000_000
STYLES = ["metal", "techno", "folk", "chip", "ambient", "rock"]


def library() -> tuple[list[Track], list[str]]:
    tracks, styles = [], []
    for number in range(60):
        style = STYLES[number % 6]
        tracks.append(
            Track(
                id=f"{number:03d}",
                title=f"Piece {number}",
                artists=(f"Band {number % 12}",),
                album=f"Album {number % 12}",
                track_number=number // 12 + 1,
                duration_s=60.0 + number,
            )
        )
        styles.append(style)
    return tracks, styles


def listens(paths: tuple[Path, ...]) -> dict[str, list[dict[str, Any]]]:
    return {path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in paths}


def test_the_same_seed_gives_the_same_bytes_in_any_order_of_tracks(tmp_path: Path) -> None:
    tracks, styles = library()
    first = simulate(tracks, styles, tmp_path / "a", until=UNTIL, listeners=5, listens=600, seed=3)
    again = simulate(tracks[::-1], styles[::-1], tmp_path / "b", until=UNTIL, listeners=5, listens=600, seed=3)
    other = simulate(tracks, styles, tmp_path / "c", until=UNTIL, listeners=5, listens=600, seed=4)
    assert [path.name for path in first] == [f"simulated-{number:02d}.jsonl" for number in range(1, 6)]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert [path.read_bytes() for path in first] != [path.read_bytes() for path in other]


def test_count_times_and_lengths_are_what_was_asked(tmp_path: Path) -> None:
    tracks, styles = library()
    lengths = {track.title: track.duration_s or 0 for track in tracks}
    paths = simulate(tracks, styles, tmp_path, until=UNTIL, listeners=8, listens=4000, days=90, seed=0)
    everybody = listens(paths)
    assert sum(map(len, everybody.values())) == 4000
    for heard in everybody.values():
        times = [listen["listened_at"] for listen in heard]
        assert times == sorted(set(times))
        assert times[0] >= UNTIL - 90 * 86_400
        assert times[-1] < UNTIL
        for listen in heard:
            about = listen["track_metadata"]
            assert 0 < about["additional_info"]["duration_played"] <= lengths[about["track_name"]] + 0.5


def test_the_reader_takes_every_line(tmp_path: Path) -> None:
    tracks, styles = library()
    (path,) = simulate(tracks, styles, tmp_path, until=UNTIL, listeners=1, listens=300)
    name, rows = read_history(path)
    read = list(rows)
    assert name == "listenbrainz"
    assert len(read) == 300
    assert {type(row).__name__ for row in read} == {"Heard"}


def test_they_have_tastes_habits_and_skips(tmp_path: Path) -> None:
    tracks, styles = library()
    style_of = dict(zip((track.title for track in tracks), styles, strict=True))
    album_next = {f"Piece {number}": f"Piece {number + 12}" for number in range(48)}
    top_shares, follows, skips = [], [], []
    for heard in listens(simulate(tracks, styles, tmp_path, until=UNTIL, listeners=10, listens=5000)).values():
        titles = [listen["track_metadata"]["track_name"] for listen in heard]
        played = np.array([listen["track_metadata"]["additional_info"]["duration_played"] for listen in heard])
        counts = sorted((sum(style_of[title] == style for title in titles) for style in STYLES), reverse=True)
        top_shares.append(sum(counts[:3]) / len(titles))
        follows.append(np.mean([album_next.get(a) == b for a, b in pairwise(titles)]))
        skips.append(np.mean(played < 30))
    assert min(top_shares) > 0.7  # of six styles, three would hold half
    assert np.mean(follows) > 0.1  # by chance 1 in 60
    assert 0.03 < np.mean(skips) < 0.35
