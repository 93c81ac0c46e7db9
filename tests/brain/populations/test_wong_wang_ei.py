"""Reduced Wong-Wang masses of two kinds of cells: the working point of the paper."""

import pytest
import torch

from drmbids import ReducedWongWangEI
from drmbids.brain.populations.wong_wang import firing_rate


def test_a_region_alone_fires_at_three_hertz() -> None:
    """Deco et al. 2014: without coupling, ``J_i = 1`` gives the excitatory cells about 3 Hz."""
    mass = ReducedWongWangEI(1, 1, coupled=True).double()
    with torch.no_grad():
        x = torch.zeros(1500, 1, 1, dtype=torch.float64)
        activity, state = mass([x], mass.initial_state(1))
    mean, S_e, S_i = state[0, :, 0]
    assert activity[-1].item() == mean.item() == pytest.approx(S_e.item(), rel=1e-6)
    heard = 0.15 * 1.4 * S_e - S_i + 0.382
    rate = firing_rate(310 * heard - 125, torch.tensor(0.16)).item()
    assert rate == pytest.approx(3.06, abs=0.1)
    # at rest S = gamma tau r / (1 + gamma tau r)
    assert S_e.item() == pytest.approx(0.0641 * rate / (1 + 0.0641 * rate), rel=1e-3)


def test_inhibition_balances_excitation_from_outside() -> None:
    mass = ReducedWongWangEI(3, 3, values={"J_i": [1.0, 1.0, 1.5]}, coupled=True).double()
    with torch.no_grad():
        x = torch.tensor([0.0, 0.3, 0.3], dtype=torch.float64).expand(500, 1, 3)
        alone, driven, balanced = mass([x], mass.initial_state(1))[0][-1, 0].tolist()
    assert alone < driven and balanced < driven
