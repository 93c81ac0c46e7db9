"""Series whose noise takes over a part of the samples before: what is new in each sample."""

import numpy as np

from drmbids.data.tools.exceptions import DataError

# Samples further apart than this many TRs have a gap between them: a missing volume makes it two.
GAP = 1.5
# Share of a TR by which samples may be nearer or further than it.
TOLERANCE = 0.01


def samples_since_gap(times: np.ndarray, tr: float) -> np.ndarray:
    """Return how many samples follow one another before each, since the start or the last gap.

    Parameters
    ----------
    times : array of shape (n_times,)
        Seconds, increasing.
    tr : float
        Seconds between samples.

    Returns
    -------
    array of int of shape (n_times,)

    Examples
    --------
    >>> samples_since_gap(np.array([0.0, 2.0, 4.0, 8.0, 10.0]), tr=2.0)
    array([0, 1, 2, 0, 1])
    """
    starts = np.diff(times, prepend=-np.inf) >= GAP * tr
    place = np.arange(len(times))
    return place - np.maximum.accumulate(np.where(starts, place, 0))


def check_steps(times: np.ndarray, tr: float, label: str) -> None:
    """Raise unless samples are one TR apart, gaps aside: a lag is else no time.

    Parameters
    ----------
    times : array of shape (n_times,)
        Seconds, increasing.
    tr : float
        Seconds between samples.
    label : str
        Of the run.

    Raises
    ------
    DataError
    """
    steps = np.diff(times)
    uneven = np.flatnonzero((steps < GAP * tr) & (np.abs(steps - tr) > TOLERANCE * tr))
    if len(uneven):
        k = int(uneven[0])
        raise DataError(
            f"{label}: volumes at {times[k]:g} and {times[k + 1]:g} s, but the TR is {tr:g} s, and "
            "autocorrelation belongs to one step; use GLMBaseline for irregular volumes"
        )


def whiten(values: np.ndarray, since: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return each sample less what an autoregression takes over from the samples before.

    A sample that has fewer before it, after a gap or at the start, loses no more than these.

    Parameters
    ----------
    values : array of shape (n_times, n_columns)
    since : array of int of shape (n_times,)
        From :func:`samples_since_gap`.
    coefficients : array of shape (order,)
        Of lags 1, 2 ...

    Returns
    -------
    array of shape (n_times, n_columns)

    Examples
    --------
    >>> whiten(np.ones((3, 1)), np.arange(3), np.array([0.5, 0.25])).ravel()
    array([1.  , 0.5 , 0.25])
    """
    out = np.array(values, dtype=float)
    for lag, coefficient in enumerate(coefficients, 1):
        rows = np.flatnonzero(since >= lag)
        out[rows] -= coefficient * values[rows - lag]
    return out
