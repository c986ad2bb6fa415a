"""The page: well formed, closed, escaped, and nothing in it that report.json does not hold."""

import copy
import json
import re
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from evaluate_models import Broken, Last, Oracle, random_listens

from segue.evaluate.page import page
from segue.evaluate.run import evaluate

HOSTILE = "</title><script>alert('x')</script>\"' onload=alert(1)"
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """Checks that elements close in order, and collects what a browser would show or load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.shown: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.shown.append(data)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    random_listens().write_parquet(tmp_path / "listens.parquet")
    evaluate(tmp_path / "listens.parquet", models=["popularity", Last(), Oracle()], report=tmp_path / "report")
    return tmp_path / "report"


def read(place: Path) -> Any:
    return json.loads((place / "report.json").read_text("utf-8"))


def test_the_page_is_made_from_report_json_alone(place: Path) -> None:
    assert (place / "report.html").read_text("utf-8") == page(read(place))


def test_the_page_is_well_formed_and_loads_nothing(place: Path) -> None:
    html = page(read(place))
    found = Reader(html)
    assert not {"script", "img", "link", "iframe"} & set(found.names)
    assert not {"src", "href", "onload", "onclick"} & found.attributes
    for word in ("url(", "@import", "http:", "https:"):
        assert word not in html
    assert "default-src 'none'" in html
    assert found.names.count("h1") == 1


def test_it_shows_every_model_and_slice_with_its_number(place: Path) -> None:
    figures = read(place)
    html = page(figures)
    found = Reader(html)
    text = "".join(found.shown)
    parts = figures["models"]["last"]["segments"]
    models = len(figures["models"])
    assert found.names.count("svg") == 3 * models + (len(parts) - 1) * models + 1
    for name, part in parts.items():
        assert name == "all" or name in text
        assert f"{part['recall@20']['value']:.3f}" in text
    assert f"{figures['models']['last']['segments']['all']['mrr@20']['low']:.4f}–" in text
    assert "the best of all is oracle; it beats the next" in text
    assert text.count("to beat") == 1
    table = html.split('<table class="main">')[1].split("</table>")[0]
    assert [row.split("<td>")[1].split("<")[0] for row in table.split("<tr")[2:]] == ["oracle", "last", "popularity "]


def test_names_are_text_and_never_markup(place: Path) -> None:
    figures = read(place)
    for key in ("models", "timings", "differences"):
        figures[key] = {HOSTILE if name == "last" else name: one for name, one in figures[key].items()}
    figures["data"]["listens"]["file"] = figures["task"]["group"] = figures["doubts"] = HOSTILE
    figures["doubts"] = [HOSTILE]
    figures["winner"]["next"] = figures["intervals"]["note"] = figures["task"]["split"]["rule"] = HOSTILE
    found = Reader(page(figures))
    assert "script" not in found.names
    assert not {"onload"} & found.attributes
    assert "".join(found.shown).count("<script>alert('x')</script>") > 20


def test_what_is_missing_leaves_a_page(tmp_path: Path) -> None:
    """One model that says nothing, so no winner, no difference, no point of a scale above zero."""
    random_listens(listeners=2).write_parquet(tmp_path / "listens.parquet")
    report = evaluate(tmp_path / "listens.parquet", models=[Broken()], report=tmp_path / "report")
    text = "".join(Reader(page(report.figures)).shown)
    assert "best of all" not in text
    assert "broken gave NaN" in text
    bare = copy.deepcopy(report.figures)
    bare["models"]["broken"]["segments"] = {"all": bare["models"]["broken"]["segments"]["all"]}
    for gain in bare["models"]["broken"]["segments"]["all"].values():
        if isinstance(gain, dict):
            gain.update(low=None, high=None)
    assert "Where the hits come from" not in "".join(Reader(page(bare)).shown)


def test_several_seeds_are_told(place: Path) -> None:
    figures = read(place)
    assert "Luck with the seed" not in page(figures)
    figures["settings"]["seeds"] = 3
    figures["models"]["last"]["seeds"].update(fits=3)
    for gain in ("recall@20", "mrr@20", "ndcg@20"):
        figures["models"]["last"]["seeds"][gain]["sd"] = 0.0123
    html = page(figures)
    assert html.count("± 0.0123") == 3
    assert "each draw takes one of 3 fits first" in html


def test_names_in_the_plane_do_not_lie_on_each_other(place: Path) -> None:
    figures = read(place)
    model = figures["models"]["last"]
    figures["models"] = {f"model {number}": copy.deepcopy(model) for number in range(8)}
    figures["timings"] = dict.fromkeys(figures["models"], figures["timings"]["last"])
    figures["winner"], figures["differences"], figures["best_baseline"] = None, {}, None
    html = page(figures)
    names = re.findall(r'<text class="name" x="([\d.]+)" y="([\d.]+)" dy=".35em" text-anchor="(\w+)">', html)
    assert len(names) == 8
    for (x, y, anchor), (other_x, other_y, other_anchor) in combinations(names, 2):
        assert anchor != other_anchor or x != other_x or abs(float(y) - float(other_y)) > 19.9
    near = [abs(float(y) - float(names[0][1])) for _, y, _ in names]
    assert near.count(0) <= 2  # one on either side
