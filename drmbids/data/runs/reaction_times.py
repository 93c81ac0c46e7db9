"""Reaction times as a response that a model can be fitted to."""

import numpy as np
from numpy.typing import ArrayLike

from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError


def reaction_time_stream(onsets: ArrayLike, seconds: ArrayLike, after: float) -> Stream:
    """Return the logarithms of reaction times as a response, one row for each trial.

    Parameters
    ----------
    onsets : array of shape (n_trials,)
        Seconds from the start of the run at which trials begin, increasing.
    seconds : array of shape (n_trials,)
        Reaction times; NaN where there was no answer.
    after : float
        Seconds after the onset whose activity the reaction times are explained by. It is the same
        for all trials: with the time of the answer itself, its reaction time would count as known.

    Returns
    -------
    Stream
        Of one column, times ``onsets + after``.

    Raises
    ------
    DataError
        If a reaction time is not positive, or lengths disagree.

    Examples
    --------
    >>> reaction_time_stream([2.0, 6.0], [0.5, np.nan], after=0.4).values.round(2)
    array([[-0.69],
           [  nan]])
    """
    starts, times = np.asarray(onsets, dtype=float), np.asarray(seconds, dtype=float)
    if starts.shape != times.shape:
        raise DataError(f"{len(starts)} onsets and {len(times)} reaction times; give as many")
    if (times <= 0).any():
        trial = int(np.flatnonzero(times <= 0)[0])
        raise DataError(f"trial {trial}: a reaction time of {times[trial]:g} s; write NaN for none")
    return Stream(np.log(times)[:, None], starts + after, ["log_reaction_time"], unit="log s")
