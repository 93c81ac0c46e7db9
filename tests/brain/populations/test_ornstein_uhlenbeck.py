"""Ornstein-Uhlenbeck masses against the exact process."""

import numpy as np
import pytest
import torch

from drmbids.brain.populations.ornstein_uhlenbeck import OrnsteinUhlenbeck


def test_a_step_is_answered_as_the_equation_says() -> None:
    masses = OrnsteinUhlenbeck(2, 2, {"tau": [0.2, 0.5]}, coupled=True, integrator="rk4").double()
    masses.set_resolution(0.01)
    drive = torch.ones(50, 1, 2, dtype=torch.float64)
    activity, end = masses([drive], masses.initial_state(1))
    tau = masses.value("tau").detach().numpy()
    away = np.exp(-0.01 * np.arange(51)[:, None] / tau)
    np.testing.assert_allclose(end[0, 1].detach(), 1 - away[-1], rtol=1e-6)
    # a trapezoid is too large by h^2 / 12 tau^2 of what decays
    means = 1 + np.diff(away, axis=0) * tau / 0.01
    np.testing.assert_allclose(activity[:, 0].detach(), means, atol=1.01 * 0.05**2 / 12)


def test_noise_gives_the_stationary_variance() -> None:
    masses = OrnsteinUhlenbeck(200, 400, {"tau": 0.1, "sigma": 2.0}, coupled=True, noisy=True)
    masses.set_resolution(0.005)
    noise = masses.draw_noise(1000, 1, seed=0)
    with torch.no_grad():
        activity, _ = masses([noise, torch.zeros(1000, 1, 200)], masses.initial_state(1))
    # noise enters the equation beside -x / tau: variance sigma^2 tau / 2
    assert activity[200:].var().item() == pytest.approx(2.0**2 * 0.1 / 2, rel=0.05)
