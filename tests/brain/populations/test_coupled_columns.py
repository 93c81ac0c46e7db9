"""Two Jansen-Rit columns that hear each other's firing rates late, against plain numpy."""

import functools
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from drmbids import (
    BOLD,
    Dense,
    DoubleGamma,
    DRMConnection,
    DRMNet,
    JansenRit,
    Tracts,
    WholeBrain,
    simulate_rest,
)
from drmbids.brain.net.mass_loop import MassLoop
from drmbids.brain.testing.reference import naive_activity
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.rest.model import rest_model

#: Input of each column in Hz, coupling ``[to, from]``, seconds between the columns, seconds in all.
INPUTS, COUPLING, DELAY, DURATION = (220.0, 90.0), ((0.0, 40.0), (25.0, 0.0)), 0.01, 0.2


@functools.cache
def columns(step: float = 1e-4) -> np.ndarray:
    """Return the potentials in mV at the steps, shape (n_steps + 1, 2), by the midpoint method."""
    A, B, a, b, C = 3.25, 22.0, 100.0, 50.0, 135.0
    p, coupling, late = np.array(INPUTS), np.array(COUPLING), round(DELAY / step)

    def rate(v: np.ndarray) -> np.ndarray:
        return 5.0 / (1.0 + np.exp(0.56 * (6.0 - v)))

    def slope(y: np.ndarray, heard: np.ndarray) -> np.ndarray:
        accelerations = (
            A * a * rate(y[1] - y[2]) - 2 * a * y[3] - a**2 * y[0],
            A * a * (p + coupling @ heard + 0.8 * C * rate(C * y[0])) - 2 * a * y[4] - a**2 * y[1],
            B * b * 0.25 * C * rate(0.25 * C * y[0]) - 2 * b * y[5] - b**2 * y[2],
        )
        return np.stack([*y[3:], *accelerations])

    y, potentials = np.zeros((6, 2)), [np.zeros(2)]
    for k in range(round(DURATION / step)):
        ago = [potentials[max(0, k + j - late)] for j in (0, 1)]
        half = y + step / 2 * slope(y, rate(ago[0]))
        y = y + step * slope(half, (rate(ago[0]) + rate(ago[1])) / 2)
        potentials.append(y[1] - y[2])
    return np.array(potentials)


def net(resolution: float, compiled: bool = False) -> DRMNet:
    """Return one population of two columns, and its tracts of the same length."""
    masses = JansenRit(2, 2 + 2, {"p": list(INPUTS)}, ["e_0", "v_0"], True, True, compiled=compiled)
    tracts = Tracts(COUPLING, np.full((2, 2), 50.0).tolist(), 5.0)
    return DRMNet(
        {"columns": masses},
        [DRMConnection(0.0)],
        [[tracts]],
        BOLD([2], [2], hrf=DoubleGamma(length=0.02)),
        resolution=resolution,
        stimuli={"noise": 2},
    ).double()


def activity(brain: DRMNet) -> Tensor:
    silent = torch.zeros(round(DURATION / brain.resolution), 1, 2, dtype=torch.float64)
    return brain.run([silent], brain.initial_carry(1))[0][0][:, 0]


def off(shown: Tensor) -> float:
    """Return the largest error of means over ticks, in mV."""
    every = columns()
    n = (len(every) - 1) // len(shown)
    ticks = [np.trapezoid(every[k * n : (k + 1) * n + 1], axis=0) / n for k in range(len(shown))]
    return np.abs(shown.detach().numpy() - np.array(ticks)).max()


def test_columns_hear_rates_and_readouts_see_potentials() -> None:
    """The error falls with the square of the tick, as that of the integrator."""
    shown = activity(net(1e-3))
    assert shown.amax() > 5  # mV
    coarse, fine = off(shown), off(activity(net(5e-4)))
    assert coarse < 0.2
    assert coarse / fine == pytest.approx(4, abs=1)


def test_compiled_columns_are_those_of_the_loop_over_ticks() -> None:
    compiled, plain = net(1e-3, compiled=True), net(1e-3)
    assert isinstance(compiled.groups[0,], MassLoop) and not plain.groups
    found = []
    for brain in (compiled, plain):
        shown = activity(brain)
        shown.square().sum().backward()
        found.append([shown, *(p.grad for p in brain.parameters() if p.grad is not None)])
    assert len(found[0]) == len(found[1]) == 3
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    silent = torch.zeros(25, 1, 2, dtype=torch.float64)
    torch.testing.assert_close(
        plain.run([silent], plain.initial_carry(1))[0], naive_activity(plain, [silent])
    )


def test_gradients_of_constants_are_differences() -> None:
    brain = net(1e-3)
    masses = brain.population_list[0]
    activity(brain)[-100:].square().mean().backward()
    for name in ("e_0", "v_0"):
        free, ends = getattr(masses, f"free_{name}"), []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                free += step
                ends.append(activity(brain)[-100:].square().mean().item())
                free -= step
        assert free.grad.item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_columns_at_rest_are_simulated_and_have_no_closed_form() -> None:
    run = simulate_rest(
        COUPLING, duration=0.2, mass="jansen_rit", measurement="activity", tr=0.01, settle=0.0
    )
    values = run.responses["brain"].values
    assert values.shape == (20, 2) and values.max() > 5  # mV
    with pytest.raises(UsageError, match="'jansen_rit' does not"):
        rest_model(WholeBrain(COUPLING, mass="jansen_rit"), 2)


def test_windows_are_the_whole_run() -> None:
    for compiled in (False, True):
        brain, parts = net(1e-3, compiled=compiled), []
        with torch.no_grad():
            whole = activity(brain)
            carry = brain.initial_carry(1)
            for length in (90, 5, 105):
                silent = torch.zeros(length, 1, 2, dtype=torch.float64)
                shown, _, carry = brain.run([silent], carry)
                parts.append(shown[0][:, 0])
        torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-10, atol=1e-12)


def heard(shown: Literal["potential", "rate"], resolution: float) -> tuple[Tensor, Tensor]:
    """Return the activity of two populations, of which the second hears the first over weights."""
    first, second = JansenRit(1, 1, activity=shown), JansenRit(1, 1, coupled=True)
    weights = Dense(1, 1)
    brain = DRMNet(
        {"first": first, "second": second},
        ws=[[DRMConnection(0.0)], [None]],
        Wp=[[None, None], [DRMConnection(0.0, weights=weights), None]],
        readout=BOLD([1, 1], [1], hrf=DoubleGamma(length=0.02)),
        resolution=resolution,
    ).double()
    silent = torch.zeros(round(0.1 / resolution), 1, 1, dtype=torch.float64)
    with torch.no_grad():
        first.weight.fill_(0.0)
        weights.weight.fill_(40.0)
        one, other = brain.run([silent], brain.initial_carry(1))[0]
    return one, other.unflatten(0, (100, -1)).mean(1)


def test_another_population_hears_the_rate_whatever_readouts_see() -> None:
    """The rate of a mean potential is the mean rate but for the square of the tick."""
    errors = []
    for resolution in (1e-3, 5e-4):
        (potential, first), (rate, second) = (heard(s, resolution) for s in ("potential", "rate"))
        assert rate.max() < 5 < potential.max()  # Hz, mV
        errors.append((first - second).abs().max().item())
    assert errors[0] < 0.2  # mV
    assert errors[0] / errors[1] == pytest.approx(4, abs=1)
