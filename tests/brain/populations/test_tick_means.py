"""Activity of a tick is the mean over it: each registered population beside itself in small steps.

Populations in continuous time are compared with the mean of their own activity at a sixteenth of
the tick, for an input that is constant in each tick: leaky and linear units to rounding, masses to
second order, so that no part of the difference is a shift. Their states at the ends of ticks are
compared with solutions by others in the test of each.
"""

import pytest
import torch

from drmbids.brain.populations import POPULATIONS
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.populations.linear import Linear
from drmbids.brain.populations.mass import Mass

#: No equation in time says what these do within a tick: activity is what the tick has.
IN_TICKS = {"additive", "conv", "gru", "lstm", "receptive_field"}
FINER, N_TICKS = 16, 24


def built(name: str, resolution: float) -> DRMPopulation:
    torch.manual_seed(1)
    population = POPULATIONS[name](3, 3).double()
    population.set_resolution(resolution)
    return population


def means(name: str, resolution: float, input_tick: float) -> torch.Tensor:
    """Return the mean activity over ticks of the input, run at a resolution that divides them."""
    each = round(input_tick / resolution)
    torch.manual_seed(2)
    x = torch.rand(N_TICKS, 1, 3, dtype=torch.float64).cumsum(0) / 5
    population = built(name, resolution)
    with torch.no_grad():
        y, _ = population([x.repeat_interleave(each, 0)], population.initial_state(1))
    return y.unflatten(0, (N_TICKS, each)).mean(1)


def test_every_population_is_one_or_the_other() -> None:
    continuous = {n for n, p in POPULATIONS.items() if issubclass(p, Leaky | Linear | Mass)}
    assert continuous | IN_TICKS == set(POPULATIONS) and not continuous & IN_TICKS


@pytest.mark.parametrize("name", ["leaky", "linear"])
@pytest.mark.parametrize("tick", [0.01, 0.5, 20.0])
def test_exact_solutions_give_exact_means(name: str, tick: float) -> None:
    torch.testing.assert_close(
        means(name, tick, tick), means(name, tick / FINER, tick), rtol=1e-9, atol=1e-10
    )


@pytest.mark.parametrize("name", [n for n, p in POPULATIONS.items() if issubclass(p, Mass)])
def test_masses_give_means_to_second_order(name: str) -> None:
    """Halving the step of the integrator quarters the error."""
    tick = min(0.1, built(name, 0.1).longest_step) / 10
    fine = means(name, tick / FINER, tick)
    errors = [(means(name, tick / k, tick) - fine).abs().max().item() for k in (1, 2)]
    assert errors[1] < 0.35 * errors[0]
    # of the way that activity goes in a tick, far less than a half of it: the end is not the mean
    assert errors[0] < 0.1 * fine.diff(dim=0).abs().max().item()
