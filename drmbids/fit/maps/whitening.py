"""Samples with autocorrelated noise made independent: autoregression of order 1, gaps too."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Whitening:
    """Takes out of each sample of a run what the one before foretells of its noise.

    Noise of an autoregression of the first order with coefficient ``rho`` from one volume to the
    next has a correlation of ``rho ** g`` over ``g`` volumes; the result has independent noise of
    the same variance.

    Parameters
    ----------
    rows : Tensor of bool of shape (n_measured,)
        Which volumes are there.
    rho : float
        0 or more, below 1.

    Examples
    --------
    >>> there = torch.tensor([True, True, False, True])
    >>> Whitening(there, 0.0)(torch.ones(3, 1)).ravel().tolist()
    [1.0, 1.0, 1.0]
    >>> Whitening(there, 0.5).past.tolist()
    [0.0, 0.5, 0.25]
    """

    def __init__(self, rows: Tensor, rho: float):
        places = rows.nonzero()[:, 0]
        steps = torch.diff(places, prepend=places[:1] - 1).double()
        self.past = rho**steps if rho else torch.zeros_like(steps)
        self.past[:1] = 0.0
        self.size = (1 - self.past.square()).rsqrt()

    def __call__(self, values: Tensor) -> Tensor:
        """Return values (n_there, n_columns) with independent noise."""
        before = torch.cat([torch.zeros_like(values[:1]), values[:-1]])
        return self.size[:, None] * (values - self.past[:, None] * before)

    def back(self, slopes: Tensor) -> Tensor:
        """Return slopes for the values from slopes for what became of them: the transpose."""
        sized = self.size[:, None] * slopes
        after = torch.cat([(self.past[:, None] * sized)[1:], torch.zeros_like(sized[:1])])
        return sized - after


def autocorrelation(rests: Sequence[Tensor], rows: Sequence[Tensor]) -> float:
    """Return the correlation of what is left in neighbouring volumes: the median over targets.

    Parameters
    ----------
    rests : sequence of Tensor of shape (n_there, n_targets)
        One for each run.
    rows : sequence of Tensor of bool of shape (n_measured,)
        Which volumes of each run are there.
    """
    products: Tensor | float = 0.0
    squares: Tensor | float = 0.0
    for rest, there in zip(rests, rows, strict=True):
        beside = torch.diff(there.nonzero()[:, 0]) == 1
        before, after = rest[:-1][beside], rest[1:][beside]
        products = products + (before * after).sum(0)
        squares = squares + (before.square().sum(0) + after.square().sum(0)) / 2
    ratio = torch.as_tensor(products) / torch.as_tensor(squares).clamp(min=1e-300)
    return float(ratio.median())
