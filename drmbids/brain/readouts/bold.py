"""BOLD: activity through hemodynamics to voxels."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.convolution import ConvolvedReadout
from drmbids.brain.readouts.hemodynamics import HRF, DoubleGamma, suited
from drmbids.data.runs.nuisance import Nuisance

# Step in seconds at which responses of several basis functions are compared.
CURVE_STEP = 0.1


class BOLD(ConvolvedReadout):
    """Activity convolved with a hemodynamic response, mapped linearly to the voxels of regions.

    The response is a matrix ``H[m, k] = dt * hrf(t_m - t_k)`` between measured times and the
    middles of ticks, applied to units before the map to voxels, so any TR, slice time or gap is
    served as it is. A response of several basis functions gives as many features for each unit, so
    that the solved maps give every voxel its own response to every unit.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`.
    hrf : HRF, optional
        A trainable SPM double gamma when absent.
    per_region : bool
        Whether each region has its own response; used only when ``hrf`` is absent.

    Raises
    ------
    ModelError
        If the hrf has neither one response nor one for each region.

    Examples
    --------
    >>> import torch
    >>> readout = BOLD(n_units=[2], n_targets=[5])
    >>> readout.set_resolution(0.5)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 20.0, 2.0)).shape
    torch.Size([10, 1, 5])

    Every voxel its own delay, by the derivative of the response as a second feature of each unit:

    >>> from drmbids import DoubleGamma
    >>> BOLD([2], [5], hrf=DoubleGamma(derivatives="time")).n_features(0)
    4
    """

    measures: ClassVar[str] = "bold"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        hrf: HRF | None = None,
        per_region: bool = False,
    ):
        default = DoubleGamma(n_regions=len(n_targets) if per_region else 1)
        hrf = suited(hrf, default, "BOLD", self.measures)
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, hrf, hrf.features_per_unit
        )

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return convolved activity, (n_measured, batch, n_features) for each region.

        All units through the first basis function come first, then through the second, and so on.
        """
        return [x.movedim(0, -2).flatten(-2) for x in self.convolved(activity, times)]

    def bands(self, region: int) -> Tensor:
        """Return the band of each feature: 1 where a voxel deviates from the region's response."""
        of_basis = torch.arange(self.hrf.features_per_unit) >= (
            self.hrf.features_per_unit - self.hrf.n_deviations
        )
        n_units = self.n_features(region) // self.hrf.features_per_unit
        return of_basis.long().repeat_interleave(n_units)

    @torch.no_grad()
    def responses(self, lag: Tensor) -> Tensor:
        """Return the hemodynamic response of each region.

        With several basis functions every voxel has a response of its own to every unit. What is
        given then is the one curve that, scaled for each of them, is nearest to all (least squares;
        a rank-one response as in Pedregosa et al. 2015, NeuroImage 104:209-220), with an area of 1
        under its absolute value and its largest value positive; zero while the maps are zero.

        Parameters
        ----------
        lag : Tensor of shape (n_lags,)
            Seconds since the activity.

        Returns
        -------
        Tensor of shape (n_regions, n_lags)
            In 1/s.
        """
        n_regions, n_basis = len(self.regions), self.hrf.features_per_unit
        basis = self.hrf(lag).expand(n_regions, -1, -1)
        if n_basis == 1:
            return basis[:, 0]
        grid = torch.arange(0.0, self.hrf.length, CURVE_STEP, dtype=lag.dtype, device=lag.device)
        sampled = self.hrf(grid).expand(n_regions, -1, -1)
        curves = []
        for functions, on_grid, maps in zip(basis, sampled, self.weights, strict=True):
            weights = maps.to(lag.dtype).unflatten(0, (n_basis, -1)).flatten(1)
            # distances between curves are those between their coordinates on orthonormal axes
            axes = torch.linalg.qr(on_grid.mT, mode="r").R
            shares = torch.linalg.svd(axes @ weights, full_matrices=False).Vh[0]
            mean = weights @ shares
            curve = mean @ on_grid
            area = curve.abs().sum() * CURVE_STEP
            sign = curve[curve.abs().argmax()].sign()
            curves.append(sign * (mean @ functions) / area.clamp(min=1e-12))
        return torch.stack(curves)
