"""All maps of a readout solved together, and the loss that goes with the solution."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.iterators.item import Item
from drmbids.fit.maps.bands import feature_bands, weightings_of
from drmbids.fit.maps.passes import RunData, by_region
from drmbids.fit.maps.ridge import default_alphas, solve_region
from drmbids.fit.maps.source_maps import SourceTargets, solve_sources
from drmbids.fit.maps.targets import (
    RegionTargets,
    Series,
    basis_of_rows,
    some_of,
    target_groups,
    weights_of,
)
from drmbids.maths.estimation.ridge import residualise

#: Weightings of bands are chosen anew every so many epochs, penalties in every one: features change
#: little from one epoch to the next, and to try a weighting takes as long as to try all penalties.
WEIGHTINGS_EVERY = 10


@dataclass(eq=False)
class Solution:
    """The objective at solved maps: its value, volume by volume, and its slope for the features.

    Parameters
    ----------
    errors : list of Tensor of shape (n_measured,)
        What each volume of each run adds to the objective.
    slopes : list of list of Tensor of shape (n_measured, n_features)
        For each region and run, the gradient of the objective for the features.
    place : dict of int to int
        Where a run of this number is in the lists.
    """

    errors: list[Tensor]
    slopes: list[list[Tensor]]
    place: dict[int, int]
    _row: dict[int, int] = field(default_factory=dict)

    def loss(self, item: Item, features: Sequence[Tensor], count: int) -> Tensor:
        """Return the penalised mean squared error of one window.

        Its gradient is that of the objective with the maps at their optimum: what they add to it is
        zero there (envelope theorem). Nothing in it is as wide as the targets.

        Parameters
        ----------
        item : dict
            The window; windows of a run have to come in their order.
        features : sequence of Tensor of shape (n_measured, batch, n_features)
            Those that the maps were solved for.
        count : int
            Measured elements of the whole pass.
        """
        n = len(item["times"])
        rows = [self._rows(run, n, item["first"]) for run in item["runs"]]
        if n == 0:
            return features[0].sum() * 0.0
        places = [self.place[run] for run in item["runs"]]
        total = features[0].new_zeros(())
        for place, where in zip(places, rows, strict=True):
            total = total + self.errors[place][where].sum().to(total)
        for x, of_runs in zip(features, self.slopes, strict=True):
            parts = [of_runs[place][where] for place, where in zip(places, rows, strict=True)]
            # adds nothing but the gradient
            total = total + (torch.stack(parts, dim=1).to(x) * (x - x.detach())).sum()
        return total / max(count, 1)

    def _rows(self, run: int, n: int, first: bool) -> slice:
        start = 0 if first else self._row[run]
        self._row[run] = start + n
        return slice(start, start + n)


class Choice(NamedTuple):
    """What was chosen for each target of a region."""

    alpha: Tensor  # shape: (n_targets,), penalties
    weighting: Tensor  # shape: (n_targets,), rows of the weightings of features


class MapSolver:
    """Solves the maps of all regions of a readout, epoch after epoch.

    Parameters
    ----------
    readout : DRMReadout
        Gets weights, bias and confound weights.
    targets : RunData
        ``response``, ``confounds`` and ``nuisance`` of every run.
    alphas : float, sequence of float or None
        Penalties to choose from.

    Attributes
    ----------
    targets : list of RegionTargets or SourceTargets
    weightings : list of Tensor of shape (n_weightings, n_features)
        For each region the factors of features to choose from; see :func:`weightings_of`.
    last : list of Choice
        What was chosen for each region at the last solution.
    is_held : bool
        Whether the next solutions keep what was chosen at the last one, so that the objective is a
        smooth function of the features.
    """

    def __init__(
        self,
        readout: DRMReadout,
        targets: RunData,
        alphas: float | Sequence[float] | None,
    ):
        self.readout = readout
        response, nuisance = targets.get("response"), targets.get("nuisance")
        confounds = targets.get("confounds") if readout.n_confounds else [None] * len(response)
        self.alphas = default_alphas(alphas, response[0])
        self.place = {run: k for k, run in enumerate(targets.runs)}
        scales = by_region(targets.target_scale(), readout.n_targets)
        regions = zip(*(by_region(y, readout.n_targets) for y in response), strict=True)
        weights = targets.weights_by_region(readout.n_targets)
        self.targets: list[RegionTargets | SourceTargets] = []
        for k, (y, weight, scale) in enumerate(zip(regions, weights, scales, strict=True)):
            series = [Series(*run) for run in zip(y, nuisance, confounds, weight, strict=True)]
            model = readout.source_model(k)
            self.targets.append(
                RegionTargets(series, scale) if model is None else SourceTargets(series, model)
            )
        self.weightings = [
            weightings_of(feature_bands(readout, k)).to(response[0].device)
            for k in range(len(self.targets))
        ]
        self.last: list[Choice | None] = [None] * len(self.targets)
        self.n_solved = 0
        self.is_held = False

    @torch.no_grad()
    def solve(self, features: Sequence[Sequence[Tensor]]) -> Solution:
        """Solve the maps and write them into the readout.

        Parameters
        ----------
        features : sequence of sequence of Tensor of shape (n_measured, n_features)
            ``[region][run]``.
        """
        anew = self.n_solved % WEIGHTINGS_EVERY == 0
        self.n_solved += not self.is_held
        solved = []
        for k, x in enumerate(features):
            targets, last, weightings = self.targets[k], self.last[k], self.weightings[k]
            held = last if self.is_held else None
            if isinstance(targets, SourceTargets):
                alphas = self.alphas if held is None else held.alpha[:1]
                maps = solve_sources(x, targets, alphas)
            else:
                kept = None if anew or last is None or len(weightings) == 1 else last.weighting
                choice = (kept, None) if held is None else (held.weighting, held.alpha)
                maps = solve_region(x, targets, self.alphas, weightings, *choice)
            self.last[k] = Choice(maps.alpha, maps.weighting)
            solved.append(maps)
        write_maps(self.readout, solved)
        by_run = zip(*(maps.errors for maps in solved), strict=True)
        errors = [torch.stack(parts).sum(0) for parts in by_run]
        return Solution(errors, [maps.slopes for maps in solved], self.place)


class SolvedMaps(Protocol):
    """The maps of one region, however they were found."""

    weights: Tensor  # shape: (n_features, n_targets)
    bias: Tensor  # shape: (n_targets,)
    confound_weights: Tensor  # shape: (n_confounds, n_targets)


def write_maps(readout: DRMReadout, found: Sequence[SolvedMaps]) -> None:
    """Write the maps of all regions into a readout.

    Parameters
    ----------
    readout : DRMReadout
    found : sequence of SolvedMaps
        One for each region.
    """
    for weights, maps in zip(readout.weights, found, strict=True):
        weights.copy_(maps.weights)
    readout.bias.copy_(torch.cat([maps.bias for maps in found]))
    readout.confound_weights.copy_(torch.cat([maps.confound_weights for maps in found], 1))


@torch.no_grad()
def squared_error(
    readout: DRMReadout,
    features: Sequence[Sequence[Tensor]],
    targets: RunData,
    scale: Tensor,
) -> tuple[float, int]:
    """Return the sum of squared errors over the measured elements, and their number.

    The nuisance of each run is taken out of what the maps leave. Targets are taken some at a time.
    Squares are multiplied by the weights of the elements, which are 1 on average.

    Parameters
    ----------
    readout : DRMReadout
        Holds the maps.
    features : sequence of sequence of Tensor of shape (n_measured, n_features)
        ``[region][run]``.
    targets : RunData
        ``response``, ``confounds`` and ``nuisance`` of the runs.
    scale : Tensor of shape (n_targets,)
        Errors are in these units.
    """
    total, count, first = scale.new_zeros((), dtype=torch.float64), 0, 0
    bases = [basis.double() for basis in targets.get("nuisance")]
    confounds, series = targets.get("confounds"), targets.get("response")
    own = targets.weights_by_region(readout.n_targets)
    regions = zip(features, readout.n_targets, readout.target_maps(), own, strict=True)
    for region, n, weights, weight in regions:
        columns_of = slice(first, first + n)
        first += n
        for k, whole in enumerate(series):
            counted = weights_of([weight[k]])
            for group in target_groups([whole[:, columns_of]], counted):
                (rows,), columns, _ = group
                if not rows.any():
                    continue
                places = columns + columns_of.start
                rest = some_of(whole, rows, places).double() - readout.bias[places]
                rest -= region[k][rows].double() @ weights[:, columns].double()
                if readout.n_confounds:
                    shared = readout.confound_weights[:, places].double()
                    rest -= confounds[k][rows].double() @ shared
                root = None if group.weights is None else group.weights[0].sqrt()[:, None]
                basis = basis_of_rows(bases[k], rows, root)
                rest = rest if root is None else rest * root
                total += (residualise(basis, rest) / scale[places]).square_().sum()
                count += rest.numel()
    return total.item(), count
