"""Data flows one way: each room imports only from the rooms named here."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "segue"

GROUND = {"errors", "types", "progress", "crew", "settings", "home", "store"}
ALLOWED = {
    "errors": set(),
    "progress": set(),
    "crew": {"errors"},
    "types": set(),
    "settings": {"errors"},
    "home": {"errors"},
    "store": {"errors"},
    "catalogue": GROUND,
    "audio": GROUND,
    "encoders": GROUND | {"catalogue", "audio"},
    "listening": GROUND | {"catalogue"},
    "taste": GROUND | {"listening"},
    "qualities": GROUND | {"catalogue", "audio", "encoders"},
    "recommend": GROUND | {"catalogue", "audio", "encoders", "listening", "taste", "qualities"},
    "evaluate": GROUND | {"listening", "taste"},
    "tune": GROUND | {"listening", "taste", "evaluate"},
    "library": GROUND | {"catalogue", "audio", "encoders", "listening", "taste", "qualities", "recommend"},
    "demo": GROUND | {"library", "catalogue", "audio", "encoders", "listening", "taste", "qualities", "recommend"},
    "cli": None,  # a face: may use every room below it
    "server": None,
    "__init__": {"errors", "library"},
    "__main__": {"cli"},
}
FACES = {"cli", "server", "demo", "__main__"}


def room(module: Path) -> str:
    parts = module.relative_to(SOURCE).with_suffix("").parts
    return parts[0]


def imports(module: Path) -> list[tuple[str, str]]:
    """Each module of segue that is imported, and what of it ("" for all)."""
    found = []
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            base = node.module or ""
            for alias in node.names:
                place = SOURCE.parent.joinpath(*base.split("."), alias.name)
                inner = place.is_dir() or place.with_suffix(".py").exists()
                found.append((f"{base}.{alias.name}", "") if inner else (base, alias.name))
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
    return [(name, what) for name, what in found if name.split(".")[0] == "segue"]


def arrows() -> list[tuple[str, str, str]]:
    found = []
    for module in sorted(SOURCE.rglob("*.py")):
        for name, what in imports(module):
            target = name.split(".")[1] if "." in name else what or "__init__"
            found.append((str(module.relative_to(SOURCE)), room(module), target))
    return found


def test_every_room_has_its_place_in_the_graph() -> None:
    rooms = {room(module) for module in SOURCE.rglob("*.py")}
    assert rooms <= set(ALLOWED), f"rooms without a place: {rooms - set(ALLOWED)}"


def test_no_arrow_runs_back() -> None:
    wrong = []
    for module, source, target in arrows():
        if source == target or (source == "__init__" and target in ALLOWED["__init__"]):
            continue
        allowed = ALLOWED[source]
        if allowed is None:
            allowed = set(ALLOWED) - (FACES - {source, "demo"})
        if target not in allowed and not (target in {"open", "__version__"} and source in FACES):
            wrong.append(f"{module} ({source}) → {target}")
    assert not wrong, "\n".join(wrong)


def reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    stack = list(graph[start])
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack += graph.get(name, ())
    return seen


def test_the_table_has_no_circle() -> None:
    graph = {name: set(allowed or ()) for name, allowed in ALLOWED.items()}
    assert not [name for name in graph if name in reach(graph, name)]


def test_no_module_needs_itself() -> None:
    """Late imports count too: a circle that is cut at run time is still one to read."""
    graph: dict[str, set[str]] = {}
    for module in SOURCE.rglob("*.py"):
        name = ".".join(("segue", *module.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {target for target, _ in imports(module)}
    graph["segue"] = set()  # the package's own names are looked up late, so that importing it costs nothing
    assert not sorted(name for name in graph if name in reach(graph, name))


@pytest.mark.parametrize("name", ["torch", "pickle"])
def test_no_module_imports_what_is_forbidden_at_its_top(name: str) -> None:
    """Pickle nowhere; torch at the top of a module only where models live (start-up stays fast)."""
    for module in sorted(SOURCE.rglob("*.py")):
        if name == "torch" and room(module) in {"encoders", "taste", "audio"}:
            continue
        for node in ast.parse(module.read_text("utf-8")).body:
            imported = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not [found for found in imported if found.split(".")[0] == name], module
