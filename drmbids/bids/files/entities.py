"""BIDS file names: entities by their long names, and the question which file is asked for."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from drmbids.bids.files.problems import error
from drmbids.data.tools.exceptions import UsageError

#: Extensions of the images that are read.
NIFTI = (".nii", ".nii.gz")

#: Kinds of files that hold BOLD, and their extensions.
FORMATS = {
    "nifti": NIFTI,
    "gifti": (".func.gii",),
    "dtseries": (".dtseries.nii",),
    "ptseries": (".ptseries.nii",),
}

# Names before fMRIPrep 1.2 (2018), `sub-01_task-x_bold_space-T1w_preproc.nii.gz`: suffix and desc
# of today.
_OLD_NAMES = {"preproc": ("bold", "preproc"), "brainmask": ("mask", "brain")}

#: Entities whose label is a number: ``run-1`` and ``run-01`` name the same run.
INDEX_ENTITIES = ("run", "echo", "flip", "inv", "chunk")

#: Entities in which images of one and the same run may differ.
PROCESSING = (
    *("space", "cohort", "res", "den", "desc", "label", "echo", "part"),
    *("atlas", "segmentation", "scale", "stat"),
)

#: Answers that are no label, which holds no dot: any label will do, or the entity must be absent.
ANY, NONE = "Query.ANY", "Query.NONE"

# Entities of BIDS that pybids' files lack.
_NEWER = ("cohort", "scale")

# How filter files of fMRIPrep, and pybids' own Query, write them.
_SPECIAL = {NONE: NONE, ANY: ANY, "*": ANY, "Query.REQUIRED": ANY}


@cache
def long_names() -> dict[str, str]:
    """Return the long name of each entity key, from pybids: ``{"sub": "subject", ...}``."""
    # its files are read where they lie: importing pybids takes a second, for its database
    package = find_spec("bids")
    assert package is not None and package.origin is not None
    names = {}
    for config in ("bids", "derivatives"):
        path = Path(package.origin).parent / "layout" / "config" / f"{config}.json"
        for entity in json.loads(path.read_text(encoding="utf-8"))["entities"]:
            key = re.search(r"([a-z]+)-\(", entity["pattern"])
            if key is not None:
                names[key[1]] = entity["name"]
    return names | {key: key for key in _NEWER}


@cache
def keys() -> dict[str, str]:
    """Return the key of each entity by its long name: ``{"subject": "sub", ...}``."""
    return {name: key for key, name in long_names().items()}


@dataclass(frozen=True)
class BIDSName:
    """One file, taken apart by its name alone.

    The folders above the file are not looked at: pybids reads entities from the whole path, so
    that a dataset stored below a folder ``run-7`` would be all run 7.

    Parameters
    ----------
    path : Path
        The file.
    entities : mapping of str to str
        Label by long entity name, in the order of the file name; an entity that BIDS does not
        know keeps its key.
    suffix : str
        ``"bold"``, ``"events"``.
    extension : str
        ``".nii.gz"``, with its dots.
    """

    path: Path
    entities: Mapping[str, str] = field(hash=False)
    suffix: str
    extension: str

    @classmethod
    def parse(cls, path: Path) -> "BIDSName | None":
        """Return the parts of a file name, or None if it is not ``key-label_..._suffix.ext``.

        Names as fMRIPrep wrote them before 2018 (``..._bold_space-T1w_preproc.nii.gz``) are
        understood.
        """
        stem, dot, extension = path.name.partition(".")
        *pairs, suffix = stem.split("_")
        old = "bold" in pairs
        pairs = [pair for pair in pairs if pair != "bold"]
        split = [pair.partition("-") for pair in pairs]
        if not dot or not suffix.isalnum() or not all(k and label for k, _, label in split):
            return None
        entities = {long_names().get(key, key): label for key, _, label in split}
        if old and suffix in _OLD_NAMES:
            suffix, entities["desc"] = _OLD_NAMES[suffix]
        return cls(path, entities, suffix, dot + extension)

    @property
    def file_format(self) -> str | None:
        """Kind of file, if it can hold the BOLD of a run: a key of :data:`FORMATS`."""
        parcels = self.suffix == "timeseries" and self.extension == ".ptseries.nii"  # XCP-D's
        if "subject" not in self.entities or (self.suffix != "bold" and not parcels):
            return None
        return next((kind for kind, ends in FORMATS.items() if self.extension in ends), None)

    def without(self, names: Iterable[str]) -> dict[str, str]:
        """Return the entities but for some, numbers without their leading zeros."""
        drop = set(names)
        return {k: plain(k, v) for k, v in self.entities.items() if k not in drop}


def plain(entity: str, label: str) -> str:
    """Return a label as it is compared: the index ``01`` is ``1``, other labels stay."""
    return str(int(label)) if entity in INDEX_ENTITIES and label.isdecimal() else label


def natural(text: str) -> list[Any]:
    """Return a sorting key that puts ``run-2`` before ``run-10``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]


def read_query(filters: Mapping[str, Any], entities: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is asked for: for each entity the labels, or special answers, that are welcome.

    Parameters
    ----------
    filters : mapping
        Entity to label, list of labels, None or ``"Query.NONE"`` (the entity must be absent),
        ``"*"`` or ``"Query.ANY"`` (any label).
    entities : mapping
        The same from keyword arguments, but that None asks for nothing.

    Raises
    ------
    UsageError
        If an entity is unknown, or asked for twice with different labels.
    """
    query = {name: _answers(name, value) for name, value in filters.items()}
    for name, value in entities.items():
        if value is None:
            continue
        answers = _answers(name, value)
        if query.get(name, answers) != answers:
            raise UsageError(
                f"{name} is {value!r} in the call and {filters[name]!r} in the filters; say it once"
            )
        query[name] = answers
    return query


def _answers(name: str, value: Any) -> list[str]:
    """Return the welcome labels of one entity, without their key."""
    if name not in keys() and name not in ("datatype", "suffix", "extension"):
        known = ", ".join(keys())
        raise UsageError(f"unknown entity {name!r}; choose among: {known}")
    answers = []
    for item in value if isinstance(value, list | tuple | set) else [value]:
        if item is None or str(item) in _SPECIAL:
            answers.append(NONE if item is None else _SPECIAL[str(item)])
        else:
            label = str(item).removeprefix(f"{keys().get(name, name)}-")
            answers.append(plain(name, label))
    return answers


def matches(name: BIDSName, query: Mapping[str, list[str]]) -> bool:
    """Return whether a file is what the query asks for."""
    there = {
        **name.without(()),
        "suffix": name.suffix,
        "extension": name.extension,
        "datatype": name.path.parent.name,
    }
    for entity, answers in query.items():
        label = there.get(entity)
        if label is None:
            if NONE not in answers:
                return False
        elif ANY not in answers and label not in answers:
            return False
    return True


def most_specific(files: Iterable[BIDSName], what: str, target: str) -> BIDSName | None:
    """Return the file that the inheritance principle prefers, None without any.

    Deeper folders win over higher ones, then names with more entities over those with fewer.

    Parameters
    ----------
    files : iterable of BIDSName
        Files that all apply to the target.
    what, target : str
        Named in the message.

    Raises
    ------
    DataError
        If two files are as specific as each other.
    """
    ranked = sorted(files, key=_specificity)
    if len(ranked) > 1 and _specificity(ranked[-1]) == _specificity(ranked[-2]):
        found = f"two {what} files apply equally: {ranked[-2].path} and {ranked[-1].path}"
        raise error("DS07", target, found, "keep one")
    return ranked[-1] if ranked else None


def _specificity(name: BIDSName) -> tuple[int, int]:
    return len(name.path.parts), len(name.entities)
