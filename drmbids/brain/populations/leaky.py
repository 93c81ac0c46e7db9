"""Leaky units: the rate follows its drive with a time constant."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import (
    NONLINEARITIES,
    DRMPopulation,
    Nonlinearity,
    RateForm,
    Start,
    check_nonlinearity,
    start_inputs,
)
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.loops.first_order import follow, tick_weights

#: Time constants in seconds that units start from when none are given: fast, intermediate and slow
#: responses, so that onsets, sustained activity and adaptation can be told apart from the start.
DEFAULT_TAUS = (0.3, 3.0, 10.0)


class Leaky(DRMPopulation):
    """Leaky integrators: ``tau ds/dt = -s + phi(W x + b)``.

    The input is constant within a tick and the equation is solved exactly over it (exponential
    Euler): ``s(t) = a s(t - 1) + (1 - a) phi(W x(t) + b)`` at the end of the tick, with
    ``a = exp(-dt / tau)``. Activity is the mean of ``s`` over the tick,
    ``m s(t - 1) + (1 - m) phi(W x(t) + b)`` with ``m = (1 - a) tau / dt``.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.
    tau : float or sequence of float, optional
        Time constants in seconds to start from, one for all units, one for each, or a few that
        are dealt out in groups of ``n_inputs`` units, so that each input meets each of them;
        (0.3, 3, 10) when absent.
    nonlinearity : {"linear", "relu", "tanh", "sigmoid", "elu", "softplus"}
        The function phi.
    start : {"preferred", "single", "random"}
        Input weights that training starts from: each unit prefers one stimulus column, hears of
        nothing else, or all are drawn at random, with a standard deviation of 0.3 for stimuli and
        0.2 for populations.

    Raises
    ------
    ModelError
        If the nonlinearity or the start is unknown.
    UsageError
        If a time constant is not positive, or there are more of them than units.

    References
    ----------
    Dayan and Abbott 2001, Theoretical Neuroscience, equation 7.6 (firing-rate models).

    Examples
    --------
    >>> import torch
    >>> population = Leaky(1, 1, tau=1.0, nonlinearity="linear")
    >>> population.set_resolution(0.5)
    >>> population.value("tau").item()
    1.0
    """

    holds_signs = True
    option_units: ClassVar = {"tau": "s"}
    start_only: ClassVar = frozenset({"_starting_taus", "start"})

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        tau: float | Sequence[float] | None = None,
        nonlinearity: Nonlinearity = "relu",
        start: Start = "preferred",
    ):
        super().__init__(n_units, n_inputs)
        self.nonlinearity = check_nonlinearity(nonlinearity)
        self.start: Start = start
        self.weight = nn.Parameter(torch.empty(n_units, n_inputs))
        self.bias = nn.Parameter(torch.zeros(n_units))
        self._starting_taus = self._check_taus(DEFAULT_TAUS[:n_units] if tau is None else tau)
        self.add_parameter(
            "tau",
            torch.ones(n_units),
            unit="s",
            meaning="time constant of the rate",
            lower=0.0,
            source="Dayan and Abbott 2001, eq. 7.6",
        )
        self.initialise_inputs(n_inputs)

    def _check_taus(self, tau: float | Sequence[float]) -> tuple[float, ...]:
        taus = tuple(torch.as_tensor(tau, dtype=torch.float64).reshape(-1).tolist())
        if len(taus) > self.n_units:
            raise UsageError(f"{len(taus)} time constants for {self.n_units} units")
        return taus

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights and deal out the time constants, so that each input meets all.

        Units are filled in groups of one unit for each preferred input; a group shares a time
        constant. With a time constant given for every unit, each unit keeps its own.
        """
        start_inputs(self.weight, n_stimulus, self.start)
        taus = torch.tensor(self._starting_taus)
        if len(taus) < self.n_units:
            group = torch.arange(self.n_units) // (n_stimulus or self.n_inputs)
            taus = taus[group % len(taus)]
        self._first_taus = taus.expand(self.n_units).clone()
        self.set_value("tau", taus)

    def initial_state(self, batch: int) -> Tensor:
        """Return the rate before the run: zero, shape (batch, n_units)."""
        return self.weight.new_zeros(batch, self.n_units)

    def forward(self, inputs: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Return activity of shape (L, batch, n_units) and the rate at the end of the block."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        drive = nn.functional.linear(x, self.signed(self.weight), self.bias)
        target = NONLINEARITIES[self.nonlinearity](drive)
        return follow(target, self._ticks(), state)

    def loop_form(self) -> RateForm | None:
        """Return the units and their dynamics; None for a subclass with another ``forward``."""
        if type(self).forward is not Leaky.forward:
            return None
        dynamics = tick_weights(self._ticks())
        return RateForm(self.signed(self.weight), self.bias, self.nonlinearity, dynamics)

    def _ticks(self) -> Tensor:
        """Return the length of a tick in time constants."""
        return self.resolution / self.value("tau")

    def unit_bands(self) -> Tensor:
        """Return which of the time constants that units start from each of them has, fast first."""
        order = sorted(set(self._starting_taus))
        taus = torch.tensor(order).to(self._first_taus)
        return (self._first_taus[:, None] - taus).abs().argmin(1)

    def input_weights(self) -> Tensor:
        """Return the weights on the afferents, shape (n_units, n_inputs)."""
        return self.signed(self.weight)
