"""Problems as plain text that fits a terminal and a log."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent, wrap

from drmbids.bids.files.problems import Problem, grouped

_WIDTH = 100


def problem_table(
    problems: Sequence[Problem], root: Path | str = "", together: bool = False
) -> str:
    """Return all problems, errors first, with a last line that counts them.

    Parameters
    ----------
    problems : sequence of Problem
        Those found.
    root : path
        Taken off the names of files that lie below it.
    together : bool
        Whether problems that differ in file and numbers alone are one, with a count.

    Returns
    -------
    str

    Examples
    --------
    >>> problem = Problem("IM09", "ds/a.nii.gz", "bytes after it", "copy it again")
    >>> print(problem_table([problem], "ds"))
    IM09  warning  a.nii.gz
                   found:  bytes after it
                   remedy: copy it again
    0 errors, 1 warning
    """
    rows = sorted(problems, key=lambda p: p.severity)  # "error" before "warning"
    parts = [_row(problem, f"{root}/") for problem in (grouped(rows) if together else rows)]
    n_errors = sum(p.severity == "error" for p in rows)
    counts = [_count(n_errors, "error"), _count(len(rows) - n_errors, "warning")]
    more = "" if len(parts) == len(rows) else " (each with -v)"
    return "\n".join([*parts, ", ".join(counts) + more])


def _row(problem: Problem, root: str) -> str:
    """Return one problem on three lines or more."""
    place = f"{problem.file.replace(root, '')}" + (f": {problem.where}" if problem.where else "")
    head = f"{problem.code}  {problem.severity:7}  {place}"
    told = [("found:  ", problem.found.replace(root, "")), ("remedy: ", problem.remedy)]
    body = "\n".join(line for title, text in told for line in _wrapped(title, text))
    return f"{head}\n{indent(body, ' ' * 15)}"


def _wrapped(title: str, text: str) -> list[str]:
    """Return a text in lines, the later ones below the first; names of files stay whole."""
    hanging = " " * len(title)
    return wrap(
        text,
        _WIDTH - 15,
        initial_indent=title,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
