"""The linear maps of a readout in closed form: ridge given the activity, a penalty per target.

For one region with features ``X`` (of all training runs), targets ``Y`` and ``M`` that takes the
nuisance of each run out of both, the maps minimise, for each target ``v``,
``||M (y_v - X w_v)||^2 + alpha_v n sum_k s_k^2 w_kv^2`` with ``s_k`` the standard deviation of
feature ``k`` after ``M``, so that a penalty means the same for any scale of activity. At the
minimum the gradient of this objective for everything upstream needs no derivative of ``w``.

Where measured elements have weights, the square is the weighted one, ``M`` takes the nuisance out
by weighted least squares, and ``n`` is multiplied by their mean, so that only ratios matter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drmbids.data.tools.arguments import numbers
from drmbids.fit.maps.targets import Cleaner, Group, RegionTargets, intercepts
from drmbids.maths.estimation.ridge import Products, residualise
from drmbids.maths.estimation.ridge_search import CleanRun, RidgeFit, search_products, search_ridge

#: Penalties to choose from, in units of the variance of a standardised feature: from almost none
#: to shrinking everything away.
DEFAULT_ALPHAS = tuple(10.0 ** (k / 2) for k in range(-8, 5))

# A feature counts as constant when what varies of it is this small a share: activity is computed in
# float32, whose rounding would otherwise be scaled up to a feature.
CONSTANT_TOLERANCE = 1e-6

#: Blocks of a single training run that are left out in turn to choose penalties.
SINGLE_RUN_BLOCKS = 5


@dataclass(frozen=True, eq=False)
class RegionMaps:
    """Solved maps of one region, and the objective they are the minimum of.

    Parameters
    ----------
    weights : Tensor of shape (n_features, n_targets)
    bias : Tensor of shape (n_targets,)
        Mean of the targets less what the weights explain of it, over runs.
    confound_weights : Tensor of shape (n_confounds, n_targets)
    alpha : Tensor of shape (n_targets,)
        Chosen penalties.
    weighting : Tensor of int of shape (n_targets,)
        Chosen rows of the weightings.
    errors : list of Tensor of shape (n_measured,)
        For each run what each of its volumes adds to the objective: squared error over targets, in
        units of their variance, and its part of the penalty.
    slopes : list of Tensor of shape (n_measured, n_features)
        For each run the gradient of the objective for the features.
    """

    weights: Tensor
    bias: Tensor
    confound_weights: Tensor
    alpha: Tensor
    weighting: Tensor
    errors: list[Tensor]
    slopes: list[Tensor]


@torch.no_grad()
def solve_region(
    features: Sequence[Tensor],
    targets: RegionTargets,
    alphas: Tensor,
    weightings: Tensor | None = None,
    weighting: Tensor | None = None,
    alpha: Tensor | None = None,
) -> RegionMaps:
    """Solve the maps of one region.

    Targets are taken some at a time, so that beside data and maps nothing is as wide as they are.

    Parameters
    ----------
    features : sequence of Tensor of shape (n_measured, n_features)
        One for each run; no gradient flows through the solution.
    targets : RegionTargets
    alphas : Tensor of shape (n_alphas,)
        Penalties to choose from; a single one is used as it is.
    weightings : Tensor of shape (n_weightings, n_features), optional
        Factors of the standardised features, 0 or more, to choose from for each target: the penalty
        of a feature is that of the target over the square of its factor. All 1 when absent.
    weighting : Tensor of int of shape (n_targets,), optional
        Row of the weightings for each target; chosen like the penalties when absent.
    alpha : Tensor of shape (n_targets,), optional
        Penalty for each target, with a weighting for each; chosen when absent.

    Returns
    -------
    RegionMaps
    """
    problem = _Region(features, targets, alphas, weightings)
    for group in targets.groups:
        problem.solve(group, weighting, alpha)
    return problem.maps()


class _Region:
    """The problem of one region, and its solution as far as targets have been solved."""

    def __init__(
        self,
        features: Sequence[Tensor],
        targets: RegionTargets,
        alphas: Tensor,
        weightings: Tensor | None,
    ):
        x = [f.detach().double() for f in features]
        self.targets, self.alphas = targets, alphas
        bases = [s.nuisance.double() for s in targets.series]
        clean = [residualise(b, a) for b, a in zip(bases, x, strict=True)]
        self.n_rows, n_features = sum(len(a) for a in x), x[0].shape[1]
        zero = x[0].new_zeros(n_features)
        spread = (sum(((c**2).sum(0) for c in clean), zero) / self.n_rows).sqrt()
        # a feature that never varies, a silent or a saturated unit, gets no weight
        size = (sum(((a**2).sum(0) for a in x), zero) / self.n_rows).sqrt()
        least = torch.maximum(1e-8 * spread.max(), CONSTANT_TOLERANCE * size)
        self.spread = torch.where(spread > least, spread, torch.inf)
        self.x, self.clean = [a / self.spread for a in x], [a / self.spread for a in clean]
        ones = x[0].new_ones(1, n_features)
        self.weightings = ones if weightings is None else weightings.to(ones)
        n_targets, confounds = len(targets.scale), targets.series[0].confounds
        self.weights = x[0].new_zeros(n_features, n_targets)
        self.confound_weights = x[0].new_zeros(
            0 if confounds is None else confounds.shape[1], n_targets
        )
        self.bias, self.alpha = x[0].new_zeros(n_targets), x[0].new_zeros(n_targets)
        self.weighting = torch.zeros(n_targets, dtype=torch.long, device=zero.device)
        self.penalty = zero
        self.errors = [volumes.clone() for volumes in targets.volumes]
        self.slopes = [torch.zeros_like(a) for a in x]

    def solve(self, group: Group, weighting: Tensor | None, alpha: Tensor | None) -> None:
        """Solve for targets that have the same samples with the same weights."""
        rows, columns, cleaner = group.rows, group.columns, Cleaner(self.targets.series, group)
        there = cleaner.there
        raw = [self.x[k][rows[k]] for k in there]
        weighed = cleaner.weigh(raw)
        x, y = cleaner.clean(weighed), cleaner.weigh(self.targets.some(there, rows, columns))
        u = self._search(x, y, cleaner, columns, weighting, alpha)
        per_variance = self.targets.scale[columns] ** -2
        size = self.weightings[self.weighting[columns]].mT
        share = torch.where(size > 0, u / size, 0.0).square()
        strength = self.alpha[columns] * per_variance * (cleaner.strength / self.n_rows)
        self.penalty = self.penalty + share @ strength
        # ||y - x u||^2 and its slope, of which only sums over targets are needed
        weighted = (u * per_variance).mT
        gram = u @ weighted
        parts = cleaner.clean([t @ weighted for t in y])
        rests = [torch.addmm(p, a, gram, alpha=-1) for p, a in zip(parts, x, strict=True)]
        for k, a, part, rest in zip(there, x, parts, rests, strict=True):
            self.errors[k][rows[k]] -= ((part + rest) * a).sum(1)
        # features come into it times the roots of weights, and so does their slope
        for k, slope in zip(there, cleaner.weigh_back(rests), strict=True):
            self.slopes[k][rows[k]] -= 2 * slope
        self.weights[:, columns] = u / self.spread[:, None]
        found = intercepts(self.targets, cleaner, columns, raw, u, (weighed, y))
        self.confound_weights[:, columns], self.bias[columns] = found

    def _search(
        self,
        x: list[Tensor],
        y: list[Tensor],
        cleaner: Cleaner,
        columns: Tensor,
        weighting: Tensor | None,
        alpha: Tensor | None,
    ) -> Tensor:
        """Return the weights of standardised features; keep what was chosen."""
        n_rows, lost, strength = sum(len(a) for a in x), cleaner.lost, cleaner.strength
        search: Callable[..., RidgeFit]
        if len(x) > 1 and not cleaner.shared.rank and n_rows**2 >= len(x) * x[0].shape[1] ** 2:
            # features are clean, so that targets need not be
            power, gone = self.targets.power[cleaner.there][:, columns], x[0].new_tensor(lost)
            sums = [
                Products(a.mT @ a, a.mT @ t, yy, len(a) - n)
                for a, t, yy, n in zip(x, y, power, gone, strict=True)
            ]
            search = _of_columns(sums)
        else:
            runs = list(zip(x, cleaner.clean(y), lost, strict=True))
            search = _of_runs(runs if len(runs) > 1 else blocks(*runs[0]))
        if weighting is None:
            fit = search(slice(None), self.alphas * strength, self.weightings)
            self.weighting[columns], self.alpha[columns] = fit.choice, fit.alpha / strength
            return fit.weights
        weights = x[0].new_zeros(x[0].shape[1], len(columns))
        kept = self.weighting[columns] = weighting[columns]
        # penalties to choose from, for each target the number of its own if they are known
        options, which = [self.alphas], torch.zeros_like(kept)
        if alpha is not None:
            values, which = alpha[columns].unique(return_inverse=True)
            options = list(values[:, None])
        for k, a in torch.stack((kept, which), 1).unique(dim=0).tolist():
            some = ((kept == k) & (which == a)).nonzero()[:, 0]
            fit = search(some, options[a] * strength, self.weightings[k][None])
            self.alpha[columns[some]], weights[:, some] = fit.alpha / strength, fit.weights
        return weights

    def maps(self) -> RegionMaps:
        """Return what was solved; the penalty belongs to the objective, volume by volume."""
        # targets have been seen to; penalties move with the variance of the features
        pairs = zip(self.errors, self.clean, strict=True)
        errors = [error + clean.square() @ self.penalty for error, clean in pairs]
        pairs = zip(self.slopes, self.clean, strict=True)
        slopes = [(slope + 2 * self.penalty * clean) / self.spread for slope, clean in pairs]
        return RegionMaps(
            self.weights,
            self.bias,
            self.confound_weights,
            self.alpha,
            self.weighting,
            errors,
            slopes,
        )


def _of_columns(sums: list[Products]) -> Callable[..., RidgeFit]:
    """Return a search from products for some of the targets."""

    def search(some: slice | Tensor, *options: Tensor) -> RidgeFit:
        part = [run._replace(xy=run.xy[:, some], yy=run.yy[some]) for run in sums]
        return search_products(part, *options)

    return search


def _of_runs(runs: list[CleanRun]) -> Callable[..., RidgeFit]:
    """Return a search from the samples of runs for some of the targets."""

    def search(some: slice | Tensor, *options: Tensor) -> RidgeFit:
        return search_ridge([(x, y[:, some], lost) for x, y, lost in runs], *options)

    return search


def blocks(x: Tensor, y: Tensor, removed: float) -> list[tuple[Tensor, Tensor, float]]:
    """Return a single run in consecutive blocks that can be left out in turn.

    Neighbouring samples are alike, so a penalty that is chosen by leaving out single samples, as
    generalised cross-validation does in effect, would be too small.
    """
    n = max(1, min(SINGLE_RUN_BLOCKS, len(x) // 2))
    parts = zip(x.tensor_split(n), y.tensor_split(n), strict=True)
    return [(a, b, removed / n) for a, b in parts]


def default_alphas(alphas: Sequence[float] | float | None, like: Tensor) -> Tensor:
    """Return penalties as a float64 tensor on the device of ``like``."""
    values = DEFAULT_ALPHAS if alphas is None else numbers("alphas", alphas)
    return torch.as_tensor(values, dtype=torch.float64, device=like.device).reshape(-1)
