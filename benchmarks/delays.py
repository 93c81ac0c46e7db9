"""Delays found from wrong starts: the conduction velocity of a network of oscillators.

Twenty regions oscillate at 10 Hz and drive each other over tracts of 25 to 200 mm. At 1 m/s the
delays are periods long, so that the mismatch of activity has many minima along the velocity. The
true velocity is 4 m/s; descent begins at 1, 2, 3 and 5.5 m/s, the starts of tvboptim's page on
delays and synchronization, which reports 1.08, 4.00, 4.00 and 5.34 for its own network and for the
synchrony of all regions as the one number that is fitted. Here the activity itself is fitted.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.rows import Row
from drmbids import BOLD, DRMConnection, DRMNet, StepPopulation, Tracts
from drmbids.brain.connections.annealing import anneal_delays

TRUE, STARTS, LIMITS = 4.0, (1.0, 2.0, 3.0, 5.5), (0.5, 6.0)  # m/s
N_REGIONS, RESOLUTION, N_TICKS = 20, 0.004, 200
N_EPOCHS, LEARNING_RATE = 120, 0.1


class PhaseOscillators(StepPopulation):
    """Kuramoto oscillators; the activity is cosine and sine of each phase.

    Parameters
    ----------
    n : int
        Oscillators.
    rate : float
        Frequency of each in Hz.

    References
    ----------
    Kuramoto 1984, Chemical Oscillations, Waves, and Turbulence, equation 5.4.1.
    """

    def __init__(self, n: int, rate: float):
        super().__init__(2 * n, 2 * n + 1)
        self.rate = rate
        start = torch.rand(n, generator=torch.Generator().manual_seed(0))
        self.register_buffer("start", 2 * math.pi * start)

    def initial_state(self, batch: int) -> Tensor:
        """Return the phases before the first tick."""
        return self.start.expand(batch, -1)

    def step(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Advance the phases by one Euler step; the stimulus is not looked at."""
        cosine, sine = inputs[1].chunk(2, dim=-1)
        pull = sine * state.cos() - cosine * state.sin()  # sum of w sin(theta_j - theta_i)
        phase = state + self.resolution * (2 * math.pi * self.rate + pull)
        return torch.cat((phase.cos(), phase.sin()), -1), phase


def oscillators(velocity: float) -> DRMNet:
    """Return the network with tracts of a velocity."""
    make = torch.Generator().manual_seed(0)
    place = 130 * torch.rand(N_REGIONS, 3, generator=make)
    lengths = torch.cdist(place, place).clamp(min=25.0)
    there = torch.rand(N_REGIONS, N_REGIONS, generator=make) < 0.5
    weights = torch.rand(N_REGIONS, N_REGIONS, generator=make) * there.fill_diagonal_(False)
    weights = 10 * weights / weights.sum(1, keepdim=True)
    twice = torch.block_diag(weights, weights), lengths.repeat(2, 2)  # for cosines and for sines
    tracts = Tracts(*twice, velocity, *LIMITS, trainable=("velocity",))
    return DRMNet(
        [PhaseOscillators(N_REGIONS, 10.0)],
        [DRMConnection()],
        [[tracts]],
        BOLD([2 * N_REGIONS], [1]),
        resolution=RESOLUTION,
        stimuli={"none": 1},
    )


def activity(net: DRMNet) -> Tensor:
    """Return the activity of all regions."""
    return net.run([torch.zeros(N_TICKS, 1, 1)], net.initial_carry(1))[0][0]


def recovered(start: float, anneal: bool) -> float:
    """Return the velocity that training finds from a start."""
    with torch.no_grad():
        target = activity(oscillators(TRUE))
    net = oscillators(start)
    optimizer = torch.optim.Adam([net.connections[1].free_velocity], LEARNING_RATE)
    for epoch in range(N_EPOCHS):
        if anneal and anneal_delays(net, epoch, N_EPOCHS):
            optimizer.state.clear()
        optimizer.zero_grad()
        (activity(net) - target).square().mean().backward()
        optimizer.step()
    return net.connections[1].value("velocity").item()


def speed_recovery() -> list[Row]:
    """Return how far the velocities found are from the true one; plain descent in the detail."""
    torch.set_num_threads(1)
    found = {
        name: [recovered(s, name == "annealed") for s in STARTS] for name in ("annealed", "plain")
    }
    detail = "; ".join(
        f"{name} " + ", ".join(f"{s:g} -> {v:.3f}" for s, v in zip(STARTS, velocities, strict=True))
        for name, velocities in found.items()
    )
    worst = max(abs(v / TRUE - 1) for v in found["annealed"])
    return [Row("speed-recovery", "tracts", "largest relative error", worst, 0.01, True, detail)]


ROWS = {"speed-recovery": speed_recovery}
