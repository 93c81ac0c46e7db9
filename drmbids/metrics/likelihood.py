"""How probable a measured series is, given a prediction and the variance of its errors."""

import numpy as np

from drmbids.metrics.scores import ratio


def log_likelihood(
    measured: np.ndarray, predicted: np.ndarray, variance: np.ndarray, rank: int = 0
) -> np.ndarray:
    """Return the Gaussian log-likelihood of each target.

    ``-(n - rank) / 2 log(2 pi variance) - SSE / (2 variance)``, with independent errors. The
    ``rank`` dimensions that nuisance took out of both series carry no likelihood, for any model.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    predicted : array of shape (n_measured, n_targets)
        Predictions of the same elements.
    variance : array of shape (n_targets,)
        Of the errors, known beforehand: from training runs.
    rank : int
        Number of nuisance columns that were taken out.

    Returns
    -------
    array of shape (n_targets,)
        In nats. NaN where nothing is left to predict, or the variance is not positive.

    Examples
    --------
    >>> log_likelihood(np.zeros((2, 1)), np.ones((2, 1)), np.ones(1)).round(4)
    array([-2.8379])
    """
    error, freedom = squared_error(measured, predicted, rank)
    known = (variance > 0) & (freedom > 0)
    size = np.log(2 * np.pi * np.where(known, variance, 1.0))
    return np.where(known, -0.5 * (freedom * size + ratio(error, variance)), np.nan)


def squared_error(
    measured: np.ndarray, predicted: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of squared errors of each target, and its degrees of freedom.

    Parameters
    ----------
    measured, predicted : array of shape (n_measured, n_targets)
        NaN elements of ``measured`` are left out.
    rank : int
        Number of nuisance columns that were taken out.

    Returns
    -------
    error, freedom : array of shape (n_targets,)
    """
    there = np.isfinite(measured)
    error = (np.where(there, measured - predicted, 0.0) ** 2).sum(0)
    return error, np.maximum(there.sum(0) - rank, 0)
