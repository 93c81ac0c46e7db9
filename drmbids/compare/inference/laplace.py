"""Laplace's approximation: standard errors from the curvature of the objective about the fit.

All that training moves is free, weights included; maps follow. With ``A`` the curvature and ``s_t``
the slope that sample ``t`` adds, an estimate moves by ``A^-1 sum_t s_t`` with the noise, and its
covariance is ``A^-1 cov(sum_t s_t) A^-1`` (the sandwich: Huber 1967; White 1982, Econometrica
50:1-25). Unlike the inverse of the curvature alone it takes no noise variance, no independence of
voxels and no independence of samples for granted: voxels enter as their sum at each time, time as
in :func:`drmbids.compare.inference.long_run.covariance_of_sum`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from drmbids.brain.net.net import DRMNet
from drmbids.compare.inference.curvature import curvature
from drmbids.compare.inference.long_run import covariance_of_sum
from drmbids.compare.inference.quantities import Quantities
from drmbids.compare.inference.slopes import differences, in_double
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import DataError

# Eigenvalues of the curvature, its diagonal scaled to 1, below this count as flat: the scale of
# activity, which maps make up for.
FLAT = 1e-7

# A quantity is unknown where more than this share of its slope lies along flat directions. Its
# error is then infinite, but for a prior.
UNKNOWN, UNKNOWN_ERROR = 1e-3, 1e3

#: Fewer samples than this leave no more than a handful of degrees of freedom.
LEAST_SAMPLES = 40

#: Covariance of a sum over a series (n_samples, n_columns), and its degrees of freedom.
NoiseModel = Callable[[np.ndarray], tuple[np.ndarray, int]]


@dataclass(frozen=True, eq=False)
class Spread:
    """How far quantities are known, on the scale without limits.

    Parameters
    ----------
    error : array of shape (n_quantities,)
        Standard errors.
    degrees : float
        Degrees of freedom of the t distribution that goes with them.
    left : array of shape (n_quantities,)
        How far the optimum, or its average over refits, is from the fit.
    """

    error: np.ndarray
    degrees: float
    left: np.ndarray


def laplace(
    net: DRMNet,
    data: DRMIterator,
    quantities: Quantities,
    alphas: float | Sequence[float] | None = None,
    noise: NoiseModel = covariance_of_sum,
) -> Spread:
    """Return standard errors of quantities from the curvature of the objective.

    Parameters
    ----------
    net : DRMNet
        Fitted.
    data : DRMIterator
        Runs that it was fitted on.
    quantities : Quantities
    alphas : float, sequence of float or None
        Penalties that training chose from.
    noise : callable
        What is taken for granted of the noise over time.

    Raises
    ------
    DataError
        If there are fewer than 40 samples.
    """
    net = in_double(net)
    around = curvature(net, data, alphas)
    slopes = around.slopes.cpu().numpy()
    measured = slopes[slopes.any(1)]
    if len(measured) < LEAST_SAMPLES:
        raise DataError(
            f"Laplace intervals from {len(measured)} measured volumes; "
            f"{LEAST_SAMPLES} are needed for a variance of their sum"
        )
    towards = differences(net, lambda other: torch.as_tensor(quantities.free(other)))
    steps, known = solve_flat(around.hessian.cpu().numpy(), towards.cpu().numpy())
    covariance, degrees = noise(measured @ steps)
    left = around.slope.cpu().numpy() @ steps
    covariance[~known] = covariance[:, ~known] = left[~known] = 0.0
    covariance[~known, ~known] = UNKNOWN_ERROR**2
    left, covariance = with_priors(left, covariance, net, quantities)
    error = np.sqrt(np.diag(covariance))
    error[error > UNKNOWN_ERROR / 2] = np.inf
    return Spread(error, degrees, left)


def solve_flat(hessian: np.ndarray, towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``hessian^-1 towards`` but for flat directions, and what they leave known.

    Parameters
    ----------
    hessian : array of shape (n_numbers, n_numbers)
        Symmetric.
    towards : array of shape (n_numbers, n_quantities)
        Slopes of the quantities.

    Returns
    -------
    steps : array of shape (n_numbers, n_quantities)
    known : array of bool of shape (n_quantities,)
    """
    size = np.sqrt(np.clip(np.diag(hessian), 0.0, None))
    size = np.where(size > 0, size, 1.0)
    values, axes = np.linalg.eigh(hessian / np.outer(size, size))
    steep = values > FLAT
    along = axes.T @ (towards / size[:, None])
    known = np.linalg.norm(along[~steep], axis=0) <= UNKNOWN * np.linalg.norm(along, axis=0)
    return axes[:, steep] @ (along[steep] / values[steep, None]) / size[:, None], known


def with_priors(
    left: np.ndarray, covariance: np.ndarray, net: DRMNet, quantities: Quantities
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance after the priors of the parameters, both relative to the fit.

    A prior is a measurement of the parameter, in its unit, with its standard deviation as the
    error; the parameter is taken as a linear function of its free number about the fit.

    Parameters
    ----------
    left : array of shape (n_quantities,)
        The optimum of the objective without priors less the fit, without limits.
    covariance : array of shape (n_quantities, n_quantities)
    net : DRMNet
        In float64.
    quantities : Quantities
    """
    table, free = quantities.table(net), quantities.free(net)
    has = np.flatnonzero(table["prior_sd"].notna())
    if not len(has):
        return left, covariance
    step = 1e-6
    ends = [quantities.within_limits(free + sign * step) for sign in (1, -1)]
    slope = ((ends[0] - ends[1]) / (2 * step))[has]
    seen = slope[:, None] * np.eye(len(free))[has]
    mean, sd, value = (
        table[name].to_numpy(float)[has] for name in ("prior_mean", "prior_sd", "value")
    )
    cross = covariance @ seen.T
    gain = np.linalg.solve(seen @ cross + np.diag(sd**2), cross.T).T
    return left + gain @ (mean - value - seen @ left), covariance - gain @ cross.T
