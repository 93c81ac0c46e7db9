"""DRMLoss: the masked mean squared error, and the rule on missing data that all losses share."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.masked import masked_squared_error, mean_of_targets


class DRMLoss(nn.Module):
    """Mean squared error over the elements that were measured.

    A missing (NaN) element of the target gives no loss and a gradient of exactly zero; when
    nothing was measured the loss is 0. Every loss keeps to this.

    Attributes
    ----------
    timed : bool
        Whether it matters when in a run a sample was measured, not only what.
    in_nats : bool
        Whether it is the mean negative logarithm of the likelihood of an element, so that it is
        known how much a prior counts beside it.
    draws : bool
        Whether a prediction is a distribution that targets can be drawn from (:meth:`draw`), as it
        is of counts and choices; what is left of a squared error has a size of its own.
    option_units : mapping of str to str
        Units of those arguments of ``__init__`` that have one, as for :class:`~drmbids.DRMNode`.

    Examples
    --------
    >>> import torch
    >>> DRMLoss()(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, float("nan")]]))
    tensor(1.)
    """

    timed: bool = False
    in_nats: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    option_units: ClassVar[Mapping[str, str]] = {}

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        weight : Tensor of the same shape, optional
            How much each element counts, above 0: the loss is the weighted mean. Given only where
            runs have weights, so that a loss without this argument serves runs without.
        """
        return masked_squared_error(prediction, target, weight)

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the target that a prediction stands for, the one for which the loss is least.

        The prediction itself, for a squared error; a loss whose predictions are of another scale
        than its targets, as log odds are of probabilities, says here how they are related.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        """
        return prediction

    def draw(self, prediction: Tensor, rng: np.random.Generator) -> Tensor:
        """Return targets drawn from the distribution that a prediction stands for.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, n_targets)
            On the CPU.
        rng : numpy.random.Generator

        Raises
        ------
        UsageError
            If the loss has none, or an expected count cannot be drawn.
        """
        raise UsageError(f"{type(self).__name__} says nothing of how targets vary: state the noise")

    def predicting(self, expected: Tensor) -> Tensor:
        """Return the prediction that stands for an expected target: the inverse of `expected`.

        Parameters
        ----------
        expected : Tensor of shape (n_measured, batch, n_targets)
        """
        return expected

    @torch.no_grad()
    def limits(self, target: Tensor, weight: Tensor | None = None) -> tuple[float, float]:
        """Return the loss of what explains nothing, and the loss of what explains all.

        The first is that of the mean of each target (the null model), the second that of a
        prediction of every element as it is (the saturated model). Between them a loss is on the
        scale of explained deviance (Cameron and Windmeijer 1997, Journal of Econometrics
        77:329-342), on which losses of different kinds can be compared: see
        :class:`~drmbids.DRM`.

        Parameters
        ----------
        target : Tensor of shape (n_measured, batch, n_targets)
            Of all runs, NaN where missing and after the end of a shorter run.
        weight : Tensor of the same shape, optional
            As for :meth:`forward`.
        """
        wanted, counted = target.double(), () if weight is None else (weight.double(),)
        null = self.predicting(mean_of_targets(wanted, *counted)).expand_as(wanted)
        best = self.predicting(wanted.nan_to_num(0.0))
        return self(null, wanted, *counted).item(), self(best, wanted, *counted).item()

    def terms(self) -> list[tuple[float, "DRMLoss"]]:
        """Return weights and losses whose sum this is: itself, unless it is a sum."""
        return [(1.0, self)]

    @classmethod
    def for_targets(cls, n_targets: int) -> "DRMLoss":
        """Return the loss with its default options, for so many targets.

        A loss with a parameter for each target overrides it.

        Parameters
        ----------
        n_targets : int
        """
        return cls()

    def check_target(self, target: Tensor) -> None:
        """Raise ``DataError`` for values that cannot be measured.

        Training calls it once. Any number is fine, unless a loss says otherwise.

        Parameters
        ----------
        target : Tensor of shape (n_measured, n_targets)
        """
