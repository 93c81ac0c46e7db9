"""DoubleExponential: the response of calcium indicators and synapses, a rise and a decay."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.hemodynamics import HRF
from drmbids.data.tools.exceptions import ModelError

#: Constants without a readout that says others, in seconds: a fast calcium indicator.
INDICATOR = {"rise": 0.05, "decay": 0.4, "length": 3.0}

# A rise that is learned may become so many times faster than where it starts.
FASTEST_RISE = 20.0


class DoubleExponential(HRF):
    """A difference of two exponentials with an area of 1: ``exp(-t / decay) - exp(-t / rise)``.

    It is integrated over ticks, so that it may be as short as one.

    Parameters
    ----------
    n_regions : int
        Number of responses; 1 is shared by all regions.
    rise, decay : float, optional
        Time constants in seconds, the rise the shorter one. Default: those of the response that its
        readout has by default, 0.05 and 0.4 s (a fast indicator) without a readout; where these are
        not in order with those that are given, in proportion to them.
    length : float, optional
        Seconds after which the response is cut off, longer than the decay; 5 % are cut off where it
        is three times as long. Default: likewise, 3 s without a readout.
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
        rise: float | None = None,
        decay: float | None = None,
        length: float | None = None,
        trainable: bool = True,
    ):
        super().__init__(n_regions, INDICATOR["length"] if length is None else length)
        self.trainable = trainable
        self._stated = {"rise": rise, "decay": decay, "length": length}
        self._begin(INDICATOR)

    def _begin(self, otherwise: Mapping[str, float]) -> None:
        """Start with the constants that were stated, and others where none were."""
        stated = {name: float(x) for name, x in self._stated.items() if x is not None}
        of = {**otherwise, **stated}
        if stated and not 0 < of["rise"] < of["decay"] < of["length"]:
            # as long, against what is stated, as they are otherwise
            factor = next(value / otherwise[name] for name, value in stated.items())
            of = {**{name: factor * value for name, value in otherwise.items()}, **stated}
        if not 0 < of["rise"] < of["decay"] < of["length"]:
            raise ModelError(
                "need 0 < rise < decay < length, got "
                + ", ".join(f"{name}={value:g}" for name, value in of.items())
                + " s"
            )
        self.constants = of
        self.length, between = of["length"], math.sqrt(of["rise"] * of["decay"])
        self._start = {}
        for name, lower, upper in (
            ("rise", of["rise"] / FASTEST_RISE, between),
            ("decay", between, of["length"]),
        ):
            self._specs.pop(name, None)
            self.add_parameter(
                name,
                torch.full((self.n_regions,), of[name]),
                unit="s",
                meaning=f"time constant of the {name}",
                lower=lower,
                upper=upper,
                trainable=self.trainable,
            )
            self._start[name] = getattr(self, f"free_{name}").detach().clone()

    def suit(self, default: HRF) -> None:
        """Take the constants of a readout's default response that were not stated.

        Raises
        ------
        ModelError
            If they are not in order with those that were.
        """
        moved = any(
            not torch.equal(getattr(self, f"free_{name}").detach(), start)
            for name, start in self._start.items()
        )
        if isinstance(default, DoubleExponential) and not moved and None in self._stated.values():
            self._begin(default.constants)

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
