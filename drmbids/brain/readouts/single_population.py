"""SinglePopulation: one unit, or the mean of a population, recorded directly."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError


class SinglePopulation(AveragedReadout):
    """The mean activity of a population, or of one of its units, with a gain and a baseline.

    Each region is a recorded cell or place. All that is estimated is how large its recording is and
    how far from zero, so that what is recorded is what the model says it is.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`. A region with several populations has a gain for each.
    length : float, optional
        Seconds before a sample that activity is averaged over; one tick when absent.
    units : sequence of int, optional
        For each region the unit of its populations that is recorded; the mean of all when absent.

    Raises
    ------
    ModelError
        If there is not one unit for each region, or a population has not that many.

    References
    ----------
    Wilson and Cowan 1972, Biophysical Journal 12:1-24 (mean activity of a population).

    Examples
    --------
    >>> import torch
    >>> readout = SinglePopulation(n_units=[4], n_targets=[1])
    >>> readout.set_resolution(0.01)
    >>> activity = torch.rand(readout.memory + 40, 1, 4)
    >>> x, = readout.features([activity], torch.tensor([0.01, 0.02]))
    >>> torch.allclose(x[..., 0], activity[readout.memory:][:2].mean(-1))
    True
    """

    option_units: ClassVar = {"length": "s"}

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        length: float | None = None,
        units: Sequence[int] | None = None,
    ):
        super().__init__(n_units, n_targets, sources, regions, n_confounds, nuisance, length)
        self.units = None if units is None else tuple(units)
        self._problem = self._unit_problem()

    def _unit_problem(self) -> str:
        if self.units is None:
            return ""
        if len(self.units) != len(self.regions):
            return f"{len(self.units)} units for {len(self.regions)} regions; give one for each"
        for unit, line, region in zip(self.units, self.sources, self.regions, strict=True):
            fewest = min(self.n_units[s] for s in line)
            if not 0 <= unit < fewest:
                return f"region {region} records unit {unit} of {fewest}; count from 0"
        return ""

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick, with all sizes known.

        Raises
        ------
        ModelError
            If there is not one unit for each region, or a population has not that many.
        """
        if self._problem:
            raise ModelError(self._problem)
        super().set_resolution(resolution)

    def n_features(self, region: int) -> int:
        """Return the number of populations that feed a region."""
        return len(self.sources[region])

    def feature_populations(self, region: int) -> Tensor:
        """Return which population each feature is of: one for each."""
        return torch.arange(len(self.sources[region]))

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return what is recorded, (n_measured, batch, n_populations) for each region."""
        found = []
        for k, (x, line) in enumerate(
            zip(self.averaged(activity, times), self.sources, strict=True)
        ):
            parts = x.split([self.n_units[s] for s in line], -1)
            if self.units is None:
                found.append(torch.stack([part.mean(-1) for part in parts], -1))
            else:
                found.append(torch.stack([part[..., self.units[k]] for part in parts], -1))
        return found
