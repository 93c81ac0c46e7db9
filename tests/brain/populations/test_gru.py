"""GRU against the published equations, one tick at a time."""

import pytest
import torch

from drmbids.brain.populations.gru import GRU, MIN_TICKS


@pytest.mark.parametrize("n_ticks", [MIN_TICKS - 1, 3 * MIN_TICKS])
def test_units_follow_the_published_equations(n_ticks: int) -> None:
    """Cho et al. 2014, with the reset gate behind the recurrent weights, as torch has it."""
    population = GRU(3, 2).double()
    gru, x = population.gru, torch.randn(n_ticks, 2, 2, dtype=torch.float64)
    got, state = population([x], population.initial_state(2))
    h = torch.zeros(2, 3, dtype=torch.float64)
    for t, now in enumerate(x):
        drive = now @ gru.weight_ih_l0.T + gru.bias_ih_l0
        back = h @ gru.weight_hh_l0.T + gru.bias_hh_l0
        reset, update = torch.sigmoid((drive + back)[:, :6]).chunk(2, 1)
        new = torch.tanh(drive[:, 6:] + reset * back[:, 6:])
        h = (1 - update) * new + update * h
        torch.testing.assert_close(got[t], h)
    torch.testing.assert_close(state[0], h)


def test_input_weights_are_not_linear() -> None:
    assert GRU(2, 2).input_weights() is None
