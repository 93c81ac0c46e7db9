"""What objects say of themselves in a few lines: shapes, units, names, never whole arrays."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

#: Names (and parts of a run) that are listed, and characters of each; the rest is counted.
MOST_LISTED, MOST_LETTERS = 5, 20


def cut(name: Any, length: int = MOST_LETTERS) -> str:
    """Return a name, cut in the middle where it is longer.

    Examples
    --------
    >>> cut("left_primary_visual_cortex", 11)
    'left_…ortex'
    """
    text = str(name)
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def listed(names: Iterable[Any], most: int = MOST_LISTED, length: int = MOST_LETTERS) -> str:
    """Return names side by side, and how many more there are.

    Examples
    --------
    >>> listed("abc"), listed("abcdefgh", most=2)
    ('a, b, c', 'a, b and 6 more')
    """
    names = list(names)
    shown = ", ".join(cut(name, length) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def numbered(n: int, what: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> numbered(1, "run"), numbered(2, "run")
    ('1 run', '2 runs')
    """
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def stream_text(
    times: np.ndarray, columns: Sequence[str], unit: str, weights: np.ndarray | None
) -> str:
    """Return the samples, columns, times and unit of a stream.

    Parameters
    ----------
    times : ndarray
    columns : sequence of str
    unit : str
    weights : ndarray or None
    """
    n = len(times)
    where = f", {times[0]:g} to {times[-1]:g} s" if n else ""
    unit_text = "" if unit in ("", "1") else f", unit {unit!r}"
    weighted = "" if weights is None else ", weighted"
    width = numbered(len(columns), "column")
    return f"{numbered(n, 'sample')} x {width} ({listed(columns, 3)}){where}{unit_text}{weighted}"


def events_text(onsets: np.ndarray, conditions: Sequence[str], columns: Sequence[str]) -> str:
    """Return how many events of each condition there are, and when.

    Parameters
    ----------
    onsets : ndarray
    conditions : sequence of str
        One for each event.
    columns : sequence of str
        All conditions.
    """
    counts = Counter(str(name) for name in conditions)
    names = [f"{cut(name)} {counts[name]}" for name in columns if counts[name]]
    names += [f"{cut(name)} 0" for name in columns if not counts[name]]
    where = f", {onsets.min():.4g} to {onsets.max():.4g} s" if len(onsets) else ""
    return f"{numbered(len(onsets), 'event')} ({listed(names, length=2 * MOST_LETTERS)}){where}"


def frames_text(onsets: np.ndarray, n_frames: int, shape: Sequence[int]) -> str:
    """Return how many frames of what shape are shown, and when.

    Parameters
    ----------
    onsets : ndarray
    n_frames : int
        Frames that there are.
    shape : sequence of int
    """
    n = len(onsets)
    where = f", {onsets.min():.4g} to {onsets.max():.4g} s" if n else ""
    of = numbered(n_frames, "frame")
    return f"{n} shown of {of} of shape {tuple(shape)}{where}"
