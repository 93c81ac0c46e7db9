"""Bands of features whose maps have penalties of their own."""

import torch
from torch import Tensor

from drmbids.readouts.base import DRMReadout

#: What the variance of a band is multiplied by, against that of the others, before a penalty is
#: applied to all: the penalty of the band is so many times smaller.
SHARES = (0.1, 0.01)


def feature_bands(readout: DRMReadout, region: int) -> Tensor:
    """Return the band of each feature of a region, shape (n_features,), whole numbers from 0.

    Units of different populations are different bands, and so is what the readout itself tells
    apart (:meth:`~drmbids.DRMReadout.bands`).

    Parameters
    ----------
    readout : DRMReadout
    region : int

    Examples
    --------
    >>> from drmbids import BOLD
    >>> feature_bands(BOLD(n_units=[2, 3], n_targets=[10]), 0)
    tensor([0, 0, 1, 1, 1])
    """
    population = readout.feature_populations(region)
    own = readout.bands(region).to(population)
    return torch.unique(population * (own.max() + 1) + own, return_inverse=True)[1]


def weightings_of(bands: Tensor) -> Tensor:
    """Return the factors of features that are tried, shape (n_weightings, n_features).

    All alike comes first; then each band in turn with less variance than the others, and with more,
    by :data:`SHARES`: one step along every coordinate of a search over bands. With one band there
    is nothing to try.

    Parameters
    ----------
    bands : Tensor of int of shape (n_features,)

    Examples
    --------
    >>> weightings_of(torch.tensor([0, 0])).tolist()
    [[1.0, 1.0]]
    >>> weightings_of(torch.tensor([0, 1])).square()[:3]
    tensor([[1.0000, 1.0000],
            [0.1000, 1.0000],
            [0.0100, 1.0000]], dtype=torch.float64)
    """
    alike = torch.ones(1, len(bands), dtype=torch.float64)
    numbers = bands.unique().tolist()
    if len(numbers) == 1:
        return alike
    found = [alike]
    for band in numbers:
        inside = (bands == band)[None]
        for where in (inside, ~inside):
            found += [torch.where(where, alike * share**0.5, alike) for share in SHARES]
    # of two bands, one with more is the other with less
    rows = torch.cat(found).tolist()
    return torch.tensor(list(dict.fromkeys(map(tuple, rows))), dtype=torch.float64)
