"""Which variances the weights of bands of features may have: what evidence is averaged over.

The first band is what a model is about; others are how targets deviate from it. A band has a
variance of its weights one by one, and one of what its units have in common; the grid has the first
for the first band, and shares of it for all else, 0 among them.
"""

from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

#: Variances of the first band: sum of squares over all samples that a feature of mean power
#: explains, over the variance of the noise in a sample.
VARIANCES = tuple(10.0 ** (k / 2) for k in range(-3, 7))


class Shares(NamedTuple):
    """Variances of the weights of a band, as shares of that of the first."""

    single: float  # of each weight
    common: float  # of the mean of the weights of all units, times the root of their number


#: Shares of the first band.
OF_FIRST = (Shares(1.0, 0.0), Shares(1.0, 3.0), Shares(1.0, 30.0))

#: Shares of an only band that deviates: not at all, alike for all units, or for each of them.
OF_ONE = (
    Shares(0.0, 0.0),
    Shares(0.0, 0.03),
    Shares(0.0, 0.3),
    Shares(0.0, 3.0),
    Shares(0.01, 0.03),
    Shares(0.03, 0.3),
    Shares(0.1, 0.3),
    Shares(0.1, 3.0),
    Shares(0.3, 3.0),
    Shares(1.0, 3.0),
)

#: The same where several bands deviate.
OF_SEVERAL = (Shares(0.0, 0.0), Shares(0.0, 0.3), Shares(0.03, 0.3), Shares(0.3, 3.0))

#: Choices up to which all combinations of several bands are tried.
MOST_COMBINED = 64


def shares_of_bands(n_bands: int) -> list[tuple[Shares, ...]]:
    """Return the shares of variance that are tried for each band.

    With many bands, all of them deviate alike, but for one at a time.

    Parameters
    ----------
    n_bands : int

    Examples
    --------
    >>> [len(shares_of_bands(n)) for n in (1, 2, 4, 8)]
    [3, 30, 192, 264]
    """
    n_others = n_bands - 1
    options = OF_ONE if n_others == 1 else OF_SEVERAL
    if len(options) ** n_others <= MOST_COMBINED:
        others = list(product(options, repeat=n_others))
    else:
        found = [[rest] * n_others for rest in options]
        for k in range(n_others):
            for rest in options:
                alike = [rest] * n_others
                found += [[*alike[:k], share, *alike[k + 1 :]] for share in options]
        others = list(dict.fromkeys(map(tuple, found)))
    return [(first, *rest) for rest in others for first in OF_FIRST]


def roots_of(bands: Tensor, blocks: Tensor) -> list[Tensor]:
    """Return a root of the covariance of weights for each choice of shares, to a variance of 1.

    Parameters
    ----------
    bands : Tensor of int of shape (n_features,)
        From 0; see :func:`drmbids.fit.maps.bands.feature_bands`.
    blocks : Tensor of int of shape (n_features,)
        Features with the same number may have something in common: units of a population through
        one basis function.

    Returns
    -------
    list of Tensor of shape (n_features, n)
        Features of no variance have rows of zeros.
    """
    same = (blocks[:, None] == blocks).double()
    n_alike, eye = same.sum(1), torch.eye(len(bands), dtype=torch.float64, device=bands.device)
    mean = same / n_alike[:, None]
    found: dict[tuple[float, ...], Tensor] = {}
    for shares in shares_of_bands(len(bands.unique())):
        table = torch.tensor(shares, dtype=torch.float64, device=bands.device)
        single, common = table[bands].unbind(1)
        # units that are alone have nothing in common
        common = torch.where(n_alike > 1, common, 0.0)
        low, high = single.sqrt(), (single + common).sqrt()
        root = eye * low + mean * (high - low)
        key = (*single.tolist(), *common.tolist())
        found.setdefault(key, root[:, root.any(0)])
    return list(found.values())
