"""Kuramoto masses against what is known of phase oscillators."""

import math

import pytest
import torch

from drmbids import Kuramoto
from drmbids.data.tools.exceptions import ModelError


def phases(mass: Kuramoto, drive: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        _, state = mass([drive.double()], mass.initial_state(drive.shape[1]))
    return state[0, 1]


def test_two_units_lock_at_the_angle_of_their_frequencies() -> None:
    """``d phi / dt = delta - K sin(phi)``: at rest the difference is ``asin(delta / K)``."""
    mass = Kuramoto(2, 1, values={"omega": [60.0, 66.0], "K": 10.0}).double()
    one, other = phases(mass, torch.zeros(1000, 1, 1))
    assert (other - one).item() == pytest.approx(math.asin(0.6), abs=1e-4)


def test_a_phase_response_is_half_of_kuramotos_pull_on_average() -> None:
    """A unit driven by the sine of another follows it at ``asin(2 delta / strength)``."""
    mass = Kuramoto(
        1, 1, values={"omega": 300.0}, coupled=True, response="phase", mean_field=False,
        initial={"theta": 0.0},
    ).double()  # fmt: skip
    mass.set_resolution(0.001)
    time = 0.001 * (torch.arange(4000) + 0.5)
    drive = 8.0 * torch.sin(302.0 * time)[:, None, None]
    (theta,) = phases(mass, drive)
    lag = math.remainder(302.0 * 4.0 - theta.item(), 2 * math.pi)
    assert lag == pytest.approx(math.asin(0.5), abs=0.02)


def test_a_drive_shifts_the_frequency() -> None:
    mass = Kuramoto(1, 1, values={"omega": 10.0}, coupled=True, initial={"theta": 0.0}).double()
    assert phases(mass, torch.full((100, 1, 1), 5.0)).item() == pytest.approx(15 * 0.2, rel=1e-6)


def test_phases_are_spread_at_the_start_and_stated_ones_are_kept() -> None:
    spread = Kuramoto(5, 1).initial_state(1)[0, 1]
    assert spread.unique().numel() == 5
    start = Kuramoto(2, 1, initial={"theta": [0.5, 1.5]}).initial_state(3)
    assert start[:, 1].tolist() == [[0.5, 1.5]] * 3


def test_compiled_is_the_same() -> None:
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    plain, machine = (
        Kuramoto(3, 3, coupled=True, response="phase", mean_field=False, compiled=c).double()
        for c in (False, True)
    )
    with torch.no_grad():
        got, wanted = (mass([x], mass.initial_state(2)) for mass in (machine, plain))
    torch.testing.assert_close(got, wanted)


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="no sum over its units; set mean_field=False"):
        Kuramoto(2, 1, compiled=True)
    with pytest.raises(ModelError, match="must be frequency or phase, got 'winfree'"):
        Kuramoto(2, 1, response="winfree")  # pyright: ignore[reportArgumentType]
