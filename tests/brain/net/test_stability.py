"""What cannot be run is told before training: steps too long, and loops that grow."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from drmbids import (
    BOLD,
    DRM,
    Additive,
    DRMConnection,
    DRMIterator,
    DRMNet,
    JansenRit,
    Leaky,
    LearnedDelay,
    ReducedWongWangEI,
    WilsonCowan,
)
from drmbids.brain.net.stability import loop_growth, unstable_step
from drmbids.brain.populations.mass import Constant, Mass
from drmbids.data.tools.exceptions import ModelError, TrainingWarning
from drmbids.maths.loops.integrators import INTEGRATORS


class Decay(Mass):
    """``tau dx/dt = -x + drive``: what each method does at each step is known."""

    variables, start = ("x",), (0.5,)
    constants = {"tau": Constant(0.1, "s", "time constant", 0.0)}  # noqa: RUF012

    def derivative(self, state: Any, drive: Any, p: Any) -> Any:
        return ((drive - state[0]) / p["tau"],)


#: Real stability limits: |1 + z| < 1, Heun the same, Runge-Kutta 2.785; exponential Euler has none.
LIMITS = {"euler": 2.0, "heun": 2.0, "rk4": 2.785, "exponential_euler": float("inf")}


@pytest.mark.parametrize("name", INTEGRATORS)
def test_the_limit_of_each_method_is_found(name: Any) -> None:
    for z, wrong in ((0.98, False), (1.02, True)):
        mass = Decay(2, 1, integrator=name, n_substeps=1)
        limit = min(LIMITS[name], 1e3)
        mass.set_resolution(0.1 * limit * z)
        assert (unstable_step(mass) is not None) == (wrong and limit < 1e3)


@pytest.mark.parametrize("kind", [WilsonCowan, JansenRit, ReducedWongWangEI])
def test_the_remedy_is_one(kind: Any) -> None:
    """With the steps that the message asks for nothing is wrong, and activity is finite."""
    mass = kind(2, 1, n_substeps=1)
    mass.set_resolution(0.1)
    message = unstable_step(mass)
    assert message is not None and "/s, times a step of 0.1 s" in message
    n_substeps = int(re.search(r"n_substeps=(\d+)", message)[1])
    mended = kind(2, 1, n_substeps=n_substeps)
    mended.set_resolution(0.1)
    assert unstable_step(mended) is None
    with torch.no_grad():
        activity, _ = mended([torch.zeros(20, 1, 1)], mended.initial_state(1))
    assert torch.isfinite(activity).all()
    left_to_it = kind(2, 1)
    left_to_it.set_resolution(0.5)
    assert unstable_step(left_to_it) is None


def net(**populations: Any) -> DRMNet:
    n = len(populations)
    loop = [[None] * n for _ in range(n)]
    for k in range(n if n > 1 else 0):
        loop[(k + 1) % n][k] = DRMConnection(0.2)
    return DRMNet(
        populations, [DRMConnection(), *[None] * (n - 1)], loop,
        BOLD([p.n_units for p in populations.values()], [2]), 0.1, {"s": 1},
    )  # fmt: skip


def test_training_does_not_start_with_steps_that_blow_up() -> None:
    brain = net(V1=JansenRit(2, 1, n_substeps=2))
    data = DRMIterator(
        0.1, np.ones((20, 1)), 0.1 * np.arange(20), np.zeros((10, 2)), 0.2 * np.arange(10)
    )
    with pytest.raises(ModelError, match=r"V1: JansenRit with an eigenvalue of .* n_substeps="):
        DRM(brain).estimate(data, n_epochs=1)


def loop(gain: float, nonlinearity: Any, kind: Any = Leaky) -> DRMNet:
    torch.manual_seed(0)
    options = {"nonlinearity": nonlinearity}
    brain = net(A=kind(2, 1 + 2, **options), B=kind(2, 2, **options))
    with torch.no_grad():
        for population in brain.population_list:
            population.weight[:, -2:] = gain * torch.eye(2)
    return brain


@pytest.mark.parametrize("kind", [Leaky, Additive])
def test_the_gain_of_a_loop_is_what_decides(kind: Any) -> None:
    """Two areas that hand on ``gain`` times what they hear: gain 1 is the border for any delay."""
    for gain, grows in ((0.9, False), (0.99, False), (1.3, True)):
        brain = loop(gain, "relu", kind)
        growth = loop_growth(brain, brain.stages[0])
        assert growth is not None and (growth > 1.0) == grows, (gain, growth)
    additive = loop(1.3, "relu", Additive)
    # 2 ticks later, 1.3 times as much
    assert loop_growth(additive, additive.stages[0]) == pytest.approx(1.3, rel=0.02)


def test_loops_that_grow_are_warned_of_unless_bounded() -> None:
    with pytest.warns(TrainingWarning, match=r"loop of .*: activity grows .* longest delay"):
        loop(1.5, "relu").check_stability()
    loop(1.5, "tanh").check_stability()
    loop(0.9, "elu").check_stability()


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_ticks_too_long_for_learned_delays_are_told(resolution: float) -> None:
    chain = [[None, None], [LearnedDelay(2.5, 1.0, 6.0), None]]
    net = DRMNet(
        [Additive(1, 1), Leaky(1, 1)], [DRMConnection(), None], chain, BOLD([1, 1], [1, 1]),
        resolution=resolution, stimuli={"s": 1},
    )  # fmt: skip
    if resolution <= 1.0:
        net.check_stability()
        return
    with pytest.warns(TrainingWarning, match="1 learned delays in ticks of 2 s would err by"):
        net.check_stability()
