"""RETROICOR slice by slice: each slice has phases of its own, where slices are as acquired."""

from collections.abc import Sequence

import numpy as np

from drmbids.data.physiology.regressors import physiological_confounds
from drmbids.data.physiology.retroicor import ORDERS
from drmbids.data.runs.nuisance import Nuisance, added_basis
from drmbids.data.runs.stream import Stream


def without_retroicor(
    series: np.ndarray,
    slices: np.ndarray,
    slice_times: np.ndarray,
    times: np.ndarray,
    recordings: Sequence[Stream],
    orders: tuple[int, int, int] = ORDERS,
) -> np.ndarray:
    """Return series of voxels without what the phases of heart and breath explain.

    In each slice the terms are made orthogonal to intercept and drift (cubic), and what they
    explain is taken out (Glover et al. 2000): the mean and the drift of a voxel stay as they are,
    even where a phase is the same in all volumes, as it is for a heart that beats in time with
    them. This needs slices that were not moved or resampled.

    Parameters
    ----------
    series : array of shape (n_volumes, n_voxels)
        NaN where missing; such volumes take no part in the fit and stay NaN.
    slices : array of int, shape (n_voxels,)
        Slice of each voxel.
    slice_times : array of shape (n_slices,)
        Seconds from the start of a volume (``SliceTiming``).
    times : array of shape (n_volumes,)
        Starts of the volumes in seconds.
    recordings, orders
        See :func:`~drmbids.data.physiology.regressors.physiological_confounds`.

    Returns
    -------
    array of shape (n_volumes, n_voxels)
    """
    cleaned = np.array(series, dtype=float)
    there = np.isfinite(series).any(axis=1)
    drifts = Nuisance(order=3).drifts(times)[there]
    for k in np.unique(slices):
        terms = physiological_confounds(
            recordings, times + slice_times[k], ["retroicor"], orders
        ).to_numpy()
        columns = np.flatnonzero((slices == k) & np.isfinite(series[there]).all(axis=0))
        basis, places = added_basis(drifts, terms[there]), np.ix_(there, columns)
        cleaned[places] -= basis @ (basis.T @ cleaned[places])
    return cleaned
