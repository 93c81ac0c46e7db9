"""Wilson-Cowan masses: rest without input, and the cycle that input brings about."""

import torch

from drmbids import WilsonCowan


def activity(P: float, n_ticks: int = 400) -> torch.Tensor:
    mass = WilsonCowan(1, 1, values={"P": P}, initial={"E": 0.01, "I": 0.0}).double()
    x = torch.zeros(n_ticks, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        return mass([x], mass.initial_state(1))[0][:, 0, 0]


def test_without_input_cells_rest_at_zero() -> None:
    assert activity(0.0)[-1].abs() < 1e-6


def test_input_brings_about_a_limit_cycle() -> None:
    late = activity(1.25)[200:]
    rising = (late[:-1] < late.mean()) & (late[1:] >= late.mean())
    periods = rising.nonzero().flatten().diff().float()
    assert late.max() - late.min() > 0.15
    assert len(periods) >= 4 and periods.max() - periods.min() <= 1


def test_the_drive_is_an_input_to_excitatory_cells() -> None:
    mass = WilsonCowan(1, 1, values={"P": 0.0}, initial={"E": 0.01, "I": 0.0}, coupled=True)
    mass = mass.double()
    with torch.no_grad():
        driven, _ = mass([torch.full((400, 1, 1), 1.25).double()], mass.initial_state(1))
    torch.testing.assert_close(driven[:, 0, 0], activity(1.25), rtol=1e-5, atol=1e-6)
