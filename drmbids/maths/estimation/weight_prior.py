"""Densities of weights before any data: all small, few, or from few units of the source."""

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.linalg import vector_norm

#: What may be known of weights before any data.
WeightPriorKind = Literal["none", "normal", "laplace", "group", "start"]


def _normal(weights: Tensor) -> Tensor:
    return -weights.square().sum() / 2


def _laplace(weights: Tensor) -> Tensor:
    return -math.sqrt(2) * weights.abs().sum()


def _group(weights: Tensor) -> Tensor:
    return -math.sqrt(len(weights) + 1) * vector_norm(weights, dim=0).sum()


#: Logarithms of densities of standard deviation 1, up to a constant.
DENSITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": _normal,
    "laplace": _laplace,
    "group": _group,
    "start": _normal,
}


def log_density(weights: Tensor, kind: WeightPriorKind, sd: float) -> Tensor:
    """Return the logarithm of the density of weights, up to a constant.

    Parameters
    ----------
    weights : Tensor of shape (n_to, n_from)
        With ``"start"`` less those that they started from.
    kind : {"normal", "laplace", "group", "start"}
        ``normal``: the weights are independent Gaussians, as for ridge regression. ``laplace``:
        independent Laplace variables, as for the lasso; most weights come near zero, few are
        large. ``group``: the weights from one unit of the source are spherical, ``p(w)`` in
        proportion to ``exp(-sqrt(n_to + 1) |w| / sd)``, as for the group lasso; whole units fall
        silent. ``start``: independent Gaussians about what weights start from.
    sd : float
        Standard deviation of one weight, whatever the kind.

    Returns
    -------
    Tensor of shape ()

    References
    ----------
    Tibshirani 1996, Journal of the Royal Statistical Society B 58:267-288 (lasso, and its Laplace
    prior); Yuan and Lin 2006, same journal B 68:49-67 (group lasso); Kyung, Gill, Ghosh and
    Casella 2010, Bayesian Analysis 5:369-412 (its prior). The norm of a group is a gamma variable
    of shape ``n_to``, whence the root.

    Examples
    --------
    >>> import torch
    >>> weights = torch.tensor([[3.0, 0.0], [4.0, 0.0]])
    >>> kinds = ("normal", "laplace", "group")
    >>> [round(log_density(weights, kind, 1.0).item(), 3) for kind in kinds]
    [-12.5, -9.899, -8.66]
    """
    return DENSITIES[kind](weights / sd)
