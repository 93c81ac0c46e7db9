"""Ridge regression of many targets from sums of products, with a penalty chosen for each target.

Everything works on the products ``X'X``, ``X'Y`` and ``Y'Y`` of runs, so the cost of a penalty or
a held-out run does not grow with the length of the runs. Intercepts, drifts and confounds are
taken out of both sides first (Frisch-Waugh-Lovell), which is the same as fitting them unpenalised.
"""

from typing import NamedTuple

import torch
from torch import Tensor

# Singular values below this count as zero: columns come from an orthonormal basis, so that theirs
# are 1 while all rows are there; the basis may be in float32.
RANK_TOLERANCE = 1e-5

#: What a degree of freedom of a fit costs in generalised cross-validation. At 1, as first proposed,
#: it takes far too small a penalty now and then, more so where noise is autocorrelated (Kim and Gu
#: 2004, Journal of the Royal Statistical Society B 66:337-356).
COST_OF_FREEDOM = 1.4

# Few enough for what a penalty is tried on to stay in the cache.
TRIED_AT_ONCE = 512


class Products(NamedTuple):
    """Sums over the samples of one run, or of several added up."""

    xx: Tensor  # shape: (n_features, n_features)
    xy: Tensor  # shape: (n_features, n_targets)
    yy: Tensor  # shape: (n_targets,)
    n: Tensor  # shape: (), samples less the columns taken out

    def __add__(self, other: "Products") -> "Products":  # type: ignore[override]
        return Products(*(a + b for a, b in zip(self, other, strict=True)))

    def __sub__(self, other: "Products") -> "Products":
        return Products(*(a - b for a, b in zip(self, other, strict=True)))


def residualise(basis: Tensor, values: Tensor) -> Tensor:
    """Return the values with an orthonormal basis taken out.

    Parameters
    ----------
    basis : Tensor of shape (n_samples, rank)
    values : Tensor of shape (n_samples, n_columns)
    """
    return values - basis @ (basis.mT @ values)


def orthonormal(basis: Tensor) -> Tensor:
    """Return an orthonormal basis of the columns' span.

    Rows taken out of an orthonormal basis leave columns that are neither orthonormal nor always
    independent: a spike regressor is zero once its own volume is missing.

    Parameters
    ----------
    basis : Tensor of shape (n_samples, n_columns)

    Returns
    -------
    Tensor of shape (n_samples, rank)
    """
    u, s, _ = torch.linalg.svd(basis, full_matrices=False)
    return u[:, s > RANK_TOLERANCE]


def products(x: Tensor, y: Tensor, removed: float) -> Products:
    """Return the products of features and targets from which ``removed`` columns were taken out."""
    n = torch.tensor(float(x.shape[0] - removed), dtype=x.dtype, device=x.device)
    return Products(x.mT @ x, x.mT @ y, (y * y).sum(0), n)


def _path(train: Products, alphas: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return eigenvalues, eigenvectors, filters (alpha, feature) and rotated X'Y of the path."""
    values, vectors = torch.linalg.eigh(train.xx)
    values = values.clamp(min=0.0)
    return values, vectors, 1.0 / (values + alphas[:, None]), vectors.mT @ train.xy


def held_out_errors(train: Products, test: Products, alphas: Tensor) -> Tensor:
    """Return the squared error on held-out samples for each penalty and target.

    Parameters
    ----------
    train, test : Products
    alphas : Tensor of shape (n_alphas,)
        Penalties, positive.

    Returns
    -------
    Tensor of shape (n_alphas, n_targets)
    """
    _, vectors, filters, rotated = _path(train, alphas)
    xx, xy = vectors.mT @ test.xx @ vectors, vectors.mT @ test.xy
    errors = test.yy.expand(len(alphas), -1).clone()
    for first in range(0, xy.shape[1], TRIED_AT_ONCE):
        some = slice(first, first + TRIED_AT_ONCE)
        for k, shrink in enumerate(filters):
            weights = shrink[:, None] * rotated[:, some]
            slope = torch.addmm(xy[:, some], xx, weights, beta=-2)
            errors[k, some] += slope.mul_(weights).sum(0)
    return errors


def generalised_errors(train: Products, alphas: Tensor) -> Tensor:
    """Return the generalised cross-validation criterion for each penalty and target.

    Golub, Heath and Wahba 1979, Technometrics 21:215-223; degrees of freedom lost to the columns
    taken out are counted. Those of the fit cost :data:`COST_OF_FREEDOM` each, and a penalty that
    leaves none is not chosen. Parameters and shape as for :func:`held_out_errors`.
    """
    values, _, filters, rotated = _path(train, alphas)
    errors = []
    for shrink in filters:
        hat = values * shrink
        explained = ((2 * shrink - values * shrink**2)[:, None] * rotated**2).sum(0)
        free = train.n - COST_OF_FREEDOM * hat.sum()
        error = (train.yy - explained).clamp(min=0.0) / free.clamp(min=1.0) ** 2
        errors.append(torch.where(free > 1.0, error, torch.inf))
    return torch.stack(errors)


def run_errors(runs: list[Products], alphas: Tensor) -> Tensor:
    """Return what a penalty is chosen by: smallest is best, for each penalty and target.

    Each run is left out once, and squared errors add up; with a single run it is the criterion of
    generalised cross-validation.

    Parameters
    ----------
    runs : list of Products
        One for each run.
    alphas : Tensor of shape (n_alphas,)

    Returns
    -------
    Tensor of shape (n_alphas, n_targets)
    """
    total = sum_products(runs)
    if len(runs) == 1:
        return generalised_errors(total, alphas)
    return sum_errors([held_out_errors(total - run, run, alphas) for run in runs])


def sum_products(runs: list[Products]) -> Products:
    """Return the products of all runs added up."""
    total = runs[0]
    for run in runs[1:]:
        total = total + run
    return total


def sum_errors(errors: list[Tensor]) -> Tensor:
    """Return the errors of all left-out runs added up."""
    return torch.stack(errors).sum(0)


def solve_ridge(train: Products, alpha: Tensor) -> Tensor:
    """Return the ridge weights, a penalty for each target.

    Parameters
    ----------
    train : Products
    alpha : Tensor of shape (n_targets,)

    Returns
    -------
    Tensor of shape (n_features, n_targets)
    """
    values, vectors = torch.linalg.eigh(train.xx)
    shrink = 1.0 / (values.clamp(min=0.0)[:, None] + alpha)
    return vectors @ (shrink * (vectors.mT @ train.xy))
