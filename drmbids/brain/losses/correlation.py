"""Correlation: the shape of a time course, whatever its mean and scale."""

from torch import Tensor

from drmbids.brain.losses.summary import SummaryLoss
from drmbids.maths.estimation.masked import split_missing

#: Part of the variance of a target that is added to that of its prediction, so that one without
#: any variance, as where maps start at zero, has a gradient. A correlation of predictions with a
#: hundredth of the standard deviation of their target is lowered by 5e-5 of itself.
ADDED_VARIANCE = 1e-8


class Correlation(SummaryLoss):
    """One minus the correlation of each target with its prediction, mean over targets and runs.

    The correlation is that over a whole run, however it is cut into windows, at the samples that
    were measured. Runs in which a target does not vary, or has fewer than two samples, are left
    out for it. The loss does not know the scale of a prediction: add a squared error
    (:class:`~drmbids.brain.losses.weighted.WeightedSum`) where that is wanted too.

    References
    ----------
    Pearson 1896, Philosophical Transactions of the Royal Society A 187:253-318.

    Examples
    --------
    >>> import torch
    >>> time = torch.linspace(0, 6, 100)[:, None, None]
    >>> round(Correlation()(3 + 2 * time.sin(), time.sin()).item(), 6)
    0.0
    """

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return numbers, sums, sums of squares and products, each (batch, n_targets).

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        start : int
            Not used.
        """
        y, there = split_missing(target.double())
        n = there.double()
        p = prediction.double().masked_fill(~there, 0.0)
        return tuple(part.sum(0) for part in (n, p, y, p * p, y * y, p * y))

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, n_targets)
        """
        n, p, y, pp, yy, py = moments
        # sums of squares lose what rounding of the mean takes: below that, nothing varies
        size = n.clamp(min=1)
        power_y = yy - y * y / size
        power_p = (pp - p * p / size).clamp(min=0)
        varies = (n >= 2) & (power_y > 1e-12 * yy)
        scale = power_y.where(varies, 1.0)
        r = (py - p * y / size) / ((power_p + ADDED_VARIANCE * scale) * scale).sqrt()
        return (1 - r).where(varies, 0.0).sum() / varies.sum().clamp(min=1)
