"""What maps are fitted to: targets and what is taken out of them, some targets at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from drmbids.fit.maps.confounds import SharedConfounds
from drmbids.fit.maps.whitening import Whitening
from drmbids.maths.estimation.ridge import RANK_TOLERANCE, orthonormal, residualise

# Targets of which there are copies in float64 at a time: as many as fit a cache of the processor
# with the rows of a run.
TARGETS_AT_ONCE = 1024


class Group(NamedTuple):
    """Targets, all or some, that have the same samples with the same weights."""

    rows: list[Tensor]  # for each run, which of its rows are there
    columns: Tensor  # indices of the targets
    weights: list[Tensor] | None  # for each run, of the rows that are there; all 1 when None


@dataclass(frozen=True, eq=False)
class Series:
    """What the maps of one region are fitted to in one run.

    Parameters
    ----------
    target : Tensor of shape (n_measured, n_targets)
        NaN where missing; of any float type.
    nuisance : Tensor of shape (n_measured, rank)
        Orthonormal.
    confounds : Tensor of shape (n_measured, n_confounds), optional
        Fitted without penalty, with weights that all runs share.
    weight : Tensor of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.
    """

    target: Tensor
    nuisance: Tensor
    confounds: Tensor | None = None
    weight: Tensor | None = None


class Cleaner:
    """Takes nuisance and shared confounds out of the rows that some targets have.

    Least squares with weights is least squares of values times the roots of their weights, and with
    autocorrelated noise that of values made independent: values go through :meth:`weigh` first, and
    all that is fitted is fitted to what comes out.

    Parameters
    ----------
    series : sequence of Series
        One for each run.
    group : Group
        The rows that are there, and their weights.
    rho : float
        Autocorrelation of the noise from one volume to the next.

    Attributes
    ----------
    there : list of int
        Runs that have a row; values are given for these only.
    lost : list of float
        For each of them, the degrees of freedom that are taken out.
    n_left : float
        Degrees of freedom that are left.
    strength : float
        What a penalty is multiplied by: ``n_left``, times the mean weight.
    """

    def __init__(self, series: Sequence[Series], group: Group, rho: float = 0.0):
        rows = group.rows
        self.there = [k for k, keep in enumerate(rows) if keep.any()]
        self.weights = None if group.weights is None else [group.weights[k] for k in self.there]
        self.roots = None if self.weights is None else [w.sqrt()[:, None] for w in self.weights]
        roots = [None] * len(self.there) if self.roots is None else self.roots
        self.whitenings = [Whitening(rows[k], rho) for k in self.there] if rho else None
        self.bases = [
            basis_of_rows(series[k].nuisance.double(), rows[k], root)
            for k, root in zip(self.there, roots, strict=True)
        ]
        if self.whitenings is not None:
            pairs = zip(self.whitenings, self.bases, strict=True)
            self.bases = [orthonormal(whiten(basis)) for whiten, basis in pairs]
        confounds = [series[k].confounds for k in self.there]
        self.confounds = [
            basis.new_zeros(len(basis), 0) if c is None else c.double()[rows[k]]
            for k, c, basis in zip(self.there, confounds, self.bases, strict=True)
        ]
        weighted = self.weigh(self.confounds)
        size = torch.cat(weighted).norm(dim=0)
        self.shared = SharedConfounds(self._without_nuisance(weighted), size)
        self.lost = [basis.shape[1] + self.shared.rank / len(self.there) for basis in self.bases]
        n_rows = sum(len(basis) for basis in self.bases)
        mean = 1.0 if self.weights is None else float(torch.cat(self.weights).sum()) / n_rows
        self.n_left = n_rows - sum(self.lost)
        self.strength = self.n_left * mean

    def weigh(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return values (n_there, n_columns) times the roots of their weights, made independent."""
        if self.roots is not None:
            values = [root * part for root, part in zip(self.roots, values, strict=True)]
        if self.whitenings is None:
            return list(values)
        return [whiten(part) for whiten, part in zip(self.whitenings, values, strict=True)]

    def weigh_back(self, slopes: Sequence[Tensor]) -> list[Tensor]:
        """Return slopes for values from slopes for what :meth:`weigh` made of them."""
        if self.whitenings is not None:
            pairs = zip(self.whitenings, slopes, strict=True)
            slopes = [whiten.back(part) for whiten, part in pairs]
        if self.roots is None:
            return list(slopes)
        return [root * part for root, part in zip(self.roots, slopes, strict=True)]

    def means(self, values: Sequence[Tensor]) -> Tensor:
        """Return the weighted means of values as they are, shape (n_there_runs, n_columns)."""
        if self.weights is None:
            return torch.stack([part.mean(0) for part in values])
        pairs = zip(self.weights, values, strict=True)
        return torch.stack([w @ part / w.sum() for w, part in pairs])

    def clean(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return weighted values (n_there, n_columns) without nuisance and confounds."""
        return self.shared.clean(self._without_nuisance(values))

    def _without_nuisance(self, values: Sequence[Tensor]) -> list[Tensor]:
        return [residualise(b, part) for b, part in zip(self.bases, values, strict=True)]


class RegionTargets:
    """Targets of one region, with what of them is the same for all features.

    Parameters
    ----------
    series : sequence of Series
        One for each run.
    scale : Tensor of shape (n_targets,)
        Standard deviation of each target.

    Attributes
    ----------
    groups : list of Group
        Targets that have the same samples with the same weights; those without any are in none.
    power, mean : Tensor of shape (n_runs, n_targets)
        Weighted sum of squares with nuisance and confounds taken out, and weighted mean; 0 in a run
        without samples.
    volumes : list of Tensor of shape (n_measured,)
        For each run the sum over targets of such squares, in units of their variance.
    """

    def __init__(self, series: Sequence[Series], scale: Tensor):
        # to the last digit of float64: clean features have to leave nothing of the mean of a target
        self.series = [replace(s, nuisance=orthonormal(s.nuisance.double())) for s in series]
        self.scale = scale.double()
        self.power = self.scale.new_zeros(len(self.series), len(scale))
        self.mean = torch.zeros_like(self.power)
        self.volumes = [self.scale.new_zeros(len(s.target)) for s in self.series]
        self.groups: list[Group] = []
        weights = weights_of([s.weight for s in self.series])
        for group in target_groups([s.target for s in self.series], weights):
            if not any(bool(keep.any()) for keep in group.rows):
                continue
            self.groups.append(group)
            rows, columns = group.rows, group.columns
            cleaner, per_variance = Cleaner(self.series, group), self.scale[columns] ** -2
            raw = self.some(cleaner.there, rows, columns)
            means = cleaner.means(raw)
            cleaned = cleaner.clean(cleaner.weigh(raw))
            for k, mean, clean in zip(cleaner.there, means, cleaned, strict=True):
                squares = clean.square()
                self.power[k, columns], self.mean[k, columns] = squares.sum(0), mean
                self.volumes[k][rows[k]] += squares @ per_variance

    def some(self, runs: Sequence[int], rows: Sequence[Tensor], columns: Tensor) -> list[Tensor]:
        """Return some targets of some runs, at the rows that are there, in float64."""
        return [some_of(self.series[k].target, rows[k], columns).double() for k in runs]


def intercepts(
    targets: RegionTargets,
    cleaner: Cleaner,
    columns: Tensor,
    raw: Sequence[Tensor],
    weights: Tensor,
    weighed: tuple[Sequence[Tensor], Sequence[Tensor]],
) -> tuple[Tensor, Tensor]:
    """Return the weights of shared confounds, and the bias, that go with weights of features.

    Parameters
    ----------
    targets : RegionTargets
    cleaner : Cleaner
        Of the targets at hand.
    columns : Tensor of shape (n,)
        Which targets these are.
    raw : sequence of Tensor of shape (n_there, n_features)
        Features as they are, for each run that is there.
    weights : Tensor of shape (n_features, n)
        Of these.
    weighed : (sequence of Tensor, sequence of Tensor)
        What :meth:`Cleaner.weigh` made of features and targets; not looked at without confounds.

    Returns
    -------
    confound_weights : Tensor of shape (n_confounds, n)
    bias : Tensor of shape (n,)
    """
    shared, (features, measured) = cleaner.shared, weighed
    confound_weights = shared.weights(list(measured)) - shared.weights(list(features)) @ weights
    mean = cleaner.means(raw).mean(0) @ weights
    if shared.rank:
        mean += cleaner.means(cleaner.confounds).mean(0) @ confound_weights
    return confound_weights, targets.mean[cleaner.there][:, columns].mean(0) - mean


def basis_of_rows(basis: Tensor, rows: Tensor, root: Tensor | None = None) -> Tensor:
    """Return an orthonormal basis of some rows of one, times the roots of their weights.

    Parameters
    ----------
    basis : Tensor of shape (n_measured, rank)
        Orthonormal.
    rows : Tensor of bool of shape (n_measured,)
        At least one.
    root : Tensor of shape (n_there, 1), optional
        All 1 when absent.
    """
    if root is not None:
        # what counts as zero is a share of the largest
        return orthonormal(basis[rows] * (root / root.max()))
    return basis if bool(rows.all()) else orthonormal(basis[rows])


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


def weights_of(weights: Sequence[Tensor | None]) -> list[Tensor] | None:
    """Return the weights of all runs, None where there are none."""
    found = [w for w in weights if w is not None]
    return found or None


def target_groups(y: Sequence[Tensor], weights: Sequence[Tensor] | None = None) -> list[Group]:
    """Return targets that have the same samples with the same weights, so many in each group.

    Parameters
    ----------
    y : sequence of Tensor of shape (n_measured, n_targets)
        One for each run; NaN where missing.
    weights : sequence of Tensor of shape (n_measured, 1) or (n_measured, n_targets), optional
        One for each run.
    """
    found = []
    for first in range(0, y[0].shape[1], TARGETS_AT_ONCE):
        some = [t[:, first : first + TARGETS_AT_ONCE] for t in y]
        if weights is None or weights[0].shape[1] == 1:
            for rows, columns in missing_patterns(some):
                own = None
                if weights is not None:
                    pairs = zip(weights, rows, strict=True)
                    own = [w[keep, 0].double() for w, keep in pairs]
                found.append(Group(rows, columns + first, own))
            continue
        ws = [w[:, first : first + TARGETS_AT_ONCE] for w in weights]
        marks = torch.cat([w.where(~t.isnan(), 0.0) for w, t in zip(ws, some, strict=True)])
        patterns, which = torch.unique(marks, dim=1, return_inverse=True)
        for k, pattern in enumerate(patterns.unbind(1)):
            parts = pattern.split([len(t) for t in y])
            rows = [part > 0 for part in parts]
            own = [part[keep].double() for part, keep in zip(parts, rows, strict=True)]
            found.append(Group(rows, torch.nonzero(which == k)[:, 0] + first, own))
    return found


def some_of(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return some rows and columns; nothing is copied where they are one after the other."""
    first, last = int(columns[0]), int(columns[-1])
    beside = last - first + 1 == len(columns)
    values = values[:, first : last + 1] if beside else values[:, columns]
    return values if bool(rows.all()) else values[rows]


def nuisance_fit(values: Tensor, basis: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return what a nuisance basis explains of the values, at all rows; NaN rows are left out.

    Parameters
    ----------
    values : Tensor of shape (n_measured, n_targets)
    basis : Tensor of shape (n_measured, rank)
        Orthonormal.
    weights : Tensor of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.
    """
    if weights is None and not bool(values.isnan().any()):
        return basis @ (basis.mT @ values)
    out = torch.zeros_like(values)
    for (rows,), columns, own in target_groups([values], None if weights is None else [weights]):
        if rows.any():
            root = 1.0 if own is None else own[0].sqrt()[:, None].to(values)
            x, y = basis[rows] * root, values[rows][:, columns] * root
            # driver gelsd: with few rows left the basis may have lost rank, and the fit is read at
            # the rows that are missing, where a weight that rounding decides would show
            fit = torch.linalg.lstsq(x.cpu(), y.cpu(), rcond=RANK_TOLERANCE, driver="gelsd")
            out[:, columns] = basis @ fit.solution.to(basis.device)
    return out
