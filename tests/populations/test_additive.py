"""Additive units against their equation."""

import pytest
import torch
from torch import nn

from drmbids.core.exceptions import ModelError, UsageError
from drmbids.populations.additive import Additive
from drmbids.populations.base import NONLINEARITIES

REFERENCES = {
    "linear": nn.Identity(),
    "relu": nn.ReLU(),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "elu": nn.ELU(),
    "softplus": nn.Softplus(),
}


@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_units_sum_their_inputs(nonlinearity: str) -> None:
    population = Additive(3, 5, nonlinearity)
    with torch.no_grad():
        population.bias.normal_()
    one, other = torch.randn(7, 2, 2), torch.randn(7, 2, 3)
    activity, state = population([one, other], population.initial_state(2))
    drive = one @ population.weight[:, :2].T + other @ population.weight[:, 2:].T
    wanted = REFERENCES[nonlinearity](drive + population.bias)
    torch.testing.assert_close(activity, wanted)
    assert state is None


def test_every_stimulus_is_preferred_by_a_unit() -> None:
    population = Additive(8, 5)
    population.initialise_inputs(3)
    strongest = population.weight.argmax(1)
    assert strongest.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    population.initialise_inputs(0)
    assert population.weight.argmax(1).tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert population.weight.max() < 1.0  # loops without a stimulus start weaker


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="unknown nonlinearity 'step'"):
        Additive(1, 1, "step")
    with pytest.raises(UsageError, match="at least one unit and one input"):
        Additive(1, 0)
