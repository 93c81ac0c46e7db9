"""SummaryLoss: losses of what whole runs have in common with their prediction."""

from abc import ABC, abstractmethod

from torch import Tensor

from drmbids.brain.losses.base import DRMLoss


class SummaryLoss(DRMLoss, ABC):
    """Base of losses that are no sum over samples, such as correlations or spectra of whole runs.

    Such a loss is a function of moments: sums over the samples of a run. Training goes through the
    windows twice. The first pass adds up the moments of every run (:meth:`moments`), the gradient
    of the loss for them (:meth:`from_moments`) is taken once, and the second pass backpropagates
    each window with that gradient, so that memory is bounded by one window. The loss is exactly
    that of whole runs, however they are cut into windows; its gradient too, up to how far gradients
    flow back through time.

    A derived class gives :meth:`moments` and :meth:`from_moments`. What holds for them:

    - A moment is real, has the runs as its first axis, and is a **sum over samples**: of two parts
      of a run, the moments add up to those of the whole; of no samples they are zero. Its shape
      depends on the number of targets and on options of the loss alone.
    - Sums of squares lose digits in float32: compute moments in float64 (``prediction.double()``).
    - ``start`` is the number of samples of the runs before these, for moments that have to know
      where in a run a sample is, as a Fourier transform does. Most do not use it.
    - A missing (NaN) element of the target has no part in any moment, and gives no gradient. No NaN
      may enter the graph: see :func:`drmbids.maths.estimation.masked.split_missing`.
    - :meth:`from_moments` takes the moments of **all** runs, of which it may average losses or pool
      moments, and must do with runs of which nothing was measured: their moments are zero, and have
      no loss. All runs without data have a loss of 0.
    - 1 means that nothing is explained and 0 that all is; a loss on another scale overrides
      :meth:`limits`.

    Examples
    --------
    The error of the mean of each target over a run:

    >>> import torch
    >>> from drmbids.maths.estimation.masked import split_missing
    >>> class MeanError(SummaryLoss):
    ...     def moments(self, prediction, target, start=0):
    ...         filled, there = split_missing(target.double())
    ...         return ((prediction.double() - filled) * there).sum(0), there.double().sum(0)
    ...
    ...     def from_moments(self, moments):
    ...         total, n = moments
    ...         return (total / n.clamp(min=1)).square().mean()
    >>> loss, (prediction, target) = MeanError(), torch.rand(2, 10, 1, 3)
    >>> parts = [slice(0, 4), slice(4, 10)]
    >>> cut = [loss.moments(prediction[k], target[k]) for k in parts]
    >>> whole = loss.moments(prediction, target)
    >>> all(torch.allclose(a + b, c) for a, b, c in zip(*cut, whole))
    True
    """

    @abstractmethod
    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return sums over some samples of runs, each of shape (batch, ...).

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
            NaN in the target where missing; ``n_measured`` may be 0.
        start : int
            Number of samples of the runs before these.
        """

    @abstractmethod
    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the loss, shape ().

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, ...)
            Sums over all samples of every run.
        """

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss of whole runs, shape ().

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        """
        return self.from_moments(self.moments(prediction, target)).to(prediction)

    def limits(self, target: Tensor, weight: Tensor | None = None) -> tuple[float, float]:
        """Return 1, the loss of what explains nothing, and 0; runs have no weights of elements."""
        return 1.0, 0.0
