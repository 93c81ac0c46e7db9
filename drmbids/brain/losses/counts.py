"""What losses of counts share: predictions are logarithms of rates, targets are counts in bins."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from torch import Tensor

from drmbids.brain.losses.base import DRMLoss
from drmbids.data.tools.exceptions import DataError, ModelError, UsageError

#: Least mean count that stands for a target without any: its logarithm has to be a number.
LEAST_MEAN = 1e-12

#: Most that is expected in a bin of counts that are drawn: far beyond any recording.
MOST_EXPECTED = 1e9


class CountLoss(DRMLoss, ABC):
    """Base of losses of counts; a subclass states the likelihood in `forward` and draws from it.

    A prediction is the natural logarithm of a rate: of the count that is expected in a bin, with
    the default ``bin_width`` of 1, or of counts per second where it says how many seconds a bin
    has.

    Parameters
    ----------
    bin_width : float
        Seconds in a bin.

    Raises
    ------
    ModelError
        If the width is not positive.
    """

    option_units: ClassVar = {"bin_width": "s"}
    in_nats: ClassVar = True
    draws: ClassVar = True

    def __init__(self, bin_width: float = 1.0):
        super().__init__()
        if not 0 < bin_width < math.inf:
            raise ModelError(
                f"{type(self).__name__}: bin_width must be positive, got {bin_width} s"
            )
        self.bin_width = float(bin_width)

    @abstractmethod
    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, see :class:`~drmbids.DRMLoss`."""

    @abstractmethod
    def draw(self, prediction: Tensor, rng: np.random.Generator) -> Tensor:
        """Return counts, see :class:`~drmbids.DRMLoss`."""

    def log_mean(self, prediction: Tensor) -> Tensor:
        """Return the logarithm of the expected counts of bins.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        """
        return prediction + math.log(self.bin_width)

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the expected counts of bins.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        """
        return self.log_mean(prediction).exp()

    def predicting(self, expected: Tensor) -> Tensor:
        """Return the prediction that stands for expected counts.

        Parameters
        ----------
        expected : Tensor of shape (n_measured, batch, n_targets)
        """
        return expected.clamp(min=LEAST_MEAN).log() - math.log(self.bin_width)

    def expected_to_draw(self, prediction: Tensor) -> np.ndarray:
        """Return expected counts to draw from, or raise where they are too large to be meant.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, n_targets)

        Raises
        ------
        UsageError
            If one is above :data:`MOST_EXPECTED`, or not a number.
        """
        mean = self.expected(prediction.double()).numpy()
        wrong = mean[~(mean <= MOST_EXPECTED)]
        if len(wrong):
            raise UsageError(
                f"an expected count of {wrong[0]:g} cannot be drawn; predictions are logarithms of "
                "counts: make maps and bias of the readout smaller"
            )
        return mean

    def check_target(self, target: Tensor) -> None:
        """Raise ``DataError`` unless values are counts, or missing.

        Parameters
        ----------
        target : Tensor of shape (n_measured, n_targets)
        """
        wrong = target[(target < 0) | target.isinf()]
        if len(wrong):
            raise DataError(
                f"counts must be numbers from 0 on, found {wrong[0].item():g}; "
                "train spikes in bins, not z-scores or rates with a baseline taken out"
            )
