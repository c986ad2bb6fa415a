"""The documentation: links lead somewhere, the tutorial runs, nothing is left undocumented, every doctest holds."""

import doctest
import importlib
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import segue

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_reference_says_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/build_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_is_in_the_readme_or_a_page() -> None:
    from segue.cli.app import app

    text = "".join(page.read_text("utf-8") for page in PAGES if "reference" not in page.parts)
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert f"segue {name}" in text, name


def modules() -> list[str]:
    skipped = ("migrations", "__main__")
    return [
        module.name
        for module in pkgutil.walk_packages(segue.__path__, "segue.")
        if not any(part in module.name for part in skipped)
    ]


@pytest.mark.parametrize("name", ["segue", *modules()])
def test_examples_in_docstrings_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_is_for(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


def test_the_tutorial_runs(tmp_path: Path, make_sound: Callable[..., Path]) -> None:
    """Every command of the tutorial, in order, as a newcomer types it; then its Python."""
    home = tmp_path / "home"
    titles = ["Morning", "Noon", "Evening", "Night", "Rain", "Snow", "Wind", "Sun", "Moon", "Star", "Sea", "Hill"]
    for number, title in enumerate(titles):
        tags = {"title": title, "artist": f"Artist {number % 4}", "album": f"Album {number % 3}", "track": str(number)}
        pitch = 110.0 * (1 + number % 4)
        make_sound(
            home / "Music" / f"{number}.flac", seconds=30, frequencies=[pitch, 3 * pitch], noise=number, tags=tags
        )
    listens = [
        {
            "listened_at": 1_700_000_000 + 200 * number,
            "track_metadata": {
                "artist_name": f"Artist {number % 12 % 4}" if number % 7 else "Somebody else",
                "track_name": titles[number % 12],
                "additional_info": {"duration": 30, "duration_played": 30 if number % 5 else 4},
            },
        }
        for number in range(300)
    ]
    with zipfile.ZipFile(home / "listenbrainz.zip", "w") as export:
        export.writestr("user.json", json.dumps({"user_id": 1, "username": "me"}))
        export.writestr("listens/2023/11.jsonl", "\n".join(json.dumps(listen) for listen in listens))
    environment = {
        **os.environ,
        "HOME": str(home),
        "SEGUE_HOME": str(home / "segue"),
        "SEGUE_SIZE": "tiny",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    commands = re.findall(r"^\$ (segue .*)$", text, flags=re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        words = [word.replace("~", str(home)) for word in shlex.split(command)]
        done = subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    playlist = (home / "tonight.m3u8").read_text("utf-8")
    assert playlist.startswith("#EXTM3U")
    assert playlist.count(str(home / "Music")) >= 5
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
