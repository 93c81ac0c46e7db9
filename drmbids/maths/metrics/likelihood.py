"""How probable a measured series is, given a prediction and the variance of its errors."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import orth

from drmbids.data.runs.nuisance import same_weights
from drmbids.maths.metrics.scores import CONSTANT_TOLERANCE, ratio
from drmbids.maths.metrics.whitening import samples_since_gap, whiten


def log_likelihood(
    measured: np.ndarray,
    predicted: np.ndarray,
    variance: np.ndarray,
    rank: int = 0,
    weights: np.ndarray | None = None,
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
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.

    Returns
    -------
    array of shape (n_targets,)
        In nats. NaN where nothing is left to predict, or the variance is not positive.

    Examples
    --------
    >>> log_likelihood(np.zeros((2, 1)), np.ones((2, 1)), np.ones(1)).round(4)
    array([-2.8379])
    """
    return squared_error(measured, predicted, rank, weights).log_likelihood(variance)


class SquaredError(NamedTuple):
    """Errors of each target: their squares, and what is needed for their likelihood."""

    total: np.ndarray  # shape: (n_targets,), sum of squares
    freedom: np.ndarray  # shape: (n_targets,), degrees of freedom
    volume: np.ndarray  # shape: (n_targets,), log determinant of the nuisance; 0 of white noise

    def log_likelihood(self, variance: np.ndarray) -> np.ndarray:
        """Return the Gaussian log-likelihood in nats, NaN where there is none.

        Parameters
        ----------
        variance : array of shape (n_targets,)
            Of what is new in each sample.
        """
        known = (variance > 0) & (self.freedom > 0)
        size = self.freedom * np.log(2 * np.pi * np.where(known, variance, 1.0)) + self.volume
        return np.where(known, -0.5 * (size + ratio(self.total, variance)), np.nan)


def squared_error(
    measured: np.ndarray, predicted: np.ndarray, rank: int, weights: np.ndarray | None = None
) -> SquaredError:
    """Return the errors of each target, taken as independent.

    Parameters
    ----------
    measured, predicted : array of shape (n_measured, n_targets)
        NaN elements of ``measured`` are left out.
    rank : int
        Number of nuisance columns that were taken out.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.

    Returns
    -------
    SquaredError
    """
    there = np.isfinite(measured)
    squares = np.where(there, measured - predicted, 0.0) ** 2
    # what is the rounding of a perfect fit is no error variance
    rounding = squares.sum(0) <= CONSTANT_TOLERANCE**2 * (np.where(there, measured, 0.0) ** 2).sum(
        0
    )
    squares = np.where(rounding, 0.0, squares)
    n, mean = there.sum(0), 1.0
    if weights is not None:
        squares, mean = weights * squares, (weights * there).sum(0) / np.maximum(n, 1)
    return SquaredError(squares.sum(0), np.maximum(n - rank, 0) * mean, np.zeros(len(n)))


def autoregressive_error(
    rest: np.ndarray,
    basis: np.ndarray,
    times: np.ndarray,
    tr: float,
    autoregression: np.ndarray,
    weights: np.ndarray | None = None,
) -> SquaredError:
    """Return the errors of each target, of which each sample takes over a part of those before.

    The nuisance is taken out by generalised least squares. With ``W`` that takes off what is taken
    over and ``N`` the orthonormal nuisance, the likelihood of what it leaves (restricted, Harville
    1974, Biometrika 61:383-385) has the term ``log |N' W' W N|``, which is 0 for errors
    that are independent: likelihoods of both can be compared.

    Parameters
    ----------
    rest : array of shape (n_measured, n_targets)
        Measured less predicted, NaN where missing; nuisance may be in it.
    basis : array of shape (n_measured, rank)
        Nuisance.
    times : array of shape (n_measured,)
        Seconds.
    tr : float
        Seconds between samples.
    autoregression : array of shape (n_targets, order)
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.

    Returns
    -------
    SquaredError
    """
    total, freedom, volume = np.zeros((3, rest.shape[1]))
    for rows, columns, root in same_weights(rest, weights):
        since, nuisance = samples_since_gap(times[rows], tr), orth(basis[rows] * root)
        different, which = np.unique(autoregression[columns], axis=0, return_inverse=True)
        for k, coefficients in enumerate(different):
            some = columns[which.ravel() == k]
            white = whiten(rest[np.ix_(rows, some)] * root, since, coefficients)
            q, r = np.linalg.qr(whiten(nuisance, since, coefficients))
            total[some] = ((white - q @ (q.T @ white)) ** 2).sum(0)
            freedom[some] = (len(rows) - q.shape[1]) * (root**2).mean()
            volume[some] = 2 * np.log(np.abs(np.diag(r))).sum()
    return SquaredError(total, freedom, volume)
