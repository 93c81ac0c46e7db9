"""R2 of a sum of predictions, split between its parts."""

import numpy as np

from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.scores import centred, ratio


def split_r2(measured: np.ndarray, parts: np.ndarray, centre: bool = True) -> np.ndarray:
    """Return the share of R2 that each part of an additive prediction carries (product measure).

    ``sum_t p_k (2 y - p) / sum_t y^2`` for part ``p_k`` of the prediction ``p = sum_k p_k`` of the
    centred series ``y``. The shares add up to the R2 of ``p``.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    parts : array of shape (n_parts, n_measured, n_targets)
        What each feature space adds to the prediction, centred as ``measured`` is here.
    centre : bool
        Whether the mean is taken out of ``measured``; where nuisance was taken out, it is gone.

    Returns
    -------
    array of shape (n_parts, n_targets)
        Below zero where a part does harm. NaN where the measured series is constant.

    Raises
    ------
    DataError
        If the shapes differ.

    References
    ----------
    Hoffman 1960, Psychological Bulletin 57:116-131; Dupre la Tour et al. 2022, NeuroImage
    264:119728.

    Examples
    --------
    >>> measured = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    >>> split_r2(measured, np.array([0.5 * measured, 0.0 * measured])).ravel()
    array([0.75, 0.  ])
    """
    if np.ndim(parts) != 3 or parts.shape[1:] != np.shape(measured):
        raise DataError(
            f"parts {np.shape(parts)} must be (n_parts, n_measured, n_targets), with measured "
            f"{np.shape(measured)}"
        )
    there = np.isfinite(measured)
    y = centred(measured, there) if centre else np.where(there, measured, 0.0)
    parts = np.where(there, parts, 0.0)
    products = (parts * (2 * y - parts.sum(0))).sum(1)
    return np.stack([ratio(product, (y**2).sum(0)) for product in products])
