"""Linear populations against the exact solution, and stable whatever their weights."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from drmbids import Linear


def linear(n_units: int = 3, scale: float = 1.0) -> Linear:
    torch.manual_seed(0)
    population = Linear(n_units, 2).double()
    with torch.no_grad():
        for p in population.parameters():
            p.copy_(scale * torch.randn_like(p))
    return population


def test_a_trace_is_that_of_the_equation() -> None:
    population = linear()
    population.set_resolution(0.3)
    A = population.dynamics().detach().numpy()
    u = torch.tensor([0.7, -0.4], dtype=torch.float64)
    target = (population.weight @ u + population.bias).detach().numpy()
    times = 0.3 * torch.arange(21).numpy()

    def slope(t: float, x: np.ndarray) -> np.ndarray:  # and the integral
        return np.concatenate((A @ (x[:3] - target), x[:3]))

    exact = solve_ivp(slope, (0, 6.1), [0.0] * 6, t_eval=times, rtol=1e-10, atol=1e-12)
    with torch.no_grad():
        got, end = population([u.expand(20, 1, 2)], population.initial_state(1))
    means = torch.from_numpy(np.diff(exact.y[3:]).T / 0.3)
    torch.testing.assert_close(got[:, 0], means, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(end[0], torch.from_numpy(exact.y[:3, -1]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_no_weights_make_it_diverge(scale: float) -> None:
    population = linear(6, scale)
    assert (torch.linalg.eigvals(population.dynamics()).real < 0).all()
    with torch.no_grad():
        activity, _ = population(
            [torch.zeros(2000, 1, 2).double()], torch.ones(1, 6, dtype=torch.float64)
        )
        population.bias.zero_()
        still, _ = population(
            [torch.zeros(2000, 1, 2).double()], torch.ones(1, 6, dtype=torch.float64)
        )
    assert torch.isfinite(activity).all()
    lengths = still[:, 0].norm(dim=-1)
    assert (lengths[1:] <= lengths[:-1] * (1 + 1e-9)).all()


def test_units_start_as_leaky_ones_that_meet_each_input_at_each_time_constant() -> None:
    rates = -torch.linalg.eigvals(Linear(6, 2).dynamics()).real.sort().values
    wanted = torch.tensor([1 / 0.3, 1 / 0.3, 1 / 3, 1 / 3, 0.1, 0.1])
    torch.testing.assert_close(rates, wanted, rtol=0.05, atol=0.01)


def test_many_models_at_once() -> None:
    population, x = linear(), torch.randn(7, 2, 2, dtype=torch.float64)
    weights = {name: torch.stack([p, 2 * p]) for name, p in population.named_parameters()}

    def run(values: dict[str, torch.Tensor]) -> torch.Tensor:
        inputs = ([x], population.initial_state(2))
        return torch.func.functional_call(population, values, inputs)[0]

    got = torch.vmap(run)(weights)
    torch.testing.assert_close(got[0], population([x], population.initial_state(2))[0])
