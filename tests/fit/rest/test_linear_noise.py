"""The closed form against the Lyapunov equation, exact delays, and finite differences."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import solve_continuous_lyapunov
from torch import Tensor

from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.rest.linear_noise import (
    jacobian,
    network_spectra,
    steady_state,
    unit_slopes,
    unstable_modes,
)

N = 5


@pytest.fixture
def coupling() -> Tensor:
    make = torch.Generator().manual_seed(0)
    return torch.rand(N, N, dtype=torch.float64, generator=make).fill_diagonal_(0)


def bent(state: tuple[Tensor, ...], drive: Tensor) -> tuple[Tensor, ...]:
    """Return the slopes of two variables of which the first is not linear, and hears."""
    x, y = state
    return (-3 * x - x**3 - 4 * y + torch.tanh(drive + 0.5), 4 * x - 2 * y)


def test_covariances_solve_the_lyapunov_equation(coupling: Tensor) -> None:
    rest = steady_state(bent, (0.0, 0.0), 0.3 * coupling, 0.05)
    slopes = bent(rest, 0.3 * coupling @ rest[0])
    assert max(s.abs().max().item() for s in slopes) < 1e-10
    whole = jacobian(bent, rest, 0.3 * coupling).detach().numpy()
    wanted = solve_continuous_lyapunov(whole, -0.04 * np.eye(2 * N))[:N, :N]
    frequencies = torch.linspace(-200, 200, 20_001, dtype=torch.float64)
    spectra = network_spectra(
        *unit_slopes(bent, rest, 0.3 * coupling @ rest[0]),
        0.3 * coupling,
        torch.zeros(N, N, dtype=torch.float64),
        torch.tensor(0.2, dtype=torch.float64),
        frequencies,
    )
    got = spectra.real.sum(0).detach().numpy() * 0.02
    np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=1e-6)


def test_a_delay_turns_the_phase() -> None:
    """Unit 1 hears unit 0, 20 ms late: the phase is that of its own filter and of the delay."""
    one = torch.ones(2, dtype=torch.float64)
    coupling = torch.tensor([[0.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    frequencies = torch.tensor([1.0, 4.0, 10.0], dtype=torch.float64)
    spectra = network_spectra(
        -3 * one[:, None, None], one[:, None], coupling, 0.02 + 0 * coupling, 0.1 * one, frequencies
    )
    omega = 2 * math.pi * frequencies
    wanted = 0.02 * omega + torch.atan(omega / 3)  # of 1 behind 0
    np.testing.assert_allclose(torch.exp(1j * spectra[:, 0, 1].angle()), torch.exp(1j * wanted))


def test_gradients_are_those_of_finite_differences(coupling: Tensor) -> None:
    """Through the steady state, which moves with the coupling, and through the delays."""
    frequencies = torch.tensor([0.5, 3.0], dtype=torch.float64)

    def power(strength: Tensor, velocity: Tensor) -> Tensor:
        matrix = strength * coupling
        rest = steady_state(bent, (0.0, 0.0), matrix, 0.05)
        slopes = unit_slopes(bent, rest, matrix @ rest[0])
        delays = 0.05 * (1 + coupling) / velocity
        spectra = network_spectra(*slopes, matrix, delays, 0.1 + 0 * velocity, frequencies)
        return torch.view_as_real(spectra)

    at = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(power, (at, (3 * at).detach().requires_grad_()))


@pytest.mark.parametrize("strength", [0.5, 2.0, 4.0])
def test_growing_modes_are_those_of_the_eigenvalues(coupling: Tensor, strength: float) -> None:
    matrix, none = strength * coupling, torch.zeros_like(coupling)
    rest = tuple(torch.zeros(N, dtype=torch.float64) for _ in range(2))

    def straight(state: tuple[Tensor, ...], drive: Tensor) -> tuple[Tensor, ...]:
        return (-3 * state[0] - 4 * state[1] + drive, 4 * state[0] - 2 * state[1])

    wanted = int((torch.linalg.eigvals(jacobian(straight, rest, matrix)).real > 0).sum())
    slopes = unit_slopes(straight, rest, none[0])
    assert unstable_modes(*slopes, matrix, none, 100.0) == wanted


@pytest.mark.parametrize(("delay", "growing"), [(0.9, 0), (1.1, 2)])
def test_a_delayed_loop_grows_beyond_its_critical_delay(delay: float, growing: int) -> None:
    """dx/dt = -k x(t - d) is stable for k d < pi / 2; the unit's own decay is next to nothing."""
    one = torch.ones(1, 1, dtype=torch.float64)
    gain = math.pi / 2
    slopes = -1e-6 * one[None], one
    assert unstable_modes(*slopes, -gain * one, delay * one, 50.0, 4000) == growing


def test_a_state_is_followed_where_it_is_near_and_looked_for_where_it_is_not() -> None:
    """``dx/dt = x - x^3 + drive``: from where it starts it settles at about 1, and there is -1."""

    def two(state: tuple[Tensor, ...], drive: Tensor) -> tuple[Tensor, ...]:
        return (state[0] - state[0] ** 3 + drive,)

    none = torch.zeros(1, 1, dtype=torch.float64)
    for near, wanted in ((1.02, 1.0), (-1.02, -1.0), (-0.6, 1.0), (0.2, 1.0)):
        at = torch.tensor([[near]], dtype=torch.float64)
        (found,) = steady_state(two, (0.5,), none, 0.05, at)
        assert found.item() == pytest.approx(wanted, abs=1e-12)


def test_what_settles_nowhere_is_refused() -> None:
    def runaway(state: tuple[Tensor, ...], drive: Tensor) -> tuple[Tensor, ...]:
        return (torch.exp(state[0]) + drive,)

    with pytest.raises(TrainingError, match="no steady state"):
        steady_state(runaway, (0.0,), torch.zeros(1, 1, dtype=torch.float64), 0.1)
