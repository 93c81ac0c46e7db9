"""The linear maps of a readout trained by gradient with everything upstream, not solved for.

The objective is that of :mod:`drmbids.fit.maps.ridge` without a penalty: the squared error that is
left when the nuisance of each run is taken out of targets and predictions, in units of the variance
of each target. Maps begin at zero and move by the steps of the optimizer, so that how far they, and
what lies upstream of them, get from there is what restrains them. Solved maps make the best of any
activity at once, and a net of saturating units with few targets then fits the noise of these sooner
(``benchmarks/choices.py``); with many targets to a region they are quicker, and as good.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.solver import MapSolver, Solution, write_maps
from drmbids.fit.maps.targets import Cleaner, Group, RegionTargets, intercepts

#: Whether maps are solved for in every epoch, with a penalty for each target or averaged by their
#: evidence, or trained by gradient like what lies upstream.
Maps = Literal["solved", "evidence", "trained"]


class MapTrainer:
    """Trains the maps of all regions of a readout, epoch after epoch.

    Parameters
    ----------
    readout : DRMReadout
        Gets weights, bias and confound weights; the last two are solved for.
    targets : RunData
        ``response``, ``confounds`` and ``nuisance`` of every run.

    Attributes
    ----------
    free : list of Parameter of shape (n_features, n_targets)
        For each region the maps, in standard deviations of the target for an activity of 1.
    """

    def __init__(self, readout: DRMReadout, targets: RunData):
        data = MapSolver(readout, targets, None)
        regions = [t for t in data.targets if isinstance(t, RegionTargets)]
        if len(regions) < len(data.targets):
            raise UsageError("maps to sources are solved; use maps='solved'")
        self.readout, self.targets, self.place = readout, regions, data.place
        self.free = [nn.Parameter(torch.zeros_like(w)) for w in readout.weights]
        self.n_measured = sum(int((~y.isnan()).sum()) for y in targets.get("response"))

    def group(self, learning_rate: float) -> dict[str, Any]:
        """Return the maps as a group of parameters of the optimizer of a trainee."""
        return {"params": self.free, "lr": learning_rate, "largest": learning_rate}

    @torch.no_grad()
    def solve(self, features: Sequence[Sequence[Tensor]]) -> Solution:
        """Write the maps into the readout; leave their gradients for the next step.

        Parameters
        ----------
        features : sequence of sequence of Tensor of shape (n_measured, n_features)
            ``[region][run]``.

        Returns
        -------
        Solution
            The objective at these maps, and its slope for the features.
        """
        found = []
        for k, (x, targets) in enumerate(zip(features, self.targets, strict=True)):
            region = _Region(x, targets, self.free[k].double() * targets.scale)
            self.free[k].grad = (region.gradient * targets.scale / self.n_measured).to(self.free[k])
            found.append(region)
        write_maps(self.readout, found)
        by_run = zip(*(region.errors for region in found), strict=True)
        errors = [torch.stack(parts).sum(0) for parts in by_run]
        return Solution(errors, [region.slopes for region in found], self.place)


class _Region:
    """The objective of one region at given maps, and its slopes for maps and features."""

    def __init__(self, features: Sequence[Tensor], targets: RegionTargets, weights: Tensor):
        self.x, self.targets, self.weights = [f.double() for f in features], targets, weights
        confounds = targets.series[0].confounds
        n_confounds = 0 if confounds is None else confounds.shape[1]
        self.bias = weights.new_zeros(weights.shape[1])
        self.confound_weights = weights.new_zeros(n_confounds, weights.shape[1])
        self.gradient = torch.zeros_like(weights)
        self.errors = [torch.zeros_like(volumes) for volumes in targets.volumes]
        self.slopes = [torch.zeros_like(x) for x in self.x]
        for group in targets.groups:
            self._add(group)

    def _add(self, group: Group) -> None:
        """Add targets that have the same samples with the same weights."""
        rows, columns, cleaner = group.rows, group.columns, Cleaner(self.targets.series, group)
        weights, there = self.weights[:, columns], cleaner.there
        raw = [self.x[k][rows[k]] for k in there]
        features, measured = (
            cleaner.weigh(values) for values in (raw, self.targets.some(there, rows, columns))
        )
        per_variance = self.targets.scale[columns] ** -2
        slopes = []
        clean = zip(there, cleaner.clean(features), cleaner.clean(measured), strict=True)
        for k, x, y in clean:
            rest = y - x @ weights
            weighted = rest * per_variance
            self.errors[k][rows[k]] += (rest * weighted).sum(1)
            self.gradient[:, columns] -= 2 * x.mT @ weighted
            slopes.append(2 * weighted @ weights.mT)
        # features come into it times the roots of weights, and so does their slope
        for k, slope in zip(there, cleaner.weigh_back(slopes), strict=True):
            self.slopes[k][rows[k]] -= slope
        found = intercepts(self.targets, cleaner, columns, raw, weights, (features, measured))
        self.confound_weights[:, columns], self.bias[columns] = found
