"""The rules of the house that no linter knows: where things live, and how long they may be."""

import ast
import inspect
import re
import tomllib
from abc import ABC
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from torch import nn

from drmbids.data.tools.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "drmbids"
MODULES = sorted(PACKAGE.rglob("*.py"))
COMPONENT_ROOMS = ["populations", "connections", "readouts", "losses"]
MAX_FUNCTION_LINES = 60  # without the docstring
MAX_MODULE_LINES = 350
CHANGE_KINDS = ["feature", "fix", "numerics", "docs"]

# Pickles run code when they are read, and break when classes move.
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"}
PICKLING_CALLS = {
    "torch.save",
    "torch.load",
    "joblib.dump",
    "joblib.load",
    "pd.read_pickle",
    "pandas.read_pickle",
}


def where(path: Path, node: ast.AST | None = None) -> str:
    """Return file and line for a message."""
    line = f":{node.lineno}" if node is not None and hasattr(node, "lineno") else ""
    return f"{path.relative_to(ROOT)}{line}"


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Return all nodes of the syntax tree of a module."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a module."""
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported_names(node: ast.AST) -> list[str]:
    """Return the modules that an import statement names, relative ones with their dots."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def plan() -> dict[Path, set[str]]:
    """Return the names in the layers of each contract of pyproject.toml, by their folder."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        ROOT.joinpath(*container.split(".")): {
            name.strip() for layer in contract["layers"] for name in layer.split("|")
        }
        for contract in config["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def registries() -> list[tuple[str, Registry]]:
    """Return every registry that the component rooms hold, with its room."""
    found = []
    for room in COMPONENT_ROOMS:
        package = import_module(f"drmbids.brain.{room}")
        found += [(room, value) for value in vars(package).values() if isinstance(value, Registry)]
    return found


def registered(room: str) -> set[str]:
    """Return the import strings of all components registered in a room."""
    return {t for r, registry in registries() if r == room for t in registry.targets().values()}


def test_every_wing_and_folder_has_its_place() -> None:
    wings = {path.parent for path in PACKAGE.glob("*/__init__.py")}
    assert set(plan()) == {PACKAGE, *wings}
    for folder, named in plan().items():
        there = {p.relative_to(folder).parts[0].removesuffix(".py") for p in folder.rglob("*.py")}
        assert there - {"__init__"} == named, where(folder)


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert [where(f) for f in folders if not (f / "__init__.py").is_file()] == []


def test_tests_mirror_the_package() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.glob("*/**/*.py")}
    assert len(folders) > 20
    assert [str(folder) for folder in folders if not (PACKAGE / folder).is_dir()] == []


def test_no_import_of_the_package_inside_functions() -> None:
    late = [
        where(path, node)
        for path in MODULES
        for function in functions(path)
        for node in ast.walk(function)
        if any(name.startswith((".", "drmbids")) for name in imported_names(node))
    ]
    assert late == []


def test_imports_are_absolute_and_annotations_are_evaluated() -> None:
    bad = [
        where(path, node)
        for path in MODULES
        for node in nodes_of(path)
        if any(name.startswith(".") or name == "__future__" for name in imported_names(node))
    ]
    assert bad == []


def test_functions_fit_a_screen() -> None:
    long = {}
    for path in MODULES:
        for function in functions(path):
            n_lines = (function.end_lineno or 0) - function.lineno + 1
            first = function.body[0]
            if ast.get_docstring(function) is not None:
                n_lines -= (first.end_lineno or 0) - first.lineno + 1
            if n_lines > MAX_FUNCTION_LINES:
                long[f"{where(path, function)} {function.name}"] = n_lines
    assert long == {}


def test_modules_hold_one_idea() -> None:
    lengths = {where(p): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: n for name, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_nothing_is_pickled() -> None:
    pickled = []
    for path in MODULES:
        for node in nodes_of(path):
            names = {name.partition(".")[0] for name in imported_names(node)}
            if isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            if isinstance(node, ast.Attribute):
                names.add(ast.unparse(node))
                names |= {"pickle"} if node.attr == "to_pickle" else set()
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                names |= set() if ast.unparse(node.value) == "False" else {"pickle"}
            if names & (PICKLES | PICKLING_CALLS):
                pickled.append(where(path, node))
    assert pickled == []


def test_no_file_names_a_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users)/")
    named = [
        f"{where(path)}:{number}"
        for folder in ("drmbids", "docs", "examples", "benchmarks", "changes")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".json", ".tsv", ".html", ".j2"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert named == []


def test_registries_are_there() -> None:
    kinds = {registry.kind for _, registry in registries()}
    assert len(kinds) == len(registries()) >= len(COMPONENT_ROOMS)
    for room, names in {
        "populations": ["POPULATIONS"],
        "connections": ["CONNECTIONS"],
        "readouts": ["READOUTS", "HRFS"],
        "losses": ["LOSSES"],
    }.items():
        package = import_module(f"drmbids.brain.{room}")
        assert all(isinstance(getattr(package, name), Registry) for name in names)


@pytest.mark.parametrize("room", COMPONENT_ROOMS)
def test_every_component_is_registered(room: str) -> None:
    forgotten = []
    for path in sorted((PACKAGE / "brain" / room).glob("*.py")):
        name = f"drmbids.brain.{room}"
        name = name if path.stem == "__init__" else f"{name}.{path.stem}"
        for label, thing in vars(import_module(name)).items():
            if not inspect.isclass(thing) or thing.__module__ != name or label.startswith("_"):
                continue
            base = inspect.isabstract(thing) or ABC in thing.__bases__
            usable = issubclass(thing, nn.Module) and not base
            if usable and f"{name}:{label}" not in registered(room):
                forgotten.append(f"{name}:{label}")
    assert forgotten == []


@pytest.mark.parametrize("room", COMPONENT_ROOMS)
def test_every_component_lives_in_its_room_and_has_its_test(room: str) -> None:
    for target in registered(room):
        package, _, module = target.partition(":")[0].rpartition(".")
        assert package == f"drmbids.brain.{room}", target
        test = ROOT / "tests" / "brain" / room / f"test_{module}.py"
        assert test.is_file(), f"{target} has no {test.relative_to(ROOT)}"


@pytest.mark.parametrize("room", COMPONENT_ROOMS)
def test_every_registered_name_can_be_looked_up(room: str) -> None:
    for registry in (found for r, found in registries() if r == room):
        for name in registry:
            assert registry.name_of(registry[name]) == name


def test_change_fragments_have_a_known_kind() -> None:
    names = [p.name for p in (ROOT / "changes").iterdir() if p.name != "README.md"]
    pattern = re.compile(rf"[a-z0-9-]+\.({'|'.join(CHANGE_KINDS)})\.md")
    assert [name for name in names if not pattern.fullmatch(name)] == []
    empty = [name for name in names if not (ROOT / "changes" / name).read_text().strip()]
    assert empty == []
