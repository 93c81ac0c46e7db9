"""Spectra of a band from few frequencies, by interpolation that is exact to ten digits.

Cross-spectra of a linear network without delays are rational functions of the frequency with poles
at its modes. A polynomial through Chebyshev nodes on both sides of 0, where spectra are mirrored
conjugates, converges as ``rho^-n``, ``rho`` the sum of the half-axes of the ellipse about the band
on which the closest pole lies (Trefethen 2019, Approximation Theory and Approximation Practice,
theorem 8.2). Slow modes need many nodes, fast ones few.
"""

from math import ceil, inf, log, pi

import torch
from torch import Tensor

#: Error of the interpolation, as a share.
ERROR = 1e-11


def n_nodes(modes: Tensor, highest: float) -> float:
    """Return how many positive nodes a band from 0 takes; infinite where a mode does not decay.

    Parameters
    ----------
    modes : Tensor of shape (n_modes,), complex
        Eigenvalues of the network in 1/s.
    highest : float
        Highest frequency in Hz.

    Examples
    --------
    >>> import torch
    >>> n_nodes(torch.tensor([-10.0 + 0j]), 0.16), n_nodes(torch.tensor([-0.1 + 0j]), 0.16)
    (5, 128)
    """
    if not bool((modes.real < 0).all()):
        return inf
    poles = modes / (2j * pi * highest)
    root = (poles * poles - 1).sqrt()
    rho = torch.maximum((poles + root).abs(), (poles - root).abs()).min().item()
    return ceil(-log(ERROR) / (2 * log(rho))) if rho > 1 else inf


def node_frequencies(n: int, highest: float) -> Tensor:
    """Return the positive ones of ``2 n`` Chebyshev nodes between minus and plus a frequency.

    Parameters
    ----------
    n : int
    highest : float
        Hz.
    """
    return highest * torch.cos(_angles(n)[:n])


def _angles(n: int) -> Tensor:
    return (2 * torch.arange(2 * n, dtype=torch.float64) + 1) * (pi / (4 * n))


def interpolation(n: int, highest: float, frequencies: Tensor) -> tuple[Tensor, Tensor]:
    """Return what takes spectra at the nodes to other frequencies: real parts, imaginary parts.

    Parameters
    ----------
    n : int
    highest : float
        As for :func:`node_frequencies`.
    frequencies : Tensor of shape (n_frequencies,)
        Hz, within the band.

    Returns
    -------
    even, odd : Tensor of shape (n_frequencies, n)

    Examples
    --------
    >>> import torch
    >>> x, at = node_frequencies(4, 1.0), torch.tensor([0.0, 0.3], dtype=torch.float64)
    >>> even, odd = interpolation(4, 1.0, at)
    >>> torch.allclose(even @ x**2, at**2), torch.allclose(odd @ x**3, at**3)
    (True, True)
    """
    angles = _angles(n)
    signs = torch.ones(2 * n, dtype=torch.float64)
    signs[1::2] = -1
    away = frequencies[:, None].double() / highest - torch.cos(angles)
    hit = away.abs() < 1e-14
    parts = signs * torch.sin(angles) / torch.where(hit, 1.0, away)
    parts = torch.where(hit.any(1, keepdim=True), hit.double(), parts)
    shares = parts / parts.sum(1, keepdim=True)
    positive, negative = shares[:, :n], shares[:, n:].flip(1)
    return positive + negative, positive - negative
