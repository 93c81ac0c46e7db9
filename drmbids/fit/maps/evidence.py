"""Maps of a readout averaged over how strong they may be, and nets trained for the evidence.

In place of a penalty for each target, the weights of every target are averaged over the variances
that those of a band of features may have (:mod:`drmbids.maths.estimation.evidence`), whose
probabilities are learned from all targets of all regions. Noise is autocorrelated within a run,
with a coefficient that is estimated once from what is left at the first solution.

What is trained upstream maximises the evidence, the probability of the data with the weights
integrated out. Unlike the error that is left at the best weights, it falls where features become
able to explain anything, noise included. The loss is what evidence would be of noise alone with so
much of the variance: ``exp(-2 / n sum of log evidence)`` over that of noise, 1 where nothing is
explained.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.maps.bands import feature_bands, feature_blocks
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.solver import MapSolver, Solution, write_maps
from drmbids.fit.maps.targets import Cleaner, Group, RegionTargets, intercepts
from drmbids.fit.maps.variances import VARIANCES, roots_of
from drmbids.fit.maps.whitening import autocorrelation
from drmbids.maths.estimation.evidence import average, gains, learn_prior
from drmbids.maths.estimation.ridge import Products

#: How probable variances are is learned anew every so many solutions: features change little from
#: one epoch to the next, and all choices take much longer than those that are probable.
LEARN_EVERY = 10

#: Targets of a region that probabilities are learned from, evenly spaced.
MOST_LEARNED_FROM = 256

#: Choices that are kept once probabilities are known: the most probable ones that make up this
#: much together, so many at most.
KEPT_SHARE, MOST_KEPT = 0.99, 24

#: Targets whose weights are averaged at once: each choice holds weights of all of them.
MOST_AT_ONCE = 4096

# A band counts as constant when what varies of it is this small a share: activity is in float32.
CONSTANT_TOLERANCE = 1e-6


class _Part(NamedTuple):
    """Targets of a region that have the same samples with the same weights, ready to be solved."""

    group: Group
    cleaner: Cleaner
    data: list[Tensor]  # clean, in standard deviations of the targets, for each run that is there


class EvidenceSolver:
    """Solves the maps of all regions of a readout by averaging, epoch after epoch.

    Parameters
    ----------
    readout : DRMReadout
        Gets weights, bias and confound weights.
    targets : RunData
        ``response``, ``confounds`` and ``nuisance`` of every run.
    unit_bands : sequence of Tensor of int, optional
        For each population the band of each of its units; all in one when absent.

    Attributes
    ----------
    rho : float
        Autocorrelation of the noise; 0 before the first solution.
    is_held : bool
        Whether the next solutions keep the probabilities that were learned last.
    """

    def __init__(
        self, readout: DRMReadout, targets: RunData, unit_bands: Sequence[Tensor] | None = None
    ):
        data = MapSolver(readout, targets, None)
        regions = [t for t in data.targets if isinstance(t, RegionTargets)]
        if len(regions) < len(data.targets):
            raise UsageError("maps to sources have no evidence; use maps='solved'")
        self.readout, self.targets, self.place = readout, regions, data.place
        self.n_measured = sum(int((~y.isnan()).sum()) for y in targets.get("response"))
        self.bands = [feature_bands(readout, k, unit_bands) for k in range(len(regions))]
        blocks = [feature_blocks(readout, k, unit_bands) for k in range(len(regions))]
        self.roots = [roots_of(b, c) for b, c in zip(self.bands, blocks, strict=True)]
        # regions whose choices mean the same share how probable these are
        kinds = [tuple(torch.cat([b, c]).tolist()) for b, c in zip(self.bands, blocks, strict=True)]
        self._kinds = [kinds.index(kind) for kind in kinds]
        self._kept: dict[int, tuple[list[int], Tensor]] = {}
        self._parts: list[list[_Part]] = []
        self.rho, self.n_solved, self.is_held = 0.0, 0, False

    @torch.no_grad()
    def solve(self, features: Sequence[Sequence[Tensor]]) -> Solution:
        """Solve the maps and write them into the readout.

        Parameters
        ----------
        features : sequence of sequence of Tensor of shape (n_measured, n_features)
            ``[region][run]``.
        """
        if not self._parts:
            self._begin(features)
        regions = self._regions(features)
        if not self.is_held and self.n_solved % LEARN_EVERY == 0:
            self._learn(regions)
        self.n_solved += not self.is_held
        for k, region in enumerate(regions):
            region.solve(*self._choices(k))
        write_maps(self.readout, regions)
        return self._solution(regions)

    def _begin(self, features: Sequence[Sequence[Tensor]]) -> None:
        """Estimate the autocorrelation of the noise from what is left at the first solution."""
        self._parts = [_parts(targets, 0.0) for targets in self.targets]
        regions = self._regions(features)
        self._learn(regions)
        rests, rows = [], []
        for k, region in enumerate(regions):
            if not region.parts:  # nothing of it was measured
                continue
            region.solve(*self._choices(k))
            found = region.rests()
            rests.append(autocorrelation(*found))
            rows.append(region.weights.shape[1])
        values = torch.tensor(rests).nan_to_num(0.0)
        mean = float((values * torch.tensor(rows)).sum() / max(sum(rows), 1))
        self.rho = min(max(mean, 0.0), 0.95)
        self._parts = [_parts(targets, self.rho) for targets in self.targets]

    def _regions(self, features: Sequence[Sequence[Tensor]]) -> list["_Region"]:
        return [
            _Region(x, targets, parts, bands)
            for x, targets, parts, bands in zip(
                features, self.targets, self._parts, self.bands, strict=True
            )
        ]

    def _choices(self, region: int) -> tuple[list[Tensor], Tensor]:
        """Return roots of probable covariances of the weights of a region, and how probable."""
        kept, prior = self._kept[self._kinds[region]]
        pairs = [divmod(choice, len(VARIANCES)) for choice in kept]
        return [self.roots[region][k] * VARIANCES[v] ** 0.5 for k, v in pairs], prior

    def _learn(self, regions: Sequence["_Region"]) -> None:
        """Learn how probable choices of variances are, and which to go on with."""
        for kind in sorted(set(self._kinds)):
            variances = self.roots[kind][0].new_tensor(VARIANCES)
            found = [
                gains(total, self.roots[k], variances)
                for k, region in enumerate(regions)
                if self._kinds[k] == kind
                for total in region.some_products()
            ]
            n_choices = len(self.roots[kind]) * len(variances)
            base = variances.new_full((n_choices,), 1 / n_choices)
            prior = learn_prior(torch.cat(found, 1), base) if found else base
            order = prior.argsort(descending=True)
            n_kept = int((prior[order].cumsum(0) < KEPT_SHARE).sum()) + 1
            kept = order[: min(n_kept, MOST_KEPT)]
            self._kept[kind] = kept.tolist(), prior[kept] / prior[kept].sum()

    def _solution(self, regions: Sequence["_Region"]) -> Solution:
        """Return the objective and its slopes, on the scale of the variance that is left."""
        n = sum(region.n for region in regions)
        gain = sum(region.gain for region in regions)
        loss = float(torch.tensor(-2.0 * gain / max(n, 1.0)).exp())
        # windows are summed and divided by the number of measured elements
        of_gain = -2.0 * loss * self.n_measured / max(n, 1.0)
        slopes = [[of_gain * slope for slope in region.slopes] for region in regions]
        lengths = [len(x) for x in regions[0].x]
        each = loss * self.n_measured / sum(lengths)
        errors = [regions[0].x[0].new_full((length,), each) for length in lengths]
        return Solution(errors, slopes, self.place)


def _parts(targets: RegionTargets, rho: float) -> list[_Part]:
    """Return the targets of a region, clean of what each run has on its own."""
    found = []
    for group in targets.groups:
        cleaner = Cleaner(targets.series, group, rho)
        raw = targets.some(cleaner.there, group.rows, group.columns)
        scale = targets.scale[group.columns]
        clean = [part / scale for part in cleaner.clean(cleaner.weigh(raw))]
        found.append(_Part(group, cleaner, clean))
    return found


class _Region:
    """The problem of one region at given features, and its solution."""

    def __init__(
        self,
        features: Sequence[Tensor],
        targets: RegionTargets,
        parts: Sequence[_Part],
        bands: Tensor,
    ):
        self.x, self.targets, self.parts = [f.detach().double() for f in features], targets, parts
        self.bands, n_features, n_targets = bands, len(bands), len(targets.scale)
        like, confounds = self.x[0], targets.series[0].confounds
        self.weights = like.new_zeros(n_features, n_targets)
        n_confounds = 0 if confounds is None else confounds.shape[1]
        self.confound_weights = like.new_zeros(n_confounds, n_targets)
        self.bias = like.new_zeros(n_targets)
        self.slopes = [torch.zeros_like(x) for x in self.x]
        self.gain = self.n = 0.0
        self._clean = [self._features(part) for part in parts]

    def _features(self, part: _Part) -> tuple[list[Tensor], Tensor]:
        """Return clean features, of a mean power of 1 in each band, and what divided them."""
        raw = [self.x[k][part.group.rows[k]] for k in part.cleaner.there]
        weighed = part.cleaner.weigh(raw)
        clean, whole = part.cleaner.clean(weighed), torch.cat(weighed)
        power = sum(c.square().sum(0) for c in clean)
        size = whole.square().sum(0)
        n_bands = int(self.bands.max()) + 1
        count = torch.bincount(self.bands, minlength=n_bands)
        mean = power.new_zeros(n_bands).index_add(0, self.bands, power) / count
        least = CONSTANT_TOLERANCE**2 * size.new_zeros(n_bands).index_add(0, self.bands, size)
        scale = torch.where(mean > least / count, mean.sqrt(), torch.inf)[self.bands]
        return [c / scale for c in clean], scale

    def some_products(self) -> list[Products]:
        """Return products with some of the targets, evenly spaced."""
        n_targets = sum(len(part.group.columns) for part in self.parts)
        step = max(1, n_targets // MOST_LEARNED_FROM)
        return [
            _products(x, [y[:, ::step] for y in part.data], part.cleaner.n_left)
            for part, (x, _) in zip(self.parts, self._clean, strict=True)
        ]

    def solve(self, roots: Sequence[Tensor], prior: Tensor) -> None:
        """Average the weights of all targets."""
        for part, (x, scale) in zip(self.parts, self._clean, strict=True):
            group, cleaner, weights = part.group, part.cleaner, []
            slopes = [torch.zeros_like(a) for a in x]
            for columns in torch.arange(len(group.columns)).split(MOST_AT_ONCE):
                some = [y[:, columns] for y in part.data]
                found = average(_products(x, some, cleaner.n_left), roots, prior)
                self.gain += float(found.gain.sum())
                weights.append(found.weights)
                for k, (a, y) in enumerate(zip(x, some, strict=True)):
                    slopes[k] += 2 * a @ found.slope_xx + y @ found.slope_xy.mT
            self.n += cleaner.n_left * len(group.columns)
            slopes = self._free_of_scale(slopes, x)
            back = cleaner.weigh_back([slope / scale for slope in slopes])
            for k, slope in zip(cleaner.there, back, strict=True):
                self.slopes[k][group.rows[k]] += slope
            sized = torch.cat(weights, 1) / scale[:, None]
            self._write(part, sized * self.targets.scale[group.columns])

    def _free_of_scale(self, slopes: list[Tensor], x: Sequence[Tensor]) -> list[Tensor]:
        """Return slopes without what would make a whole band larger: its mean power stays 1."""
        along = sum((s * a).sum(0) for s, a in zip(slopes, x, strict=True))
        n_bands = int(self.bands.max()) + 1
        total = along.new_zeros(n_bands).index_add(0, self.bands, along)
        mean = (total / torch.bincount(self.bands, minlength=n_bands))[self.bands]
        return [s - a * mean for s, a in zip(slopes, x, strict=True)]

    def _write(self, part: _Part, weights: Tensor) -> None:
        """Keep the weights of features, and those of confounds and the bias that go with them."""
        columns, cleaner, rows = part.group.columns, part.cleaner, part.group.rows
        raw = [self.x[k][rows[k]] for k in cleaner.there]
        weighed = (raw, part.data)
        if cleaner.shared.rank:
            measured = self.targets.some(cleaner.there, rows, columns)
            weighed = (cleaner.weigh(raw), cleaner.weigh(measured))
        self.weights[:, columns] = weights
        found = intercepts(self.targets, cleaner, columns, raw, weights, weighed)
        self.confound_weights[:, columns], self.bias[columns] = found

    def rests(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return what is left of the targets of the largest group, and its rows, for each run."""
        part, (x, scale) = max(
            zip(self.parts, self._clean, strict=True), key=lambda p: len(p[0].group.columns)
        )
        columns = part.group.columns
        weights = self.weights[:, columns] / self.targets.scale[columns] * scale[:, None]
        weights = torch.where(scale.isinf()[:, None], 0.0, weights)
        rests = [y - a @ weights for a, y in zip(x, part.data, strict=True)]
        return rests, [part.group.rows[k] for k in part.cleaner.there]


def _products(x: Sequence[Tensor], y: Sequence[Tensor], n_left: float) -> Products:
    """Return the products of all runs."""
    features, targets = torch.cat(list(x)), torch.cat(list(y))
    n = torch.tensor(max(n_left, 1.0), dtype=features.dtype, device=features.device)
    return Products(features.mT @ features, features.mT @ targets, targets.square().sum(0), n)
