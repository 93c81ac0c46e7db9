"""ConvolvedReadout: activity convolved with every basis function of a hemodynamic response."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.hemodynamics import HRF, memory_ticks
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import remembered
from drmbids.maths.signals.banded import Bands, banded_product, make_bands
from drmbids.maths.signals.hrf import lag_matrix

# Lags that differ by less than this are one lag; far below any time that matters, far above the
# rounding of float64 seconds.
LAG_STEP = 1e-7

#: Entries of the matrix between measured times and ticks up to which it is made as a whole: 16 MB
#: in float32.
MOST_WHOLE = 2**22


class ConvolvedReadout(DRMReadout):
    """What convolution with a response of finite length makes of activity at measured times.

    The response is a matrix ``H[m, k] = dt * hrf(t_m - t_k)`` between measured times and the
    middles of ticks, so any TR, slice time or gap is served as it is. Of long series its band alone
    is made (:mod:`drmbids.maths.signals.banded`), so that memory grows with their length, not its
    square. What becomes of the result is for :meth:`features` of a subclass to say.

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
        self._lags: dict[Hashable, tuple[Tensor, Tensor, Bands | None]] = {}

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
    ) -> tuple[Tensor, Tensor, Bands | None]:
        """Return the different lags, where each entry of the matrix finds its own, and its bands.

        A small matrix is whole and has no bands; a large one has its entries in blocks.
        """

        def find() -> tuple[Tensor, Tensor, Bands | None]:
            length, bands = self.hrf.length, None
            if len(times) * (n_past + n_ticks) > MOST_WHOLE:
                bands = make_bands(times, n_past, n_ticks, self.resolution, length)
                lag = bands.lag
            else:
                lag = lag_matrix(times, n_past, n_ticks, self.resolution)
            # all lags without response are one on each side; a second beyond the length, since a
            # step beyond would round to the length in float32
            latest = round((length + 1.0) / LAG_STEP)
            soonest = -round(self.resolution / LAG_STEP) if self.hrf.integrates else -1
            steps = torch.round(lag / LAG_STEP).clamp(min=soonest, max=latest)
            unique, index = torch.unique(steps, return_inverse=True)
            placed = None if bands is None else bands.on(device)
            return (unique * LAG_STEP).to(device), index.to(device), placed

        shape = (n_past, n_ticks, self.resolution, self.hrf.length, self.hrf.integrates)
        return remembered(self._lags, (tuple(times.tolist()), *shape, device), find)

    def response_matrix(
        self, times: Tensor, n_past: int, n_ticks: int, like: Tensor
    ) -> tuple[Tensor, Bands | None]:
        """Return ``H``, shape (n_responses, n_basis, n_measured, n_past + n_ticks), and None.

        Where that would be large, return its blocks, (n_responses, n_basis, n_blocks, n_rows,
        n_ticks_of_a_block), and their bands: their size is in proportion to ``n_measured``.

        Parameters
        ----------
        times : Tensor of shape (n_measured,)
            Seconds from the start of the window.
        n_past, n_ticks : int
            Ticks before and in the window.
        like : Tensor
            Its type and device are those of the result.
        """
        lags, index, bands = self._unique_lags(times, n_past, n_ticks, like.device)
        return self.hrf.over_ticks(lags.to(like.dtype), self.resolution)[..., index], bands

    def convolved(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return convolved activity, (n_basis, n_measured, batch, n_units) for each region.

        Parameters
        ----------
        activity, times
            As for :meth:`features`.
        """
        n_past = self.memory
        n_ticks = activity[0].shape[0] - n_past
        matrix, bands = self.response_matrix(times, n_past, n_ticks, activity[0])

        def product(h: Tensor, a: Tensor) -> Tensor:
            return torch.tensordot(h, a, dims=1) if bands is None else banded_product(h, bands, a)

        if matrix.shape[0] == 1:
            seen = [product(matrix[0], a) for a in activity]
            return [torch.cat([seen[s] for s in line], -1) for line in self.sources]
        return [
            product(h, torch.cat([activity[s] for s in line], -1))
            for h, line in zip(matrix, self.sources, strict=True)
        ]
