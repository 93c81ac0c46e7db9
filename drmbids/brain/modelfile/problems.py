"""Faults of a model, each with the place it lies at, gathered and shown together."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drmbids.data.tools.exceptions import ModelError

#: Keys and list positions that lead to a value.
Path = tuple[str | int, ...]

_SHOWN = 12  # names listed in a message before it becomes unreadable


@dataclass(frozen=True)
class Problem:
    """A fault of a model.

    Parameters
    ----------
    path : tuple of str or int
        Where it lies.
    message : str
        What is wrong, and what to do about it.
    """

    path: Path
    message: str


def path_text(path: Path) -> str:
    """Return a path as text.

    Examples
    --------
    >>> path_text(("projections", 2, "delay_s"))
    'projections[2].delay_s'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def listed(names: Iterable[str]) -> str:
    """Return names for a message, cut off where there are very many."""
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


def shortened(text: str, length: int = 200) -> str:
    """Return a text without its middle where it is long.

    Examples
    --------
    >>> shortened("0123456789", length=8)
    '01 ... 9'
    """
    keep = length - len(" ... ")
    if len(text) <= length:
        return text
    return f"{text[: keep - keep // 2]} ... {text[len(text) - keep // 2 :]}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return what was probably meant, or else what there is.

    Examples
    --------
    >>> suggestion("dealy_s", ["from", "to", "delay_s"])
    "did you mean 'delay_s'?"
    """
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of: {listed(known)}"


def path_in(data: Any, loc: Sequence[str | int], kind: str) -> Path:
    """Return the keys of a location that the data have, without pydantic's names of branches."""
    path: list[str | int] = []
    for step, part in enumerate(loc):
        inside = isinstance(data, Mapping) and part in data
        inside = inside or (isinstance(data, list) and part in range(len(data)))
        last_missing = kind == "missing" and step == len(loc) - 1
        if inside:
            data = data[part]
        if inside or last_missing:
            path.append(part)
    return tuple(path)


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """Return the line of a path, or of the nearest section that holds it."""
    for end in range(len(path), -1, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def raise_problems(
    problems: Iterable[Problem], source: str = "", lines: Mapping[Path, int] | None = None
) -> None:
    """Raise all problems as one error, in the order of their lines; do nothing without any.

    Parameters
    ----------
    problems : iterable of Problem
    source : str
        File that they are in.
    lines : mapping of path to int, optional
        Lines of the file.

    Raises
    ------
    ModelError
        One line for each: ``file:line: path.to.key: problem; remedy``.
    """
    found = []
    for problem in dict.fromkeys(problems):
        line = line_of(problem.path, lines or {})
        where = [f"{source}:{line}" if line else source] if source else []
        path = path_text(problem.path)
        text = ": ".join([*where, *([path] if path else []), problem.message])
        found.append((line or 0, text))
    if found:
        raise ModelError([text for _, text in sorted(found, key=lambda entry: entry[0])])
