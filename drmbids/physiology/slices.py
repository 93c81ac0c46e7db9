"""RETROICOR slice by slice: each slice has phases of its own, where slices are as acquired."""

from collections.abc import Sequence

import numpy as np

from drmbids.core.nuisance import Nuisance
from drmbids.core.stream import Stream
from drmbids.physiology.regressors import physiological_confounds
from drmbids.physiology.retroicor import ORDERS


def without_retroicor(
    series: np.ndarray,
    slices: np.ndarray,
    slice_times: np.ndarray,
    times: np.ndarray,
    recordings: Sequence[Stream],
    orders: tuple[int, int, int] = ORDERS,
) -> np.ndarray:
    """Return series of voxels without what the phases of heart and breath explain.

    In each slice the terms are fitted together with intercept and drift (cubic), and their part
    alone is taken out (Glover et al. 2000). This needs slices that were not moved or resampled.

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
        See :func:`~drmbids.physiology.regressors.physiological_confounds`.

    Returns
    -------
    array of shape (n_volumes, n_voxels)
    """
    drifts = Nuisance(order=3).drifts(times)
    cleaned = np.array(series, dtype=float)
    there = np.isfinite(series).any(axis=1)
    for k in np.unique(slices):
        terms = physiological_confounds(
            recordings, times + slice_times[k], ["retroicor"], orders
        ).to_numpy()
        columns = np.flatnonzero((slices == k) & np.isfinite(series[there]).all(axis=0))
        design = np.column_stack([drifts, terms])
        weights = np.linalg.lstsq(design[there], cleaned[np.ix_(there, columns)], rcond=None)[0]
        cleaned[:, columns] -= terms @ weights[drifts.shape[1] :]
    return cleaned
