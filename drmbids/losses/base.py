"""DRMLoss: the masked mean squared error, and the rule on missing data that all losses share."""

from typing import ClassVar

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
