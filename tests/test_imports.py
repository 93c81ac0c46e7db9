"""Modules import one another in one direction, imports for type checkers alone included."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def module_name(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imports(source: str, modules: set[str]) -> set[str]:
    """Return the modules of the package that a source imports, wherever the statement stands."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            within = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            found |= within or {node.module or ""}
    return found & modules


def circle(sources: dict[str, str]) -> list[str]:
    """Return modules that import each other in a circle, none where there are none."""
    try:
        TopologicalSorter({m: imports(s, set(sources)) - {m} for m, s in sources.items()}).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    files = {module_name(p): p for p in sorted((ROOT / "drmbids").rglob("*.py"))}
    assert len(files) > 400
    assert circle({name: path.read_text(encoding="utf-8") for name, path in files.items()}) == []


@pytest.mark.parametrize(
    "back",
    [
        "import p.a",
        "from p import a",
        "from p.a import thing",
        "if TYPE_CHECKING:\n    from p.a import Thing",
        "def late():\n    from p import a",
    ],
)
def test_the_check_sees_circles(back: str) -> None:
    sources = {"p": "", "p.a": "from p.b import other", "p.b": "from p import c", "p.c": back}
    assert set(circle(sources)) == {"p.a", "p.b", "p.c"}
    assert circle({**sources, "p.c": "import ast"}) == []
