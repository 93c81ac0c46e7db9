"""DRMConnection: a tapped delay line with optional weights and gates."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from drmbids.core.time import delay_to_ticks
from drmbids.nodes import DRMNode

if TYPE_CHECKING:
    from drmbids.connections.gate import Gate


class DRMConnection(DRMNode):
    """A connection with a conduction delay.

    The target at tick ``t`` receives what the source sent at ``t - delay``. Weights, where there
    are any, are applied at the source, tick by tick; without them the activity arrives as it is
    and the target's own input weights scale it.

    A connection of another kind says with :attr:`shortest_ticks` and :attr:`longest_ticks` which
    part of the past it reads, writes :meth:`forward` for what leaves the source and :meth:`arrive`
    for what reaches the target, and says in :attr:`keeps_units` whether that is one for one.

    Parameters
    ----------
    delay : float
        Conduction delay in seconds, a whole number of ticks of the net's resolution; 0 is allowed
        only where no loop of zero delays arises.
    weights : Module, optional
        Pointwise in time: maps ``(L, batch, n_source)`` to ``(L, batch, n)``.
    gates : sequence of Gate
        What modulates the connection: the net multiplies what arrives by 1 and what the gates add.

    Examples
    --------
    >>> connection = DRMConnection(delay=0.2)
    >>> connection.set_resolution(0.1)
    >>> connection.shortest_ticks, connection.longest_ticks
    (2, 2)
    """

    #: Half-width of the kernel through which a trained delay reads the past, as a share of the
    #: range between its limits; 0 is linear interpolation (:mod:`drmbids.connections.annealing`).
    width: float = 0.0

    def __init__(
        self,
        delay: float = 0.0,
        weights: nn.Module | None = None,
        gates: "Sequence[Gate]" = (),
    ):
        super().__init__()
        self._delay = float(delay)
        self.weights = weights
        self.gates = nn.ModuleList(gates)

    @property
    def delay(self) -> float:
        """Delay in seconds, as it is now; the mean over pairs of units where each has its own."""
        return self._delay

    @property
    def shortest_ticks(self) -> int:
        """The latest part of the past that is read, in ticks before the present.

        It bounds the blocks in which loops run. Training does not change it.

        Raises
        ------
        ModelError
            If a fixed delay is no whole number of ticks.
        """
        return delay_to_ticks(self.delay, self.resolution)

    @property
    def longest_ticks(self) -> int:
        """The earliest part of the past that is read: how many ticks a net keeps of the source."""
        return self.shortest_ticks

    @property
    def learns_delay(self) -> bool:
        """Whether training moves the delay."""
        return False

    @property
    def keeps_units(self) -> bool:
        """Whether what arrives are the units of the source, one for one."""
        return self.weights is None

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n), before the delay."""
        return activity if self.weights is None else self.weights(activity)

    def arrive(self, sent: Tensor) -> Tensor:
        """Return what reaches the target.

        Parameters
        ----------
        sent : Tensor of shape (L + longest_ticks - shortest_ticks, batch, n)
            What left the source, from ``longest_ticks`` before the first of ``L`` ticks to
            ``shortest_ticks`` before the last of them.

        Returns
        -------
        Tensor of shape (L, batch, n_arriving)
            By default what was sent, as it is.
        """
        return sent

    def reader(self) -> Callable[[Tensor], Tensor]:
        """Return :meth:`arrive` for one window, what is the same for all its blocks worked out."""
        return self.arrive
