"""Kinds of arguments: labels with or without their prefix, and ``name=path``."""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Endings that are no part of an image's name.
_EXTENSIONS = (".label.gii", ".shape.gii", ".gii", ".dlabel.nii", ".dscalar.nii", ".nii.gz", ".nii")

#: Answers in place of a label: any label, or files without the entity.
SPECIAL = ("*", "Query.ANY", "Query.NONE")


def label(prefix: str) -> Callable[[str], str]:
    """Return a converter that takes off ``sub-``, ``ses-`` ... where it is given.

    ``*`` stands for any label, ``Query.NONE`` for files without the entity.

    Examples
    --------
    >>> label("sub")("sub-01"), label("sub")("01")
    ('01', '01')
    """

    def convert(text: str) -> str:
        found = text.removeprefix(f"{prefix}-")
        if text not in SPECIAL and not found.replace("+", "").isalnum():
            raise argparse.ArgumentTypeError(f"{text!r} is no BIDS label: letters and digits only")
        return found

    return convert


@dataclass(frozen=True)
class positive:
    """Converter for positive numbers of a kind (int, float); 0 only where asked.

    Examples
    --------
    >>> positive(int)("3"), positive(float, zero=True)("0")
    (3, 0.0)
    """

    kind: type
    zero: bool = False

    def __call__(self, text: str) -> float:
        """Return the number, or raise what argparse makes a message of."""
        try:
            value = self.kind(text)
        except ValueError:
            value = -1
        if not (value > 0 or (self.zero and value == 0)) or value == float("inf"):
            what = "whole number" if self.kind is int else "number"
            limit = "0 or more" if self.zero else "above 0"
            raise argparse.ArgumentTypeError(f"needs a {what}, {limit}, got {text!r}")
        return value


#: Units of memory, as letters after a number, in MB.
_MEGABYTES = {"": 1.0, "K": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}


def megabytes(text: str) -> int:
    """Return memory in MB: a number of them, or one with a unit.

    Examples
    --------
    >>> megabytes("16000"), megabytes("16GB"), megabytes("1.5T")
    (16000, 16000, 1500000)
    """
    found = re.fullmatch(r"([0-9.]+)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    try:
        size = int(float(found[1]) * _MEGABYTES[found[2]]) if found else 0
    except ValueError:
        size = 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"needs MB, or a number with K, M, G or T, got {text!r}")
    return size


def filters(text: str) -> dict[str, Any]:
    """Return the filters of a BIDS filter file: its part for ``bold``, or all where it has none."""
    try:
        content = json.loads(Path(text).read_text("utf-8-sig"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error.strerror}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: not valid JSON ({error})") from error
    found = content.get("bold", content) if isinstance(content, dict) else content
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'{text}: needs the form {{"bold": {{entity: label}}}}')
    # TOML, which keeps the configuration, has no null
    return {name: _without_null(value) for name, value in found.items()}


def _without_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_null(one) for one in value]
    return "Query.NONE" if value is None else value


class NamedPaths(argparse.Action):
    """Collects ``name=path`` or ``path`` into a dict; a path alone is named after its file."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the paths to what was given before."""
        found = dict(getattr(namespace, self.dest, None) or {})
        for text in values or ():
            name, equals, path = text.partition("=")
            if not equals:
                name, path = self.name_of(text), text
            if not name or not path:
                parser.error(f"argument {option_string}: needs name=path or path, got {text!r}")
            if name in found:
                parser.error(
                    f"argument {option_string}: two paths are named {name!r}; "
                    "give each a name: name=path"
                )
            found[name] = Path(path)
        setattr(namespace, self.dest, found)

    def name_of(self, path: str) -> str:
        """Return the name of a path that comes without one."""
        return Path(path).name


class NamedDatasets(NamedPaths):
    """Datasets; a path alone is named after its folder, as far as BIDS URIs allow."""

    def name_of(self, path: str) -> str:
        """Return the letters and digits of the folder's name."""
        return "".join(c for c in Path(path).resolve().name if c.isalnum())


class NamedImages(NamedPaths):
    """Images; a path alone is named after its content, as BIDS file names tell it."""

    def name_of(self, path: str) -> str:
        """Return the ``label-`` or ``desc-`` label in a BIDS name, else the file's stem."""
        stem = Path(path).name
        for extension in _EXTENSIONS:
            stem = stem.removesuffix(extension)
        entities = dict(part.split("-", 1) for part in stem.split("_") if "-" in part)
        return entities.get("label") or entities.get("desc") or stem


#: In place of spaces: each trial type is one.
EACH = "each"


class NamedSpaces(argparse.Action):
    """Collects ``name=trial_type,trial_type`` into a dict; empty where each is a space."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the spaces to what was given before."""
        found = dict(getattr(namespace, self.dest, None) or {})
        for text in [] if list(values or ()) == [EACH] else values or ():
            name, equals, conditions = text.rpartition("=")
            name = name if equals else conditions.replace(",", "+")
            members = tuple(part for part in conditions.split(",") if part)
            if not name or not members:
                parser.error(f"argument {option_string}: needs name=trial_type,..., got {text!r}")
            if name in found:
                parser.error(f"argument {option_string}: two spaces are named {name!r}")
            found[name] = members
        setattr(namespace, self.dest, found)
