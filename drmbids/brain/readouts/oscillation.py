"""Oscillation: a quadrature pair of filters for one band of frequencies."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.hemodynamics import HRF
from drmbids.data.tools.exceptions import ModelError


class Oscillation(HRF):
    """A cosine and a sine within a Hann window: the two squares add up to the power of a band.

    Their frequency is the middle of the band. A window of ``2 / (high - low)`` seconds passes half
    of the amplitude at the limits (a Hann window's main lobe is ``2 / length`` wide at half its
    height). It is scaled so that a sinusoid of amplitude 1 at the middle has a power of 1.

    Parameters
    ----------
    n_regions : int
        Number of responses. All are alike.
    low, high : float
        Limits of the band in Hz.
    length : float, optional
        Seconds of the window; ``2 / (high - low)`` when absent.

    Raises
    ------
    ModelError
        If the limits are not 0 < low < high.

    References
    ----------
    Harris 1978, Proceedings of the IEEE 66:51-83 (windows).

    Examples
    --------
    >>> import torch
    >>> filters = Oscillation(low=8.0, high=12.0)
    >>> filters.length, filters(torch.arange(0.0, 0.5, 0.01)).shape
    (0.5, torch.Size([1, 2, 50]))
    """

    option_units: ClassVar = {"low": "Hz", "high": "Hz", "length": "s"}

    def __init__(
        self, n_regions: int = 1, low: float = 0.1, high: float = 0.4, length: float | None = None
    ):
        if not 0 < low < high:
            raise ModelError(f"a band needs 0 < low < high, got {low:g} to {high:g} Hz")
        super().__init__(n_regions, 2 / (high - low) if length is None else length, 2)
        self.low, self.high = float(low), float(high)

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick.

        Raises
        ------
        ModelError
            If ticks are too long for the band: at least two for each period are needed.
        """
        if resolution > 0.5 / self.high:
            raise ModelError(
                f"ticks of {resolution:g} s cannot show {self.high:g} Hz; use "
                f"{0.5 / self.high:g} s or less"
            )
        super().set_resolution(resolution)

    def forward(self, lag: Tensor) -> Tensor:
        """Return cosine and sine, shape (n_regions, 2, n_lags), in 1/s."""
        window = (1 - torch.cos(2 * math.pi * lag / self.length)) * self._within(lag)
        phase = math.pi * (self.low + self.high) * (lag - self.length / 2)
        pair = torch.stack([torch.cos(phase), torch.sin(phase)]) * window * (2 / self.length)
        return pair.expand(self.n_regions, -1, -1)
