"""Hemodynamic responses: nodes that give the response at any lag."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.signals.hrf import (
    DOUBLE_GAMMA,
    double_gamma,
    double_gamma_derivatives,
    gamma_density,
    smooth_basis,
)

#: Limits that learned double-gamma parameters keep to: a response that peaks within about 1-10 s,
#: an undershoot after it and smaller than it, as measured over subjects and regions
#: (Handwerker et al. 2004, NeuroImage 21:1639-1651).
DOUBLE_GAMMA_LIMITS = {
    "delay": (3.0, 12.0),
    "undershoot": (8.0, 24.0),
    "dispersion": (0.4, 2.0),
    "u_dispersion": (0.4, 3.0),
    "ratio": (0.0, 0.8),
}

#: Standard deviations of the priors of learned double-gamma parameters, around the constants they
#: start from. The peaks of GLMsingle's library of measured responses (Prince et al. 2022, eLife
#: 11:e77599), spread over 2.7 to 5.7 s, lie 1.25 s (root mean square) from the canonical 5 s: a
#: share of .25, which is taken of every time. That of the ratio is half of what SPM (.17) and
#: Glover (.48) differ by.
DOUBLE_GAMMA_SD = {
    "delay": 0.25 * 6.0,
    "undershoot": 0.25 * 16.0,
    "dispersion": 0.25,
    "u_dispersion": 0.25,
    "ratio": 0.16,
}

_MEANING = {
    "delay": ("s", "delay of the response"),
    "undershoot": ("s", "delay of the undershoot"),
    "dispersion": ("s", "dispersion of the response"),
    "u_dispersion": ("s", "dispersion of the undershoot"),
    "ratio": ("1", "undershoot over response"),
}


#: Seconds that a response lasts where neither it nor its readout says how long: that of BOLD.
DEFAULT_LENGTH = 32.0

#: Steps at which the area of a learned response is taken: seconds, and how many in its length.
LONGEST_GRID_STEP, LEAST_GRID = 0.1, 320

#: Seconds after which the gamma densities peak that deviations of any shape are made of: those of
#: the linear model with free responses (:func:`drmbids.free_hrf_baseline`).
DEVIATION_PEAKS = (2.0, 4.0, 6.0, 9.0, 13.0)

#: Number of basis functions beside the response, by the option ``derivatives``.
N_DERIVATIVES = {"none": 0, "time": 1, "time_and_dispersion": 2, "shape": len(DEVIATION_PEAKS)}


class HRF(DRMNode, ABC):
    """A hemodynamic response, one for all regions or one for each.

    A response is one curve, or several basis functions whose weights the solved maps find for
    every voxel and unit.

    Parameters
    ----------
    n_regions : int
        Number of responses; 1 is shared by all regions.
    length : float, optional
        Seconds after which the response is zero. Default: as long as the response that its readout
        has by default, 32 s without a readout.
    features_per_unit : int
        Number of basis functions.
    n_deviations : int
        The last so many basis functions are how voxels deviate from what comes before them, the
        response of their region; the maps can give them a penalty of their own.

    Attributes
    ----------
    integrates : bool
        Whether :meth:`over_ticks` is the integral over a tick, the part of it that has passed where
        the measurement is within: for responses that may be as short as a tick.
    measures : str
        What it is a response of, where it can be of one measurement alone (``"bold"``), as for
        :class:`~drmbids.DRMReadout`.
    """

    option_units: ClassVar = {"length": "s"}
    integrates: ClassVar[bool] = False
    measures: ClassVar[str] = ""

    def __init__(
        self,
        n_regions: int = 1,
        length: float | None = None,
        features_per_unit: int = 1,
        n_deviations: int = 0,
    ):
        super().__init__()
        self._length_is_stated = length is not None
        length = DEFAULT_LENGTH if length is None else float(length)
        if n_regions < 1 or length <= 0:
            raise ModelError(f"need n_regions >= 1 and length > 0, got {n_regions} and {length}")
        self.n_regions, self.length = n_regions, length
        self.features_per_unit, self.n_deviations = features_per_unit, n_deviations

    def suit(self, default: "HRF") -> None:
        """Take what was not stated from the response that a readout has by default.

        That is the length, and of a learned response where it starts. A response that training has
        moved stays as it is.

        Parameters
        ----------
        default : HRF
        """
        if not self._length_is_stated:
            self.length = default.length

    @abstractmethod
    def forward(self, lag: Tensor) -> Tensor:
        """Return the responses at the lags.

        Parameters
        ----------
        lag : Tensor of shape (n_lags,)
            Seconds since the activity.

        Returns
        -------
        Tensor of shape (n_regions, features_per_unit, n_lags)
            In 1/s, the derivatives of a response in 1/s^2; zero at negative lags and beyond
            ``length``.
        """

    def over_ticks(self, lag: Tensor, resolution: float) -> Tensor:
        """Return the responses to activity of 1 for a tick, shape as that of :meth:`forward`.

        The value in the middle of the tick stands for all of it, unless :attr:`integrates`.

        Parameters
        ----------
        lag : Tensor of shape (n_lags,)
            Seconds since the middle of the tick.
        resolution : float
            Seconds per tick.
        """
        return resolution * self(lag)

    def _within(self, lag: Tensor) -> Tensor:
        return (lag >= 0) & (lag <= self.length)


class DoubleGamma(HRF):
    """The difference of two gamma densities, free to change within physiological limits.

    Parameters
    ----------
    shape : {"spm", "glover"}
        Constants to start from, or to keep when not trainable.
    n_regions : int
        Number of responses; 1 is shared by all regions.
    trainable : bool
        Whether training moves delay, dispersion, undershoot and their ratio. Their priors are
        around the constants, as wide as :data:`DOUBLE_GAMMA_SD`.
    length : float
        Seconds after which the response is cut off.
    derivatives : {"none", "time", "time_and_dispersion", "shape"}
        Derivatives of the response that are further basis functions, so that every voxel can
        respond a little earlier or later, and sharper or wider, than its region does; or, in their
        place, gamma densities that peak after :data:`DEVIATION_PEAKS`, for responses of any smooth
        shape. The penalty on their weights draws each voxel to the response of the region.

    Raises
    ------
    ModelError
        If the shape or the derivatives are unknown.

    References
    ----------
    Friston et al. 1998, NeuroImage 7:30-40 (SPM); Glover 1999, NeuroImage 9:416-429.

    Examples
    --------
    >>> import torch
    >>> lag = torch.arange(0.0, 32.0, 0.01)
    >>> float(lag[DoubleGamma("spm")(lag)[0, 0].argmax()])
    5.0
    >>> DoubleGamma(derivatives="time_and_dispersion")(lag).shape
    torch.Size([1, 3, 3200])
    """

    measures: ClassVar[str] = "bold"

    def __init__(
        self,
        shape: Literal["spm", "glover"] = "spm",
        n_regions: int = 1,
        trainable: bool = True,
        length: float = 32.0,
        derivatives: Literal["none", "time", "time_and_dispersion", "shape"] = "none",
    ):
        if shape not in DOUBLE_GAMMA:
            raise ModelError(
                f"unknown double gamma {shape!r}; choose one of: {', '.join(DOUBLE_GAMMA)}"
            )
        if derivatives not in N_DERIVATIVES:
            raise ModelError(
                f"unknown derivatives {derivatives!r}; choose one of: {', '.join(N_DERIVATIVES)}"
            )
        n_derivatives = N_DERIVATIVES[derivatives]
        super().__init__(n_regions, length, 1 + n_derivatives, n_derivatives)
        self.shape, self.trainable, self.derivatives = shape, trainable, derivatives
        for name, value in DOUBLE_GAMMA[shape].items():
            lower, upper = DOUBLE_GAMMA_LIMITS[name]
            unit, meaning = _MEANING[name]
            self.add_parameter(
                name,
                torch.full((n_regions,), value),
                unit=unit,
                meaning=meaning,
                lower=lower,
                upper=upper,
                trainable=trainable,
                source="Glover 1999" if shape == "glover" else "Friston et al. 1998 (SPM)",
                prior_mean=value,
                prior_sd=DOUBLE_GAMMA_SD[name],
            )

    def forward(self, lag: Tensor) -> Tensor:
        """Return response and derivatives, shape (n_regions, features_per_unit, n_lags)."""
        values = {name: self.value(name)[:, None] for name in DOUBLE_GAMMA[self.shape]}
        functions = [double_gamma(lag, **values)]
        if self.derivatives == "shape":
            peaks = (
                torch.tensor(DEVIATION_PEAKS).to(lag)[:, None, None].expand(-1, *functions[0].shape)
            )
            functions += list(gamma_density(lag, peaks + 1, torch.ones_like(peaks)))
        elif self.features_per_unit > 1:
            functions += double_gamma_derivatives(lag, **values)
        return torch.stack(functions[: self.features_per_unit], 1) * self._within(lag)


class SmoothHRF(HRF):
    """A learned response: a sum of smooth bumps, free in shape.

    Starts as the least-squares fit of the bumps to the response that its readout has by default:
    SPM's for BOLD, and without a readout; that of an indicator for :class:`~drmbids.Calcium`, of a
    synapse for :class:`~drmbids.LFP`. The area under the absolute
    response is kept at 1, since its size cannot be told from that of the maps to voxels.

    Parameters
    ----------
    n_regions : int
        Number of responses; 1 is shared by all regions.
    n_basis : int
        Number of bumps.
    length : float, optional
        Seconds covered. Default: as long as the response that its readout has by default, 32 s for
        BOLD and without a readout.

    References
    ----------
    Basis: Pillow et al. 2008, Nature 454:995-999.

    Examples
    --------
    >>> import torch
    >>> SmoothHRF(n_regions=2)(torch.arange(0.0, 32.0, 0.5)).shape
    torch.Size([2, 1, 64])
    """

    def __init__(self, n_regions: int = 1, n_basis: int = 10, length: float | None = None):
        super().__init__(n_regions, length)
        if n_basis < 3:
            raise ModelError(f"a smooth response needs at least 3 basis functions, got {n_basis}")
        self.n_basis = n_basis
        start = self._nearest(DoubleGamma("spm", trainable=False))
        self.coefficients = nn.Parameter(start)
        self._start = start.clone()

    @torch.no_grad()
    def _nearest(self, response: HRF) -> Tensor:
        """Return the coefficients that are nearest to a response, for each region."""
        lag = self._grid(torch.get_default_dtype())
        target = response(lag)[0, 0]
        found = torch.linalg.lstsq(self._basis(lag).double(), target.double()[:, None]).solution
        return found[:, 0].to(target.dtype).repeat(self.n_regions, 1)

    def suit(self, default: HRF) -> None:
        """Take the length of a readout's default response unless stated, and start from it."""
        super().suit(default)
        if torch.equal(self.coefficients.detach(), self._start.to(self.coefficients)):
            with torch.no_grad():
                self.coefficients.copy_(self._nearest(default))
            self._start = self.coefficients.detach().clone()

    def _grid(self, dtype: torch.dtype, device: torch.device | None = None) -> Tensor:
        step = min(LONGEST_GRID_STEP, self.length / LEAST_GRID)
        return torch.arange(0.0, self.length, step, dtype=dtype, device=device)

    def _basis(self, lag: Tensor) -> Tensor:
        return smooth_basis(lag, self.n_basis, self.length)

    def forward(self, lag: Tensor) -> Tensor:
        """Return the responses at the lags, shape (n_regions, 1, n_lags)."""
        grid = self._grid(lag.dtype, lag.device)
        area = (self.coefficients @ self._basis(grid).mT).abs().mean(1, keepdim=True) * self.length
        return (self.coefficients @ self._basis(lag).mT / area.clamp(min=1e-12)).unsqueeze(1)


def suited(hrf: HRF | None, default: HRF, readout: str, measures: str) -> HRF:
    """Return the response of a readout, made to suit it.

    Parameters
    ----------
    hrf : HRF or None
        As it was given.
    default : HRF
        The response in its place where there is none.
    readout, measures : str
        Name of the readout, and what it measures.

    Raises
    ------
    ModelError
        If it is a response of something else.
    """
    if hrf is None:
        return default
    if hrf.measures not in ("", measures):
        raise ModelError(
            f"{readout} measures {measures}, {type(hrf).__name__} is a response of "
            f"{hrf.measures}; use DoubleExponential, SmoothHRF or FIR"
        )
    hrf.suit(default)
    return hrf


def memory_ticks(length: float, resolution: float) -> int:
    """Return how many ticks of activity a response of ``length`` seconds looks back on."""
    return math.ceil(length / resolution)
