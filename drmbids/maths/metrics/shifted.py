"""Correlation of measured and predicted series at every circular shift of the prediction."""

import numpy as np
from scipy.linalg import orth

from drmbids.maths.metrics.scores import ratio, remainder

# Squares are differences of large numbers here: below this share of them they are rounding.
_ROUNDING = 1e-10


def shifted_correlations(
    measured: np.ndarray,
    predicted: np.ndarray,
    basis: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return r at every circular shift, with the nuisance out of measured and shifted prediction.

    A shift keeps the autocorrelation of both series and breaks what ties them to each other. The
    nuisance stays where it is: it is taken out of the prediction before the shift, so that no
    drift is torn apart, and again after it.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    predicted : array of shape (n_measured, n_targets)
        Complete.
    basis : array of shape (n_measured, rank)
        Orthonormal basis of the nuisance, which holds the constant.
    weights : array of shape (n_measured, n_targets), optional
        How much each measured element counts, whatever the prediction beside it; all alike when
        absent.

    Returns
    -------
    array of shape (n_measured, n_targets)
        Row ``s`` is r with the prediction ``s`` volumes later, its end put at the start; NaN where
        either series is constant.

    Examples
    --------
    >>> measured = np.array([[1.0], [0.0], [0.0], [0.0]])
    >>> shifted_correlations(measured, measured, np.full((4, 1), 0.5)).round(2).ravel()
    array([ 1.  , -0.33, -0.33, -0.33])
    """
    predicted, there = remainder(basis, predicted), np.isfinite(measured)
    measured = np.nan_to_num(remainder(basis, measured, weights))
    r = np.empty_like(predicted)
    counts = there.astype(float) if weights is None else np.where(there, weights, 0.0)
    patterns, which = np.unique(counts, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == k)
        m, p = measured[:, columns], predicted[:, columns]
        root = np.sqrt(pattern)[:, None]
        power = _lagged(pattern[:, None], p**2)
        # what the nuisance, where it is measured, explains of the shifted prediction
        nuisance = orth(basis * root) if pattern.any() else np.zeros((len(p), 0))
        left = power.copy()
        for column in nuisance.T:
            left -= _lagged(column[:, None] * root, p) ** 2
        left[left < _ROUNDING * power] = 0.0
        weighted = pattern[:, None] * m
        r[:, columns] = ratio(_lagged(weighted, p), np.sqrt(left * (weighted * m).sum(0)))
    return np.clip(r, -1.0, 1.0)


def _lagged(fixed: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return ``sum_t fixed[t] moved[t - s]`` for each circular shift ``s``."""
    spectrum = np.fft.rfft(fixed, axis=0) * np.conj(np.fft.rfft(moved, axis=0))
    return np.fft.irfft(spectrum, len(moved), axis=0)
