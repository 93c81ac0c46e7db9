"""``events.tsv`` to Events: every row counts, or the file is refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.bids.files.problems import Problem, collecting, error, lines, raise_all, warn
from drmbids.bids.files.tsv import MISSING, read_numbers, read_table, require_columns
from drmbids.bids.reading.event_times import check_durations, check_onsets
from drmbids.data.runs.stream import Events

#: Condition of all events in a file without ``trial_type``.
SINGLE_CONDITION = "event"

# What pandas, R and MATLAB make of a missing text; n/a is the only one in BIDS.
_LIKE_MISSING = ("None", "null", "NULL", "nan", "NaN", "NA", "N/A", "<NA>", "NaT")

#: The column that multiplies events in nilearn's design matrices; here no column does unasked.
_MODULATION = "modulation"


def read_events(
    path: str | Path,
    duration: float | None = None,
    modulators: Sequence[str] = (),
    n_volumes: int | None = None,
) -> Events:
    """Read the events of one run.

    No further column acts unless it is asked for: all events of a condition have the amplitude 1.

    Parameters
    ----------
    path : str or Path
        A BIDS ``events.tsv`` with the columns ``onset`` and ``duration`` in seconds, and
        ``trial_type``.
    duration : float, optional
        Length of the run in seconds, to check onsets and durations.
    modulators : sequence of str
        Columns of numbers that become columns beside the conditions: each event again, with the
        number as its amplitude; none where it is ``n/a``.
    n_volumes : int, optional
        Of the run, to tell onsets in seconds from numbers of volumes.

    Returns
    -------
    Events
        One column for each ``trial_type``, without blanks around it (with a warning where there are
        any), sorted; a single one named ``event`` where the file has
        no ``trial_type`` (with a warning).

    Raises
    ------
    DataError
        Naming file and lines of all that is wrong, for a damaged or comma-separated table, a
        missing column, a value that is missing or no number, a negative duration, a repeated
        event, or onsets or durations that cannot be in seconds
        (:func:`~drmbids.bids.reading.event_times.check_onsets`).
    """
    path = Path(path)
    table = read_table(path)
    require_columns(table, ["onset", "duration"], path)
    numbers: dict[str, np.ndarray] = {}
    conditions: list[str] = []
    problems: list[Problem] = []
    for column in ("onset", "duration"):
        with collecting(problems):
            numbers[column] = _complete(table, column, path)
    with collecting(problems):
        conditions = _conditions(table, path)
    if "duration" in numbers:
        negative = numbers["duration"] < 0
        with collecting(problems):
            _refuse_rows("EV03", negative, table, path, "negative duration", table["duration"])
    raise_all(problems)
    onsets, durations = numbers["onset"], numbers["duration"]
    with collecting(problems):
        _refuse_repeats(table, onsets, durations, conditions, path)
    if duration is not None:
        with collecting(problems):
            check_onsets(onsets, durations, duration, table.index, path, n_volumes)
        with collecting(problems):
            check_durations(onsets, durations, conditions, duration, table.index, path)
    raise_all(problems)
    if not len(table):
        warn("EV08", path, "no event, only a header", "add the events, or leave the run out")
    if _MODULATION in table.columns and _MODULATION not in modulators:
        found = f"column {_MODULATION!r} is there, and is not used"
        warn("EV20", path, found, f"ask for it (--modulators {_MODULATION}) if it is meant")
    events = Events(onsets, durations, conditions)
    return _with_modulators(events, table, modulators, path) if modulators else events


def _with_modulators(
    events: Events, table: pd.DataFrame, modulators: Sequence[str], path: Path
) -> Events:
    """Return events with each of them again for each modulator that it has a number of."""
    require_columns(table, list(modulators), path)
    clash = [name for name in modulators if name in events.columns]
    if clash:
        found = f"{clash[0]!r} is a condition and a modulator"
        raise error("EV15", path, found, "rename one, they are columns side by side")
    parts = [(events.onsets, events.durations, events.conditions, np.asarray(events.amplitudes))]
    for name in modulators:
        values = read_numbers(table, name, path)
        there = np.isfinite(values)
        shown = events.onsets[there], events.durations[there]
        parts.append((*shown, (name,) * int(there.sum()), values[there]))
    onsets, durations, conditions, amplitudes = zip(*parts, strict=True)
    return Events(
        np.concatenate(onsets),
        np.concatenate(durations),
        [name for some in conditions for name in some],
        np.concatenate(amplitudes),
        columns=[*events.columns, *modulators],
        modulators=tuple(modulators),
    )


def _complete(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    """Return a column of numbers, none of them missing."""
    values = read_numbers(table, column, path)
    _refuse_rows("EV02", np.isnan(values), table, path, f"missing {column}", table[column])
    return values


def _conditions(table: pd.DataFrame, path: Path) -> list[str]:
    """Return the condition of each event."""
    if "trial_type" not in table.columns:
        found = (
            f"no column 'trial_type'; all {len(table)} events are one condition, "
            f"{SINGLE_CONDITION!r}"
        )
        warn("EV07", path, found, "add the column to tell conditions apart")
        return [SINGLE_CONDITION] * len(table)
    written = table["trial_type"]
    fields = written.str.strip()
    doubtful = fields.isin(_LIKE_MISSING).to_numpy(bool)
    if doubtful.any():
        found = f"trial_type {fields[doubtful].iloc[0]!r} is how programs write a missing value"
        remedy = "write n/a and remove the row, or give the condition another name"
        raise error("EV16", path, found, remedy, lines(table.index[doubtful]))
    absent = fields.isin([MISSING, ""])
    _refuse_rows("EV02", absent.to_numpy(bool), table, path, "missing trial_type", fields)
    blank = (written != fields).to_numpy(bool)
    if blank.any():
        found = f"trial_type {written[blank].iloc[0]!r} is read without the blanks around it"
        warn("EV19", path, found, "take them out of the file", lines(table.index[blank]))
    return list(fields)


def _refuse_rows(
    code: str, bad: np.ndarray, table: pd.DataFrame, path: Path, what: str, fields: pd.Series
) -> None:
    """Raise if any row is bad, naming the lines and the first one's value."""
    if bad.any():
        found = f"{what} {fields.iloc[int(np.flatnonzero(bad)[0])]!r}"
        raise error(code, path, found, "correct or remove the row", lines(table.index[bad]))


def _refuse_repeats(
    table: pd.DataFrame,
    onsets: np.ndarray,
    durations: np.ndarray,
    conditions: list[str],
    path: Path,
) -> None:
    """Raise if an event is there twice: the two would add up to one of double amplitude.

    Two of other durations may be meant, and are warned of.
    """
    events = pd.DataFrame({"onset": onsets, "duration": durations, "trial_type": conditions})
    again = events.duplicated().to_numpy()
    if again.any():
        row = int(np.flatnonzero(again)[0])
        first = int(np.flatnonzero((events == events.iloc[row]).all(axis=1))[0])
        found = (
            f"repeats the event of line {table.index[first]} "
            f"({conditions[row]} at {onsets[row]:g} s)"
        )
        raise error("EV04", path, found, "remove one of them", lines(table.index[again]))
    same = events.duplicated(["onset", "trial_type"]).to_numpy()
    if same.any():
        row = int(np.flatnonzero(same)[0])
        found = (
            f"begins when another event of its condition does ({conditions[row]} at "
            f"{onsets[row]:g} s), and so {same.sum()} of {len(onsets)} events; they add up"
        )
        warn(
            "EV21",
            path,
            found,
            "remove one of them if it is written twice",
            lines(table.index[same]),
        )
