"""What callers from Python give to be read: of the right kind, or one line of what is wrong."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.given import positive_number, shortly


class _Kind(NamedTuple):
    """What an argument may be."""

    holds: Callable[[Any], bool]
    words: str


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path)


def _are_texts(value: Any) -> bool:
    return _is_path(value) or (
        isinstance(value, Collection) and all(isinstance(one, str) for one in value)
    )


def _are_paths(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value
    return _is_path(value) or (isinstance(parts, Collection) and all(map(_is_path, parts)))


def _is_mask(value: Any) -> bool:
    return _is_path(value) or hasattr(value, "get_filename") or hasattr(value, "threshold")


def _are_masks(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_mask, value.values()))
    return all(map(_is_mask, value)) if isinstance(value, list | tuple) else _is_mask(value)


_COLUMNS = _Kind(_are_texts, "the name of a column or a list of names")
_MASKS = _Kind(
    _are_masks,
    "a path, an image of nibabel, a list or a dict of these (of an array: "
    "nibabel.Nifti1Image(array, affine))",
)
_LABELS = _Kind(
    lambda value: isinstance(value, Mapping | Sequence), "a dict {number: name} or a list of names"
)
_KINDS = {
    "bids_dir": _Kind(_is_path, "the path of a folder"),
    "derivatives": _Kind(_are_paths, "a path, a list of paths or a dict {name: path}"),
    "filters": _Kind(
        lambda value: _is_path(value) or isinstance(value, Mapping),
        "a dict {'bold': {entity: label}} or the path of a JSON file",
    ),
    "mask": _MASKS,
    "atlas_or_mask": _MASKS,
    "confounds": _COLUMNS,
    "confound_columns": _COLUMNS,
    "labels": _LABELS,
    "entities": _Kind(lambda value: isinstance(value, Mapping), "a dict {entity: label}"),
    "physio": _Kind(_are_texts, "a list of retroicor, hr, rv"),
    "stimuli": _Kind(
        lambda value: hasattr(value, "modulators"), "Stimuli(...) of drmbids.bids.reading.stimuli"
    ),
}

# Arguments that None says nothing of.
_NEEDED = ("bids_dir", "stimuli")


def check_given(**given: Any) -> None:
    """Raise unless arguments are of a kind that can be read.

    Parameters
    ----------
    **given : object
        By their names.

    Raises
    ------
    UsageError
        Of the first that is not, with what it may be.

    Examples
    --------
    >>> check_given(tr=2.0, confounds=["trans_x"], derivatives=None)
    """
    for name, value in given.items():
        if value is None and name not in _NEEDED:
            continue
        if name in ("tr", "smoothing_fwhm"):
            positive_number(name, value)
        elif not _KINDS[name].holds(value):
            raise UsageError(f"{name} must be {_KINDS[name].words}, got {shortly(value)}")
