"""DRMConnection: a tapped delay line with optional weights."""

from torch import Tensor, nn

from drmbids.core.time import delay_to_ticks
from drmbids.nodes import DRMNode


class DRMConnection(DRMNode):
    """A connection with a conduction delay.

    The target at tick ``t`` receives what the source sent at ``t - delay``. Weights, where there
    are any, are applied at the source, tick by tick; without them the activity arrives as it is
    and the target's own input weights scale it.

    Parameters
    ----------
    delay : float
        Conduction delay in seconds, a whole number of ticks of the net's resolution; 0 is allowed
        only where no loop of zero delays arises.
    weights : Module, optional
        Pointwise in time: maps ``(L, batch, n_source)`` to ``(L, batch, n)``.

    Examples
    --------
    >>> connection = DRMConnection(delay=0.2)
    >>> connection.set_resolution(0.1)
    >>> connection.delay_ticks()
    2
    """

    def __init__(self, delay: float = 0.0, weights: nn.Module | None = None):
        super().__init__()
        self.delay = float(delay)
        self.weights = weights

    def delay_ticks(self, what: str = "delay") -> int:
        """Return the delay in ticks.

        Raises
        ------
        ModelError
            If it is no whole number of ticks.
        """
        return delay_to_ticks(self.delay, self.resolution, what)

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n), before the delay."""
        return activity if self.weights is None else self.weights(activity)
