"""Every public class, function and method says what it is, and documents the parameters it has."""

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import drmbids

PACKAGE = Path(drmbids.__file__).parent
SENTENCE = re.compile(r"[A-Z`\"'0-9(].*\w.*[.?!]", re.DOTALL)


def module_names() -> list[str]:
    """Return the dotted names of all modules of the package but ``__main__``."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts).removesuffix(".__init__"))
    return names


def public_things(name: str) -> Iterator[tuple[str, Any]]:
    """Yield qualified name and object of each public thing that a module defines."""
    module = import_module(name)
    yield name, module
    for label, thing in vars(module).items():
        if label.startswith("_") or getattr(thing, "__module__", None) != name:
            continue
        if inspect.isfunction(thing):
            yield f"{name}.{label}", thing
        elif inspect.isclass(thing):
            yield f"{name}.{label}", thing
            yield from public_members(f"{name}.{label}", thing)


def public_members(name: str, owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines itself."""
    for label, member in vars(owner).items():
        # What a decorator or metaclass writes (dataclass, pydantic) is not ours to document.
        written = inspect.isfunction(member) and member.__module__ == owner.__module__
        if label.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            yield f"{name}.{label}", member
        elif written or isinstance(member, classmethod | staticmethod):
            yield f"{name}.{label}", getattr(owner, label)


def documented_parameters(docstring: str) -> list[str] | None:
    """Return the names in the section Parameters, or None without one.

    A line of the section that is not indented gives names and a type: ``a, b : float``.
    """
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-{3,}$|\Z)", docstring, re.DOTALL | re.MULTILINE
    )
    if section is None:
        return None
    heads = [line for line in section[1].splitlines() if line and not line[0].isspace()]
    names = [name.strip() for head in heads for name in head.split(" : ")[0].split(",")]
    return [name for name in names if not name.startswith("*")]


def actual_parameters(thing: Any) -> list[str]:
    """Return the names of the parameters of a function, or of what a class is called with."""
    collecting = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(thing).parameters.values()
    named = [p.name for p in parameters if p.kind not in collecting]
    return [name for name in named if name not in ("self", "cls") and not name.startswith("_")]


def faults(label: str, thing: Any) -> list[str]:
    """Return what is wrong with one docstring."""
    # Inherited docstrings count: an override that keeps the promise need not repeat it.
    docstring = inspect.getdoc(thing) or ""
    summary = docstring.partition("\n\n")[0]
    if not summary:
        return [f"{label}: no docstring"]
    found = []
    if not SENTENCE.fullmatch(summary) or len(summary.split()) < 2:
        found.append(f"{label}: the summary is not a sentence: {summary!r}")
    documented = documented_parameters(docstring)
    if documented is not None and sorted(documented) != sorted(actual_parameters(thing)):
        found.append(f"{label}: documents {documented}, takes {actual_parameters(thing)}")
    return found


@pytest.mark.parametrize("name", module_names())
def test_docstrings_of_a_module(name: str) -> None:
    found = [fault for label, thing in public_things(name) for fault in faults(label, thing)]
    assert found == []


@pytest.mark.parametrize("name", [n for n in drmbids.__all__ if not n.startswith("__")])
def test_public_names_document_their_parameters(name: str) -> None:
    thing = getattr(drmbids, name)
    # A class may inherit its parameters, and their description, from its base.
    sources = inspect.getmro(thing) if inspect.isclass(thing) else (thing,)
    described = any(documented_parameters(inspect.cleandoc(s.__doc__ or "")) for s in sources)
    assert described or not actual_parameters(thing), (
        f"drmbids.{name} takes {actual_parameters(thing)} and has no section Parameters"
    )


def test_the_check_sees_faults() -> None:
    def renamed(one: int, two: int) -> None:
        """Do something.

        Parameters
        ----------
        one, three : int
            Numbers.

        Returns
        -------
        None
        """

    def terse() -> None:
        """no sentence"""

    assert "documents ['one', 'three'], takes ['one', 'two']" in faults("renamed", renamed)[0]
    assert "not a sentence" in faults("terse", terse)[0]
    assert faults("lambda", lambda: None) == ["lambda: no docstring"]
