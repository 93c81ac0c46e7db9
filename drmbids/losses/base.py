"""DRMLoss: the masked mean squared error, and the rule on missing data that all losses share."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from drmbids.functional.masked import masked_squared_error


class DRMLoss(nn.Module):
    """Mean squared error over the elements that were measured.

    A missing (NaN) element of the target gives no loss and a gradient of exactly zero; when
    nothing was measured the loss is 0. Every loss keeps to this.

    Examples
    --------
    >>> import torch
    >>> DRMLoss()(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, float("nan")]]))
    tensor(1.)

    Attributes
    ----------
    timed : bool
        Whether it matters when in a run a sample was measured, not only what.
    """

    timed: ClassVar[bool] = False

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        """
        return masked_squared_error(prediction, target)

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the target that a prediction stands for, the one for which the loss is least.

        The prediction itself, for a squared error; a loss whose predictions are of another scale
        than its targets, as log odds are of probabilities, says here how they are related.

        Parameters
        ----------
        prediction : Tensor of shape (n_measured, batch, n_targets)
        """
        return prediction

    def predicting(self, expected: Tensor) -> Tensor:
        """Return the prediction that stands for an expected target: the inverse of `expected`.

        Parameters
        ----------
        expected : Tensor of shape (n_measured, batch, n_targets)
        """
        return expected

    @torch.no_grad()
    def limits(self, target: Tensor) -> tuple[float, float]:
        """Return the loss of what explains nothing, and the loss of what explains all.

        The first is that of the mean of each target (the null model), the second that of a
        prediction of every element as it is (the saturated model). Between them a loss is on the
        scale of explained deviance (Cameron and Windmeijer 1997, Journal of Econometrics
        77:329-342), on which losses of different kinds can be compared: see
        :class:`~drmbids.DRM`.

        Parameters
        ----------
        target : Tensor of shape (n_measured, n_targets)
            NaN where missing.
        """
        wanted = target.double()[:, None]
        mean = wanted.nanmean(0, keepdim=True).nan_to_num(0.0).expand_as(wanted)
        null = self(self.predicting(mean), wanted)
        return null.item(), self(self.predicting(wanted.nan_to_num(0.0)), wanted).item()

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
        """Raise :class:`~drmbids.core.exceptions.DataError` for values that cannot be measured.

        Training calls it once. Any number is fine, unless a loss says otherwise.

        Parameters
        ----------
        target : Tensor of shape (n_measured, n_targets)
        """
