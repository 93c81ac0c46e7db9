"""Fourier sums of runs at chosen frequencies, which add up over windows."""

from math import pi

import torch
from torch import Tensor


def fourier_sums(
    series: Tensor, present: Tensor, frequencies: Tensor, start: int = 0
) -> tuple[Tensor, ...]:
    """Return sums over samples that give the transform of a run freed of its mean.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
        0 where missing.
    present : Tensor of the same shape
        1 where a sample is measured, 0 where it is missing.
    frequencies : Tensor of shape (n_frequencies,)
        In cycles a sample.
    start : int
        Samples of the run before these.

    Returns
    -------
    of_series, of_present : Tensor of shape (batch, n_frequencies, n, 2)
        Cosine and sine sums of the samples, and of which are there.
    total, count : Tensor of shape (batch, n)
        Sum and number of the samples.
    """
    ticks = torch.arange(start, start + len(series), dtype=series.dtype, device=series.device)
    phase = 2 * pi * ticks[:, None] * frequencies
    wave = torch.stack((phase.cos(), -phase.sin()), -1)
    of_series, of_present = (torch.einsum("tfc,tbn->bfnc", wave, x) for x in (series, present))
    return of_series, of_present, series.sum(0), present.sum(0)


def centred(sums: tuple[Tensor, ...]) -> Tensor:
    """Return the transform of a run freed of its mean over the samples that are there.

    Parameters
    ----------
    sums : tuple of Tensor
        From :func:`fourier_sums`, added up over a run.

    Returns
    -------
    Tensor of shape (batch, n_frequencies, n), complex
        Over the square root of the number of samples; 0 without any.
    """
    of_series, of_present, total, count = sums
    n = count.clamp(min=1.0)
    rest = of_series - of_present * (total / n)[:, None, :, None]
    return torch.view_as_complex((rest / n.sqrt()[:, None, :, None]).contiguous())


def band_frequencies(low: float, high: float, step: float, n: int) -> Tensor:
    """Return the middles of ``n`` equal parts of a band, in cycles a sample.

    Parameters
    ----------
    low, high : float
        Hz.
    step : float
        Seconds from one sample to the next.
    n : int

    Returns
    -------
    Tensor of shape (n,), float64

    Examples
    --------
    >>> band_frequencies(0.0, 0.1, 2.0, 2)
    tensor([0.0500, 0.1500], dtype=torch.float64)
    """
    share = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return step * (low + (high - low) * share)
