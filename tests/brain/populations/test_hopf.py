"""Hopf masses against scipy, and against what is known of the normal form."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from drmbids.brain.populations.hopf import Hopf


def trace(
    mass: Hopf, drive: torch.Tensor, start: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean of x over each tick, and both variables at the end."""
    state = torch.tensor((0.0, *start), dtype=torch.float64)[None, :, None]
    with torch.no_grad():
        activity, end = mass([drive.double()], state.expand(1, 3, mass.n_units))
    return activity[:, 0], end[0, 1:]


def hopf(n_units: int = 1, **values: float) -> Hopf:
    mass = Hopf(n_units, n_units, coupled=True, integrator="rk4", n_substeps=2).double()
    mass.set_resolution(0.01)
    for name, constant in mass.constants.items():
        value = values.get(name, constant.value)
        mass.set_value(name, torch.tensor(value, dtype=torch.float64))
    return mass


@pytest.mark.parametrize("a", [-0.5, 0.0, 2.0])
def test_a_trace_is_that_of_the_equation(a: float) -> None:
    def slope(t: float, z: np.ndarray) -> list[float]:
        x, y = z
        growth = a - x**2 - y**2
        return [(growth * x - 3.0 * y + 0.4 - 0.7 * x) / 0.5, (growth * y + 3.0 * x) / 0.5]

    def with_integral(t: float, z: np.ndarray) -> list[float]:
        return [*slope(t, z[:2]), z[0]]

    times = 0.01 * np.arange(301)
    start = [0.3, -0.2, 0.0]
    exact = solve_ivp(with_integral, (0.0, 3.01), start, t_eval=times, rtol=1e-10, atol=1e-12)
    mass = hopf(a=a, omega=3.0, tau=0.5, strength_in=0.7)
    got, end = trace(mass, torch.full((300, 1, 1), 0.4), (0.3, -0.2))
    np.testing.assert_allclose(end[:, 0], exact.y[:2, -1], atol=1e-6)
    # two trapezoids a tick: h^2 / 12 times a curvature of up to (omega / tau)^2 sqrt(a) = 51
    np.testing.assert_allclose(got[:, 0], np.diff(exact.y[2]) / 0.01, atol=1.1e-4)


def test_beyond_the_bifurcation_units_circle_with_radius_and_frequency() -> None:
    mass = hopf(a=4.0, omega=2 * math.pi)  # 1 Hz
    got, end = trace(mass, torch.zeros(600, 1, 1), (2.0, 0.0))
    np.testing.assert_allclose(end[:, 0], [2.0, 0.0], atol=1e-5)
    means = np.diff(np.sin(2 * np.pi * 0.01 * np.arange(601))) / (np.pi * 0.01)
    np.testing.assert_allclose(got[:, 0], means, atol=2e-4)


def test_before_the_bifurcation_they_fall_silent() -> None:
    got, _ = trace(hopf(a=-2.0, omega=6.0), torch.zeros(600, 1, 1), (1.0, 0.0))
    assert got[-100:].abs().max().item() < 1e-4
