"""Poisson: how unlikely the counts that were measured are, given rates."""

import numpy as np
import torch
from torch import Tensor

from drmbids.brain.losses.counts import CountLoss
from drmbids.maths.estimation.masked import masked_mean, split_missing


class Poisson(CountLoss):
    """Mean negative log-likelihood (nats) of counts under a Poisson distribution.

    A prediction is the natural logarithm of a rate: of the count that is expected in a bin, with
    the default ``bin_width`` of 1, or of counts per second where it says how many seconds a bin
    has. Constant terms are included, so that minus the loss, times the number of elements, is the
    log-likelihood. Counts are 0 or more and need not be whole numbers, so that smoothed counts have
    a quasi-likelihood. A missing (NaN) count has no loss.

    Parameters
    ----------
    bin_width : float
        Seconds in a bin.

    Raises
    ------
    ModelError
        If the width is not positive.

    References
    ----------
    Truccolo et al. 2005, Journal of Neurophysiology 93:1074-1089 (point process likelihood of
    spikes in bins, with a logarithmic link).

    Examples
    --------
    >>> rates = torch.tensor([[20.0], [20.0]])
    >>> counts = torch.tensor([[0.0], [torch.nan]])
    >>> round(Poisson(bin_width=0.02)(rates.log(), counts).item(), 3)
    0.4
    """

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        weight : Tensor of the same shape, optional
            How much each count counts, above 0.
        """
        count, present = split_missing(target)
        log_mean = self.log_mean(torch.where(present, prediction, 0.0))
        surprise = log_mean.exp() - count * log_mean + torch.lgamma(count + 1)
        return masked_mean(surprise, present, weight)

    def draw(self, prediction: Tensor, rng: np.random.Generator) -> Tensor:
        """Return counts, shape (n_measured, n_targets).

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, n_targets)
        rng : numpy.random.Generator

        Raises
        ------
        UsageError
            If an expected count is too large.
        """
        return torch.from_numpy(rng.poisson(self.expected_to_draw(prediction))).to(prediction)
