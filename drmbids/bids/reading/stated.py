"""Metadata of a run as numbers, or an error that names the sidecar."""

import math
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from drmbids.bids.files.find import RunFiles
from drmbids.bids.files.problems import error

#: What to do about a time that cannot be one.
IN_SECONDS = "write it in seconds, or remove it"


def stated_number(
    files: RunFiles, name: str, code: str = "TM01", remedy: str = IN_SECONDS
) -> float:
    """Return a number of the metadata.

    Parameters
    ----------
    files : RunFiles
    name : str
        A key of its metadata.
    code, remedy : str
        Of the error.

    Raises
    ------
    DataError
        If it is no finite number.
    """
    value = files.metadata[name]
    if not is_number(value):
        raise error(
            code, sidecar_of(files, name), f"{name} {_short(value)} is not a number", remedy
        )
    return float(value)


def stated_numbers(files: RunFiles, name: str) -> np.ndarray:
    """Return a list of numbers of the metadata.

    Parameters
    ----------
    files : RunFiles
    name : str
        A key of its metadata.

    Raises
    ------
    DataError
        If it is no list of finite numbers.
    """
    values, file = files.metadata[name], sidecar_of(files, name)
    if not isinstance(values, list) or not values:
        raise error("TM01", file, f"{name} {_short(values)} is not a list of numbers", IN_SECONDS)
    for k, value in enumerate(values):
        if not is_number(value):
            found = f"{name}: {_short(value)} at place {k} (counted from 0) is not a number"
            raise error("TM01", file, found, IN_SECONDS)
    return np.array(values, dtype=float)


def sidecar_of(files: RunFiles, name: str) -> Path:
    """Return the JSON file that states some metadata, the image where it is not known."""
    return files.stated_in.get(name, files.bold)


def is_number(value: Any) -> bool:
    """Return whether a value of a JSON file is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "..."
