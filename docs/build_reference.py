"""Write docs/reference/ from the code: the commands, the Python names, the settings.

``--check`` writes nothing and fails where a page is not what the code says now, or a public name has no docstring.
"""

import argparse
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

PAGES = Path(__file__).parent / "reference"
PYTHON = {
    "segue": ["open", "Library"],
    "segue.types": ["Track", "Pick", "Outcome", "Opinion", "Listen", "Feedback"],
    "segue.library.describing": ["Description"],
    "segue.audio.descriptors.values": ["Descriptors"],
    "segue.audio.descriptors.key": ["Key"],
    "segue.recommend.recommender": ["Answer"],
    "segue.recommend.wishes": ["Range", "Wishes"],
    "segue.recommend.explaining": ["Explanation"],
    "segue.recommend.radio": ["Station"],
    "segue.taste.contract": ["TasteModel"],
    "segue.encoders.contract": ["Encoder"],
    "segue.listening.events": ["Events", "Items"],
    "segue.errors": [
        "SegueError",
        "BadInput",
        "UnreadableAudio",
        "UnreadableHistory",
        "NotFound",
        "NotReady",
        "HomeBusy",
        "DamagedHome",
    ],
}


def command_pages() -> str:
    """Every command with its arguments and options, as the program itself says them."""
    from segue.cli.app import app

    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", group.help.strip(), "", *parameters(group)]
    for name, command in group.commands.items():
        lines += [f"## segue {name}", "", inspect.cleandoc(command.help or ""), "", *parameters(command)]
    return "\n".join(lines).rstrip() + "\n"


def parameters(command: Any) -> list[str]:
    """A table of one command's arguments and options."""
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        if parameter.param_type_name == "argument":
            names = f"`{parameter.name.upper()}`"
        assert parameter.help, f"{command.name} {parameter.name} has no help"
        shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
        default = "" if shown in (None, False, []) or callable(shown) else str(getattr(shown, "value", shown))
        rows.append(f"| {names} | {parameter.help} | {default} |")
    return ["| | | default |", "|---|---|---|", *rows, ""] if rows else []


def python_page() -> str:
    """The public names with their signatures and docstrings."""
    lines = ["# Python", "", "What `import segue` gives, and the contracts that models obey."]
    for module_name, names in PYTHON.items():
        lines += ["", f"## {module_name}"]
        module = importlib.import_module(module_name)
        for name in names:
            lines += describe(f"{module_name}.{name}", getattr(module, name), "###")
    return "\n".join(lines).rstrip() + "\n"


def describe(title: str, thing: Any, level: str) -> list[str]:
    """One class or function: signature, docstring, public methods."""
    text = inspect.getdoc(thing)
    assert text, f"{title} has no docstring"
    head = f"{level} {title.removeprefix('segue.segue.')}"
    lines = ["", head, "", "```python", signature(title, thing), "```", "", *fenced(text)]
    if inspect.isclass(thing):
        for name, member in vars(thing).items():
            if name.startswith("_") or not (callable(member) or isinstance(member, classmethod | property)):
                continue
            inner = getattr(thing, name)
            text = inspect.getdoc(inner)
            assert text, f"{title}.{name} has no docstring"
            head = f"{name}" if isinstance(member, property) else signature(name, inner)
            lines += ["", f"**`{head}`**", "", *fenced(text)]
    return lines


def signature(title: str, thing: Any) -> str:
    """How it is called."""
    try:
        said = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", str(inspect.signature(thing)))
    except (ValueError, TypeError):
        said = ""
    return f"{title.rsplit('.', 1)[-1]}{said}".replace("typing.", "")


def fenced(text: str) -> list[str]:
    """A numpy docstring: its first paragraph as prose, the rest kept in shape."""
    first, _, rest = text.partition("\n\n")
    return [first, *(["", "```text", rest, "```"] if rest.strip() else [])]


def settings_page() -> str:
    """Every setting with its spelling in the file and in the environment."""
    from segue.settings import Settings

    lines = [
        "# Settings",
        "",
        "Flags win over the environment, the environment over `segue.toml` in the home folder, that over the defaults.",
        "",
        "| segue.toml | environment | default | |",
        "|---|---|---|---|",
    ]

    def rows(model: type[BaseModel], prefix: str) -> None:
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                rows(inner, f"{prefix}{name}.")
                continue
            variable = "SEGUE_" + f"{prefix}{name}".replace(".", "__").upper()
            lines.append(f"| `{prefix}{name}` | `{variable}` | `{field.default}` | {field.description} |")

    rows(Settings, "")
    lines.append("| | `SEGUE_HOME` | the platform's data folder | where Segue keeps what it knows |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, page in (("cli.md", command_pages()), ("python.md", python_page()), ("settings.md", settings_page())):
        path = PAGES / name
        if check:
            if not path.exists() or path.read_text("utf-8") != page:
                stale.append(str(path))
        else:
            PAGES.mkdir(exist_ok=True)
            path.write_text(page, "utf-8")
    if stale:
        print("not what the code says (run 'make reference'):", *stale)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
