"""Spikes, as a response that a model can be fitted to, and as a stimulus."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError


def spike_stream(spikes: Mapping[str, ArrayLike], bin: float, duration: float) -> Stream:
    """Return spike counts as a response: one column for each cell, times at the ends of bins.

    Parameters
    ----------
    spikes : mapping of str to array of shape (n_spikes,)
        Times of the spikes of each cell in seconds from the start of the run.
    bin : float
        Seconds over which spikes are counted.
    duration : float
        Seconds of the run; a last bin that is not full is left out.

    Returns
    -------
    Stream

    Raises
    ------
    DataError
        If no bin fits in, or a time is not a finite number.

    Examples
    --------
    >>> counts = spike_stream({"cell": [0.01, 0.12, 0.13]}, bin=0.1, duration=0.35)
    >>> counts.times, counts.values.ravel()
    (array([0.1, 0.2, 0.3]), array([1., 2., 0.]))
    """
    n_bins = int(np.floor(duration / bin + 1e-9)) if bin > 0 else 0
    if n_bins < 1:
        raise DataError(f"no bin of {bin:g} s fits into {duration:g} s")
    values = np.zeros((n_bins, len(spikes)))
    for column, times in enumerate(_finite(spikes).values()):
        # a spike at a border, up to rounding, belongs to the bin that starts there
        places = np.floor(times / bin + 1e-9).astype(int)
        inside = places[(places >= 0) & (places < n_bins)]
        values[:, column] = np.bincount(inside, minlength=n_bins)
    return Stream(values, bin * np.arange(1, n_bins + 1), tuple(spikes), unit="spikes")


def spike_events(spikes: Mapping[str, ArrayLike]) -> Events:
    """Return spikes as a stimulus: an impulse for each, one column for each cell.

    Parameters
    ----------
    spikes : mapping of str to array of shape (n_spikes,)
        Times of the spikes of each cell in seconds from the start of the run.

    Returns
    -------
    Events

    Raises
    ------
    DataError
        If a time is not a finite number.

    Examples
    --------
    >>> spike_events({"cell": [0.01, 0.12]}).onsets
    array([0.01, 0.12])
    """
    found = _finite(spikes)
    onsets = np.concatenate([np.zeros(0), *found.values()])
    cells = [name for name, times in found.items() for _ in times]
    return Events(onsets, np.zeros(len(onsets)), cells, columns=tuple(spikes))


def _finite(spikes: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    found = {name: np.asarray(times, dtype=float).ravel() for name, times in spikes.items()}
    for name, times in found.items():
        if not np.isfinite(times).all():
            raise DataError(f"cell {name!r}: a spike time is not a finite number")
    return found
