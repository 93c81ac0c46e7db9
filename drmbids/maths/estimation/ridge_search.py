"""Ridge whose penalty, and whose weighting of features, is chosen for each target on left-out runs.

One search serves three models: a penalty for each target (one weighting), a penalty for each band
of features as well (banded ridge: many weightings, Nunez-Elizalde, Huth and Gallant 2019,
NeuroImage 197:482-492), and the best of several sets of features (weightings of ones and zeros).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from drmbids.maths.estimation.ridge import (
    Products,
    products,
    run_errors,
    solve_ridge,
    sum_products,
)

#: Features and targets of one run without its nuisance, and the rank of what was taken out.
CleanRun = tuple[Tensor, Tensor, float]


class RidgeFit(NamedTuple):
    """What was chosen for each target, and the weights on all runs."""

    weights: Tensor  # shape: (n_features, n_targets), of the features as they were given
    alpha: Tensor  # shape: (n_targets,)
    choice: Tensor  # shape: (n_targets,), row of the weightings


def search_ridge(runs: Sequence[CleanRun], alphas: Tensor, scales: Tensor) -> RidgeFit:
    """Return ridge weights with the penalty and weighting that predict left-out runs best.

    For target ``v`` the weights minimise ``||y - X w||^2 + alpha sum_k (w_k / scale_k)^2``; a
    feature of scale 0 gets no weight. Each run is left out once, and squared errors add up over
    all left-out samples; with a single run generalised cross-validation decides.

    Where samples are few for the number of features, products of samples (a kernel) take the place
    of products of features; the result is the same.

    Parameters
    ----------
    runs : sequence of (Tensor (n_samples, n_features), Tensor (n_samples, n_targets), float)
        Features, targets, and the number of columns taken out of both, for each run.
    alphas : Tensor of shape (n_alphas,)
        Penalties, positive; a single one is used as it is.
    scales : Tensor of shape (n_weightings, n_features)
        0 or more; the first of equally good ones is taken.

    Returns
    -------
    RidgeFit

    Examples
    --------
    >>> x, y = torch.eye(3, dtype=torch.float64), torch.ones(3, 1, dtype=torch.float64)
    >>> search_ridge([(x, y, 0.0)], torch.tensor([1.0]), torch.ones(1, 3)).weights.ravel().tolist()
    [0.5, 0.5, 0.5]
    """
    n_samples, n_features = sum(len(x) for x, _, _ in runs), int((scales > 0).sum(1).max())
    # the cost for each target and penalty: a product with a matrix (features, features) for each
    # left-out run, or with one (samples, samples)
    by_kernel = len(runs) > 1 and n_samples**2 < len(runs) * n_features**2
    if not by_kernel and n_features <= n_samples:
        return search_products([products(*run) for run in runs], alphas, scales)
    x, y = torch.cat([x for x, _, _ in runs]), torch.cat([y for _, y, _ in runs])
    sums = [] if by_kernel else [products(*run) for run in runs]

    def errors(scale: Tensor) -> Tensor:
        if not by_kernel:
            return run_errors([_scaled(part, scale) for part in sums], alphas)
        return kernel_errors(_scaled_runs(runs, scale), [y for _, y, _ in runs], alphas)

    alpha, choice = _choose(errors, alphas, scales, y.shape[1])
    weights = x.new_zeros(scales.shape[1], y.shape[1])
    for k in choice.unique().tolist():
        columns, used = (choice == k).nonzero()[:, 0], scales[k] > 0
        size = scales[k][used]
        found = solve_kernel_ridge(x[:, used] * size, y[:, columns], alpha[columns])
        weights[used.nonzero(), columns] = size[:, None] * found
    return RidgeFit(weights, alpha, choice)


def search_products(sums: list[Products], alphas: Tensor, scales: Tensor) -> RidgeFit:
    """Return what :func:`search_ridge` does, from the products of every run.

    Parameters
    ----------
    sums : list of Products
        One for each run.
    alphas, scales
        As for :func:`search_ridge`.

    Returns
    -------
    RidgeFit
    """
    total = sum_products(sums)

    def errors(scale: Tensor) -> Tensor:
        return run_errors([_scaled(part, scale) for part in sums], alphas)

    alpha, choice = _choose(errors, alphas, scales, total.xy.shape[1])
    weights = torch.zeros_like(total.xy)
    for k in choice.unique().tolist():
        columns, used = (choice == k).nonzero()[:, 0], scales[k] > 0
        part = _scaled(total, scales[k])
        found = solve_ridge(part._replace(xy=part.xy[:, columns]), alpha[columns])
        weights[used.nonzero(), columns] = scales[k][used][:, None] * found
    return RidgeFit(weights, alpha, choice)


def _choose(
    errors: Callable[[Tensor], Tensor],
    alphas: Tensor,
    scales: Tensor,
    n_targets: int,
) -> tuple[Tensor, Tensor]:
    """Return penalty and row of the scales with the smallest error for each target."""
    least = alphas.new_full((n_targets,), torch.inf)
    alpha = alphas.max().expand(n_targets).clone()
    choice = torch.zeros(n_targets, dtype=torch.long, device=alphas.device)
    if len(alphas) == len(scales) == 1:
        return alpha, choice
    for k, scale in enumerate(scales):
        smallest, which = errors(scale).min(0)
        better = smallest < least
        least = torch.where(better, smallest, least)
        alpha = torch.where(better, alphas[which], alpha)
        choice = torch.where(better, k, choice)
    return alpha, choice


def kernel_errors(x: Sequence[Tensor], y: Sequence[Tensor], alphas: Tensor) -> Tensor:
    """Return the squared error on left-out runs for each penalty and target.

    With ``G = (X X' + alpha I)^-1`` over the samples of all runs, the residual of run ``r`` when it
    is left out is ``G_rr^-1 (G Y)_r``: block-wise leave-one-out of a linear smoother, so one
    eigendecomposition serves all runs and penalties.

    Parameters
    ----------
    x : sequence of Tensor of shape (n_samples, n_features)
        One for each of two or more runs.
    y : sequence of Tensor of shape (n_samples, n_targets)
    alphas : Tensor of shape (n_alphas,)
        Penalties, positive.

    Returns
    -------
    Tensor of shape (n_alphas, n_targets)
    """
    features, sizes = torch.cat(list(x)), [len(part) for part in x]
    values, vectors = torch.linalg.eigh(features @ features.mT)
    values, blocks = values.clamp(min=0.0), vectors.split(sizes)
    errors = alphas.new_zeros(len(alphas), y[0].shape[1], dtype=features.dtype)
    for r, block in enumerate(blocks):
        others = torch.cat([part for k, part in enumerate(blocks) if k != r])
        known = torch.cat([part for k, part in enumerate(y) if k != r])
        for a, alpha in enumerate(alphas):
            shrunk = block / (values + alpha)
            # G_rr^-1 G_r: less its own columns, which are the identity
            past = torch.linalg.solve(shrunk @ block.mT, shrunk @ others.mT)
            errors[a] += torch.addmm(y[r], past, known).square_().sum(0)
    return errors


def solve_kernel_ridge(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """Return the ridge weights from products of samples, a penalty for each target.

    Parameters
    ----------
    x : Tensor of shape (n_samples, n_features)
    y : Tensor of shape (n_samples, n_targets)
    alpha : Tensor of shape (n_targets,)
        Positive.

    Returns
    -------
    Tensor of shape (n_features, n_targets)
    """
    values, vectors = torch.linalg.eigh(x @ x.mT)
    shrink = 1.0 / (values.clamp(min=0.0)[:, None] + alpha)
    return x.mT @ (vectors @ (shrink * (vectors.mT @ y)))


def _scaled(part: Products, scale: Tensor) -> Products:
    """Return the products of the scaled features, those of scale 0 left out."""
    if bool((scale == 1).all()):
        return part
    used = scale.nonzero()[:, 0]
    size = scale[used]
    return part._replace(
        xx=size[:, None] * part.xx[used][:, used] * size, xy=size[:, None] * part.xy[used]
    )


def _scaled_runs(runs: Sequence[CleanRun], scale: Tensor) -> list[Tensor]:
    """Return the scaled features of each run, those of scale 0 left out."""
    used = scale > 0
    return [x[:, used] * scale[used] for x, _, _ in runs]
