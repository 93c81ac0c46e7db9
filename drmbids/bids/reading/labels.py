"""Names of an atlas' labels: from the call, the table beside the atlas, or the atlas itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.bids.files.dataset import DESCRIPTION
from drmbids.bids.files.entities import BIDSName, most_specific
from drmbids.bids.files.problems import error, lines, warn
from drmbids.bids.files.tsv import MISSING, read_numbers, read_table, require_columns

Labels = Mapping[int, str] | Sequence[str] | None

#: What no region may be called: ``all`` is all regions together in tables over participants,
#: ``n/a`` a missing value, ``each_region`` a word of model files.
RESERVED = ("", "all", MISSING, "each_region")

# What FreeSurfer and Workbench call places that belong to no region.
_BACKGROUND = ("???",)


def label_names(
    path: str, labels: Labels, present: np.ndarray, own: Mapping[int, str] | None = None
) -> dict[int, str] | None:
    """Return the names of an atlas' labels, None if it is a mask.

    Parameters
    ----------
    path : str
        The atlas, by its file.
    labels : mapping of int to str or sequence of str, optional
        Names from the call; a sequence names the labels that occur in rising order.
    present : array of int of shape (n_labels,)
        Labels that occur, rising, without 0.
    own : mapping of int to str, optional
        Names that stand in the atlas' file; those of labels that do not occur are left out.

    Returns
    -------
    dict of int to str, or None
        From the call, else the table (``index``, ``name``) beside the atlas, else the file, else
        the numbers; None where there is no name and one label only.

    Raises
    ------
    DataError
        If a label lacks a name, a name of the call or table has no label, or names repeat.
    """
    table = label_table(path)
    if isinstance(labels, Mapping):
        names = {int(k): str(name) for k, name in labels.items()}
    elif labels is not None:
        if len(labels) != len(present):
            found = f"{len(labels)} names for {len(present)} labels"
            raise error("RG03", path, found, "give each label its name")
        names = {int(k): str(name) for k, name in zip(present, labels, strict=True)}
    elif table is not None:
        names = _read_names(table)
    elif own is not None:
        names = {k: name for k, name in own.items() if k in present and name not in _BACKGROUND}
        present = present[[own.get(int(k)) not in _BACKGROUND for k in present]]
    elif len(present) > 1 or Path(path).name.partition(".")[0].endswith("_dseg"):
        names = {int(k): str(k) for k in present}
    else:
        return None
    names = {
        k: name.strip() for k, name in names.items() if k and name.strip() not in ("", MISSING)
    }
    unnamed = [int(k) for k in present if int(k) not in names]
    if unnamed:
        raise error("RG03", path, f"labels {unnamed[:10]} have no name", "add them to the table")
    missing = [name for k, name in names.items() if k not in present]
    if missing:
        found = f"no voxel for the regions {', '.join(missing[:10])}"
        remedy = "was the atlas cut or resampled? Take them out of the table to go on without them"
        raise error("RG04", path, found, remedy)
    _refuse_repeats(names, path)
    return names


def _refuse_repeats(names: Mapping[int, str], path: str) -> None:
    """Raise if two labels have one name; warn if names differ in nothing but capitals."""
    first: dict[str, int] = {}
    for label, name in names.items():
        if name in first:
            found = f"two labels have one name: {name!r} is {first[name]} and {label}"
            raise error("RG03", path, found, "names of regions must differ")
        first[name] = label
    folded: dict[str, str] = {}
    for name in first:
        if folded.setdefault(name.casefold(), name) != name:
            found = f"the regions {folded[name.casefold()]!r} and {name!r} differ in capitals alone"
            warn("RG09", path, found, "rename one if they are not meant to be two")


def check_names(names: Sequence[str], source: str) -> None:
    """Raise DataError if a region is called like a word that stands for something else.

    Parameters
    ----------
    names : sequence of str
        Of the regions.
    source : str
        Where they come from, for messages.
    """
    for name in names:
        if name.strip().casefold() in RESERVED:
            found = f"a region is called {name!r}, which stands for something else in tables"
            raise error("RG10", source, found, "give it another name")
        if name != name.strip() or not name.isprintable():
            found = f"the name of region {name!r} has blanks at its ends, or what cannot be printed"
            raise error("RG10", source, found, "give it another name")


def label_table(path: str) -> Path | None:
    """Return the table of names that belongs to an atlas, by the inheritance principle.

    It lies beside the atlas, or above it in its dataset, and has no entity that the atlas lacks.
    """
    name = BIDSName.parse(Path(path))
    if name is None:
        return None
    own = name.without(()).items()
    tables = [
        table
        for folder in _folders_of(name.path)
        for table in map(BIDSName.parse, sorted(folder.glob(f"*{name.suffix}.tsv")))
        if table is not None and table.suffix == name.suffix
        if table.without(()).items() <= own
    ]
    found = most_specific(tables, "label", str(path))
    return None if found is None else found.path


def _folders_of(path: Path) -> list[Path]:
    """Return the folder of a file, and those above it in its dataset."""
    folders = [path.parent]
    for folder in path.absolute().parents:
        if (folder / DESCRIPTION).is_file():
            return [f for f in path.absolute().parents if f.is_relative_to(folder)]
    return folders


def _read_names(path: Path) -> dict[int, str]:
    """Return the names in a BIDS table of labels."""
    table = read_table(path)
    require_columns(table, ["index", "name"], path)
    numbers = read_numbers(table, "index", path)
    wrong = ~np.isfinite(numbers) | (numbers != np.round(numbers))
    if wrong.any():
        field = table["index"][wrong].iloc[0]
        found = f"index {field!r} is no whole number"
        where = lines(table.index[wrong])
        raise error("RG03", path, found, "write the value that the region has in the image", where)
    twice = pd.Series(numbers).duplicated(keep=False).to_numpy()
    if twice.any():
        found = f"index {numbers[twice][0]:g} is there {(numbers == numbers[twice][0]).sum()} times"
        raise error("RG03", path, found, "give each value one name", lines(table.index[twice]))
    return {int(k): name for k, name in zip(numbers, table["name"], strict=True)}


def whole_numbers(values: np.ndarray, path: str, place: str = "voxel") -> np.ndarray:
    """Return labels as integers.

    Parameters
    ----------
    values : array
    path : str
        Their file, for messages.
    place : str
        What an element is called.

    Raises
    ------
    DataError
        If a value is no whole number.
    """
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values) | (values != np.round(values))
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            remedy = (
                "labels are whole numbers (threshold maps first, resample with nearest neighbours)"
            )
            where_text = f"{place} {where if len(where) > 1 else where[0]}"
            raise error("RG02", path, f"value {values[where]:g}", remedy, where_text)
    return values.astype(np.int64)


def mask_name(path: str | None) -> str:
    """Return the name of a mask's region: its BIDS ``label`` or ``desc``, else its file's."""
    if not path:
        return "mask"
    name = BIDSName.parse(Path(path))
    entities = {} if name is None else name.entities
    return entities.get("label") or entities.get("desc") or Path(path).name.partition(".")[0]


def single_label(values: np.ndarray, path: str) -> np.ndarray:
    """Return a mask as booleans.

    Parameters
    ----------
    values : array of int
    path : str
        Its file, for messages.

    Raises
    ------
    DataError
        If it holds several labels.
    """
    n_labels = len(np.unique(values[values != 0]))
    if n_labels > 1:
        found = f"a mask has one value beside 0, this image has {n_labels}"
        remedy = "give an atlas on its own, not in a list or mapping (command line: --atlas)"
        raise error("RG02", path, found, remedy)
    return values != 0
