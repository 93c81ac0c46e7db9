"""Poisson: how unlikely the counts that were measured are, given rates."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from drmbids.core.exceptions import DataError, ModelError, UsageError
from drmbids.functional.masked import masked_mean, split_missing
from drmbids.losses.base import DRMLoss

#: Least mean count that stands for a target without any: its logarithm has to be a number.
LEAST_MEAN = 1e-12

#: Most that is expected in a bin of counts that are drawn: far beyond any recording.
MOST_EXPECTED = 1e9


class Poisson(DRMLoss):
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

    option_units: ClassVar = {"bin_width": "s"}
    in_nats: ClassVar = True
    draws: ClassVar = True

    def __init__(self, bin_width: float = 1.0):
        super().__init__()
        if not 0 < bin_width < math.inf:
            raise ModelError(f"Poisson: bin_width must be positive, got {bin_width} s")
        self.bin_width = float(bin_width)

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        weight : Tensor of the same shape, optional
            How much each count counts, above 0.
        """
        count, present = split_missing(target)
        log_mean = torch.where(present, prediction, 0.0) + math.log(self.bin_width)
        surprise = log_mean.exp() - count * log_mean + torch.lgamma(count + 1)
        return masked_mean(surprise, present, weight)

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the expected counts of bins.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        """
        return (prediction + math.log(self.bin_width)).exp()

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
        return torch.from_numpy(rng.poisson(expected_counts(self, prediction))).to(prediction)

    def predicting(self, expected: Tensor) -> Tensor:
        """Return the prediction that stands for expected counts.

        Parameters
        ----------
        expected : Tensor of shape (n_measured, batch, n_targets)
        """
        return expected.clamp(min=LEAST_MEAN).log() - math.log(self.bin_width)

    def check_target(self, target: Tensor) -> None:
        """Raise :class:`~drmbids.core.exceptions.DataError` for counts below 0."""
        check_counts(target)


def expected_counts(loss: DRMLoss, prediction: Tensor) -> np.ndarray:
    """Return expected counts to draw from, or raise where they are too large to be meant.

    Parameters
    ----------
    loss : DRMLoss
        Of counts.
    prediction : Tensor of shape (n_measured, n_targets)

    Raises
    ------
    UsageError
        If one is above :data:`MOST_EXPECTED`, or not a number.
    """
    mean = loss.expected(prediction.double()).numpy()
    wrong = mean[~(mean <= MOST_EXPECTED)]
    if len(wrong):
        raise UsageError(
            f"an expected count of {wrong[0]:g} cannot be drawn; predictions are logarithms of "
            "counts: make maps and bias of the readout smaller"
        )
    return mean


def check_counts(target: Tensor) -> None:
    """Raise :class:`~drmbids.core.exceptions.DataError` unless values are counts, or missing.

    Parameters
    ----------
    target : Tensor of shape (n_measured, n_targets)

    Examples
    --------
    >>> check_counts(torch.tensor([[0.0, 3.0], [torch.nan, 1.0]]))
    """
    wrong = target[(target < 0) | target.isinf()]
    if len(wrong):
        raise DataError(
            f"counts must be numbers from 0 on, found {wrong[0].item():g}; "
            "train spikes in bins, not z-scores or rates with a baseline taken out"
        )
