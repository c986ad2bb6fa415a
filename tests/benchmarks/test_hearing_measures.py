"""The questions leave out what they say, and the tables say what was found."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.hearing.intervals import Estimate
from benchmarks.hearing.listening import Vectors
from benchmarks.hearing.measures import OURS, Outcome, albums, artists, halves, labels, robustness, tempo
from benchmarks.hearing.report import Report, publish, tables
from segue.errors import BadInput


@dataclass(frozen=True)
class Track:
    package: str
    artist: str | None = None


def vectors(rows: np.ndarray) -> Vectors:
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return Vectors(rows, rows, rows)


def by_name(outcomes: list[Outcome], who: str = OURS) -> dict[str, float]:
    return {f"{one.section}: {one.name}": one.estimates[who].value for one in outcomes}


TRACKS = [Track("one", "Ann"), Track("one", "Ann"), Track("one", "Bob"), Track("one", "Bob"), Track("two", "ann")]
TRACKS += [Track("two", "Cid"), Track("two", None)]
ALBUM_EARS = np.eye(7)[[0, 0, 0, 0, 1, 1, 1]] + 0.01 * np.random.default_rng(0).standard_normal((7, 7))
ARTIST_EARS = np.eye(7)[[0, 0, 1, 1, 0, 2, 1]] + 0.01 * np.random.default_rng(0).standard_normal((7, 7))


def test_who_hears_albums_finds_them_and_who_hears_artists_finds_these() -> None:
    heard = {OURS: vectors(ALBUM_EARS), "artist": vectors(ARTIST_EARS)}
    found = list(albums(TRACKS, heard, 0))
    assert by_name(found)["same album: mAP"] == 1
    assert by_name(found, "artist")["same album: mAP"] < 0.8
    assert found[0].asked == "7 queries in 2 albums"
    assert found[0].differences["artist"].value > 0.2
    assert OURS not in found[0].differences


def test_the_filters_leave_out_what_they_say() -> None:
    found = list(artists(TRACKS, {OURS: vectors(ALBUM_EARS), "artist": vectors(ARTIST_EARS)}, 0))
    asked = {one.section: one.asked for one in found}
    # Cid has one track; Ann's three and Bob's two have something to find. The unknown artist's track sounds like Bob's.
    assert asked["same artist"] == "5 queries in 2 albums"
    assert by_name(found, "artist")["same artist: mAP"] == 1
    # In other albums: Ann's three. In the first album there are two artists of two tracks, in the second not.
    assert asked["same artist in other albums"] == "3 queries in 2 albums"
    assert asked["same artist within the album"] == "4 queries in 1 albums"
    assert by_name(found, "artist")["same artist in other albums: P@1"] == 1
    assert by_name(found, "artist")["same artist within the album: mAP"] == 1
    assert by_name(found)["same artist within the album: mAP"] < 1


def test_halves_are_found_and_who_hears_none_is_not_asked() -> None:
    whole = vectors(np.eye(7))
    deaf = Vectors(whole.whole, np.full((7, 7), np.nan, np.float32), np.full((7, 7), np.nan, np.float32))
    turned = Vectors(whole.whole, whole.first, np.roll(whole.first, 1, axis=0))
    (found,) = halves(TRACKS, {OURS: whole, "deaf": deaf, "turned": turned}, 0)
    assert {who: one.value for who, one in found.estimates.items()} == {OURS: 1, "turned": 0}


def test_labels_of_one_group_only_are_not_asked() -> None:
    groups = [str(number // 4) for number in range(32)]
    said = [["calm", "wild"][number // 4 % 2] if number < 28 else "alone" for number in range(32)]
    rows = np.random.default_rng(0).standard_normal((32, 8))
    rows[:, 0] += [4 if label == "calm" else -4 for label in said]
    accuracy, area = labels("mood", said, groups, {OURS: vectors(rows)}, 0)
    assert accuracy.asked == "28 tracks in 7 groups, 2 classes"
    assert accuracy.estimates[OURS].value > 0.9
    assert area.estimates[OURS].value > 0.95
    assert not list(labels("mood", ["alone", None], ["a", "b"], {OURS: vectors(rows[:2])}, 0))


def test_an_octave_is_forgiven_only_where_it_is_said() -> None:
    """Half of the pieces sound half as fast as they are: a line can't know, and is an octave off or right."""
    generator = np.random.default_rng(0)
    sounding = generator.uniform(6, 6.9, 120)
    rows = np.stack([np.cos(sounding), np.sin(sounding), np.full(120, 0.3)], 1)
    groups = [str(number % 12) for number in range(120)]
    right, octave = tempo((2.0**sounding).tolist(), groups, {OURS: vectors(rows)}, 0)
    assert right.estimates[OURS].value > 0.9
    doubled = np.where(np.arange(120) % 10 == 0, 2.0, 1.0) * 2.0**sounding
    right, octave = tempo(doubled.tolist(), groups, {OURS: vectors(rows)}, 0)
    assert octave.estimates[OURS].value >= right.estimates[OURS].value


def test_a_distorted_track_is_looked_for_among_all_undistorted_ones() -> None:
    heard = {OURS: vectors(np.eye(7))}
    same, other = {OURS: vectors(np.eye(7)[[2, 4]])}, {OURS: vectors(np.eye(7)[[2, 5]])}
    found = list(robustness(TRACKS, heard, [2, 4], {"mp3": same, "mono": other}, 0))
    assert by_name(found) == {"robustness: mp3": 1, "robustness: mono": 0.5, "robustness: all": 0.75}


@pytest.fixture
def report() -> Report:
    estimates = {OURS: Estimate(0.5, 0.4, 0.6), "chance": Estimate(0.1, 0.05, 0.15)}
    outcome = Outcome("same album", "mAP", "7 queries", estimates, {"chance": Estimate(0.4, 0.3, 0.5)})
    hub = Outcome("hubs", "largest hub", "", {OURS: Estimate(31.0)}, {})
    return Report("python -m benchmarks.ears MUSIC", ["A note."], {"chance": "chance", OURS: "ours"}, [outcome, hub])


def test_the_tables_say_what_was_found(report: Report) -> None:
    said = tables(report)
    assert "| ours   | .500 (.40–.60) |" in said
    assert "| chance | +.400 (+.300 to +.500) * |" in said
    assert "| ours | 31          |" in said
    assert report.json()["outcomes"][1]["estimates"][OURS] == {"value": 31.0, "low": None, "high": None}


def test_a_document_keeps_all_but_its_place(report: Report, tmp_path: Path) -> None:
    document = tmp_path / "evaluation.md"
    document.write_text("before\n<!-- benchmarks.ears: begin -->\nold\n<!-- benchmarks.ears: end -->\nafter\n", "utf-8")
    publish(report, document)
    publish(report, document)
    said = document.read_text("utf-8")
    assert said.startswith("before\n<!-- benchmarks.ears: begin -->\n`python -m benchmarks.ears MUSIC`")
    assert said.endswith("<!-- benchmarks.ears: end -->\nafter\n")
    assert "old" not in said
    assert said.count("benchmarks.ears: begin") == 1
    publish(report, tmp_path / "new.md")
    document.write_text("no place", "utf-8")
    with pytest.raises(BadInput, match="no place"):
        publish(report, document)
    assert document.read_text("utf-8") == "no place"
