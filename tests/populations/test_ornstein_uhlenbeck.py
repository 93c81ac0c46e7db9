"""Ornstein-Uhlenbeck masses against the exact process."""

import numpy as np
import pytest
import torch

from drmbids.populations.ornstein_uhlenbeck import OrnsteinUhlenbeck


def test_a_step_decays_exactly() -> None:
    masses = OrnsteinUhlenbeck(2, 2, {"tau": [0.2, 0.5]}, coupled=True, integrator="rk4").double()
    masses.set_resolution(0.01)
    drive = torch.ones(50, 1, 2, dtype=torch.float64)
    activity, _ = masses([drive], masses.initial_state(1))
    time = 0.01 * (np.arange(50)[:, None] + 1)
    wanted = 1 - np.exp(-time / masses.value("tau").detach().numpy())
    np.testing.assert_allclose(activity[:, 0].detach(), wanted, rtol=1e-6)


def test_noise_gives_the_stationary_variance() -> None:
    masses = OrnsteinUhlenbeck(200, 400, {"tau": 0.1, "sigma": 2.0}, coupled=True, noisy=True)
    masses.set_resolution(0.005)
    noise = masses.draw_noise(1000, 1, seed=0)
    with torch.no_grad():
        activity, _ = masses([noise, torch.zeros(1000, 1, 200)], masses.initial_state(1))
    # noise enters the equation beside -x / tau: variance sigma^2 tau / 2
    assert activity[200:].var().item() == pytest.approx(2.0**2 * 0.1 / 2, rel=0.05)
