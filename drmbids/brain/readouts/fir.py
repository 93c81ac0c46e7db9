"""FIR: a response of any shape, its value at each delay a feature."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.hemodynamics import HRF
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.signals.hrf import tent_basis


class FIR(HRF):
    """A finite impulse response: free at evenly spaced delays, linear between them.

    Each delay is a feature of every unit, so that the solved maps find the response of every voxel
    to every unit; it starts at 0 and ends at 0. The penalty is on the size of the response alone,
    unless there is a smoothness: then each feature is a bump as wide, and the penalty draws the
    response to smooth ones, as a Gaussian process does whose values at two lags agree within about
    that many seconds.

    Parameters
    ----------
    n_regions : int
        Number of responses. All are alike: what differs between regions is in the maps.
    n_delays : int
        Number of delays; 15 are 2 s apart in 32 s.
    length : float, optional
        Seconds covered. Default: as long as the response that its readout has by default, 32 s for
        BOLD and without a readout.
    smoothness : float
        Standard deviation in seconds of the bumps, half the step between delays or more; 0 is
        linear between delays.

    Raises
    ------
    ModelError
        If there is no delay, or the bumps are too narrow to reach one another.

    References
    ----------
    Glover 1999, NeuroImage 9:416-429; Dale 1999, Human Brain Mapping 8:109-114. Smoothness: Goutte,
    Nielsen and Hansen 2000, IEEE Transactions on Medical Imaging 19:1188-1201.

    Examples
    --------
    >>> import torch
    >>> FIR(n_delays=3, length=8.0)(torch.tensor([2.0, 3.0, 4.0]))[0]
    tensor([[0.5000, 0.2500, 0.0000],
            [0.0000, 0.2500, 0.5000],
            [0.0000, 0.0000, 0.0000]])
    """

    option_units: ClassVar = {"length": "s", "smoothness": "s"}

    def __init__(
        self,
        n_regions: int = 1,
        n_delays: int = 15,
        length: float | None = None,
        smoothness: float = 0.0,
    ):
        if n_delays < 1:
            raise ModelError(f"a finite impulse response needs a delay, got n_delays={n_delays}")
        super().__init__(n_regions, length, n_delays)
        self.n_delays, self.smoothness = n_delays, float(smoothness)
        if self._length_is_stated:
            self._check_smoothness()

    def suit(self, default: HRF) -> None:
        """Take the length of a readout's default response unless stated.

        Raises
        ------
        ModelError
            If bumps do not reach one another.
        """
        super().suit(default)
        self._check_smoothness()

    def _check_smoothness(self) -> None:
        if self.smoothness and self.smoothness < self._step / 2:
            raise ModelError(
                f"delays are {self._step:g} s apart, bumps of smoothness={self.smoothness:g} s "
                f"would leave holes; use {self._step / 2:g} s or more, or more delays"
            )

    @property
    def _step(self) -> float:
        return self.length / (self.n_delays + 1)

    def forward(self, lag: Tensor) -> Tensor:
        """Return a tent or bump for each delay, shape (n_regions, n_delays, n_lags)."""
        basis = self._bumps(lag) if self.smoothness else tent_basis(lag, self._step, self.n_delays)
        return (basis.mT * self._within(lag)).expand(self.n_regions, -1, -1)

    def _bumps(self, lag: Tensor) -> Tensor:
        """Return Gaussian densities, less their mirror images at both ends: 0 there."""
        delays = self._step * torch.arange(1, self.n_delays + 1, dtype=lag.dtype, device=lag.device)
        lag = lag.unsqueeze(-1)

        def bump(away: Tensor) -> Tensor:
            height = 1 / (self.smoothness * math.sqrt(2 * math.pi))
            return height * torch.exp(-0.5 * (away / self.smoothness) ** 2)

        return bump(lag - delays) - bump(lag + delays) - bump(lag + delays - 2 * self.length)
