"""Jansen-Rit columns: fixed points, output and noise."""

import pytest
import torch

from drmbids import JansenRit
from drmbids.core.exceptions import ModelError


def test_a_column_without_interneurons_is_two_alpha_kernels() -> None:
    """Without synapses the excitatory potential is ``A / a`` times the input, in the end."""
    mass = JansenRit(1, 1, values={"C_2": 1e-6, "C_4": 1e-6, "p": 80.0}).double()
    with torch.no_grad():
        x = torch.zeros(400, 1, 1, dtype=torch.float64)
        activity, state = mass([x], mass.initial_state(1))
    assert activity[-1].item() == pytest.approx(3.25 / 100 * 80, rel=1e-4)
    # an alpha kernel: at t = 1 / a the share 1 - 2 / e of it is there
    assert activity[9].item() == pytest.approx(2.6 * (1 - 2 / 2.718281828), rel=2e-2)
    assert state.shape == (1, 7, 1)


def test_the_firing_rate_may_be_the_activity() -> None:
    potential, rate = (JansenRit(2, 1, activity=a).double() for a in ("potential", "rate"))
    x = torch.zeros(50, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        v, _ = potential([x], potential.initial_state(1))
        r, _ = rate([x], rate.initial_state(1))
    torch.testing.assert_close(r, 5.0 / (1 + torch.exp(0.56 * (6.0 - v))), rtol=1e-5, atol=1e-7)
    with pytest.raises(ModelError, match="must be potential or rate, got 'spikes'"):
        JansenRit(1, 1, activity="spikes")  # pyright: ignore[reportArgumentType]


def test_noise_is_added_to_the_input() -> None:
    """What the noise does is what its numbers do as firing rates."""
    noisy = JansenRit(1, 1, noisy=True, values={"sigma": 2.0}).double()
    driven = JansenRit(1, 1, coupled=True).double()
    noise = noisy.draw_noise(30, 2, seed=1)
    assert noise.shape == (30, 2, 1)
    with torch.no_grad():
        got, _ = noisy([noise], noisy.initial_state(2))
        wanted, _ = driven([2.0 * 0.001**-0.5 * noise], driven.initial_state(2))
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-8)
