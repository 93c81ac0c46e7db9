"""Versions of the model file: what this drmbids writes, and how older files become it."""

from collections.abc import Callable, Mapping
from typing import Any

from drmbids.data.tools.exceptions import ModelError

#: Version that this drmbids writes.
SCHEMA_VERSION = 1

#: From each older version, the function that turns a file's data into those of the next one.
UPGRADERS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def upgrade(
    data: Mapping[str, Any],
    upgraders: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = UPGRADERS,
    newest: int = SCHEMA_VERSION,
) -> dict[str, Any]:
    """Return the data of a model file in the newest version of the format.

    Parameters
    ----------
    data : mapping
        Data of a model file of any version. Never changed in place.
    upgraders : mapping of int to callable
        From each version, the step to the next.
    newest : int
        Version to arrive at.

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        If the file has no version, or one that is not known here.
    """
    version = data.get("schema_version")
    if version is None:
        raise ModelError(f"missing; write schema_version: {newest} at the top of the file")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelError(
            f"must be a whole number from 1 to {newest}, got {version!r}; write {newest}"
        )
    if version > newest:
        raise ModelError(
            f"the file has version {version} and was made by a newer drmbids; this one reads up "
            f"to version {newest}, so update drmbids"
        )
    out = dict(data)
    for step in range(version, newest):
        if step not in upgraders:
            raise ModelError(f"no way from version {step} to {step + 1}; use an older drmbids")
        out = {**upgraders[step](out), "schema_version": step + 1}
    return out
