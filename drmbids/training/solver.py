"""All maps of a readout solved together, and the loss that goes with the solution."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from drmbids.iterators.item import Item
from drmbids.readouts.base import DRMReadout
from drmbids.training.maps import (
    Series,
    default_alphas,
    nuisance_fit,
    solve_confounds,
    solve_region,
)
from drmbids.training.passes import RunData, by_region

# Enough for a matrix product to be fast, few enough for its result to stay in the cache.
TARGETS_AT_ONCE = 512


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
    """

    scale: Tensor
    offsets: list[Tensor]
    feature_offsets: list[list[Tensor]]
    penalties: list[Tensor]
    _row: dict[int, int] = field(default_factory=dict)

    def loss(
        self,
        readout: DRMReadout,
        item: Item,
        features: Sequence[Tensor],
        count: int | None = None,
    ) -> Tensor:
        """Return the penalised mean squared error of one window.

        Its gradient with the maps held fixed is the gradient of the objective with the maps at
        their optimum (envelope theorem), because run offsets and penalty belong to it.

        Parameters
        ----------
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
        if count is None:
            count = int((~item["response"].isnan()).sum())
        if n == 0:
            return features[0].sum() * 0.0
        kind = features[0].dtype

        def at(series: Sequence[Tensor]) -> Tensor:
            parts = zip(item["runs"], rows, strict=True)
            return torch.stack([series[run][where].to(kind) for run, where in parts], dim=1)

        total, slopes = squared_error(
            readout, item, features, at(self.offsets), self.scale.to(kind)
        )
        for x, slope, offset, weight in zip(
            features, slopes, self.feature_offsets, self.penalties, strict=True
        ):
            # adds nothing but the gradient of the error
            total = total + (slope * (x - x.detach())).sum()
            total = total + (weight.to(kind) * (x - at(offset)) ** 2).sum()
        return total / max(count, 1)

    def _rows(self, run: int, n: int, first: bool) -> slice:
        start = 0 if first else self._row[run]
        self._row[run] = start + n
        return slice(start, start + n)


@torch.no_grad()
def squared_error(
    readout: DRMReadout,
    item: Item,
    features: Sequence[Tensor],
    offsets: Tensor,
    scale: Tensor,
) -> tuple[Tensor, list[Tensor]]:
    """Return the squared error of one window, and its gradient for the features of each region.

    Targets are taken some at a time, and the gradient is written down: autograd would keep several
    tensors as large as the data.

    Parameters
    ----------
    readout : DRMReadout
        Holds the maps.
    item : dict
        The window; NaN where the response is missing.
    features : sequence of Tensor of shape (n_measured, batch, n_features)
    offsets : Tensor of shape (n_measured, batch, n_targets)
        Added to the prediction.
    scale : Tensor of shape (n_targets,)
        The error is in these units.
    """
    total, slopes = features[0].new_zeros(()), [torch.zeros_like(x) for x in features]
    first = 0
    for x, weights, slope in zip(features, readout.weights, slopes, strict=True):
        for some in weights.split(TARGETS_AT_ONCE, dim=1):
            columns = slice(first, first + some.shape[1])
            first = columns.stop
            known = readout.bias[columns] + offsets[..., columns]
            if readout.n_confounds:
                known = known + item["confounds"] @ readout.confound_weights[:, columns]
            response = item["response"][..., columns]
            error = (x @ some + known - response) / scale[columns]
            error.masked_fill_(response.isnan(), 0.0)
            total += error.square().sum()
            slope.add_((2 * error / scale[columns]) @ some.mT)
    return total, slopes


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
