"""The page: whole, closed, escaped, honest about what is simulated."""

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from segue.demo.cards import comparisons_of, curves_of, facts_of
from segue.demo.music import Source
from segue.demo.page import render, write_page
from segue.demo.story import Played, Sight, Story
from segue.types import Pick, Track

HOSTILE = "</title><script>alert('x')</script>\"' onload=alert(1)"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Checks that elements close in order, and collects what a browser would load and what it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []
        self.shown: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        for name, value in attrs:
            if name in {"src", "srcset", "poster", "data", "xlink:href"} or (name == "href" and tag != "a"):
                self.loads.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.shown.append(data)


def story(**changes: object) -> Story:
    rng = np.random.default_rng(0)
    tracks = tuple(
        Track(f"{number:02d}", HOSTILE if number == 3 else f"Piece {number}", (f"Band {number % 4}",), duration_s=90.0)
        for number in range(24)
    )
    vectors = rng.normal(size=(24, 16)).astype(np.float32)
    parts = {"sequence": 1.25, "sound": 0.5, "avoid": -0.25}
    picks = tuple(Pick(track, 1.5, f"often follows {track.title}", parts) for track in tracks[:10])
    radio = tuple(
        Played(
            Pick(tracks[number], 1.0, "sounds like it", {"sound": 1.0}),
            {6: "liked", 9: "skipped"}.get(number, "played"),
            tracks[number] if number < 7 else tracks[23 - number],
            12.0 if number == 9 else None,
        )
        for number in range(20)
    )
    curve = {"step": [10, 20, 30], "train": [0.9, 0.6, 0.5], "held_out": [0.95, 0.7, 0.65]}
    reconstruction = {
        "measured_on": "held-out tracks",
        "autoencoder": 0.4,
        "mean_of_each_bin": 1.0,
        "principal_components": 0.5,
        "numbers_a_window": 1024,
    }
    card = {"curves": curve, "reconstruction": reconstruction, "data": {"training_tracks": 20, "held_out_tracks": 4}}
    sound = {"parts": {"autoencoder": card, "gru": {"curves": curve}}, "parameters": 400_000}
    taste = {"curve": [{"trained": 1.0}, {"trained": 0.5}]}
    mels = rng.random((256, 96), dtype=np.float32)
    whole = Story(
        began=datetime(2026, 11, 3, tzinfo=UTC),
        sources=(Source("noise-data", "1.0-1", "ab" * 32, "Noise", "Ada", "CC0-1.0", "noise", ("a.ogg",)),),
        tracks=tracks,
        styles=tuple(["metal", "techno", "folk"][number % 3] for number in range(24)),
        style_is="style",
        vectors=vectors,
        skipped=(("/music/<broken>.ogg", "no sound"),),
        simulated=True,
        listener="simulated-01",
        listeners=40,
        listens=20_000,
        facts=facts_of(sound, taste, listens=20_000),
        curves=curves_of(sound, taste, simulated=True),
        comparisons=comparisons_of(sound),
        sights=(Sight(tracks[3], mels, mels / 2),),
        picks=picks,
        basis="your listening",
        similar_to=tracks[3],
        similar=tuple(Pick(track, 0.8, "", {}) for track in tracks[4:9]),
        radio=radio,
        lessons=("After Piece 6 was liked, what came sounds more like it.",),
        steps={"scanning": 3.0, "learning": 93.0},
        cores=2,
        memory_mb=800.0,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    html = render(story())
    page = Reader(html)
    assert page.loads
    assert all(load.startswith("data:image/png;base64,") for load in page.loads)
    assert not page.handlers
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html
    assert page.counts["h1"] == 1
    assert page.counts["img"] == 2


def test_a_hostile_title_is_text_everywhere() -> None:
    html = render(story())
    page = Reader(html)
    assert page.counts["script"] == 1
    assert "<script>alert" not in html
    assert "".join(page.shown).count("alert('x')") >= 4  # the map's list, the pick, the radio, the spectrogram


def test_whatever_rests_on_simulated_listening_says_so() -> None:
    html = render(story())
    rows = html.split("<li class=")[1:]
    assert len(rows) >= 20
    picks = html.split('<ol class="rows">')[1].split("</ol>")[0]
    assert picks.count('class="badge"') == 10
    radio = html.split('<ol class="rows">')[2].split("</ol>")[0]
    assert radio.count('class="badge"') == 20
    assert "40 listeners were invented" in html


def test_with_a_history_of_ones_own_nothing_says_simulated() -> None:
    html = render(story(simulated=False, listener="me", curves=(), comparisons=()))
    assert 'class="badge"' not in html
    assert "simulated" not in "".join(Reader(html).shown)


def test_what_is_missing_leaves_no_hole() -> None:
    bare = story(sources=(), sights=(), picks=(), radio=(), similar_to=None, similar=(), memory_mb=None, skipped=())
    page = Reader(render(bare))
    assert "Debian" not in "".join(page.shown)
    assert page.counts.get("img", 0) == 0


def test_the_radio_tells_the_like_the_skip_and_the_plan() -> None:
    text = "".join(Reader(render(story())).shown)
    assert text.count("skipped after 12 s") == 1
    assert "planned here: Band 0 – Piece 16" in text  # place 8 of the plan
    assert "planned here: Band 3 – Piece 3" not in text


def test_a_large_library_shows_a_sample_that_holds_the_radio() -> None:
    rng = np.random.default_rng(0)
    many = tuple(Track(f"{number:04d}", f"Piece {number}", ("A",), duration_s=60.0) for number in range(1300))
    told = story()
    told = replace(
        told,
        tracks=told.tracks + many,
        styles=told.styles + ("folk",) * 1300,
        vectors=rng.normal(size=(1324, 8)).astype(np.float32),
    )
    html = render(told)
    assert html.count('<circle class="t') == 600
    assert html.count('<circle class="ring"') == 10


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    write_page(story(), tmp_path / "deep" / "page.html")
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["page.html"]


def test_comparisons_say_who_is_better() -> None:
    text = "".join(Reader(render(story())).shown)
    assert "20% below principal components" in text


def test_what_was_learned_elsewhere_is_said_to_be() -> None:
    curve = {"step": [10, 20], "train": [0.9, 0.6]}
    part = {"curves": curve, "data": {"training_tracks": 20_000, "held_out_tracks": 2_000}}
    sound = {"origin": "shipped", "parts": {"autoencoder": part, "gru": part}}
    told = curves_of(sound, {"curves": curve}, simulated=False)
    assert [curves.note.startswith("Before Segue was shipped, on open music: ") for curves in told] == [
        True,
        True,
        False,
    ]
    learned = "20,000 tracks of open music; 2,000 others were held out to measure on"
    assert facts_of(sound, {}, listens=1)["learned the sound from"] == learned
    own = curves_of({**sound, "origin": "from scratch"}, {}, simulated=False)
    assert not [curves for curves in own if "shipped" in curves.note]


@pytest.mark.parametrize("sound", [{}, {"parts": {}}, {"curves": {"step": [1], "train": [0.1]}}])
def test_a_card_that_lacks_something_lacks_a_picture(sound: dict[str, object]) -> None:
    assert curves_of(sound, {}, simulated=False) == ()
    assert comparisons_of(sound) == ()
