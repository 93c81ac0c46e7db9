"""All maps of a readout solved together, and the loss that goes with the solution."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from drmbids.iterators.iterator import Item
from drmbids.readouts.base import DRMReadout
from drmbids.training.maps import (
    Series,
    default_alphas,
    nuisance_fit,
    solve_confounds,
    solve_region,
)
from drmbids.training.passes import RunData, by_region


@dataclass(eq=False)
class Solution:
    """What solved maps add to a loss: run offsets and the ridge penalty.

    Parameters
    ----------
    scale : Tensor of shape (n_targets,)
        Standard deviation of each target; the loss is in its units.
    offsets : list of Tensor of shape (n_measured, n_targets)
        For each run, what its nuisance adds to the prediction.
    feature_offsets : list of list of Tensor of shape (n_measured, n_features)
        For each region and run, what the nuisance explains of the features.
    penalties : list of Tensor of shape (n_features,)
        For each region, weights of the squared features in the objective.
    alphas : Tensor of shape (n_targets,)
        Chosen penalties.
    """

    scale: Tensor
    offsets: list[Tensor]
    feature_offsets: list[list[Tensor]]
    penalties: list[Tensor]
    alphas: Tensor
    _row: dict[int, int] = field(default_factory=dict)

    def loss(
        self,
        loss: nn.Module,
        readout: DRMReadout,
        item: Item,
        features: Sequence[Tensor],
        count: int | None = None,
    ) -> Tensor:
        """Return the penalised loss of one window.

        Its gradient with the maps held fixed is the gradient of the objective with the maps at
        their optimum (envelope theorem), because run offsets and penalty belong to it.

        Parameters
        ----------
        loss : Module
            Masked mean squared error.
        readout : DRMReadout
            Holds the solved maps.
        item : dict
            The window.
        features : sequence of Tensor of shape (n_measured, batch, n_features)
        count : int, optional
            Measured elements of the whole pass, for a window's share in the mean; those of the
            window when absent.
        """
        n = len(item["times"])
        rows = [self._rows(run, n, item["first"]) for run in item["runs"]]
        present = int((~item["response"].isnan()).sum())
        count = max(present if count is None else count, 1)
        if n == 0:
            return features[0].sum() * 0.0
        kind = features[0].dtype

        def at(series: Sequence[Tensor]) -> Tensor:
            parts = [series[run][where] for run, where in zip(item["runs"], rows, strict=True)]
            return torch.stack(parts, dim=1).to(kind)

        scale = self.scale.to(kind)
        prediction = readout.map_features(features, item["confounds"]) + at(self.offsets)
        total = loss(prediction / scale, item["response"] / scale) * present
        for x, offset, weight in zip(features, self.feature_offsets, self.penalties, strict=True):
            total = total + (weight.to(kind) * (x - at(offset)) ** 2).sum()
        return total / count

    def _rows(self, run: int, n: int, first: bool) -> slice:
        start = 0 if first else self._row[run]
        self._row[run] = start + n
        return slice(start, start + n)


@torch.no_grad()
def solve_maps(
    readout: DRMReadout,
    features: Sequence[Sequence[Tensor]],
    targets: RunData,
    alphas: float | Sequence[float] | None,
) -> Solution:
    """Solve the maps of all regions and write them into the readout.

    Parameters
    ----------
    readout : DRMReadout
        Gets weights, bias and confound weights.
    features : sequence of sequence of Tensor of shape (n_measured, n_features)
        ``[region][run]``.
    targets : RunData
        ``response``, ``confounds`` and ``nuisance`` of every run.
    alphas : float, sequence of float or None
        Penalties to choose from.
    """
    y, nuisance, scale = targets.get("response"), targets.get("nuisance"), targets.target_scale()
    confounds = targets.get("confounds")
    if readout.n_confounds:
        y = [t - c @ readout.confound_weights for t, c in zip(y, confounds, strict=True)]
    parts = [by_region(t, readout.n_targets) for t in y]
    grid = default_alphas(alphas, y[0])
    solved = [
        solve_region(
            features[k],
            [Series(p[k], b) for p, b in zip(parts, nuisance, strict=True)],
            grid,
            region_scale,
        )
        for k, region_scale in enumerate(by_region(scale, readout.n_targets))
    ]
    for weights, maps in zip(readout.weights, solved, strict=True):
        weights.copy_(maps.weights)
    readout.bias.copy_(torch.cat([maps.bias for maps in solved]))
    offsets = [torch.cat(run, -1) for run in zip(*(m.offsets for m in solved), strict=True)]
    if readout.n_confounds:
        offsets = _refit_confounds(readout, offsets, y, features, confounds, nuisance)
    return Solution(
        scale,
        offsets,
        [m.feature_offsets for m in solved],
        [m.penalty for m in solved],
        torch.cat([m.alpha for m in solved]),
    )


def _refit_confounds(
    readout: DRMReadout,
    offsets: Sequence[Tensor],
    y: Sequence[Tensor],
    features: Sequence[Sequence[Tensor]],
    confounds: Sequence[Tensor],
    nuisance: Sequence[Tensor],
) -> list[Tensor]:
    """Move the shared confound weights to their optimum given the maps; return new run offsets."""
    explained = [
        torch.cat([x @ w for x, w in zip(run, readout.weights, strict=True)], -1)
        for run in zip(*features, strict=True)
    ]
    rest = [t - e for t, e in zip(y, explained, strict=True)]
    change = solve_confounds(confounds, rest, nuisance)
    readout.confound_weights.add_(change.to(readout.confound_weights.dtype))
    moved = []
    for offset, c, target, basis in zip(offsets, confounds, y, nuisance, strict=True):
        shift = (c.double() @ change).masked_fill(target.isnan(), torch.nan)
        moved.append(offset - nuisance_fit(shift, basis.double()))
    return moved
