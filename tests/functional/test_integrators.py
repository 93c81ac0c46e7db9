"""Integrators: their order, what they solve exactly, and what they refuse."""

import math

import pytest
import torch
from torch import Tensor

from drmbids.core.exceptions import ModelError, UsageError
from drmbids.functional.integrators import INTEGRATORS, exponential_euler, integrate

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
