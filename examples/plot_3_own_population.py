"""
A population of your own
========================

A population takes its afferents tick by tick and returns its activity and what it remembers. Here:
units that adapt.
"""

# %%
# Parameters get a name, a unit and limits; training keeps to them, tables and reports show them.
import torch
from torch import nn

from drmbids import StepPopulation
from drmbids.testing import check_population


class Adapting(StepPopulation):
    """Rectified units that tire: ``y = relu(W x - k a)``, where ``a`` follows ``y`` slowly.

    Examples
    --------
    >>> Adapting(2, 3).n_units
    2
    """

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.weight = nn.Parameter(torch.randn(n_units, n_inputs) / n_inputs**0.5)
        self.add_parameter("tau", 5.0, unit="s", meaning="time constant of adaptation", lower=0.0)
        self.add_parameter("strength", 0.5, unit="1", meaning="strength of adaptation", lower=0.0)

    def initial_state(self, batch: int) -> torch.Tensor:
        return self.weight.new_zeros(batch, self.n_units)

    def step(self, inputs, state):
        drive = torch.cat(tuple(inputs), dim=-1) @ self.weight.T
        activity = torch.relu(drive - self.value("strength") * state)
        keep = torch.exp(-self.resolution / self.value("tau"))
        return activity, keep * state + (1 - keep) * activity


# %%
# The contract that every population keeps, checked: blocks of any length, causality, gradients.
check_population(Adapting)
print("Adapting keeps the contract")
