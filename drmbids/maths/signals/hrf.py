"""Hemodynamic responses as functions of the lag, and the matrix that applies them.

Times are seconds. A response is a density: its integral over the lag is 1, so a unit of steady
activity gives a unit of signal whatever the shape.
"""

import math

import torch
from torch import Tensor

#: Double-gamma constants: seconds of the two shapes' delay and dispersion, and their ratio.
#: SPM: ``spm_hrf`` (Friston et al. 1998, NeuroImage 7:30-40), ratio 1/6 as in SPM itself.
#: Glover: Glover 1999, NeuroImage 9:416-429, as parameterised in nilearn.
DOUBLE_GAMMA = {
    "spm": {
        "delay": 6.0,
        "undershoot": 16.0,
        "dispersion": 1.0,
        "u_dispersion": 1.0,
        "ratio": 1 / 6,
    },
    "glover": {
        "delay": 6.0,
        "undershoot": 12.0,
        "dispersion": 0.9,
        "u_dispersion": 0.9,
        "ratio": 0.48,
    },
}


def gamma_density(lag: Tensor, shape: Tensor, scale: Tensor) -> Tensor:
    """Return the gamma density at the lags, 0 at lags that are not positive."""
    safe = lag.clamp(min=1e-6)
    log_density = (
        (shape - 1) * torch.log(safe)
        - safe / scale
        - torch.lgamma(shape)
        - shape * torch.log(scale)
    )
    return torch.exp(log_density) * (lag > 0)


def double_gamma(
    lag: Tensor,
    delay: Tensor,
    undershoot: Tensor,
    dispersion: Tensor,
    u_dispersion: Tensor,
    ratio: Tensor,
) -> Tensor:
    """Return the difference of two gamma densities, scaled to an integral of 1.

    ``h(t) = (g(t; delay / dispersion, dispersion) - ratio * g(t; undershoot / u_dispersion,
    u_dispersion)) / (1 - ratio)``, with ``g(t; shape, scale)`` the gamma density (Friston et al.
    1998; Glover 1999).

    Parameters
    ----------
    lag : Tensor of any shape
        Seconds since the activity.
    delay, undershoot, dispersion, u_dispersion : Tensor
        Seconds; broadcast against the lag.
    ratio : Tensor
        Size of the undershoot against the response, in [0, 1).

    Returns
    -------
    Tensor
        In 1/s.
    """
    response = gamma_density(lag, delay / dispersion, dispersion)
    dip = gamma_density(lag, undershoot / u_dispersion, u_dispersion)
    return (response - ratio * dip) / (1 - ratio)


def double_gamma_derivatives(
    lag: Tensor,
    delay: Tensor,
    undershoot: Tensor,
    dispersion: Tensor,
    u_dispersion: Tensor,
    ratio: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the derivatives of a double gamma in the lag and in the dispersion of its response.

    Added to the response with a small weight ``w``, the first makes it come ``w`` seconds
    earlier, the second ``w`` seconds wider (Friston et al. 1998, NeuroImage 7:30-40). The delay and
    the undershoot are held.

    Parameters
    ----------
    lag, delay, undershoot, dispersion, u_dispersion, ratio
        As for :func:`double_gamma`.

    Returns
    -------
    tuple of Tensor
        In 1/s^2.
    """
    safe = lag.clamp(min=1e-6)

    def slope(shape: Tensor, scale: Tensor) -> Tensor:
        return gamma_density(lag, shape, scale) * ((shape - 1) / safe - 1 / scale)

    shape = delay / dispersion
    in_lag = slope(shape, dispersion) - ratio * slope(undershoot / u_dispersion, u_dispersion)
    # of log g(t; delay / dispersion, dispersion), the shape changing with the dispersion
    moved = torch.digamma(shape) - torch.log(safe / dispersion) - 1
    change = (safe / dispersion + shape * moved) / dispersion
    in_dispersion = gamma_density(lag, shape, dispersion) * change
    return in_lag / (1 - ratio), in_dispersion / (1 - ratio)


def tent_basis(lag: Tensor, step: float, n_basis: int) -> Tensor:
    """Return tents at the lags ``step``, ``2 step`` ...: the basis of piecewise linear functions.

    Parameters
    ----------
    lag : Tensor of any shape
        Seconds.
    step : float
        Seconds from one peak to the next; each tent rises and falls within one step.
    n_basis : int
        Number of tents; the last one ends at ``(n_basis + 1) step``.

    Returns
    -------
    Tensor of shape (*lag.shape, n_basis)
        In 1/s: the area of each is 1.
    """
    peaks = torch.arange(1, n_basis + 1, dtype=lag.dtype, device=lag.device)
    return (1 - (lag.unsqueeze(-1) / step - peaks).abs()).clamp(min=0.0) / step


def smooth_basis(lag: Tensor, n_basis: int, length: float, stretch: float = 0.35) -> Tensor:
    """Return raised-cosine bumps that tile the lags from 0 to ``length``.

    Bumps are equally wide on the axis ``log(t / length + stretch)``: narrow early, where the
    response is sharp, wide late (the basis of Pillow et al. 2008, Nature 454:995-999). Each starts
    at or after lag 0 and ends at or before ``length``, so that the response does as well.

    Parameters
    ----------
    lag : Tensor of any shape
        Seconds.
    n_basis : int
        Number of bumps.
    length : float
        Seconds covered.
    stretch : float
        Larger values make the tiling more even.

    Returns
    -------
    Tensor of shape (*lag.shape, n_basis)
    """
    low, high = math.log(stretch), math.log(1.0 + stretch)
    # n_basis centres; bumps reach two centre spacings to either side
    spacing = (high - low) / (n_basis + 3)
    centres = low + spacing * (torch.arange(n_basis, dtype=torch.float64, device=lag.device) + 2)
    inside = ((lag >= 0) & (lag <= length)).unsqueeze(-1)
    axis = torch.log(lag.clamp(0.0, length).double() / length + stretch).unsqueeze(-1)
    phase = ((axis - centres) * torch.pi / (2 * spacing)).clamp(-torch.pi, torch.pi)
    return (0.5 * (1 + torch.cos(phase)) * inside).to(lag.dtype)


def lag_matrix(times: Tensor, n_past: int, n_ticks: int, resolution: float) -> Tensor:
    """Return the lag of every measured time behind the middle of every tick, in seconds.

    Parameters
    ----------
    times : Tensor of shape (n_measured,)
        Seconds from the start of the window.
    n_past, n_ticks : int
        Ticks before and within the window.
    resolution : float
        Seconds per tick.

    Returns
    -------
    Tensor of shape (n_measured, n_past + n_ticks)
    """
    ticks = torch.arange(-n_past, n_ticks, device=times.device, dtype=torch.float64)
    return times.double()[:, None] - (ticks + 0.5) * resolution
