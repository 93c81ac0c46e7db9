"""Additive units against their equation."""

import pytest
import torch
from torch import nn

from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import NONLINEARITIES
from drmbids.brain.populations.leaky import Leaky
from drmbids.data.tools.exceptions import ModelError, UsageError

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


@pytest.mark.parametrize("kind", [Additive, Leaky])
def test_random_weights_have_the_spread_of_their_source(kind: type[Additive | Leaky]) -> None:
    torch.manual_seed(0)
    population = kind(100, 90, start="random")
    population.initialise_inputs(40)
    for weights, sd in ((population.weight[:, :40], 0.3), (population.weight[:, 40:], 0.2)):
        # standard errors of a mean and of a standard deviation, four of each
        n = weights.numel()
        assert abs(weights.mean().item()) < 4 * sd / n**0.5
        assert weights.std().item() == pytest.approx(sd, abs=4 * sd / (2 * n) ** 0.5)
