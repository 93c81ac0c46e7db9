"""Matrix files that a model file names: read when it is, so that the model stands on its own."""

import warnings
from collections.abc import Mapping
from os.path import normpath
from pathlib import Path as FilePath
from typing import Any

import numpy as np

from drmbids.brain.modelfile.problems import Path, Problem

#: Keys of a projection's sections that name a file, and the keys of the matrix in it.
_FILES = {
    "connectome": {"file": "weights", "lengths_file": "lengths_mm"},
    "weights": {"file": "values"},
}


def with_matrices(
    data: Mapping[str, Any], folder: FilePath | None
) -> tuple[Mapping[str, Any], list[Problem]]:
    """Return the data of a model file with the matrices of the files that it names.

    Parameters
    ----------
    data : mapping
        Data of a model file. Never changed in place.
    folder : Path or None
        Folder of the model file, out of which no name may lead: a model file that somebody else
        made reads nothing but what came with it. None for a model from Python.

    Returns
    -------
    data : mapping
        A key that names a file is replaced by the matrix; a file that cannot be read leaves none.
    problems : list of Problem
    """
    projections, problems = data.get("projections"), []
    if not isinstance(projections, list):
        return data, []
    found = []
    for index, projection in enumerate(projections):
        read: dict[str, Any] = {}
        for name, keys in _FILES.items() if isinstance(projection, Mapping) else ():
            section = projection.get(name)
            if isinstance(section, Mapping):
                path = ("projections", index, name)
                read[name] = _section(section, keys, path, folder, problems)
        found.append({**projection, **read} if read else projection)
    return {**data, "projections": found}, problems


def _section(
    section: Mapping[str, Any],
    keys: Mapping[str, str],
    path: Path,
    folder: FilePath | None,
    problems: list[Problem],
) -> dict[str, Any]:
    out = dict(section)
    for key, matrix in keys.items():
        if key not in out:
            continue
        name = out.pop(key)
        if matrix in out:
            problems.append(Problem((*path, key), f"{key} and {matrix} are given; keep one"))
        elif not isinstance(name, str):
            problems.append(Problem((*path, key), f"must be the name of a file, got {name!r}"))
        elif folder is not None and _leads_out(FilePath(normpath(name))):
            found = f"{name!r} leads out of the folder of the model file; keep it beside it"
            problems.append(Problem((*path, key), found))
        else:
            try:
                out[matrix] = read_matrix(FilePath(folder or "") / name)
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                problems.append(
                    Problem((*path, key), f"cannot read {name!r} ({why}); give a table of numbers")
                )
    return out


def _leads_out(name: FilePath) -> bool:
    # a name may begin with dots, and a path with two slashes is absolute too
    return name.is_absolute() or name.parts[:1] == ("..",)


def read_matrix(path: FilePath) -> list[list[float]]:
    """Return the matrix of a text file, numbers apart by blanks, tabs or commas.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of list of float

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it holds no matrix of finite numbers.
    """
    text = path.read_text("utf-8-sig").replace(",", " ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an empty file: said below
        matrix = np.loadtxt(text.splitlines(), ndmin=2)
    if not matrix.size or not np.isfinite(matrix).all():
        raise ValueError("it holds no matrix of finite numbers")
    return matrix.tolist()
