"""A long series of plain arrays cut into pieces that are run side by side."""

import numpy as np

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.time import TICK_TOLERANCE, TimeGrid
from drmbids.data.tools.exceptions import DataError, UsageError

# Seconds; times that differ by less are the same: above the rounding of float64 seconds, far below
# any distance between measurements.
SAME_TIME = 1e-9


def cut(
    stimulus: np.ndarray,
    stim_time: np.ndarray,
    response: np.ndarray | None,
    resp_time: np.ndarray | None,
    confounds: np.ndarray | None,
    n_pieces: int,
    burn_in: float,
    resolution: float,
    hold: bool = False,
) -> list[Run]:
    """Return the series as Runs of equal length; the last may end in silence.

    Parameters
    ----------
    stimulus, stim_time, response, resp_time, confounds, burn_in, resolution, hold
        As for :class:`~drmbids.DRMIterator`.
    n_pieces : int
        Runs to make.

    Raises
    ------
    UsageError
        If there is no piece, or the burn-in is negative or as long as the series.
    DataError
        If a sample of the stimulus is not a finite number.
    """
    source = Stream(_as_columns(stimulus), stim_time)
    try:
        samples, starts = source.samples(), source.times
    except DataError as error:  # named here: a piece would not know the time in the series
        raise DataError(f"stimulus: {error}") from error
    step = float(np.median(np.diff(starts))) if hold and len(starts) > 1 else resolution
    last_tick = np.floor(starts[-1] / resolution + TICK_TOLERANCE)
    ends = [starts[-1] + step if hold else (last_tick + 1) * resolution]
    if resp_time is not None:
        ends.append(resp_time[-1] + resolution)
    n_total = int(np.ceil(max(ends) / resolution - TICK_TOLERANCE))
    n_burn = int(np.ceil(burn_in / resolution - TICK_TOLERANCE))
    if n_pieces < 1 or not 0 <= n_burn < n_total:
        raise UsageError(
            f"need batch_size >= 1 and a burn_in of 0 s or more, shorter than the series of "
            f"{n_total * resolution:g} s; got {n_pieces} and {burn_in:g} s"
        )
    n_new = -(-(n_total - n_burn) // n_pieces)
    apart = _ticks_between(resp_time, resolution) if n_pieces > 1 else 0
    if apart:
        n_new = -(-n_new // apart) * apart
    grid = TimeGrid(resolution, n_burn + n_new)
    measured = None
    if resp_time is not None:
        end = (n_pieces * n_new + n_burn) * resolution
        measured = _measured(resp_time, response, confounds, apart * resolution, end)
    runs = []
    for k in range(n_pieces):
        low = k * n_new * resolution
        responses, extra = {}, None
        if measured is not None:
            times, values, columns = measured
            inside = (times >= low - SAME_TIME) & (times < low + grid.duration - SAME_TIME)
            since, values = times[inside] - low, values[inside]
            values[since < (n_burn if k else 0) * resolution - SAME_TIME] = np.nan
            responses = {"response": Stream(values, since)}
            extra = None if columns is None else Stream(columns[inside], since)
        if hold:
            shown = held(samples, starts, starts[-1] + step, low + grid.midpoints)
        else:
            shown = in_their_ticks(samples, starts - low, grid)
        stimuli = {"stimulus": Stream(shown, grid.midpoints)}
        runs.append(Run(responses, stimuli, extra, duration=grid.duration, tr=resolution))
    return runs


def held(samples: np.ndarray, starts: np.ndarray, end: float, at: np.ndarray) -> np.ndarray:
    """Return the sample that holds at each time; zero before the first and from ``end`` on.

    Parameters
    ----------
    samples : array of shape (n_samples, n_columns)
    starts : array of shape (n_samples,)
        Seconds at which samples begin; each holds until the next.
    end : float
        Seconds at which the last one ends.
    at : array of shape (n_times,)
        Seconds.
    """
    index = np.searchsorted(starts, at, side="right") - 1
    shown = (index >= 0) & (at < end)
    return np.where(shown[:, None], samples[index], 0.0)


def in_their_ticks(samples: np.ndarray, starts: np.ndarray, grid: TimeGrid) -> np.ndarray:
    """Return the mean of the samples that begin within each tick; zero where none does.

    Parameters
    ----------
    samples : array of shape (n_samples, n_columns)
    starts : array of shape (n_samples,)
        Seconds from the start of the grid.
    grid : TimeGrid
    """
    tick = np.floor(starts / grid.resolution + TICK_TOLERANCE).astype(int)
    inside = (tick >= 0) & (tick < grid.n_ticks)
    shown = np.zeros((grid.n_ticks, samples.shape[1]))
    np.add.at(shown, tick[inside], samples[inside])
    n_samples = np.bincount(tick[inside], minlength=grid.n_ticks)
    return shown / np.maximum(n_samples, 1)[:, None]


def _ticks_between(resp_time: np.ndarray | None, resolution: float) -> int:
    """Return the ticks from one measurement to the next, 0 where they are not regular.

    Pieces can be run side by side only if they are measured at the same times.
    """
    apart = np.diff([] if resp_time is None else resp_time) / resolution
    n_ticks = int(np.rint(np.median(apart))) if len(apart) else 0
    regular = n_ticks > 0 and np.abs(apart - n_ticks).max() < TICK_TOLERANCE
    return n_ticks if regular else 0


def _measured(
    resp_time: np.ndarray,
    response: np.ndarray | None,
    confounds: np.ndarray | None,
    apart: float,
    end: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return times, responses and confounds, regular ones continued, as missing, up to an end."""
    times = np.asarray(resp_time, dtype=float)
    n_more = int(np.ceil((end - times[-1] - SAME_TIME) / apart)) - 1 if apart else 0
    more = times[-1] + apart * np.arange(1, n_more + 1)
    values = _as_columns(np.full(len(times), np.nan) if response is None else response)
    values = np.pad(values, ((0, len(more)), (0, 0)), constant_values=np.nan)
    if confounds is not None:
        confounds = np.pad(_as_columns(confounds), ((0, len(more)), (0, 0)), mode="edge")
    return np.concatenate([times, more]), values, confounds


def _as_columns(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values
