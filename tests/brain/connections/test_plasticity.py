"""Short-term plasticity against its differential equations."""

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from drmbids.brain.connections.plasticity import TsodyksMarkram

RATES = [0.0, 20.0, 20.0, 5.0, 0.0, 40.0, 40.0, 0.0]  # Hz, 0.1 s each


def exact(U: float, recovery: float, facilitation: float | None, times: np.ndarray) -> np.ndarray:
    """Return u and x by scipy, as Tsodyks et al. 1998 write them."""

    def slope(t: float, z: np.ndarray) -> list[float]:
        u, x = z
        r = RATES[min(int(t / 0.1), len(RATES) - 1)]
        moved = 0.0 if facilitation is None else (U - u) / facilitation + U * (1 - u) * r
        return [moved, (1 - x) / recovery - u * x * r]

    got = solve_ivp(slope, (0, 0.8), [U, 1.0], t_eval=times, max_step=1e-3, rtol=1e-9, atol=1e-11)
    return got.y


def passed(synapse: TsodyksMarkram, resolution: float) -> torch.Tensor:
    """Return the share that passes at the middle of each tick."""
    synapse = synapse.double()
    synapse.set_resolution(resolution)
    sent = torch.tensor(RATES, dtype=torch.float64).repeat_interleave(round(0.1 / resolution)) / 10
    with torch.no_grad():
        arrived, _ = synapse(sent[:, None, None], synapse.initial_state(1, 1))
    return arrived.flatten() / sent


@pytest.mark.parametrize("resolution", [0.1, 0.02])
def test_depression_is_exact_at_any_resolution(resolution: float) -> None:
    got = passed(TsodyksMarkram(0.5, 0.8), resolution).numpy()
    middles = resolution * (np.arange(len(got)) + 0.5)
    u, x = exact(0.5, 0.8, None, middles)
    there = np.isfinite(got)
    np.testing.assert_allclose(got[there], (u * x / 0.5)[there], rtol=1e-5)


def test_facilitation_converges_with_the_second_order() -> None:
    errors = []
    for resolution in (0.02, 0.01, 0.005):
        got = passed(TsodyksMarkram(0.1, 0.3, 0.6), resolution).numpy()
        u, x = exact(0.1, 0.3, 0.6, resolution * (np.arange(len(got)) + 0.5))
        errors.append(np.nanmax(np.abs(got - u * x / 0.1)))
    assert errors[0] < 0.02
    assert errors[1] / errors[2] == pytest.approx(4.0, abs=0.8)


def test_a_rested_connection_passes_all_and_silence_restores_it() -> None:
    synapse = TsodyksMarkram(0.5, 0.2).double()
    synapse.set_resolution(0.001)
    pulse = torch.zeros(3000, 1, 1, dtype=torch.float64)
    pulse[:100] = pulse[-1] = 3.0
    with torch.no_grad():
        arrived, _ = synapse(pulse, synapse.initial_state(1, 1))
    first, tired, again = (arrived[k].item() / 3 for k in (0, 99, -1))
    assert first == pytest.approx(1.0, abs=0.01) and tired < 0.4
    assert again == pytest.approx(first, abs=1e-5)


def test_activity_below_zero_is_no_rate() -> None:
    synapse = TsodyksMarkram()
    x = torch.full((5, 1, 1), -2.0)
    assert torch.equal(synapse(x, synapse.initial_state(1, 1))[0], x)
