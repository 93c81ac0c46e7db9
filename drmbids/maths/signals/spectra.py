"""Power and cross-spectra of series by Welch's method."""

from typing import NamedTuple

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import UsageError


class Segments(NamedTuple):
    """Segments of a run in the frequency domain.

    Parameters
    ----------
    frequencies : Tensor of shape (n_frequencies,)
        Hz.
    values : Tensor of shape (n_frequencies, n_segments, batch, n), complex
        Tapered segments, transformed.
    weights : Tensor of shape (length, n_segments, batch, n)
        Taper, 0 where a sample is missing.
    step : float
        Seconds from one sample to the next.
    """

    frequencies: Tensor
    values: Tensor
    weights: Tensor
    step: float


def segments(series: Tensor, step: float, length: int, present: Tensor | None = None) -> Segments:
    """Return the Fourier transforms of half-overlapping segments, tapered by Hann's window.

    Each segment is freed of its mean over the samples that are there; missing ones are 0.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
    step : float
        Seconds from one sample to the next.
    length : int
        Samples in a segment, an even number.
    present : Tensor of bool, optional
        Which samples are measured; all when absent.

    Returns
    -------
    Segments

    Raises
    ------
    UsageError
        If a segment is longer than the run, shorter than 4 samples, or of odd length.

    References
    ----------
    Welch 1967, IEEE Trans Audio Electroacoust 15:70-73.
    """
    if not 4 <= length <= len(series) or length % 2:
        raise UsageError(
            f"segments must be of an even number of samples, from 4 to the {len(series)} of the "
            f"run, got {length}"
        )
    there = torch.ones_like(series, dtype=torch.bool) if present is None else present
    cut, seen = (x.unfold(0, length, length // 2).movedim(-1, 0) for x in (series, there))
    seen = seen.to(series.dtype)
    mean = (cut * seen).sum(0) / seen.sum(0).clamp(min=1.0)
    taper = torch.hann_window(length, dtype=series.dtype, device=series.device)
    weights = taper[:, None, None, None] * seen
    frequencies = torch.fft.rfftfreq(length, step, dtype=series.dtype, device=series.device)
    return Segments(frequencies, torch.fft.rfft((cut - mean) * weights, dim=0), weights, step)


def cross_spectra(parts: Segments, low: float = 0.0, high: float = float("inf")) -> Tensor:
    """Return the two-sided cross-spectral densities of all pairs.

    ``S_ij(f)`` is the mean over segments of ``x_i(f) conj(x_j(f))``: its phase is positive where
    ``j`` lags ``i``. With missing samples a segment counts for a pair by the energy of the taper
    over the samples that both have, so that covariances stay unbiased and spectra are smoothed a
    little more.

    Parameters
    ----------
    parts : Segments
    low, high : float
        Frequencies to keep, in Hz, both included.

    Returns
    -------
    Tensor of shape (n_frequencies, batch, n, n), complex
        In squared units of the series a Hz; 0 for a pair without a common sample. Half of what
        ``scipy.signal.csd`` gives for frequencies but 0 and the highest, and its conjugate.
    """
    kept = (parts.frequencies >= low) & (parts.frequencies <= high)
    values = parts.values[kept]
    product = torch.einsum("fsbi,fsbj->fbij", values, values.conj())
    return product * parts.step / _energy(parts.weights)


def power_spectra(parts: Segments, low: float = 0.0, high: float = float("inf")) -> Tensor:
    """Return the two-sided power spectral densities, the diagonals of :func:`cross_spectra`.

    Parameters
    ----------
    parts : Segments
    low, high : float
        Frequencies to keep, in Hz, both included.

    Returns
    -------
    Tensor of shape (n_frequencies, batch, n)

    Examples
    --------
    >>> import torch
    >>> time = 0.01 * torch.arange(1000.0)
    >>> parts = segments(torch.sin(2 * torch.pi * 5 * time)[:, None, None], 0.01, 200)
    >>> parts.frequencies[power_spectra(parts).argmax()]
    tensor(5.)
    """
    kept = (parts.frequencies >= low) & (parts.frequencies <= high)
    values = parts.values[kept]
    energy = parts.weights.square().sum((0, 1))
    # one row of zeros would make 0/0
    safe = torch.where(energy > 0, energy, 1.0)
    return (values.real.square() + values.imag.square()).sum(1) * parts.step / safe


def _energy(weights: Tensor) -> Tensor:
    """Return the sums of products of tapers of all pairs, shape (batch, n, n); 1 in place of 0."""
    energy = torch.einsum("tsbi,tsbj->bij", weights, weights)
    return torch.where(energy > 0, energy, 1.0)


def hann_leakage(offsets: Tensor) -> Tensor:
    """Return by how much Hann's window mixes frequencies that are some bins apart.

    A Welch estimate expects the true spectrum smoothed by this kernel: the squared transform of
    the window, with the sum over a grid of half bins made 1 by the caller.

    Parameters
    ----------
    offsets : Tensor
        Frequency differences in bins (of 1 / segment length).

    Returns
    -------
    Tensor
    """
    # Dirichlet kernels of the window's three terms 1/2, -1/4, -1/4 (Harris 1978, Proc IEEE 66:51)
    terms = (
        0.5 * torch.sinc(offsets) + 0.25 * torch.sinc(offsets - 1) + 0.25 * torch.sinc(offsets + 1)
    )
    return terms.square()
