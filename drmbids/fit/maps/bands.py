"""Bands of features whose maps have penalties of their own."""

from collections.abc import Sequence

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout

#: What the variance of a band is multiplied by, against that of the others, before a penalty is
#: applied to all: the penalty of the band is so many times smaller.
SHARES = (0.1, 0.01)


def feature_bands(
    readout: DRMReadout, region: int, unit_bands: Sequence[Tensor] | None = None
) -> Tensor:
    """Return the band of each feature of a region, shape (n_features,), whole numbers from 0.

    Units of different populations are different bands, and so is what the readout itself tells
    apart (:meth:`~drmbids.DRMReadout.bands`), and what a population does
    (:meth:`~drmbids.DRMPopulation.unit_bands`), but for the deviations of a readout.

    Parameters
    ----------
    readout : DRMReadout
    region : int
    unit_bands : sequence of Tensor of int, optional
        For each population the band of each of its units; one for all units when absent.

    Examples
    --------
    >>> from drmbids import BOLD
    >>> feature_bands(BOLD(n_units=[2, 3], n_targets=[10]), 0)
    tensor([0, 0, 1, 1, 1])
    """
    own = readout.bands(region)
    units = torch.where(own == 0, _of_units(readout, region, unit_bands), 0)
    rows = torch.stack([readout.feature_populations(region), own, units], 1)
    return torch.unique(rows, dim=0, return_inverse=True)[1]


def feature_blocks(
    readout: DRMReadout, region: int, unit_bands: Sequence[Tensor] | None = None
) -> Tensor:
    """Return which features may have something in common, shape (n_features,), numbers from 0.

    These are the units of a population, of one band, through one basis function of the readout.

    Parameters
    ----------
    readout, region, unit_bands
        As for :func:`feature_bands`.

    Examples
    --------
    >>> from drmbids import BOLD, DoubleGamma
    >>> feature_blocks(BOLD([2], n_targets=[10], hrf=DoubleGamma(derivatives="time")), 0)
    tensor([0, 0, 1, 1])
    """
    n_units = readout.n_features(region) // readout.features_per_unit
    basis = torch.arange(readout.n_features(region)) // n_units
    units = _of_units(readout, region, unit_bands)
    rows = torch.stack([readout.feature_populations(region), basis, units], 1)
    return torch.unique(rows, dim=0, return_inverse=True)[1]


def _of_units(readout: DRMReadout, region: int, unit_bands: Sequence[Tensor] | None) -> Tensor:
    """Return the band of the unit that each feature is made of."""
    if unit_bands is None:
        return torch.zeros(readout.n_features(region), dtype=torch.long)
    units = torch.cat([unit_bands[source] for source in readout.sources[region]])
    return units.repeat(readout.features_per_unit)


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
