"""Sums over time from which correlations follow, added up window by window.

All are sums over the samples at which both series of a pair are measured, so that missing samples
count for nothing, pair by pair. They take the same memory however long a run is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Sums over pairs of samples ``x_i(t)``, ``x_j(t + lag)``.

    Parameters
    ----------
    sums : tuple of 6 Tensor of shape (n_lags, batch, n, n)
        How many pairs, and the sums over them of ``x_i x_j``, ``x_i``, ``x_j``, ``x_i^2`` and
        ``x_j^2``.
    origin : Tensor of shape (batch, n)
        Taken off all samples, so that a baseline costs no digits.
    past, there : Tensor of shape (longest lag, batch, n)
        The last samples, and which of them were measured.
    lags : tuple of int
        In samples.
    """

    sums: tuple[Tensor, ...]
    origin: Tensor
    past: Tensor
    there: Tensor
    lags: tuple[int, ...]


def begin_moments(series: Tensor, present: Tensor, lags: Sequence[int] = (0,)) -> Moments:
    """Return moments of nothing, for windows of a run of which this is the first.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
        The first window; its mean becomes the origin.
    present : Tensor of bool, of the same shape
        Which samples are measured.
    lags : sequence of int
        In samples, 0 or more.

    Returns
    -------
    Moments
    """
    _, batch, n = series.shape
    weight = present.to(series.dtype)
    mean = (series * weight).sum(0) / weight.sum(0).clamp(min=1.0)
    zero = series.new_zeros(len(lags), batch, n, n)
    past = series.new_zeros(max(lags), batch, n)
    return Moments((zero,) * 6, mean.detach(), past, past, tuple(lags))


def add_window(moments: Moments, series: Tensor, present: Tensor) -> Moments:
    """Return the moments with those of the window that follows.

    Parameters
    ----------
    moments : Moments
    series : Tensor of shape (n_times, batch, n)
    present : Tensor of bool, of the same shape

    Returns
    -------
    Moments

    Examples
    --------
    >>> import torch
    >>> run, there = torch.rand(100, 1, 3), torch.ones(100, 1, 3, dtype=torch.bool)
    >>> moments = begin_moments(run[:50], there[:50], lags=(0, 1))
    >>> for window in (slice(0, 50), slice(50, 100)):
    ...     moments = add_window(moments, run[window], there[window])
    >>> correlations(moments).shape
    torch.Size([2, 1, 3, 3])
    """
    weight = torch.cat((moments.there, present.to(series.dtype)))
    values = torch.cat((moments.past, (series - moments.origin) * weight[len(moments.past) :]))
    n_past = len(moments.past)
    sums: list[list[Tensor]] = []
    for lag in moments.lags:
        early, late = slice(n_past - lag, len(values) - lag), slice(n_past, None)
        a, b, m, k = values[early], values[late], weight[early], weight[late]
        pairs = ((m, k), (a, b), (a, k), (m, b), (a * a, k), (m, b * b))
        sums.append([torch.einsum("tbi,tbj->bij", x, y) for x, y in pairs])
    new = [torch.stack(parts) for parts in zip(*sums, strict=True)]
    total = tuple(old + more for old, more in zip(moments.sums, new, strict=True))
    keep = len(values) - n_past
    return Moments(total, moments.origin, values[keep:], weight[keep:], moments.lags)


def series_moments(series: Tensor, present: Tensor, lags: Sequence[int] = (0,)) -> Moments:
    """Return the moments of a whole run.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
    present : Tensor of bool, of the same shape
    lags : sequence of int

    Returns
    -------
    Moments
    """
    return add_window(begin_moments(series, present, lags), series, present)


def covariances(moments: Moments) -> Tensor:
    """Return the covariances of all pairs, shape (n_lags, batch, n, n); 0 where a pair has none."""
    count, product, first, second, *_ = moments.sums
    n = count.clamp(min=1.0)
    return product / n - (first / n) * (second / n)


def correlations(moments: Moments) -> Tensor:
    """Return the correlations of all pairs, each over the samples that both series have.

    Parameters
    ----------
    moments : Moments

    Returns
    -------
    Tensor of shape (n_lags, batch, n, n)
        Of ``x_i(t)`` and ``x_j(t + lag)``; 0 where a series does not vary or fewer than two pairs
        are there, with a gradient of 0.
    """
    return pair_correlations(*moments.sums)[0]


def pair_sums(series: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Return sums over samples for all pairs of series, without lag; they add up over windows.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
        0 where missing.
    weight : Tensor of the same shape
        1 where a sample is measured, 0 where it is missing.

    Returns
    -------
    tuple of 6 Tensor of shape (batch, n, n)
        As in :class:`Moments`.
    """
    square = series * series
    pairs = (
        (weight, weight),
        (series, series),
        (series, weight),
        (weight, series),
        (square, weight),
        (weight, square),
    )
    return tuple(torch.einsum("tbi,tbj->bij", a, b) for a, b in pairs)


def pair_correlations(
    count: Tensor,
    product: Tensor,
    first: Tensor,
    second: Tensor,
    first_square: Tensor,
    second_square: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the correlations that sums over pairs give, and which pairs have one.

    Parameters
    ----------
    count, product, first, second, first_square, second_square : Tensor of one shape
        As in :class:`Moments`.

    Returns
    -------
    correlations : Tensor
        0, with a gradient of 0, where a series does not vary or fewer than two pairs are there.
    known : Tensor of bool
    """
    n = count.clamp(min=1.0)
    spread = (first_square / n - (first / n) ** 2) * (second_square / n - (second / n) ** 2)
    size = (first_square / n) * (second_square / n)
    # what is left of a constant after rounding is no variance
    varies = (count > 1) & (spread > (16 * torch.finfo(spread.dtype).eps) ** 2 * size)
    varies = varies & (spread > 0)
    found = (product / n - (first / n) * (second / n)) * varies
    return found / torch.where(varies, spread, 1.0).sqrt(), varies
