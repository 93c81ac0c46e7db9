"""Jansen-Rit columns: fixed points, output and noise."""

import pytest
import torch

from drmbids import JansenRit
from drmbids.data.tools.exceptions import ModelError


def test_a_column_without_interneurons_is_two_alpha_kernels() -> None:
    """Without synapses the excitatory potential is ``A / a`` times the input, in the end."""
    mass = JansenRit(1, 1, values={"C_2": 1e-6, "C_4": 1e-6, "p": 80.0}).double()
    with torch.no_grad():
        x = torch.zeros(400, 1, 1, dtype=torch.float64)
        activity, state = mass([x], mass.initial_state(1))
    assert activity[-1].item() == pytest.approx(3.25 / 100 * 80, rel=1e-4)
    # an alpha kernel: about t = 1 / a, between both ticks, the share 1 - 2 / e of it is there
    assert activity[9:11].mean().item() == pytest.approx(2.6 * (1 - 2 / 2.718281828), rel=5e-3)
    assert state.shape == (1, 7, 1)


def ends(mass: JansenRit, x: torch.Tensor) -> list[torch.Tensor]:
    """Return the states at the end of each tick."""
    found, state = [], mass.initial_state(x.shape[1])
    with torch.no_grad():
        for tick in x.split(1):
            _, state = mass([tick], state)
            found.append(state)
    return found


def test_the_firing_rate_may_be_the_activity() -> None:
    potential, rate = (JansenRit(2, 1, activity=a).double() for a in ("potential", "rate"))
    x = torch.zeros(50, 1, 1, dtype=torch.float64)
    with torch.no_grad():
        v, _ = potential([x], potential.initial_state(1))
        r, _ = rate([x], rate.initial_state(1))
    # the rate of a mean is not quite the mean rate
    torch.testing.assert_close(r, 5.0 / (1 + torch.exp(0.56 * (6.0 - v))), rtol=1e-2, atol=1e-3)
    rates = (5.0 / (1 + torch.exp(0.56 * (6.0 - s[0, 2] + s[0, 3]))) for s in ends(potential, x))
    edges = torch.stack([torch.full((2,), 5.0 / (1 + torch.e ** (0.56 * 6.0))).double(), *rates])
    torch.testing.assert_close(r[:, 0], (edges[:-1] + edges[1:]) / 2, rtol=1e-6, atol=1e-9)
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
