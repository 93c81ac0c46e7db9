"""Names of an atlas' labels: from the call, the table beside the atlas, or the atlas itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from drmbids.bids.entities import BIDSName
from drmbids.bids.problems import error
from drmbids.bids.tsv import read_numbers, read_table, require_columns

Labels = Mapping[int, str] | Sequence[str] | None

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
    names.pop(0, None)
    unnamed = [int(k) for k in present if int(k) not in names]
    if unnamed:
        raise error("RG03", path, f"labels {unnamed[:10]} have no name", "add them to the table")
    missing = [name for k, name in names.items() if k not in present]
    if missing:
        found = f"no voxel for the regions {', '.join(missing[:10])}"
        remedy = "was the atlas cut or resampled? Take them out of the table to go on without them"
        raise error("RG04", path, found, remedy)
    if len(set(names.values())) < len(names):
        raise error("RG03", path, "two labels have one name", "names of regions must differ")
    return names


def label_table(path: str) -> Path | None:
    """Return the table of names that belongs to an atlas, if there is one."""
    name = BIDSName.parse(Path(path))
    if name is None:
        return None
    found = (BIDSName.parse(path) for path in sorted(name.path.parent.glob("*.tsv")))
    tables = [
        t
        for t in found
        if t is not None and t.suffix == name.suffix and t.entities.items() <= name.entities.items()
    ]
    return max(tables, key=lambda t: len(t.entities)).path if tables else None


def _read_names(path: Path) -> dict[int, str]:
    """Return the names in a BIDS table of labels."""
    table = read_table(path)
    require_columns(table, ["index", "name"], path)
    numbers = read_numbers(table, "index", path)
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
