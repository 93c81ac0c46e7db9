"""The linear maps of a readout in closed form: ridge given the activity, a penalty per target.

For one region with features ``X`` (of all training runs), targets ``Y`` and ``M`` that takes the
nuisance of each run out of both, the maps minimise, for each target ``v``,
``||M (y_v - X w_v)||^2 + alpha_v n sum_k s_k^2 w_kv^2`` with ``s_k`` the standard deviation of
feature ``k`` after ``M``, so that a penalty means the same for any scale of activity. At the
minimum the gradient of this objective for everything upstream needs no derivative of ``w``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drmbids.functional.ridge import (
    Products,
    choose_alphas,
    orthonormal,
    products,
    residualise,
    solve_ridge,
    sum_products,
)

#: Penalties to choose from, in units of the variance of a standardised feature: from almost none
#: to shrinking everything away.
DEFAULT_ALPHAS = tuple(10.0 ** (k / 2) for k in range(-8, 5))


@dataclass(frozen=True, eq=False)
class Series:
    """What the maps of one region are fitted to in one run.

    Parameters
    ----------
    target : Tensor of shape (n_measured, n_targets)
        NaN where missing.
    nuisance : Tensor of shape (n_measured, rank)
        Orthonormal.
    """

    target: Tensor
    nuisance: Tensor


@dataclass(frozen=True, eq=False)
class RegionMaps:
    """Solved maps of one region.

    Parameters
    ----------
    weights : Tensor of shape (n_features, n_targets)
    bias : Tensor of shape (n_targets,)
        Mean of the targets less what the weights explain of it, over runs.
    alpha : Tensor of shape (n_targets,)
        Chosen penalties.
    offsets : list of Tensor of shape (n_measured, n_targets)
        For each run, what its nuisance adds to ``X w`` plus the bias.
    feature_offsets : list of Tensor of shape (n_measured, n_features)
        For each run, what its nuisance explains of the features.
    penalty : Tensor of shape (n_features,)
        Weight of each squared feature in the objective, per unit of target variance.
    """

    weights: Tensor
    bias: Tensor
    alpha: Tensor
    offsets: list[Tensor]
    feature_offsets: list[Tensor]
    penalty: Tensor


def solve_region(
    features: Sequence[Tensor],
    series: Sequence[Series],
    alphas: Tensor,
    scale: Tensor,
) -> RegionMaps:
    """Solve the maps of one region.

    Parameters
    ----------
    features : sequence of Tensor of shape (n_measured, n_features)
        One for each run; no gradient flows through the solution.
    series : sequence of Series
        One for each run.
    alphas : Tensor of shape (n_alphas,)
        Penalties to choose from; a single one is used as it is.
    scale : Tensor of shape (n_targets,)
        Standard deviation of each target.

    Returns
    -------
    RegionMaps
    """
    x = [f.detach().double() for f in features]
    y = [s.target.double() for s in series]
    basis = [s.nuisance.double() for s in series]
    clean = [residualise(b, a) for b, a in zip(basis, x, strict=True)]
    n_rows = sum(len(a) for a in x)
    spread = (sum(((c**2).sum(0) for c in clean), torch.zeros_like(x[0][0])) / n_rows).sqrt()
    # a feature that never varies, a silent unit, gets no weight
    spread = torch.where(spread > 1e-8 * spread.max().clamp(min=1e-30), spread, torch.inf)
    n_targets = y[0].shape[1]
    weights = x[0].new_zeros(x[0].shape[1], n_targets)
    alpha, strength = x[0].new_zeros(n_targets), x[0].new_zeros(n_targets)
    for rows, columns in missing_patterns(y):
        runs = [
            pattern_products(a / spread, t[:, columns], b, keep)
            for a, t, b, keep in zip(x, y, basis, rows, strict=True)
            if keep.any()
        ]
        if not runs:
            continue
        n = sum_products(runs).n
        chosen = (
            choose_alphas(runs, alphas * n)
            if len(alphas) > 1
            else (alphas * n).expand(len(columns))
        )
        weights[:, columns] = solve_ridge(sum_products(runs), chosen)
        alpha[columns], strength[columns] = chosen / n, chosen / n_rows
    penalty = (strength * (weights / scale) ** 2).sum(1) / spread**2
    weights = weights / spread[:, None]
    return _with_offsets(weights, alpha, penalty, x, y, basis)


def pattern_products(x: Tensor, y: Tensor, basis: Tensor, keep: Tensor) -> Products:
    """Return the products of one run over the rows that are there, its nuisance taken out."""
    if not bool(keep.all()):
        x, y = x[keep], y[keep]
        basis = orthonormal(basis[keep])
    return products(residualise(basis, x), residualise(basis, y), basis.shape[1])


def missing_patterns(y: Sequence[Tensor]) -> list[tuple[list[Tensor], Tensor]]:
    """Return rows that are there (for each run) and the columns they hold for.

    Targets with the same missing samples share one solution; where nothing is missing, or whole
    volumes are, there is a single pattern.
    """
    present = torch.cat([~t.isnan() for t in y])
    if bool(present.all()):
        return [
            (
                [torch.ones(len(t), dtype=torch.bool, device=t.device) for t in y],
                torch.arange(y[0].shape[1], device=y[0].device),
            )
        ]
    patterns, which = torch.unique(present, dim=1, return_inverse=True)
    lengths = [len(t) for t in y]
    return [
        (list(patterns[:, k].split(lengths)), torch.nonzero(which == k)[:, 0])
        for k in range(patterns.shape[1])
    ]


def nuisance_fit(values: Tensor, basis: Tensor) -> Tensor:
    """Return what a nuisance basis explains of the values, at all rows; NaN rows are left out."""
    missing = values.isnan()
    if not bool(missing.any()):
        return basis @ (basis.mT @ values)
    out = torch.zeros_like(values)
    for (rows,), columns in missing_patterns([values]):
        if rows.any():
            # driver gelsd: with few rows left the basis may have lost rank
            fit = torch.linalg.lstsq(
                basis[rows].cpu(), values[rows][:, columns].cpu(), driver="gelsd"
            )
            out[:, columns] = basis @ fit.solution.to(basis.device)
    return out


def _with_offsets(
    weights: Tensor,
    alpha: Tensor,
    penalty: Tensor,
    x: Sequence[Tensor],
    y: Sequence[Tensor],
    basis: Sequence[Tensor],
) -> RegionMaps:
    """Return the maps with what each run adds on its own."""
    rest = [t - a @ weights for a, t in zip(x, y, strict=True)]
    bias = torch.stack([r.nanmean(0) for r in rest]).nanmean(0).nan_to_num(0.0)
    return RegionMaps(
        weights,
        bias,
        alpha,
        [nuisance_fit(r, b) - bias for r, b in zip(rest, basis, strict=True)],
        [b @ (b.mT @ a) for a, b in zip(x, basis, strict=True)],
        penalty,
    )


def solve_confounds(
    confounds: Sequence[Tensor], rest: Sequence[Tensor], nuisance: Sequence[Tensor]
) -> Tensor:
    """Return the weights of confounds that all runs share, by least squares on what is left over.

    Parameters
    ----------
    confounds : sequence of Tensor of shape (n_measured, n_confounds)
        One for each run.
    rest : sequence of Tensor of shape (n_measured, n_targets)
        Targets less what activity explains; NaN where missing.
    nuisance : sequence of Tensor of shape (n_measured, rank)

    Returns
    -------
    Tensor of shape (n_confounds, n_targets)
    """
    weights = confounds[0].new_zeros(confounds[0].shape[1], rest[0].shape[1], dtype=torch.float64)
    for rows, columns in missing_patterns(rest):
        parts = [
            pattern_products(c.double(), r[:, columns].double(), b.double(), keep)
            for c, r, b, keep in zip(confounds, rest, nuisance, rows, strict=True)
            if keep.any()
        ]
        if parts:
            total = sum_products(parts)
            weights[:, columns] = torch.linalg.pinv(total.xx, hermitian=True) @ total.xy
    return weights


def default_alphas(alphas: Sequence[float] | float | None, like: Tensor) -> Tensor:
    """Return penalties as a float64 tensor on the device of ``like``."""
    values = DEFAULT_ALPHAS if alphas is None else torch.as_tensor(alphas).reshape(-1).tolist()
    return torch.as_tensor(values, dtype=torch.float64, device=like.device)
