"""What maps are fitted to: targets and what is taken out of them, some targets at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from drmbids.functional.ridge import orthonormal, residualise
from drmbids.training.confounds import SharedConfounds

# Targets of which there are copies in float64 at a time: as many as fit a cache of the processor
# with the rows of a run.
TARGETS_AT_ONCE = 1024

#: For each run the rows that are there, and the targets, all or some of which, this holds for.
Group = tuple[list[Tensor], Tensor]


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
    """

    target: Tensor
    nuisance: Tensor
    confounds: Tensor | None = None


class Cleaner:
    """Takes nuisance and shared confounds out of the rows that some targets have.

    Parameters
    ----------
    series : sequence of Series
        One for each run.
    rows : sequence of Tensor of bool of shape (n_measured,)
        For each run the rows that are there.

    Attributes
    ----------
    there : list of int
        Runs that have a row; values are given for these only.
    lost : list of float
        For each of them, the degrees of freedom that are taken out.
    """

    def __init__(self, series: Sequence[Series], rows: Sequence[Tensor]):
        self.there = [k for k, keep in enumerate(rows) if keep.any()]
        bases = [series[k].nuisance.double() for k in self.there]
        self.bases = [
            basis if rows[k].all() else orthonormal(basis[rows[k]])
            for k, basis in zip(self.there, bases, strict=True)
        ]
        confounds = [series[k].confounds for k in self.there]
        self.confounds = [
            basis.new_zeros(len(basis), 0) if c is None else c.double()[rows[k]]
            for k, c, basis in zip(self.there, confounds, self.bases, strict=True)
        ]
        size = torch.cat(self.confounds).norm(dim=0)
        self.shared = SharedConfounds(self._without_nuisance(self.confounds), size)
        self.lost = [basis.shape[1] + self.shared.rank / len(bases) for basis in self.bases]

    def clean(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return values of shape (n_there, n_columns) with nuisance and confounds taken out."""
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
        Targets that share their missing samples; those without any are in none.
    power, mean : Tensor of shape (n_runs, n_targets)
        Sum of squares with nuisance and confounds taken out, and mean; 0 in a run without samples.
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
        for rows, columns in target_groups([s.target for s in self.series]):
            if not any(bool(keep.any()) for keep in rows):
                continue
            self.groups.append((rows, columns))
            cleaner, per_variance = Cleaner(self.series, rows), self.scale[columns] ** -2
            raw = self.some(cleaner.there, rows, columns)
            for k, y, clean in zip(cleaner.there, raw, cleaner.clean(raw), strict=True):
                squares = clean.square()
                self.power[k, columns], self.mean[k, columns] = squares.sum(0), y.mean(0)
                self.volumes[k][rows[k]] += squares @ per_variance

    def some(self, runs: Sequence[int], rows: Sequence[Tensor], columns: Tensor) -> list[Tensor]:
        """Return some targets of some runs, at the rows that are there, in float64."""
        return [some_of(self.series[k].target, rows[k], columns).double() for k in runs]


def take_out(x: Tensor, y: Tensor, basis: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return rows of one run that are there without its nuisance, and the rank taken out."""
    if not bool(keep.all()):
        x, y = x[keep], y[keep]
        basis = orthonormal(basis[keep])
    return residualise(basis, x), residualise(basis, y), float(basis.shape[1])


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


def target_groups(y: Sequence[Tensor]) -> list[Group]:
    """Return targets that share their missing samples, a limited number in each group.

    Parameters
    ----------
    y : sequence of Tensor of shape (n_measured, n_targets)
        One for each run; NaN where missing.
    """
    found = []
    for first in range(0, y[0].shape[1], TARGETS_AT_ONCE):
        some = [t[:, first : first + TARGETS_AT_ONCE] for t in y]
        found += [(rows, columns + first) for rows, columns in missing_patterns(some)]
    return found


def some_of(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return some rows and columns; nothing is copied where they are one after the other."""
    first, last = int(columns[0]), int(columns[-1])
    beside = last - first + 1 == len(columns)
    values = values[:, first : last + 1] if beside else values[:, columns]
    return values if bool(rows.all()) else values[rows]


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
