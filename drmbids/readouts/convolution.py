"""ConvolvedReadout: activity convolved with every basis function of a hemodynamic response."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from drmbids.core.exceptions import ModelError
from drmbids.core.nuisance import Nuisance
from drmbids.functional.fixed import remembered
from drmbids.functional.hrf import lag_matrix
from drmbids.readouts.base import DRMReadout
from drmbids.readouts.hemodynamics import HRF, memory_ticks

# Lags that differ by less than this are one lag; far below any time that matters, far above the
# rounding of float64 seconds.
LAG_STEP = 1e-7


class ConvolvedReadout(DRMReadout):
    """What convolution with a response of finite length makes of activity at measured times.

    The response is a matrix ``H[m, k] = dt * hrf(t_m - t_k)`` between measured times and the
    middles of ticks, so any TR, slice time or gap is served as it is. What becomes of the result
    is for :meth:`features` of a subclass to say.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance, features_per_unit
        As for :class:`~drmbids.DRMReadout`.
    hrf : HRF
        One response for all regions or one for each.

    Raises
    ------
    ModelError
        If the hrf has neither one response nor one for each region.
    """

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None,
        regions: Sequence[str] | None,
        n_confounds: int,
        nuisance: Nuisance | None,
        hrf: HRF,
        features_per_unit: int,
    ):
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, features_per_unit
        )
        if hrf.n_regions not in (1, len(self.regions)):
            raise ModelError(
                f"the hrf has {hrf.n_regions} responses for {len(self.regions)} regions; "
                "it needs one, or one for each"
            )
        self.hrf = hrf
        self._lags: dict[Hashable, tuple[Tensor, Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lags": {}}

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick of the readout and its response."""
        self.hrf.set_resolution(resolution)
        super().set_resolution(resolution)

    @property
    def memory(self) -> int:
        """Ticks that the hemodynamic response looks back on."""
        # a measurement within a tick sees parts of one more
        return memory_ticks(self.hrf.length, self.resolution) + self.hrf.integrates

    def _unique_lags(
        self, times: Tensor, n_past: int, n_ticks: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return the different lags, and where each entry of the matrix finds its own."""

        def find() -> tuple[Tensor, Tensor]:
            lag = lag_matrix(times, n_past, n_ticks, self.resolution)
            # all lags without response are one on each side; a second beyond the length, since a
            # step beyond would round to the length in float32
            latest = round((self.hrf.length + 1.0) / LAG_STEP)
            soonest = -round(self.resolution / LAG_STEP) if self.hrf.integrates else -1
            steps = torch.round(lag / LAG_STEP).clamp(min=soonest, max=latest)
            unique, index = torch.unique(steps, return_inverse=True)
            return (unique * LAG_STEP).to(device), index.to(device)

        shape = (n_past, n_ticks, self.resolution, self.hrf.length, self.hrf.integrates)
        return remembered(self._lags, (tuple(times.tolist()), *shape, device), find)

    def response_matrix(self, times: Tensor, n_past: int, n_ticks: int, like: Tensor) -> Tensor:
        """Return ``H``, shape (n_responses, n_basis, n_measured, n_past + n_ticks).

        Parameters
        ----------
        times : Tensor of shape (n_measured,)
            Seconds from the start of the window.
        n_past, n_ticks : int
            Ticks before and in the window.
        like : Tensor
            Its type and device are those of the result.
        """
        lags, index = self._unique_lags(times, n_past, n_ticks, like.device)
        return self.hrf.over_ticks(lags.to(like.dtype), self.resolution)[..., index]

    def convolved(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return convolved activity, (n_basis, n_measured, batch, n_units) for each region.

        Parameters
        ----------
        activity, times
            As for :meth:`features`.
        """
        n_past = self.memory
        n_ticks = activity[0].shape[0] - n_past
        matrix = self.response_matrix(times, n_past, n_ticks, activity[0])
        if matrix.shape[0] == 1:
            seen = [torch.tensordot(matrix[0], a, dims=1) for a in activity]
            return [torch.cat([seen[s] for s in line], -1) for line in self.sources]
        return [
            torch.tensordot(h, torch.cat([activity[s] for s in line], -1), dims=1)
            for h, line in zip(matrix, self.sources, strict=True)
        ]
