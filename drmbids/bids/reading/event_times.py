"""Whether onsets and durations of events can be seconds of their run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.bids.files.problems import error, lines, warn

# An onset this many run lengths after the start is not in seconds: milliseconds reach to 1000,
# times since the start of a session of many runs stay below.
_NO_SECONDS = 100
# No event lasts so many run lengths; one may go on after a run that was broken off.
_NO_DURATION = 10
# Fewer events than this show no pattern.
_FEW = 4
# Onsets in volumes end in this last part of the number of volumes, and leave this part of the run
# without events.
_LAST_PART, _WITHOUT = 0.75, 0.3


def check_onsets(
    onsets: np.ndarray,
    durations: np.ndarray,
    duration: float,
    rows: pd.Index,
    path: Path,
    n_volumes: int | None = None,
) -> None:
    """Raise if no event falls into the run or onsets are no seconds, warn of what is suspicious.

    Parameters
    ----------
    onsets, durations : array of shape (n_events,)
        Of the events.
    duration : float
        Length of the run in seconds.
    rows : Index
        Line of each event in the file.
    path : Path
        The file.
    n_volumes : int, optional
        Of the run.

    Raises
    ------
    DataError
        If all events start after the end of the run, or one so late that onsets cannot be in
        seconds.
    """
    late = onsets >= duration
    if len(onsets) and (late.all() or onsets.max() > _NO_SECONDS * duration):
        row = int(np.flatnonzero(late)[0])
        found = (
            f"onset {onsets[row]:g} s after the run's end {duration:g} s, and so {late.sum()} of "
            f"{len(onsets)} events (milliseconds?)"
        )
        remedy = "onsets are in seconds from the first volume"
        raise error("EV05", path, found, remedy, lines(rows[late]))
    early = (onsets < 0) & (onsets + durations <= 0)
    for outside, where in ((late, f"after the run's end {duration:g} s"), (early, "before time 0")):
        if outside.any():
            found = f"{outside.sum()} of {len(onsets)} events lie {where} and have no effect"
            remedy = "check that onsets are in seconds from the first volume"
            warn("EV06", path, found, remedy, lines(rows[outside]))
    if n_volumes is not None and _are_volumes(onsets, durations, duration, n_volumes):
        found = (
            f"all {len(onsets)} onsets are whole numbers, the last one is {onsets.max():g}, and "
            f"the run has {n_volumes} volumes in {duration:g} s (counted in volumes?)"
        )
        warn("EV18", path, found, "check that onsets are in seconds from the first volume")


def _are_volumes(
    onsets: np.ndarray, durations: np.ndarray, duration: float, n_volumes: int
) -> bool:
    """Return whether onsets look like numbers of volumes."""
    if len(onsets) < _FEW or (onsets != np.round(onsets)).any():
        return False
    end = float((onsets + durations).max())
    fills = _LAST_PART * n_volumes <= onsets.max() <= n_volumes
    return bool(fills and max(end, n_volumes) <= (1 - _WITHOUT) * duration)


def check_durations(
    onsets: np.ndarray,
    durations: np.ndarray,
    conditions: Sequence[str],
    duration: float,
    rows: pd.Index,
    path: Path,
) -> None:
    """Raise if durations cannot be in seconds, warn if they look as if they were not.

    Parameters
    ----------
    onsets, durations : array of shape (n_events,)
    conditions : sequence of str
        Of each event.
    duration : float
        Length of the run in seconds.
    rows : Index
        Line of each event in the file.
    path : Path
        The file.

    Raises
    ------
    DataError
        If an event lasts ten times as long as the run, or two of one condition longer than it.
    """
    long = durations > duration
    of_long = [name for name, is_long in zip(conditions, long, strict=True) if is_long]
    remedy = "durations are in seconds"
    if long.any():
        first = float(durations[long][0])
        found = (
            f"duration {first:g} s in a run of {duration:g} s, and so {long.sum()} of "
            f"{len(durations)} events (milliseconds?)"
        )
        where = lines(rows[long])
        if len(set(of_long)) < len(of_long) or durations.max() > _NO_DURATION * duration:
            raise error("EV17", path, found, remedy, where)
        warn("EV18", path, found, f"check that {remedy}", where)
        return
    runs_on = _running_on(onsets, durations, conditions)
    n_followed = len(onsets) - len(set(conditions))
    if runs_on.sum() >= _FEW and 2 * runs_on.sum() >= n_followed:
        row = int(np.flatnonzero(runs_on)[0])
        found = (
            f"{runs_on.sum()} of {len(onsets)} events last beyond the next one of their condition, "
            f"the first for {durations[row]:g} s (milliseconds?)"
        )
        warn("EV18", path, found, f"check that {remedy}", lines(rows[runs_on]))


def _running_on(onsets: np.ndarray, durations: np.ndarray, conditions: Sequence[str]) -> np.ndarray:
    """Return which events last until after the next one of their condition has begun."""
    table = pd.DataFrame({"onset": onsets, "condition": list(conditions)})
    following = table.sort_values("onset").groupby("condition")["onset"].shift(-1)
    # a digit that is lost in the table makes no overlap
    return onsets + durations > following.sort_index().to_numpy() + 0.1
