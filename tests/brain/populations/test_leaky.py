"""Leaky units against the exact solution of their equation."""

import numpy as np
import pytest
import torch

from drmbids.brain.populations.leaky import DEFAULT_TAUS, Leaky
from drmbids.data.tools.exceptions import ModelError, UsageError


@pytest.mark.parametrize("resolution", [0.001, 0.1, 0.7, 5.0])
@pytest.mark.parametrize("tau", [0.05, 0.6, 20.0])
def test_a_step_is_solved_exactly_at_any_resolution(resolution: float, tau: float) -> None:
    """``tau ds/dt = -s + w x`` from 0 with a step: ``s(t) = w (1 - exp(-t / tau))``.

    Activity of a tick is the mean of that over it, the state is its value at the end.
    """
    population = Leaky(1, 1, tau=tau, nonlinearity="linear").double()
    population.set_resolution(resolution)
    population.set_value("tau", tau)
    with torch.no_grad():
        population.weight.fill_(1.7)
    step = torch.ones(50, 1, 1, dtype=torch.float64)
    activity, state = population([step], population.initial_state(1))
    edges = resolution * np.arange(51)
    share = -np.expm1(-resolution / tau) * tau / resolution  # mean of exp(-t / tau) over a tick
    means = 1.7 * (1 - share * np.exp(-edges[:-1] / tau))
    np.testing.assert_allclose(activity[:, 0, 0].detach(), means, rtol=1e-9)
    np.testing.assert_allclose(state.item(), 1.7 * (1 - np.exp(-edges[-1] / tau)), rtol=1e-10)


def test_decay_after_the_step() -> None:
    population = Leaky(1, 1, tau=2.0, nonlinearity="linear").double()
    population.set_resolution(0.25)
    population.set_value("tau", 2.0)
    start = torch.full((1, 1), 3.0, dtype=torch.float64)
    activity, state = population([torch.zeros(20, 1, 1, dtype=torch.float64)], start)
    fall = 3 * np.exp(-0.25 * np.arange(21) / 2.0)
    means = -np.diff(fall) * 2.0 / 0.25
    np.testing.assert_allclose(activity[:, 0, 0].detach(), means, rtol=1e-10)
    np.testing.assert_allclose(state.item(), fall[-1], rtol=1e-10)


def test_the_same_input_at_finer_resolution_gives_the_same_run() -> None:
    coarse, fine = Leaky(3, 2).double(), Leaky(3, 2).double()
    fine.load_state_dict(coarse.state_dict())
    coarse.set_resolution(0.4)
    fine.set_resolution(0.1)
    x = torch.randn(25, 1, 2, dtype=torch.float64)
    one, end = coarse([x], coarse.initial_state(1))
    other, fine_end = fine([x.repeat_interleave(4, 0)], fine.initial_state(1))
    means = other.unflatten(0, (25, 4)).mean(1)
    torch.testing.assert_close(means, one, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(fine_end, end, rtol=1e-10, atol=1e-12)


def test_time_constants_are_dealt_out() -> None:
    taus = Leaky(6, 2, tau=[1.0, 5.0]).value("tau")
    torch.testing.assert_close(taus, torch.tensor([1.0, 1.0, 5.0, 5.0, 1.0, 1.0]))
    torch.testing.assert_close(Leaky(3, 2, tau=[1.0, 2.0, 3.0]).value("tau"),
                               torch.tensor([1.0, 2.0, 3.0]))  # fmt: skip
    torch.testing.assert_close(Leaky(2, 4).value("tau"), torch.tensor(DEFAULT_TAUS[:2]))
    population = Leaky(6, 4, tau=[1.0, 5.0])
    population.initialise_inputs(1)  # one stimulus column: every other unit
    torch.testing.assert_close(
        population.value("tau"), torch.tensor([1.0, 5.0, 1.0, 5.0, 1.0, 5.0])
    )
    assert Leaky(1, 1).value("tau").item() == pytest.approx(DEFAULT_TAUS[0])


def test_faulty_arguments() -> None:
    with pytest.raises(UsageError, match="3 time constants for 2 units"):
        Leaky(2, 1, tau=[1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match=r"must lie between 0"):
        Leaky(2, 1, tau=0.0)
    with pytest.raises(ModelError, match="unknown nonlinearity 'step'; choose one of: linear"):
        Leaky(2, 1, nonlinearity="step")
    with pytest.raises(UsageError, match="n_units=0, n_inputs=1"):
        Leaky(0, 1)
    with pytest.raises(ModelError, match="unknown start 'zero'; choose one of: pref"):
        Leaky(1, 1, start="zero")
