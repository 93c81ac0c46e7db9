"""The confounds that a recording of heart and breath gives for the volumes of a run."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from drmbids.data.physiology import ALL, Physio
from drmbids.data.physiology.peaks import heart_beats
from drmbids.data.physiology.responses import (
    LENGTH_S,
    STEP_S,
    breath_depth,
    cardiac_response,
    convolved,
    heart_rate,
    respiratory_response,
)
from drmbids.data.physiology.retroicor import ORDERS, cardiac_phase, respiratory_phase, retroicor
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError

#: Columns that BIDS calls the traces.
CARDIAC, RESPIRATORY = "cardiac", "respiratory"


def physiological_confounds(
    recordings: Sequence[Stream],
    times: np.ndarray,
    wanted: Collection[Physio] = ALL,
    orders: tuple[int, int, int] = ORDERS,
) -> pd.DataFrame:
    """Return confounds from recordings of the heart (``cardiac``) and the breath (``respiratory``).

    Parameters
    ----------
    recordings : sequence of Stream
        Each at regular times in seconds from the first volume, together or apart; they may begin
        before it and end after the last. The first with a column gives it.
    times : array of shape (n_volumes,)
        Seconds at which volumes, or one slice of them, were acquired.
    wanted : collection of {"retroicor", "hr", "rv"}
        What to make; a trace that was not recorded leaves out what needs it.
    orders : tuple of int
        Of RETROICOR's cardiac, respiratory and product terms.

    Returns
    -------
    DataFrame with a row for each time
        Columns of RETROICOR, ``hr_crf`` (heart rate through the cardiac response) and ``rv_rrf``
        (depth of the breath through the respiratory response).

    Raises
    ------
    UsageError
        If something else is wanted, or neurokit2 is not installed.
    DataError
        If nothing that is wanted was recorded, a trace has gaps, or does not last from the first
        time to the last.

    Examples
    --------
    >>> t = np.arange(0, 60, 0.02)
    >>> breath = Stream(np.sin(2 * np.pi * t / 4)[:, None], t, ["respiratory"])
    >>> list(physiological_confounds([breath], np.arange(0.0, 60, 2.0), ["rv"]))
    ['rv_rrf']
    """
    unknown = sorted(set(wanted) - set(ALL))
    if unknown:
        raise UsageError(
            f"unknown physiological confounds {unknown}; choose among {', '.join(ALL)}"
        )
    heart, chest = (_recorded(recordings, name, times) for name in (CARDIAC, RESPIRATORY))
    columns: dict[str, np.ndarray] = {}
    beats = None if heart is None or set(wanted) == {"rv"} else heart_beats(heart)
    if "retroicor" in wanted:
        columns |= retroicor(
            None if beats is None else cardiac_phase(beats, times),
            None if chest is None else respiratory_phase(chest, times),
            orders,
        )
    lag = np.arange(0.0, LENGTH_S, STEP_S)
    if "hr" in wanted and heart is not None and beats is not None:
        grid = np.arange(heart.times[0], heart.times[-1], STEP_S)
        slow = convolved(heart_rate(beats, grid), cardiac_response(lag))
        columns["hr_crf"] = np.interp(times, grid, slow)
    if "rv" in wanted and chest is not None:
        grid = np.arange(chest.times[0], chest.times[-1], STEP_S)
        slow = convolved(breath_depth(chest, grid), respiratory_response(lag))
        columns["rv_rrf"] = np.interp(times, grid, slow)
    if not columns:
        there = [column for stream in recordings for column in stream.columns]
        raise DataError(
            f"nothing recorded for {', '.join(wanted)}, which need a column {CARDIAC!r} or "
            f"{RESPIRATORY!r}; the recordings have {', '.join(there) or 'no column'}: correct "
            "Columns in their JSON files, or leave out --physio"
        )
    return pd.DataFrame(columns)


def _recorded(recordings: Sequence[Stream], column: str, times: np.ndarray) -> Stream | None:
    """Return the recording of a trace, which has to last as long as the run."""
    found = next((stream for stream in recordings if column in stream.columns), None)
    if found is None:
        return None
    first, last, step = found.times[0], found.times[-1], found.times[1] - found.times[0]
    if first > times[0] or last + step < times[-1]:
        raise DataError(
            f"{column!r} was recorded from {first:g} to {last:g} s, the volumes from {times[0]:g} "
            f"to {times[-1]:g} s; check StartTime and SamplingFrequency"
        )
    return found
