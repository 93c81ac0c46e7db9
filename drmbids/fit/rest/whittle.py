"""Cross-spectra of a model against measured ones: likelihood, connectivity, spectra.

Cross-spectra are ``(n_frequencies, n, n)``, Hermitian, of the two-sided kind, at the frequencies of
a band. Normalised, the power of each region in the band is 1, so that no gain matters.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import pi

import torch
from torch import Tensor

from drmbids.maths.signals.connectivity import fisher_z, region_pairs


def normalised(spectra: Tensor) -> Tensor:
    """Return cross-spectra scaled so that the power of each region sums to 1 over frequencies.

    Parameters
    ----------
    spectra : Tensor of shape (n_frequencies, n, n), complex
        A region without power stays so.

    Returns
    -------
    Tensor
    """
    power = spectra.diagonal(dim1=-2, dim2=-1).real.sum(0)
    scale = torch.where(power > 0, power, 1.0).rsqrt()
    return spectra * (scale[:, None] * scale)


def band_connectivity(spectra: Tensor, frequencies: Tensor, lag: float = 0.0) -> Tensor:
    """Return the correlations of band-limited series ``x_i(t)``, ``x_j(t + lag)``.

    Parameters
    ----------
    spectra : Tensor of shape (n_frequencies, n, n), complex
    frequencies : Tensor of shape (n_frequencies,)
        Hz, evenly spaced.
    lag : float
        Seconds.

    Returns
    -------
    Tensor of shape (n, n)

    Examples
    --------
    >>> import torch
    >>> shared = torch.ones(3, 2, 2) + torch.eye(2)
    >>> band_connectivity(shared.to(torch.complex64), torch.tensor([0.01, 0.02, 0.03]))
    tensor([[1.0000, 0.5000],
            [0.5000, 1.0000]])
    """
    turned = normalised(spectra) * torch.exp(-2j * pi * lag * frequencies)[:, None, None]
    return turned.real.sum(0)


def root_of(measured: Tensor) -> Tensor:
    """Return matrices that times their conjugate transposes are measured cross-spectra.

    Parameters
    ----------
    measured : Tensor of shape (n_frequencies, n, n), complex
        Means of some segments, of which there are often fewer than regions: of low rank.

    Returns
    -------
    Tensor of shape (n_frequencies, n, rank), complex

    Examples
    --------
    >>> import torch
    >>> alike = torch.ones(1, 3, 3, dtype=torch.complex128)
    >>> root_of(alike).shape
    torch.Size([1, 3, 1])
    """
    values, vectors = torch.linalg.eigh(measured)
    there = (values > 1e-13 * values.amax(-1, keepdim=True)).any(0)
    return vectors[..., there] * values[..., None, there].clamp(min=0.0).sqrt()


def whittle(model: Tensor, measured: Tensor, root: Tensor | None = None) -> Tensor:
    """Return the negative log likelihood of measured cross-spectra, a sample and a region.

    ``mean over f of log det M(f) + trace(M(f)^-1 P(f))``, over the number of regions.

    Parameters
    ----------
    model, measured : Tensor of shape (n_frequencies, n, n), complex
        The model's must be positive definite; measured ones may be of any rank.
    root : Tensor of shape (n_frequencies, n, rank), optional
        Of the measured ones, from :func:`root_of`: less work where the rank is low.

    Returns
    -------
    Tensor of shape ()

    References
    ----------
    Whittle 1953, J R Stat Soc B 15:125-139.
    """
    share = len(model) * model.shape[-1]
    with torch.no_grad():
        factor, _ = torch.linalg.cholesky_ex(model)
        inverse = torch.cholesky_inverse(factor)
        size = 2 * factor.diagonal(dim1=-2, dim2=-1).real.log().sum()
        # the slope in closed form takes a quarter of the time of one through the factor
        if root is None:
            turned = inverse @ measured
            distance, slope = turned.diagonal(dim1=-2, dim2=-1).real.sum(), turned @ inverse
        else:
            turned = inverse @ root
            distance, slope = (root.conj() * turned).real.sum(), turned @ turned.mH
        value, slope = (size + distance) / share, (inverse - slope) / share
    return value + (slope.conj() * (model - model.detach())).real.sum()


def whittle_of(measured: Tensor) -> Callable[[Tensor], Tensor]:
    """Return :func:`whittle` of models for the same measured cross-spectra.

    Parameters
    ----------
    measured : Tensor of shape (n_frequencies, n, n), complex
    """
    return partial(whittle, measured=measured, root=root_of(measured))


def statistics_error(
    model: Tensor,
    measured: Tensor,
    frequencies: Tensor,
    weights: dict[str, float],
    lags: Sequence[float],
) -> Tensor:
    """Return the weighted sum of squared errors of statistics.

    Parameters
    ----------
    model, measured : Tensor of shape (n_frequencies, n, n), complex
    frequencies : Tensor of shape (n_frequencies,)
        Hz.
    weights : dict of {"fc", "lagged_fc", "spectra"} to float
        Of the mean squared errors of Fisher's z of the connectivity of all pairs, of correlations
        at the lags, and of the natural logarithm of normalised power.
    lags : sequence of float
        Seconds.

    Returns
    -------
    Tensor of shape ()
    """
    error = model.new_zeros((), dtype=frequencies.dtype)
    for name, weight in weights.items():
        if name == "fc":
            ours, theirs = (
                fisher_z(region_pairs(band_connectivity(s, frequencies))) for s in (model, measured)
            )
        elif name == "lagged_fc":
            ours, theirs = (
                torch.stack([band_connectivity(s, frequencies, lag) for lag in lags])
                for s in (model, measured)
            )
        else:
            ours, theirs = (
                normalised(s).diagonal(dim1=-2, dim2=-1).real.log() for s in (model, measured)
            )
        error = error + weight * (ours - theirs).square().mean()
    return error


def information(model: Tensor, slopes: Sequence[Tensor], n_samples: float) -> Tensor:
    """Return the Fisher information of parameters in independent samples of cross-spectra.

    Its inverse bounds the covariance of any unbiased estimate (Cramer and Rao).

    Parameters
    ----------
    model : Tensor of shape (n_frequencies, n, n), complex
    slopes : sequence of Tensor of the same shape
        Of the model's spectra in each parameter.
    n_samples : float
        Independent samples of each frequency.

    Returns
    -------
    Tensor of shape (n_parameters, n_parameters)
    """
    turned = torch.stack([torch.linalg.solve(model, slope) for slope in slopes])
    return n_samples * torch.einsum("afij,bfji->ab", turned, turned).real
