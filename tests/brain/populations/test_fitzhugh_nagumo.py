"""FitzHugh-Nagumo masses: rest, threshold and oscillation."""

import torch

from drmbids import FitzHughNagumo


def run(drive: torch.Tensor, **values: float) -> torch.Tensor:
    mass = FitzHughNagumo(1, 1, values=values, coupled=True).double()
    mass.set_resolution(0.001)
    with torch.no_grad():
        return mass([drive.double().reshape(-1, 1, 1)], mass.initial_state(1))[0].flatten()


def test_units_rest_without_input() -> None:
    still = run(torch.zeros(100))
    assert (still - still[0]).abs().max() < 1e-3  # the start is where both slopes are 0


def test_a_small_pulse_dies_out_and_a_large_one_is_answered() -> None:
    pulse = torch.zeros(60)
    pulse[5:8] = 1.0
    assert run(0.1 * pulse).max() < -0.8 < 1.5 < run(pulse).max()


def test_units_oscillate_between_the_two_bifurcations() -> None:
    """The fixed point loses its stability at inputs of 0.331 and 1.419 (trace of the Jacobian)."""
    mass = FitzHughNagumo(4, 1, values={"I": [0.3, 0.4, 1.35, 1.5]}).double()
    mass.set_resolution(0.001)
    with torch.no_grad():
        x = torch.zeros(500, 1, 1, dtype=torch.float64)
        late = mass([x], mass.initial_state(1))[0][350:, 0]
    swing = late.amax(0) - late.amin(0)
    assert (swing > 1.0).tolist() == [False, True, True, False]
