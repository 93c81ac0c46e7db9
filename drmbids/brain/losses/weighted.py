"""WeightedSum: several losses of one readout."""

from collections.abc import Sequence

from torch import Tensor, nn

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.losses.correlation import Correlation
from drmbids.data.tools.exceptions import ModelError


class WeightedSum(DRMLoss):
    """Sum of losses of the same prediction, each times its weight.

    Losses of windows and of whole runs (:class:`~drmbids.brain.losses.summary.SummaryLoss`) may be
    mixed: training treats each in its own way. Maps are trained by gradient, also where all terms
    are squared errors.

    Parameters
    ----------
    losses : sequence of DRMLoss, optional
        A squared error and :class:`~drmbids.brain.losses.correlation.Correlation` when absent.
    weights : sequence of float, optional
        0 or more, one for each loss; all 1 when absent.

    Raises
    ------
    ModelError
        If there are no losses, not as many weights, or one is negative.

    Examples
    --------
    >>> import torch
    >>> loss = WeightedSum([DRMLoss(), Correlation()], [0.5, 1.0])
    >>> time = torch.linspace(0, 6, 100)[:, None, None]
    >>> round(loss(time.sin() + 2, time.sin()).item(), 5)  # 0.5 * 4 + 0
    2.0
    """

    def __init__(
        self, losses: Sequence[DRMLoss] | None = None, weights: Sequence[float] | None = None
    ):
        super().__init__()
        chosen = [DRMLoss(), Correlation()] if losses is None else list(losses)
        self.weights = tuple(1.0 for _ in chosen) if weights is None else tuple(weights)
        if not chosen or len(chosen) != len(self.weights) or min(self.weights) < 0:
            raise ModelError(
                f"a weighted sum needs a weight of 0 or more for each loss, got {len(chosen)} "
                f"losses and weights {list(self.weights)}"
            )
        self.losses = nn.ModuleList(chosen)
        self.timed = any(loss.timed for loss in chosen)

    def terms(self) -> list[tuple[float, DRMLoss]]:
        """Return weights and losses, those of sums within the sum on their own."""
        return [
            (weight * inner, loss)
            for weight, part in zip(self.weights, self.losses, strict=True)
            for inner, loss in part.terms()  # type: ignore[operator]
        ]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        """
        values = [factor * loss(prediction, target) for factor, loss in self.terms()]
        return sum(values[1:], values[0])

    def expected(self, prediction: Tensor) -> Tensor:
        """Return the target that a prediction stands for, that of the first loss."""
        return self.terms()[0][1].expected(prediction)

    def predicting(self, expected: Tensor) -> Tensor:
        """Return the prediction that stands for an expected target, that of the first loss."""
        return self.terms()[0][1].predicting(expected)

    def limits(self, target: Tensor, weight: Tensor | None = None) -> tuple[float, float]:
        """Return the sums of the limits of the losses."""
        pairs = [(factor, loss.limits(target, weight)) for factor, loss in self.terms()]
        return sum(w * null for w, (null, _) in pairs), sum(w * least for w, (_, least) in pairs)

    def check_target(self, target: Tensor) -> None:
        """Raise ``DataError`` for what one of the losses refuses."""
        for _, loss in self.terms():
            loss.check_target(target)
