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
    RANK_TOLERANCE,
    orthonormal,
    products,
    residualise,
    sum_products,
)
from drmbids.functional.ridge_search import search_ridge

#: Penalties to choose from, in units of the variance of a standardised feature: from almost none
#: to shrinking everything away.
DEFAULT_ALPHAS = tuple(10.0 ** (k / 2) for k in range(-8, 5))

# A feature counts as constant when what varies of it is this small a share: activity is computed in
# float32, whose rounding would otherwise be scaled up to a feature.
CONSTANT_TOLERANCE = 1e-6

#: Blocks of a single training run that are left out in turn to choose penalties.
SINGLE_RUN_BLOCKS = 5


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
    # a feature that never varies, a silent or a saturated unit, gets no weight
    size = (sum(((a**2).sum(0) for a in x), torch.zeros_like(x[0][0])) / n_rows).sqrt()
    least = torch.maximum(1e-8 * spread.max(), CONSTANT_TOLERANCE * size)
    spread = torch.where(spread > least, spread, torch.inf)
    n_targets = y[0].shape[1]
    weights = x[0].new_zeros(x[0].shape[1], n_targets)
    alpha, strength = x[0].new_zeros(n_targets), x[0].new_zeros(n_targets)
    for rows, columns in missing_patterns(y):
        cleaned = [
            take_out(a / spread, t[:, columns], b, keep)
            for a, t, b, keep in zip(x, y, basis, rows, strict=True)
            if keep.any()
        ]
        if not cleaned:
            continue
        folds = cleaned if len(cleaned) > 1 else blocks(*cleaned[0])
        n = sum(len(a) - removed for a, _, removed in folds)
        fit = search_ridge(folds, alphas * n, torch.ones_like(spread)[None])
        weights[:, columns] = fit.weights
        alpha[columns], strength[columns] = fit.alpha / n, fit.alpha / n_rows
    penalty = (strength * (weights / scale) ** 2).sum(1) / spread**2
    weights = weights / spread[:, None]
    return _with_offsets(weights, alpha, penalty, x, y, basis, series[0].target.dtype)


def take_out(x: Tensor, y: Tensor, basis: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return rows of one run that are there without its nuisance, and the rank taken out."""
    if not bool(keep.all()):
        x, y = x[keep], y[keep]
        basis = orthonormal(basis[keep])
    return residualise(basis, x), residualise(basis, y), float(basis.shape[1])


def blocks(x: Tensor, y: Tensor, removed: float) -> list[tuple[Tensor, Tensor, float]]:
    """Return a single run in consecutive blocks that can be left out in turn.

    Neighbouring samples are alike, so a penalty that is chosen by leaving out single samples, as
    generalised cross-validation does in effect, would be too small.
    """
    n = max(1, min(SINGLE_RUN_BLOCKS, len(x) // 2))
    parts = zip(x.tensor_split(n), y.tensor_split(n), strict=True)
    return [(a, b, removed / n) for a, b in parts]


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
    kind: torch.dtype,
) -> RegionMaps:
    """Return the maps with what each run adds on its own."""
    fits, means = [], []
    for a, t, b in zip(x, y, basis, strict=True):
        rest = t - a @ weights
        means.append(rest.nanmean(0))
        # as wide as the data, so no wider a type than theirs
        fits.append(nuisance_fit(rest, b).to(kind))
    bias = torch.stack(means).nanmean(0).nan_to_num(0.0)
    return RegionMaps(
        weights,
        bias,
        alpha,
        [fit - bias.to(kind) for fit in fits],
        [b @ (b.mT @ a) for a, b in zip(x, basis, strict=True)],
        penalty,
    )


def solve_confounds(
    confounds: Sequence[Tensor], rest: Sequence[Tensor], nuisance: Sequence[Tensor]
) -> Tensor:
    """Return the weights of confounds that all runs share, by least squares on what is left over.

    A confound that the nuisance of the runs explains already gets no weight.

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
    size = torch.cat(list(confounds)).double().norm(dim=0)
    for rows, columns in missing_patterns(rest):
        parts = [
            products(*take_out(c.double(), r[:, columns].double(), b.double(), keep))
            for c, r, b, keep in zip(confounds, rest, nuisance, rows, strict=True)
            if keep.any()
        ]
        if parts:
            total = sum_products(parts)
            norms = total.xx.diagonal().sqrt()
            # what is left of a confound that the nuisance explains is rounding: no weight
            scale = torch.where(norms > RANK_TOLERANCE * size, 1 / norms, 0.0)
            inverse = torch.linalg.pinv(scale[:, None] * total.xx * scale, hermitian=True)
            weights[:, columns] = scale[:, None] * (inverse @ (scale[:, None] * total.xy))
    return weights


def default_alphas(alphas: Sequence[float] | float | None, like: Tensor) -> Tensor:
    """Return penalties as a float64 tensor on the device of ``like``."""
    values = DEFAULT_ALPHAS if alphas is None else torch.as_tensor(alphas).reshape(-1).tolist()
    return torch.as_tensor(values, dtype=torch.float64, device=like.device)
