"""Synapses against the kernels that they are."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from drmbids.brain.connections.synapse import (
    AlphaSynapse,
    DoubleExponentialSynapse,
    ExponentialSynapse,
    Synapse,
)
from drmbids.data.tools.exceptions import UsageError

KERNELS: list[tuple[Callable[[], Synapse], Callable[[float], float]]] = [
    (lambda: ExponentialSynapse(0.2), lambda t: math.exp(-t / 0.2) / 0.2),
    (lambda: AlphaSynapse(0.2), lambda t: t / 0.04 * math.exp(-t / 0.2)),
    (
        lambda: DoubleExponentialSynapse(0.1, 0.3),
        lambda t: (math.exp(-t / 0.3) - math.exp(-t / 0.1)) / 0.2,
    ),
]


@pytest.mark.parametrize(("build", "kernel"), KERNELS)
@pytest.mark.parametrize("resolution", [0.05, 0.7])
def test_the_response_is_the_integral_of_kernel_and_input(
    build: Callable[[], Synapse], kernel: Callable[[float], float], resolution: float
) -> None:
    """Exactly, as means over ticks, for an input that is constant in each tick."""
    synapse = build().double()
    synapse.set_resolution(resolution)
    x = torch.randn(12, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        got, _ = synapse(x, synapse.initial_state(1, 1))
    # two uniform times, in the tick that is seen and in the one that acts, are apart by a triangle
    dt = resolution

    def seen(lag: float, ticks: int) -> float:
        return kernel(lag) * (1 - abs(lag / dt - ticks))

    def area(ticks: int) -> float:
        before = quad(seen, (ticks - 1) * dt, ticks * dt, ticks)[0] if ticks else 0.0
        return before + quad(seen, ticks * dt, (ticks + 1) * dt, ticks)[0]

    areas = [area(k) for k in range(12)]
    wanted = [
        sum(areas[t - s] * x[s].item() for s in range(t + 1)) for t in range(12)
    ]  # fmt: skip
    np.testing.assert_allclose(got.flatten(), wanted, rtol=2e-5, atol=2e-6)


def test_time_constants_that_cross_are_refused_and_training_keeps_them_apart() -> None:
    with pytest.raises(UsageError, match=r"0 < tau_rise < tau_decay in seconds, got 0\.3, 0\.1"):
        DoubleExponentialSynapse(0.3, 0.1)
    synapse = DoubleExponentialSynapse(0.1, 0.4)
    with torch.no_grad():
        synapse.get_parameter("free_tau_rise").add_(50.0)
        synapse.get_parameter("free_tau_decay").sub_(50.0)
    assert synapse.value("tau_rise") <= 0.2 <= synapse.value("tau_decay")
