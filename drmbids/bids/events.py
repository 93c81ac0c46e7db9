"""``events.tsv`` to Events: every row counts, or the file is refused."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.bids.tsv import MISSING, read_numbers, read_table, require_columns
from drmbids.core.exceptions import DataError, DataWarning
from drmbids.core.stream import Events

#: Condition of all events in a file without ``trial_type``.
SINGLE_CONDITION = "event"

# An onset this many run lengths after the start is not in seconds: milliseconds reach to 1000,
# times since the start of a session of many runs stay below.
_NO_SECONDS = 100

# ``modulation`` is what nilearn's design matrices call the amplitude of an event.
_AMPLITUDE_COLUMNS = ("amplitude", "modulation")


def read_events(path: str | Path, duration: float | None = None) -> Events:
    """Read the events of one run.

    Parameters
    ----------
    path : str or Path
        A BIDS ``events.tsv`` with the columns ``onset`` and ``duration`` in seconds,
        ``trial_type``, and perhaps ``amplitude`` (or ``modulation``).
    duration : float, optional
        Length of the run in seconds, to check the onsets.

    Returns
    -------
    Events
        One column for each ``trial_type``, sorted; a single one named ``event`` where the file has
        no ``trial_type`` (with a warning).

    Raises
    ------
    DataError
        Naming file and line, for a damaged or comma-separated table, a missing column, a value
        that is missing or no number, a negative duration, a repeated event, or if all events
        start after the end of the run, or one so late that onsets cannot be in seconds.
    """
    path = Path(path)
    table = read_table(path)
    require_columns(table, ["onset", "duration"], path)
    onsets = _complete(table, "onset", path)
    durations = _complete(table, "duration", path)
    amplitudes = None
    for column in _AMPLITUDE_COLUMNS:
        if amplitudes is None and column in table.columns:
            amplitudes = _complete(table, column, path)
    conditions = _conditions(table, path)
    _refuse_row(durations < 0, table, path, "negative duration", table["duration"])
    _refuse_repeats(table, onsets, durations, conditions, path)
    if duration is not None:
        _check_onsets(onsets, durations, duration, table, path)
    if not len(table):
        warnings.warn(f"{path}: no event, only a header", DataWarning, stacklevel=2)
    return Events(onsets, durations, conditions, amplitudes)


def _complete(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column of numbers, none of them missing."""
    values = read_numbers(table, column, path)
    _refuse_row(np.isnan(values), table, path, f"missing {column}", table[column])
    return values


def _conditions(table: pd.DataFrame, path: Path) -> list[str]:
    """Return the condition of each event."""
    if "trial_type" not in table.columns:
        warnings.warn(
            f"{path}: no column 'trial_type'; all {len(table)} events are one condition, "
            f"{SINGLE_CONDITION!r}",
            DataWarning,
            stacklevel=3,
        )
        return [SINGLE_CONDITION] * len(table)
    fields = table["trial_type"]
    absent = (fields == MISSING) | (fields.str.strip() == "")
    _refuse_row(absent.to_numpy(bool), table, path, "missing trial_type", fields)
    return list(fields)


def _refuse_row(
    bad: np.ndarray, table: pd.DataFrame, path: Path, what: str, fields: pd.Series
) -> None:
    """Raise if any row is bad, naming the first one's line and value."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{path}: line {table.index[row]}: {what} {fields.iloc[row]!r}; "
            "correct or remove the row"
        )


def _refuse_repeats(
    table: pd.DataFrame,
    onsets: np.ndarray,
    durations: np.ndarray,
    conditions: list[str],
    path: Path,
) -> None:
    """Raise if an event is there twice: the two would add up to one of double amplitude."""
    events = pd.DataFrame({"onset": onsets, "duration": durations, "trial_type": conditions})
    again = events.duplicated().to_numpy()
    if again.any():
        row = int(np.flatnonzero(again)[0])
        first = int(np.flatnonzero((events == events.iloc[row]).all(axis=1))[0])
        raise DataError(
            f"{path}: line {table.index[row]} repeats the event of line {table.index[first]} "
            f"({conditions[row]} at {onsets[row]:g} s); remove one of them"
        )


def _check_onsets(
    onsets: np.ndarray, durations: np.ndarray, duration: float, table: pd.DataFrame, path: Path
) -> None:
    """Raise if no event falls into the run or onsets are no seconds, warn if some lie outside."""
    late = onsets >= duration
    if len(onsets) and (late.all() or onsets.max() > _NO_SECONDS * duration):
        row = int(np.flatnonzero(late)[0])
        raise DataError(
            f"{path}: line {table.index[row]}: onset {onsets[row]:g} s after the run's end "
            f"{duration:g} s, and so {late.sum()} of {len(onsets)} events (milliseconds?); onsets "
            "are in seconds from the first volume"
        )
    early = (onsets < 0) & (onsets + durations <= 0)
    for outside, where in ((late, f"after the run's end {duration:g} s"), (early, "before time 0")):
        if outside.any():
            warnings.warn(
                f"{path}: {outside.sum()} of {len(onsets)} events lie {where} and have no effect, "
                f"the first in line {table.index[np.flatnonzero(outside)[0]]}",
                DataWarning,
                stacklevel=3,
            )
