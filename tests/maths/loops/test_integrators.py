"""Integrators: their order, what they solve exactly, and what they refuse."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.loops.integrators import INTEGRATORS, exponential_euler, integrate

ORDERS = {"euler": 1, "exponential_euler": 1, "heun": 2, "rk4": 4}


def pendulum(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    angle, velocity = state
    return velocity, -torch.sin(angle) - 0.3 * velocity


def logistic(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (state[0] * (1 - state[0]),)


def start(*values: float) -> tuple[Tensor, ...]:
    return tuple(torch.tensor([v], dtype=torch.float64) for v in values)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_the_error_falls_as_the_order_says(name: str) -> None:
    """``x' = x (1 - x)`` from 0.1 at time 2 is ``1 / (1 + 9 exp(-2))``."""
    exact = 1 / (1 + 9 * math.exp(-2))
    errors = [
        abs(integrate(logistic, start(0.1), 2.0, name, n)[0].item() - exact) for n in (20, 40)
    ]
    order = 2 if name == "exponential_euler" else ORDERS[name]  # 1 for several variables
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_several_variables(name: str) -> None:
    fine = integrate(pendulum, start(1.0, 0.0), 1.0, "rk4", 2000)
    got = [integrate(pendulum, start(1.0, 0.0), 1.0, name, n) for n in (50, 100)]
    errors = [max(abs(a - b).item() for a, b in zip(g, fine, strict=True)) for g in got]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[name], abs=0.15)


def test_exponential_euler_solves_linear_decay_exactly_at_any_step() -> None:
    def decay(state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return ((3.0 - state[0]) / 0.01,)

    for dt in (1e-5, 0.01, 5.0):
        (got,) = exponential_euler(decay, start(1.0), dt)
        assert got.item() == pytest.approx(3 - 2 * math.exp(-dt / 0.01), rel=1e-12)
    (still,) = exponential_euler(lambda state: (torch.ones_like(state[0]),), start(1.0), 0.5)
    assert still.item() == 1.5  # no slope: the quotient is 0/0


def strong_error(name: str, n_steps: int, moved: Tensor, sigma: float) -> float:
    """Return the mean error at time 1 of ``dX = sigma X o dW``, which is ``exp(sigma W)``."""
    increments = moved.reshape(n_steps, -1, moved.shape[1]).sum(1)
    x = (torch.ones_like(increments[0]),)
    for step in increments:
        white = step * n_steps  # constant over the step
        x = integrate(lambda s, w=white: (sigma * s[0] * w,), x, 1 / n_steps, name)
    return (x[0] - torch.exp(sigma * moved.sum(0))).abs().mean().item()


@pytest.mark.parametrize(("name", "order"), [("heun", 1.0), ("rk4", 1.0)])
def test_the_strong_order_with_noise(name: str, order: float) -> None:
    """Ruemelin 1982: with one noise Heun's method converges path by path, with order 1 at least."""
    generator = torch.Generator().manual_seed(0)
    moved = torch.randn(256, 2000, generator=generator, dtype=torch.float64) / 16
    errors = [strong_error(name, n, moved, 0.8) for n in (32, 64, 128)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(found > order - 0.1 for found in orders), orders


def test_the_strong_order_of_euler_is_lost_with_noise_in_the_slope() -> None:
    """Euler's method solves Ito's equation, another one: its error does not fall."""
    generator = torch.Generator().manual_seed(0)
    moved = torch.randn(256, 500, generator=generator, dtype=torch.float64) / 16
    coarse, fine = (strong_error("euler", n, moved, 0.8) for n in (32, 256))
    assert fine > 0.7 * coarse


@pytest.mark.parametrize("name", INTEGRATORS)
@pytest.mark.parametrize("resolution", [0.2, 0.05])
def test_noise_that_is_added_has_the_variance_of_the_process(name: str, resolution: float) -> None:
    """``dx = -x / tau dt + sigma dW`` by steps: variance within the order of the method."""
    generator = torch.Generator().manual_seed(1)
    x, n = (torch.zeros(4000, dtype=torch.float64),), round(3 / resolution)
    for _ in range(n):
        white = torch.randn(4000, generator=generator, dtype=torch.float64) * resolution**-0.5
        x = integrate(lambda s, w=white: (-s[0] / 0.6 + 0.5 * w,), x, resolution, name)
    assert x[0].var().item() == pytest.approx(0.25 * 0.6 / 2, rel=0.08 + resolution)


@pytest.mark.parametrize("name", INTEGRATORS)
def test_steps_can_be_differentiated(name: str) -> None:
    def moved(x: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        return integrate(pendulum, (x, v), 0.4, name, 3)

    inputs = tuple(x.requires_grad_() for x in start(0.7, -0.2))
    assert torch.autograd.gradcheck(moved, inputs)


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="unknown integrator 'midpoint'; choose one of: euler"):
        integrate(logistic, start(0.1), 1.0, "midpoint")
    with pytest.raises(UsageError, match="n_substeps must be at least 1, got 0"):
        integrate(logistic, start(0.1), 1.0, "heun", 0)
