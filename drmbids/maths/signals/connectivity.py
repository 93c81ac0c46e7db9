"""Functional connectivity: correlations of all pairs of series, at once, lagged, or in windows."""

from collections.abc import Sequence

import torch
from torch import Tensor

from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.signals.moments import correlations, series_moments


def functional_connectivity(series: Tensor, present: Tensor | None = None) -> Tensor:
    """Return the Pearson correlation of all pairs of series.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
    present : Tensor of bool, optional
        Which samples are measured; a pair is correlated over the samples that both have. All when
        absent.

    Returns
    -------
    Tensor of shape (batch, n, n)

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([0.0, 1.0, 0.0, -1.0])
    >>> functional_connectivity(torch.stack((x, -2 * x), -1).unsqueeze(1))
    tensor([[[ 1., -1.],
             [-1.,  1.]]])
    """
    return lagged_connectivity(series, (0,), present)[0]


def lagged_connectivity(
    series: Tensor, lags: Sequence[int], present: Tensor | None = None
) -> Tensor:
    """Return the correlations of ``x_i(t)`` and ``x_j(t + lag)``.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
    lags : sequence of int
        In samples, 0 or more; negative ones are those with ``i`` and ``j`` exchanged.
    present : Tensor of bool, optional
        As for :func:`functional_connectivity`.

    Returns
    -------
    Tensor of shape (n_lags, batch, n, n)

    Raises
    ------
    UsageError
        If there are no lags, or one is negative or as long as the run.
    """
    if not lags or min(lags) < 0 or max(lags) >= len(series):
        raise UsageError(f"lags must be from 0 to below the {len(series)} samples, got {lags}")
    there = torch.ones_like(series, dtype=torch.bool) if present is None else present
    return correlations(series_moments(series, there, lags))


def fisher_z(r: Tensor) -> Tensor:
    """Return ``atanh(r)``, correlations within 1e-6 of +-1 counted as that far from it."""
    return torch.atanh(r.clamp(-1 + 1e-6, 1 - 1e-6))


def region_pairs(matrices: Tensor) -> Tensor:
    """Return the elements above the diagonal, row by row.

    Parameters
    ----------
    matrices : Tensor of shape (..., n, n)

    Returns
    -------
    Tensor of shape (..., n (n - 1) / 2)
    """
    row, column = torch.triu_indices(*matrices.shape[-2:], offset=1, device=matrices.device)
    return matrices[..., row, column]


def windowed_connectivity(
    series: Tensor, length: int, step: int, present: Tensor | None = None
) -> Tensor:
    """Return the connectivity in windows that slide over the run.

    Parameters
    ----------
    series : Tensor of shape (n_times, batch, n)
    length, step : int
        Samples in a window, and from one to the next.
    present : Tensor of bool, optional
        As for :func:`functional_connectivity`.

    Returns
    -------
    Tensor of shape (n_windows, batch, n, n)

    Raises
    ------
    UsageError
        If a window has fewer than 3 samples or more than the run, or the step is below 1.
    """
    if not 3 <= length <= len(series) or step < 1:
        raise UsageError(
            f"windows of {length} samples every {step} do not fit a run of {len(series)}"
        )
    there = torch.ones_like(series, dtype=torch.bool) if present is None else present
    # windows side by side: (length, n_windows * batch, n)
    cut, seen = (
        x.unfold(0, length, step).permute(3, 0, 1, 2).flatten(1, 2) for x in (series, there)
    )
    return functional_connectivity(cut, seen).unflatten(0, (-1, series.shape[1]))


def connectivity_dynamics(windowed: Tensor) -> Tensor:
    """Return how alike the connectivities of windows are: their correlations over pairs.

    Parameters
    ----------
    windowed : Tensor of shape (n_windows, batch, n, n)
        From :func:`windowed_connectivity`.

    Returns
    -------
    Tensor of shape (batch, n_windows, n_windows)

    References
    ----------
    Hansen et al. 2015, NeuroImage 105:525-535 (functional connectivity dynamics, FCD).
    """
    return functional_connectivity(region_pairs(windowed).permute(2, 1, 0))


def quantile_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean distance of the sorted values of two samples.

    The Wasserstein distance of order 1 of the two distributions; of samples of different sizes,
    quantiles of the larger are interpolated at those of the smaller.

    Parameters
    ----------
    a, b : Tensor of shape (..., n_a), (..., n_b)

    Returns
    -------
    Tensor of shape (...)

    Examples
    --------
    >>> import torch
    >>> quantile_distance(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3.0, 2.0, 1.0]))
    tensor(1.)
    """
    a, b = a.sort(-1).values, b.sort(-1).values
    n = min(a.shape[-1], b.shape[-1])
    return (_quantiles(a, n) - _quantiles(b, n)).abs().mean(-1)


def _quantiles(ordered: Tensor, n: int) -> Tensor:
    """Return ``n`` sorted values at the middles of ``n`` equal shares."""
    n_values = ordered.shape[-1]
    if n == n_values:
        return ordered
    share = (torch.arange(n, device=ordered.device, dtype=ordered.dtype) + 0.5) / n
    at = (share * n_values - 0.5).clamp(0, n_values - 1)
    low = at.floor().long()
    high = (low + 1).clamp(max=n_values - 1)
    return torch.lerp(ordered[..., low], ordered[..., high], at - low)
