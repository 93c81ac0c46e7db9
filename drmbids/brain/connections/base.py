"""DRMConnection: a tapped delay line with optional weights, gates and synapses."""

import operator
from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.brain.connections.dale import Dale, dale_signs
from drmbids.brain.connections.synapse import Synapse
from drmbids.brain.connections.weights import Weights
from drmbids.brain.nodes import DRMNode
from drmbids.data.runs.time import delay_to_ticks
from drmbids.data.tools.exceptions import ModelError, UsageError


class DRMConnection(DRMNode):
    """A connection with a conduction delay.

    The target at tick ``t`` receives what the source sent at ``t - delay``: means over ticks, so
    that the delay is exact. Weights, where there
    are any, are applied at the source, tick by tick; without them the activity arrives as it is
    and the target's own input weights scale it.

    In this order: the columns that are sent, the delay, short-term plasticity for each of them,
    weights, the synapse, and the gates. Weights come before the delay where there is no
    plasticity, which makes no difference. What plasticity and synapse remember is state of the
    net (:meth:`initial_state`).

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
    plasticity : Synapse, optional
        Depression and facilitation, :class:`~drmbids.brain.connections.plasticity.TsodyksMarkram`.
    synapse : Synapse, optional
        Shape of the response to what arrives (:mod:`drmbids.brain.connections.synapse`).
    dale : {"excitatory", "inhibitory"} or float, optional
        Dale's law: the sign of all that a unit of the source does to the target, or the share of
        its units, the first ones, that are excitatory. Net and target hold the signs of weights; a
        source whose activity is negative at times makes no sense then.
    columns : sequence of int, optional
        Which columns of a stimulus, or units of a population, are sent, as the C matrix of a DCM
        says which input drives which region; default: all.

    Raises
    ------
    UsageError
        If an argument is of another kind than it has to be (a connection takes no numbers of
        units), Dale's law is asked for otherwise, the weights cannot hold a sign, or the columns
        are none, negative or there twice.

    Examples
    --------
    >>> connection = DRMConnection(delay=0.2)
    >>> connection.set_resolution(0.1)
    >>> connection.shortest_ticks, connection.longest_ticks
    (2, 2)
    """

    #: Half-width of the kernel through which a trained delay reads the past, as a share of the
    #: range between its limits; 0 is linear interpolation
    #: (:mod:`drmbids.brain.connections.annealing`).
    width: float = 0.0

    def __init__(
        self,
        delay: float = 0.0,
        weights: nn.Module | None = None,
        gates: Sequence["DRMConnection"] = (),
        plasticity: Synapse | None = None,
        synapse: Synapse | None = None,
        dale: Dale | None = None,
        columns: Sequence[int] | None = None,
    ):
        super().__init__()
        self.columns = None if columns is None else check_columns(columns)
        self._delay = _seconds(delay)
        _check_parts(type(self).__name__, weights, gates, plasticity, synapse)
        self.weights = weights
        self.gates = nn.ModuleList(gates)
        self.plasticity, self.synapse = plasticity, synapse
        self.dale: Dale | None = dale
        if dale is not None and weights is not None:
            if not isinstance(weights, Weights):
                raise UsageError(
                    f"{type(weights).__name__} cannot hold signs for Dale's law; take weights of "
                    "drmbids.brain.connections.weights, or none"
                )
            weights.hold_signs(dale_signs(dale, weights.n_from))

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

    def delay_values(self, most: int) -> tuple[str, Tensor]:
        """Return the name of the parameter of a trained delay, and values all over its range.

        Parameters
        ----------
        most : int
            Values, fewer where the delays they stand for would be less than a tick apart.

        Raises
        ------
        ModelError
            If training moves no delay.
        """
        raise ModelError(f"{type(self).__name__} has no delay that training moves")

    @property
    def keeps_units(self) -> bool:
        """Whether what arrives are the units of the source, one for one."""
        return self.weights is None and self.columns is None

    @property
    def remembers(self) -> bool:
        """Whether plasticity or a synapse carry something from one tick to the next."""
        return self.plasticity is not None or self.synapse is not None

    def forward(self, activity: Tensor) -> Tensor:
        """Return what leaves the source, shape (L, batch, n), before the delay."""
        if self.columns is not None:
            activity = activity[..., list(self.columns)]
        if self.weights is None or self.plasticity is not None:
            return activity
        return self.weights(activity)

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

    @torch.no_grad()
    def n_arriving(self, n_source: int) -> int:
        """Return how many units arrive from a source of so many units."""
        if self.keeps_units:
            return n_source
        if self.columns is not None and self.columns[-1] >= n_source:
            raise ModelError(
                f"a connection sends column {self.columns[-1]} of a source of {n_source}; "
                f"columns count from 0 to {n_source - 1}"
            )
        like = next(self.parameters(), torch.zeros(()))
        n_ticks = 1 + self.longest_ticks - self.shortest_ticks
        arrived = self.arrive(self(like.new_zeros(n_ticks, 1, n_source)))
        if self.plasticity is not None and self.weights is not None:
            arrived = self.weights(arrived)
        return arrived.shape[-1]

    def initial_state(self, batch: int, n_source: int) -> Any:
        """Return what the connection remembers of a run that has not begun; None for nothing.

        Parameters
        ----------
        batch : int
            Runs side by side.
        n_source : int
            Units of the source.
        """
        if not self.remembers:
            return None
        n_sent = n_source if self.columns is None else len(self.columns)
        short = None if self.plasticity is None else self.plasticity.initial_state(batch, n_sent)
        if self.synapse is None:
            return short, None
        return short, self.synapse.initial_state(batch, self.n_arriving(n_source))

    def transmit(self, arrived: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return what plasticity and synapse make of what arrives, and the state after it.

        Parameters
        ----------
        arrived : Tensor of shape (L, batch, n)
            From :meth:`arrive`, for consecutive ticks.
        state : tuple
            From :meth:`initial_state` or the block before.
        """
        if not self.remembers:
            return arrived, state
        short, shape = state
        if self.plasticity is not None:
            arrived, short = self.plasticity(arrived, short)
            arrived = arrived if self.weights is None else self.weights(arrived)
        if self.synapse is not None:
            arrived, shape = self.synapse(arrived, shape)
        return arrived, (short, shape)


def check_columns(columns: Sequence[int]) -> tuple[int, ...]:
    """Return columns of a source in order, or raise :class:`UsageError`.

    Examples
    --------
    >>> check_columns([2, 0])
    (0, 2)
    """
    found = tuple(sorted(operator.index(column) for column in columns))
    if not found or found[0] < 0 or len(set(found)) < len(found):
        raise UsageError(
            f"columns are different integers of 0 or more, at least one, got {list(columns)!r}"
        )
    return found


def _seconds(delay: Any) -> float:
    """Return a delay as a float, or raise where it is not a number."""
    if isinstance(delay, Real):
        return float(delay)
    if isinstance(delay, np.ndarray | Tensor) and delay.ndim == 0:
        return float(delay)
    raise UsageError(f"delay is a number of seconds, got {_shown(delay)}")


def _check_parts(connection: str, weights: Any, gates: Any, plasticity: Any, synapse: Any) -> None:
    """Raise where a part of a connection is something else, such as a number of units."""
    if not isinstance(weights, nn.Module | None):
        raise UsageError(
            f"{connection}: weights={_shown(weights)} is not a module such as Dense(n_from, n_to); "
            "the arguments are (delay, weights), a delay in seconds and no numbers of units"
        )
    for name, part in (("plasticity", plasticity), ("synapse", synapse)):
        if not isinstance(part, Synapse | None):
            raise UsageError(
                f"{connection}: {name}={_shown(part)} is not a Synapse; give one, or None"
            )
    if isinstance(gates, nn.Module) or not isinstance(gates, Iterable):
        raise UsageError(f"{connection}: gates={_shown(gates)} is not a list of Gate; give a list")


def _shown(value: Any) -> str:
    """Return a value as one line of a message holds it: its kind where it is long."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else type(value).__name__
