"""Additive units: a weighted sum of all afferents through a nonlinearity."""

from collections.abc import Sequence
from typing import Any

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


class Additive(DRMPopulation):
    """Units without memory: ``y(t) = phi(W x(t) + b)``.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.
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

    Examples
    --------
    >>> import torch
    >>> population = Additive(4, 2)
    >>> activity, _ = population([torch.rand(10, 1, 2)], None)
    >>> activity.shape
    torch.Size([10, 1, 4])
    """

    holds_signs = True

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        nonlinearity: Nonlinearity = "relu",
        start: Start = "preferred",
    ):
        super().__init__(n_units, n_inputs)
        self.nonlinearity = check_nonlinearity(nonlinearity)
        self.start: Start = start
        self.weight = nn.Parameter(torch.empty(n_units, n_inputs))
        self.bias = nn.Parameter(torch.zeros(n_units))
        self.initialise_inputs(n_inputs)

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights: by default each unit prefers one stimulus column."""
        start_inputs(self.weight, n_stimulus, self.start)

    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return activity of shape (L, batch, n_units) and the state, None."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        drive = nn.functional.linear(x, self.signed(self.weight), self.bias)
        return NONLINEARITIES[self.nonlinearity](drive), None

    def loop_form(self) -> RateForm | None:
        """Return the units without memory; None for a subclass with another ``forward``."""
        if type(self).forward is not Additive.forward:
            return None
        return RateForm(self.signed(self.weight), self.bias, self.nonlinearity, None)

    def input_weights(self) -> Tensor:
        """Return the weights on the afferents, shape (n_units, n_inputs)."""
        return self.signed(self.weight)
