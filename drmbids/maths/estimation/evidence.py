"""Linear models of many targets averaged over the variances that their weights may have.

Weights of a band of features come from a normal distribution about 0, and noise is normal. For
given variances, as shares of that of the noise, weights and the probability of the data (the
evidence) are in closed form, with the variance of the noise integrated out (Bishop 2006, Pattern
Recognition and Machine Learning, section 3.5). Each target averages its weights over all variances,
by their probability given its data; how probable they are beforehand is learned from all targets
(empirical Bayes: Efron and Morris 1973, Journal of the American Statistical Association
68:117-130). So a target with few or weak data goes by what serves the others, one with many by its
own.

Everything works on products of clean features and targets, as :mod:`drmbids.maths.estimation.ridge`
does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from drmbids.maths.estimation.ridge import Products

#: Steps of expectation and maximisation that learn how probable variances are.
PRIOR_STEPS = 30

#: A target without anything to explain is as if this share of its variance were noise.
LEAST_LEFT = 1e-10


class Averaged(NamedTuple):
    """Weights averaged over variances, and how the evidence would change with the products."""

    weights: Tensor  # shape: (n_features, n_targets)
    gain: Tensor  # shape: (n_targets,), log evidence over that of noise alone
    shares: Tensor  # shape: (n_variances, n_targets), probabilities given the data
    slope_xx: Tensor  # shape: (n_features, n_features), of the sum of gains for X'X, symmetric
    slope_xy: Tensor  # shape: (n_features, n_targets), of the sum of gains for X'Y


def gains(total: Products, roots: Sequence[Tensor], variances: Tensor) -> Tensor:
    """Return the log evidence over that of noise alone, (n_roots * n_variances, n_targets).

    Choices with the first root and each variance come first, then those with the second.

    Parameters
    ----------
    total : Products
        Of all runs.
    roots : sequence of Tensor of shape (n_features, n)
        With ``R`` and a variance ``v``, weights have a covariance of ``v R R'`` times the variance
        of the noise.
    variances : Tensor of shape (n_variances,)
        Positive.

    Examples
    --------
    >>> from drmbids.maths.estimation.ridge import products
    >>> x = torch.arange(-5.0, 6.0, dtype=torch.float64)[:, None]
    >>> y = torch.cat([2 * x, torch.cos(40 * x)], 1)
    >>> one = torch.ones(1, dtype=torch.float64)
    >>> found = gains(products(x, y + torch.sin(9 * x), 0.0), [one[:, None]], one)
    >>> (found > 0).tolist()  # the first target follows the feature, the second does not
    [[True, False]]
    """
    power, tiny = total.yy, torch.finfo(total.yy.dtype).tiny
    found = []
    for root in roots:
        values, vectors = torch.linalg.eigh(root.mT @ total.xx @ root)
        values = values.clamp(min=0.0)
        squares = (vectors.mT @ (root.mT @ total.xy)).square()
        shrinkage = variances[:, None] / (1 + variances[:, None] * values)
        left = ((power - shrinkage @ squares) / power.clamp(min=tiny)).clamp(min=LEAST_LEFT)
        left = torch.where(power > 0, left, 1.0)
        size = (variances[:, None] * values).log1p().sum(1)
        found.append(-0.5 * (size[:, None] + total.n * left.log()))
    return torch.cat(found)


def learn_prior(gain: Tensor, base: Tensor, strength: float = 1.0) -> Tensor:
    """Return the probability of each choice of variances that suits all targets best.

    Parameters
    ----------
    gain : Tensor of shape (n_variances, n_targets)
        From :func:`gains`.
    base : Tensor of shape (n_variances,)
        Probabilities before any target is seen.
    strength : float
        Targets that ``base`` counts as.

    Returns
    -------
    Tensor of shape (n_variances,)
    """
    prior = base
    for _ in range(PRIOR_STEPS):
        shares = torch.softmax(gain + prior.log()[:, None], 0)
        prior = (shares.sum(1) + strength * base) / (gain.shape[1] + strength)
    return prior


def average(total: Products, roots: Sequence[Tensor], prior: Tensor) -> Averaged:
    """Return weights averaged over choices of variances, by their probability given the data.

    Parameters
    ----------
    total : Products
        Of all runs.
    roots : sequence of Tensor of shape (n_features, n)
        For each choice of variances ``R``: a covariance ``R R'`` of weights, times the variance of
        the noise.
    prior : Tensor of shape (n_variances,)
        Probabilities beforehand, above 0.

    Returns
    -------
    Averaged
    """
    # all choices at once; columns of zeros, where a root has fewer than features, change nothing
    padded = total.xx.new_zeros(len(roots), *total.xx.shape)
    for root, whole in zip(roots, padded, strict=True):
        whole[:, : root.shape[1]] = root
    inner = padded.mT @ total.xx @ padded
    factor = torch.linalg.cholesky(inner + torch.eye(len(total.xx)).to(inner))
    half = torch.linalg.solve_triangular(factor, padded.mT, upper=False)
    rotated = half @ total.xy
    power = total.yy.clamp(min=torch.finfo(total.yy.dtype).tiny)
    left = torch.maximum(total.yy - rotated.square().sum(1), LEAST_LEFT * power)
    shrinkage = torch.where(total.yy > 0, left / power, 1.0)
    size = factor.diagonal(dim1=1, dim2=2).log().sum(1, keepdim=True)
    joint = prior.log()[:, None] - size - 0.5 * total.n * shrinkage.log()
    shares, gain = torch.softmax(joint, 0), torch.logsumexp(joint, 0)
    each = half.mT @ rotated
    weights = (shares[:, None] * each).sum(0)
    # of -log|I + R' X'X R| / 2 - n log(left) / 2, the weights at their optimum
    pull = torch.where(total.yy > 0, shares * total.n / left, 0.0)[:, None]
    slope_xy = (pull * each).sum(0)
    covariance = half.mT @ half  # of weights, as a share of the noise
    total_shares = shares.sum(1)[:, None, None]
    slope_xx = -0.5 * (total_shares * covariance + (each * pull) @ each.mT).sum(0)
    return Averaged(weights, gain, shares, slope_xx, slope_xy)
