"""DoubleExponential: the response of calcium indicators and synapses, a rise and a decay."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.core.exceptions import ModelError
from drmbids.readouts.hemodynamics import HRF

# A rise that is learned may become so many times faster than where it starts.
FASTEST_RISE = 20.0


class DoubleExponential(HRF):
    """A difference of two exponentials with an area of 1: ``exp(-t / decay) - exp(-t / rise)``.

    It is integrated over ticks, so that it may be as short as one.

    Parameters
    ----------
    n_regions : int
        Number of responses; 1 is shared by all regions.
    rise, decay : float
        Time constants in seconds, the rise the shorter one.
    length : float
        Seconds after which the response is cut off, longer than the decay; 5 % are cut off where it
        is three times as long.
    trainable : bool
        Whether training moves both. The rise stays below, the decay above, their geometric mean.

    Raises
    ------
    ModelError
        If the time constants are not in this order, or the length is too short.

    References
    ----------
    Synapses: Rall 1967, Journal of Neurophysiology 30:1138-1168. Calcium indicators: Deneux et al.
    2016, Nature Communications 7:12190.

    Examples
    --------
    >>> import torch
    >>> kernel = DoubleExponential(rise=0.05, decay=0.5, length=3.0)
    >>> lag = torch.arange(0.0, 3.0, 0.01)
    >>> round(float(lag[kernel(lag)[0, 0].argmax()]), 2)
    0.13
    """

    option_units: ClassVar = {"length": "s", "rise": "s", "decay": "s"}
    integrates: ClassVar[bool] = True

    def __init__(
        self,
        n_regions: int = 1,
        rise: float = 0.05,
        decay: float = 0.4,
        length: float = 3.0,
        trainable: bool = True,
    ):
        super().__init__(n_regions, length)
        if not 0 < rise < decay < length:
            raise ModelError(
                f"need 0 < rise < decay < length, got rise={rise:g}, decay={decay:g}, "
                f"length={length:g} s"
            )
        self.trainable, between = trainable, math.sqrt(rise * decay)
        for name, value, lower, upper in (
            ("rise", rise, rise / FASTEST_RISE, between),
            ("decay", decay, between, length),
        ):
            self.add_parameter(
                name,
                torch.full((n_regions,), float(value)),
                unit="s",
                meaning=f"time constant of the {name}",
                lower=lower,
                upper=upper,
                trainable=trainable,
            )

    def forward(self, lag: Tensor) -> Tensor:
        """Return the responses at the lags, shape (n_regions, 1, n_lags), in 1/s."""
        rise, decay = self.value("rise")[:, None], self.value("decay")[:, None]
        t = lag.clamp(min=0.0)
        response = (torch.exp(-t / decay) - torch.exp(-t / rise)) / (decay - rise)
        # at the very moment of the activity it is 0, and rises from there
        return (response * self._within(lag)).unsqueeze(1)

    def over_ticks(self, lag: Tensor, resolution: float) -> Tensor:
        """Return the integral over a tick, of the part that has passed."""
        edges = (lag + resolution / 2, lag - resolution / 2)
        rise, decay = self.value("rise")[:, None], self.value("decay")[:, None]
        until = [self._area(edge.clamp(0.0, self.length), rise, decay) for edge in edges]
        return (until[0] - until[1]).unsqueeze(1)

    def _area(self, lag: Tensor, rise: Tensor, decay: Tensor) -> Tensor:
        """Return the integral from 0 to a lag."""
        left = decay * torch.exp(-lag / decay) - rise * torch.exp(-lag / rise)
        return 1 - left / (decay - rise)
