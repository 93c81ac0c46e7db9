"""Curvature of the training objective about a fit, and what each sample contributes to its slope.

The objective of training is, for targets ``v`` of variance ``c_v^2`` and features ``Z`` of one
region, nuisance taken out and standardised, ``sum_v (||y_v - Z u_v||^2 + alpha_v n ||u_v||^2) /
c_v^2`` with the maps ``u_v`` at their optimum. With ``D_pv = (dZ/dp) u_v``, residuals ``e_v`` and
``G_v = (Z'Z + alpha_v n)^-1`` its Hessian is twice

``A_pq = sum_v (D_pv' D_qv - C_pv' G_v C_qv) / c_v^2,  C_pv = Z' D_pv - (dZ/dp)' e_v``

(variable projection: Golub and Pereyra 1973, SIAM J. Numer. Anal. 10:413-432) but for terms with
second derivatives of the features, whose mean is zero. The term with ``e_v`` in ``C_pv`` takes back
what the noise in ``u_v`` adds to ``D_pv``: without it many targets of little signal would make
intervals far too narrow. A sample ``t`` adds ``s_tp = sum_v e_tv (D_pv - Z G_v C_pv)_t / c_v^2`` to
the slope.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from drmbids.brain.net.net import DRMNet
from drmbids.compare.inference.slopes import feature_slopes, side_by_side
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.fit.maps.passes import gather_targets
from drmbids.fit.maps.ridge import CONSTANT_TOLERANCE
from drmbids.fit.maps.solver import MapSolver
from drmbids.fit.maps.targets import Cleaner, Group, RegionTargets
from drmbids.maths.estimation.ridge import residualise

# Numbers in the largest temporary tensor: 256 MB in float64.
MOST_NUMBERS = 2**25


@dataclass(eq=False)
class Curvature:
    """Half the Hessian of the objective, the slopes of the samples, and the slope of the whole.

    Parameters
    ----------
    hessian : Tensor of shape (n_numbers, n_numbers)
    slopes : Tensor of shape (n_samples, n_numbers)
        Of all runs, one after the other; residuals are scaled up for the degrees of freedom that
        maps and nuisance took from them.
    slope : Tensor of shape (n_numbers,)
        Zero where training has converged.
    """

    hessian: Tensor
    slopes: Tensor
    slope: Tensor


@torch.no_grad()
def curvature(net: DRMNet, data: DRMIterator, alphas: float | Sequence[float] | None) -> Curvature:
    """Return the curvature of the objective about a net.

    Parameters
    ----------
    net : DRMNet
        Fitted, in float64.
    data : DRMIterator
        Runs that it was fitted on.
    alphas : float, sequence of float or None
        Penalties that training chose from.
    """
    (features,) = side_by_side([net], data)
    moved = feature_slopes(net, data)
    solver = MapSolver(net.readout, gather_targets(data, data.n_runs), alphas)
    solver.solve(features)
    n_numbers, n_samples = moved[0][0].shape[0], sum(map(len, features[0]))
    like = features[0][0]
    total = Curvature(
        like.new_zeros(n_numbers, n_numbers),
        like.new_zeros(n_samples, n_numbers),
        like.new_zeros(n_numbers),
    )
    for k, (targets, choice) in enumerate(zip(solver.targets, solver.last, strict=True)):
        assert choice is not None  # just solved
        region = _Region(features[k], moved[k], targets)
        alpha = choice.alpha
        for group in targets.groups:
            weighting = choice.weighting[group.columns]
            for w in weighting.unique().tolist():
                some = group.columns[weighting == w]
                part = group._replace(columns=some)
                region.add(total, part, alpha[some], solver.weightings[k][w])
    return total


class _Region:
    """Features of one region and their slopes, standardised."""

    def __init__(self, features: Sequence[Tensor], moved: Sequence[Tensor], targets: RegionTargets):
        self.targets, n_rows = targets, sum(map(len, features))
        bases = [s.nuisance.double() for s in targets.series]
        clean = [residualise(basis, x) for basis, x in zip(bases, features, strict=True)]
        spread = (torch.cat(clean).square().sum(0) / n_rows).sqrt()
        size = (torch.cat(list(features)).square().sum(0) / n_rows).sqrt()
        # features that never vary have no weight
        self.used = spread > torch.maximum(1e-8 * spread.max(), CONSTANT_TOLERANCE * size)
        spread = spread[self.used]
        self.x = [x[:, self.used] / spread for x in features]
        slopes = [d[..., self.used] / spread for d in moved]
        # the standard deviation moves too
        pairs = zip(clean, slopes, strict=True)
        parts = [torch.einsum("nk,pnk->pk", c[:, self.used] / spread, d) for c, d in pairs]
        growth = torch.stack(parts).sum(0) / n_rows
        self.slopes = [d - growth[:, None] * x for d, x in zip(slopes, self.x, strict=True)]

    def add(self, total: Curvature, group: Group, alpha: Tensor, weighting: Tensor) -> None:
        """Add targets that have the same missing samples and the same weighting of features."""
        rows, columns, _ = group
        z, dz, y, cleaner = self._clean(group, weighting[self.used])
        values, axes = torch.linalg.eigh(z.mT @ z)
        values, z, dz = values.clamp(min=0.0), z @ axes, dz @ axes
        where = torch.cat(list(rows)).nonzero()[:, 0]
        at_once = max(1, MOST_NUMBERS // (dz.shape[0] * dz.shape[1]))
        for some in torch.arange(len(columns), device=columns.device).split(at_once):
            shrink = 1.0 / (values[:, None] + alpha[some] * cleaner.strength)
            weight = self.targets.scale[columns[some]] ** -2
            u = shrink * (z.mT @ y[:, some])
            rest = y[:, some] - z @ u
            d = torch.einsum("pnk,kv->pnv", dz, u)
            c = torch.einsum("nk,pnv->pkv", z, d) - torch.einsum("pnk,nv->pkv", dz, rest)
            total.hessian += torch.einsum("pnv,qnv->pq", d * weight, d)
            total.hessian -= torch.einsum("pkv,qkv->pq", c * (shrink * weight), c)
            total.slope += torch.einsum("pnv,nv->p", d, rest * weight)
            left = cleaner.n_left - (values[:, None] * shrink).sum(0)
            larger = rest * weight * (len(rest) / left.clamp(min=1.0)).sqrt()
            d -= torch.einsum("nk,pkv->pnv", z, shrink * c)
            total.slopes[where] += torch.einsum("pnv,nv->np", d, larger)

    def _clean(self, group: Group, weighting: Tensor) -> tuple[Tensor, Tensor, Tensor, Cleaner]:
        """Return features, their slopes and targets without nuisance, at the rows that are there.

        All are times the roots of weights. What took the nuisance out comes last.
        """
        rows, columns, _ = group
        cleaner = Cleaner(self.targets.series, group)
        there = cleaner.there
        n_numbers, _, n_features = self.slopes[0].shape
        flat = [
            torch.cat([self.x[k], self.slopes[k].movedim(0, 1).flatten(1)], 1)[rows[k]]
            for k in there
        ]
        own = torch.cat(cleaner.clean(cleaner.weigh(flat)))
        own = own.unflatten(1, (1 + n_numbers, n_features)) * weighting
        series = cleaner.weigh(self.targets.some(there, rows, columns))
        y = torch.cat(cleaner.clean(series))
        return own[:, 0], own[:, 1:].movedim(1, 0), y, cleaner
