"""The balloon model against an independent solver, and what must hold of any solution."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from drmbids.maths.signals.balloon import (
    LOWEST_EXACT_FLOW,
    balloon,
    blood_flow,
    bold_signal,
)

TICK = 0.5
CONSTANTS = {
    "efficacy": 0.3,
    "decay": 0.64,
    "autoregulation": 0.32,
    "transit": 2.0,
    "stiffness": 0.32,
    "extraction": 0.4,
}
FLOW, REST = ("efficacy", "decay", "autoregulation"), ("transit", "stiffness", "extraction")


def reference(activity: np.ndarray, **constants: float) -> np.ndarray:
    """Return flow, volume and deoxyhaemoglobin at the ends of ticks, by Runge-Kutta 4(5)."""
    efficacy, decay, autoregulation, transit, stiffness, extraction = constants.values()

    def derivative(_: float, state: np.ndarray, x: float) -> list[float]:
        signal, flow, volume, amount = state
        out = volume ** (1 / stiffness)
        extracted = (1 - (1 - extraction) ** (1 / flow)) / extraction
        return [
            efficacy * x - decay * signal - autoregulation * (flow - 1),
            signal,
            (flow - out) / transit,
            (flow * extracted - out * amount / volume) / transit,
        ]

    states = [np.array([0.0, 1.0, 1.0, 1.0])]
    for x in activity:
        step = solve_ivp(derivative, (0.0, TICK), states[-1], args=(x,), rtol=1e-10, atol=1e-12)
        states.append(step.y[:, -1])
    return np.array(states)[:, 1:]


def solved(activity: np.ndarray, n_parts: int, **constants: float) -> np.ndarray:
    """Return the same by the functions under test, each tick in equal parts."""
    of = {name: torch.tensor([value], dtype=torch.float64) for name, value in constants.items()}
    drive = torch.as_tensor(activity).repeat_interleave(n_parts)[:, None, None]
    flow = blood_flow(drive, TICK / n_parts, *(of[name] for name in FLOW))
    volume, amount = balloon(flow, TICK / n_parts, *(of[name] for name in REST))
    return torch.cat([flow, volume, amount], -1)[::n_parts, 0].numpy()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decay": 1.0, "autoregulation": 0.15},  # overdamped
        {"decay": 0.8, "autoregulation": 0.16},  # critically damped
        {"transit": 0.5, "stiffness": 0.2, "extraction": 0.3},
    ],
)
def test_states_equal_those_of_an_independent_solver(changes: dict[str, float]) -> None:
    constants = CONSTANTS | changes
    activity = np.random.default_rng(0).uniform(-0.3, 1.2, 80)
    wanted = reference(activity, **constants)
    assert wanted[:, 0].min() > LOWEST_EXACT_FLOW  # nothing is bent
    errors = [np.abs(solved(activity, n, **constants) - wanted).max(0) for n in (5, 10, 20)]
    assert errors[0][0] < 1e-8  # flow is exact
    assert errors[2].max() < 5e-4
    for coarse, fine in pairwise(errors):
        assert (coarse[1:] > 3.5 * fine[1:]).all()  # second order


def test_rest_stays_rest() -> None:
    assert (solved(np.zeros(200), 3, **CONSTANTS) == 1.0).all()


def test_steady_state() -> None:
    flow, volume, amount = solved(np.full(400, 0.8), 3, **CONSTANTS)[-1]
    wanted = 1 + 0.3 * 0.8 / 0.32
    assert flow == pytest.approx(wanted)
    assert volume == pytest.approx(wanted**0.32)  # Grubb's law
    assert amount == pytest.approx(volume * (1 - 0.6 ** (1 / wanted)) / 0.4)


@pytest.mark.parametrize("activity", [-1.0, -100.0, 100.0])
def test_states_stay_positive_whatever_the_activity(activity: float) -> None:
    states = solved(np.r_[np.full(40, activity), np.zeros(400)], 3, **CONSTANTS)
    assert np.isfinite(states).all()
    assert (states[:, 1:] > 0).all() and (states[:, 0] >= 0).all()
    if activity > -100:
        np.testing.assert_allclose(states[-1], 1.0, atol=1e-3)  # and come back to rest


def test_flow_is_bent_without_a_kink() -> None:
    depth = torch.linspace(0.0, -2.0, 2001, dtype=torch.float64)
    of = [torch.tensor([CONSTANTS[name]], dtype=torch.float64) for name in FLOW]
    flow = blood_flow(depth.expand(200, 1, -1), 0.5, *of)[-1, 0]
    exact = flow > LOWEST_EXACT_FLOW
    torch.testing.assert_close(flow[exact], (1 + 0.3 * depth / 0.32)[exact])
    assert (flow > 0).all() and (~exact).any()
    assert flow.diff().diff().abs().max() < 1e-5


def test_signal_of_the_revised_coefficients() -> None:
    """Numbers worked out by hand from equation 12 of Stephan et al. 2007."""
    of = [torch.tensor(x, dtype=torch.float64) for x in (1.1, 0.9, 0.4, 1.0)]
    k1, k2 = 4.3 * 40.3 * 0.4 * 0.04, 25 * 0.4 * 0.04
    wanted = 0.04 * (k1 * 0.1 + k2 * (1 - 0.9 / 1.1))
    assert bold_signal(*of, echo_time=0.04).item() == pytest.approx(wanted)
    inside_only = bold_signal(of[0], of[1], of[2], of[3] / 2, 0.04).item()
    assert inside_only == pytest.approx(0.04 * (k1 * 0.1 + k2 / 2 * (1 - 0.9 / 1.1) + 0.5 * -0.1))
