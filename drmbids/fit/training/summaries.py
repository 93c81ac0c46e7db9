"""Losses of whole runs over windows: moments in a first pass, gradients in a second."""

import torch
from torch import Tensor

from drmbids.brain.losses.summary import SummaryLoss
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.iterators.item import Item
from drmbids.fit.training.parallel import Workers


class Summary:
    """A loss of whole runs, and its gradient for the moments that the runs were reduced to.

    Parameters
    ----------
    loss : SummaryLoss
    readout : DRMReadout
        What is predicted: its targets say what shape moments have.
    n_runs : int
        Runs in the pass.

    Attributes
    ----------
    value : float
        The loss, after :meth:`settle`.
    """

    def __init__(self, loss: SummaryLoss, readout: DRMReadout, n_runs: int):
        self.loss, self.value = loss, 0.0
        nothing = readout.bias.detach().new_zeros(0, 1, sum(readout.n_targets))
        self._moments = [
            moment.expand(n_runs, *moment.shape[1:]).clone()
            for moment in loss.moments(nothing, nothing)
        ]
        self._slopes: list[Tensor] = []
        self._start = 0

    @torch.no_grad()
    def add(self, item: Item, prediction: Tensor) -> None:
        """Add the moments of one window; windows of a run have to come in their order."""
        runs = torch.tensor(item["runs"], device=prediction.device)
        own = self.loss.moments(prediction, item["response"], self._rows_before(item))
        for total, moment in zip(self._moments, own, strict=True):
            total.index_add_(0, runs, moment.to(total))

    def _rows_before(self, item: Item) -> int:
        start = 0 if item["first"] else self._start
        self._start = start + len(item["times"])
        return start

    def complete(self, workers: Workers) -> None:
        """Add what the other workers have seen."""
        workers.sum_tensors(self._moments)

    def settle(self) -> bool:
        """Take the gradient of the loss for the moments; False where the loss is not finite."""
        with torch.enable_grad():
            moments = [moment.detach().requires_grad_() for moment in self._moments]
            loss = self.loss.from_moments(tuple(moments))
            slopes = torch.autograd.grad(loss, moments, allow_unused=True, materialize_grads=True)
        self.value, self._slopes = loss.item(), list(slopes)
        return bool(torch.isfinite(loss))

    def window_loss(self, item: Item, prediction: Tensor, share: float) -> Tensor:
        """Return the share of one window in the loss; its gradient is that of the whole loss.

        Parameters
        ----------
        item : dict
            The window; windows of a run have to come in their order.
        prediction : Tensor of shape (n_measured, batch, n_targets)
        share : float
            Part of the value that is given to this window, as the gradient is no measure of it.
        """
        own = self.loss.moments(prediction, item["response"], self._rows_before(item))
        runs = list(item["runs"])
        total = prediction.new_full((), share * self.value)
        for slope, moment in zip(self._slopes, own, strict=True):
            # adds nothing but the gradient
            total = total + (slope[runs] * (moment - moment.detach())).sum().to(total)
        return total
