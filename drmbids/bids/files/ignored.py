"""Files that a dataset lists in its ``.bidsignore``, by the rules of ``.gitignore``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from drmbids.bids.files.dataset import Dataset
from drmbids.bids.files.entities import PROCESSING, BIDSName, keys, matches
from drmbids.bids.files.problems import Problem, error, warn

NAME = ".bidsignore"

# End of the name of a raw image.
_BOLD = "_bold.nii.gz"
# Runs that a message names.
_NAMED = 5

# What the wildcards of a pattern stand for; none of them reaches across a slash but **.
_WILDCARDS = {"**/": "(?:[^/]+/)*", "/**": "/.+", "*": "[^/]*", "?": "[^/]"}
_TOKEN = re.compile(r"\\.|^\*\*/|(?<=/)\*\*/|/\*\*$|\*+|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)


@dataclass(frozen=True)
class Ignored:
    """Patterns of a ``.bidsignore``; the last one that matches decides.

    Parameters
    ----------
    patterns : sequence of str
        Its lines: ``#`` begins a comment, ``!`` takes files back in, a slash at the end stands for
        folders, one elsewhere binds the pattern to the root of the dataset.

    Examples
    --------
    >>> ignored = Ignored(("*_run-99_*", "sub-pilot/"))
    >>> ignored.holds("sub-01/func/sub-01_task-x_run-99_bold.nii.gz")
    True
    >>> ignored.holds("sub-pilot/func/sub-pilot_task-x_bold.nii.gz"), ignored.holds("sub-pilot")
    (True, False)
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, root: Path) -> "Ignored":
        """Return the patterns of a dataset, none where it has no such file.

        Raises
        ------
        DataError
            If the file cannot be read.
        """
        path = root / NAME
        if not path.is_file():
            return cls()
        try:
            return cls(tuple(path.read_text(encoding="utf-8-sig").splitlines()))
        except (OSError, UnicodeDecodeError) as fault:
            raise error("DS02", path, f"cannot be read: {fault}", "save it as UTF-8") from fault

    @cached_property
    def _rules(self) -> "list[_Rule]":
        found = [_rule(line) for line in self.patterns]
        return [rule for rule in found if rule is not None]

    def holds(self, path: str) -> bool:
        """Return whether a file is ignored, by itself or with a folder that it is in.

        Parameters
        ----------
        path : str
            From the root of the dataset, with slashes.
        """
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            place, is_file = "/".join(parts[:depth]), depth == len(parts)
            rules = [r for r in self._rules if not (is_file and r.folders)]
            decided = [r.ignores for r in rules if r.pattern.fullmatch(place)]
            if decided and decided[-1]:
                return True  # what is in an ignored folder cannot be taken back in
        return False


class _Rule(NamedTuple):
    """What one line says."""

    ignores: bool
    folders: bool  # and nothing else
    pattern: re.Pattern[str]


def _rule(line: str) -> _Rule | None:
    """Return what a line says, None where it says nothing."""
    text = re.sub(r"(?<!\\)[ \t]+$", "", line)
    if not text or text.startswith("#"):
        return None
    ignores = not text.startswith("!")
    text = text if ignores else text[1:]
    folders = text.endswith("/")
    text = text.rstrip("/") if folders else text
    bound = "/" in text
    body = "".join(_translated(token) for token in _TOKEN.findall(text.removeprefix("/")))
    start = "" if bound else "(?:.*/)?"
    try:
        return _Rule(ignores, folders, re.compile(start + body, re.DOTALL))
    except re.error:  # a range that is none matches nothing
        return None


def _translated(token: str) -> str:
    """Return a part of a pattern as a regular expression."""
    if token in _WILDCARDS:
        return _WILDCARDS[token]
    if token.startswith("\\") and len(token) > 1:
        return re.escape(token[1])
    if token.startswith("[") and len(token) > 1:
        inner = token[1:-1].replace("\\", "\\\\")
        return f"[^{inner[1:]}]" if inner[:1] in "!^" and inner else f"[{inner}]"
    return "[^/]*" if token.startswith("*") else re.escape(token)


def ignored_by(dataset: Dataset) -> tuple[Dataset, Ignored]:
    """Return the raw dataset of a dataset and what it ignores; itself and nothing without one.

    What a derivative lists is what BIDS has no names for yet, such as surfaces, not what is bad.

    Parameters
    ----------
    dataset : Dataset
    """
    raw = dataset.raw_dataset() if dataset.is_derivative else dataset
    return (dataset, Ignored()) if raw is None else (raw, Ignored.of(raw.root))


def kept_subjects(dataset: Dataset, subjects: Sequence[str]) -> list[str]:
    """Return participants but for those of which all is ignored.

    Parameters
    ----------
    dataset : Dataset
    subjects : sequence of str
        Labels.
    """
    raw, ignored = ignored_by(dataset)
    if not ignored.patterns:
        return list(subjects)
    kept = []
    for label in subjects:
        folder = raw.root / f"sub-{label}"
        inside = [f"{folder.name}/{p.name}" for p in folder.iterdir()] if folder.is_dir() else []
        if not all(map(ignored.holds, inside or [f"{folder.name}/func"])):
            kept.append(label)
    return kept


def ignored_subjects(dataset: Dataset, subjects: Sequence[str]) -> Problem | None:
    """Return the warning about participants of which all is ignored, None without any.

    Parameters
    ----------
    dataset : Dataset
    subjects : sequence of str
        Labels.
    """
    kept = set(kept_subjects(dataset, subjects))
    lost = [f"sub-{label}" for label in subjects if label not in kept]
    if not lost:
        return None
    remedy = "take them out of there if they are to be analysed"
    path = str(ignored_by(dataset)[0].root / NAME)
    return Problem("DS12", path, f"leaves out {', '.join(lost)}", remedy)


def without_ignored(
    found: Sequence[tuple[Dataset, BIDSName]], dataset: Dataset, query: Mapping[str, list[str]]
) -> list[tuple[Dataset, BIDSName]]:
    """Return the images that are not ignored; warn of those that would match the query.

    Parameters
    ----------
    found : sequence of (Dataset, BIDSName)
        Images and the dataset that each is in.
    dataset : Dataset
        The one that was asked for.
    query : mapping of str to list of str
        What is asked for.

    Raises
    ------
    DataError
        If nothing else matches.
    """
    raw, ignored = ignored_by(dataset)
    kept, lost = [], []
    for source, name in found:
        # a derived image is ignored as the raw one it was made from
        own = source.root == raw.root
        path = name.path.relative_to(raw.root).as_posix() if own else _raw_path(name)
        (lost if ignored.holds(path) else kept).append((source, name))
    asked = [name for _, name in lost if matches(name, query)]
    if not asked:
        return kept
    labels = list(dict.fromkeys(_raw_path(n).rpartition("/")[2].removesuffix(_BOLD) for n in asked))
    some = ", ".join(labels[:_NAMED]) + f" and {len(labels) - _NAMED} more" * (len(labels) > _NAMED)
    told, remedy = f"leaves out {some}", "take it out of there if it is to be analysed"
    if not any(matches(name, query) for _, name in kept):
        raise error("DS04", raw.root / NAME, f"{told}, and nothing else matches", remedy)
    warn("DS12", raw.root / NAME, told, remedy)
    return kept


def _raw_path(name: BIDSName) -> str:
    """Return where the raw dataset has the image that one was made from."""
    raw = {k: v for k, v in name.entities.items() if k not in PROCESSING and k != "hemi"}
    stem = "_".join(f"{keys().get(entity, entity)}-{label}" for entity, label in raw.items())
    folders = [f"{keys()[k]}-{raw[k]}" for k in ("subject", "session") if k in raw]
    return "/".join([*folders, "func", stem + _BOLD])
