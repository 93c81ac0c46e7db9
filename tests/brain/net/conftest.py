"""The reference for everything the engine does: a loop over ticks, and a loop over times."""

import random
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.testing.reference import naive_activity, naive_prediction


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def naive() -> Callable[..., tuple[list[Tensor], Tensor]]:
    """Return the reference: activity and prediction of a net for a stimulus and times."""

    def run(net: DRMNet, stimulus: Sequence[Tensor], times: Tensor) -> tuple[list[Tensor], Tensor]:
        activity = naive_activity(net, stimulus)
        return activity, naive_prediction(net, activity, times)

    return run


def random_delays(draw: random.Random, n: int) -> dict[tuple[int, int], int]:
    """Return delays of random connections; those without delay all point forward in some order."""
    rank = draw.sample(range(n), n)
    delays = {}
    for to in range(n):
        for source in range(n):
            if draw.random() < 0.45:
                forward = rank[source] < rank[to]
                delays[to, source] = draw.randint(0 if forward and draw.random() < 0.5 else 1, 6)
    return delays


@pytest.fixture
def draw_delays() -> Callable[[random.Random, int], dict[tuple[int, int], int]]:
    return random_delays


def random_tracts(n_to: int, n_from: int, shortest: float, more: float) -> Tracts:
    """Return tracts, some of them missing, whose delays begin after ``shortest`` seconds."""
    weights = torch.randn(n_to, n_from) * (torch.rand(n_to, n_from) < 0.7)
    weights[0, 0] = 1.0
    lengths = 1000 * (2 * shortest + more * torch.rand(n_to, n_from))  # mm, at 1 to 2 m/s
    return Tracts(
        weights, lengths, 1.7, 1.0, 2.0, strength=0.8, trainable=("velocity", "strength", "weights")
    )


def gate(
    draw: random.Random,
    ws: list[list[DRMConnection | None]],
    Wp: list[list[DRMConnection | None]],
    columns: list[int],
    units: list[int],
    resolution: float,
) -> None:
    """Let stimuli and populations modulate a third of the connections."""
    for row in (*ws, *Wp):
        for connection in row:
            if connection is not None and draw.random() < 0.33:
                k = draw.randrange(len(columns) + len(units))
                by, n = [
                    *((f"s{j}", c) for j, c in enumerate(columns)),
                    *((f"P{j}", u) for j, u in enumerate(units)),
                ][k]
                delay = draw.randint(1, 5) * resolution
                connection.gates.append(Gate(by, n, gain=draw.uniform(-0.5, 0.5), delay=delay))


def random_net(seed: int, resolution: float = 0.25) -> DRMNet:
    """Return a net of up to 5 populations of any kind with any connections."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    n, n_stimuli = draw.randint(1, 5), draw.randint(1, 2)
    columns = [draw.randint(1, 3) for _ in range(n_stimuli)]
    units = [draw.randint(1, 4) for _ in range(n)]
    delays = random_delays(draw, n)
    shown = {(to, s): draw.randint(0, 4) for to in range(n) for s in range(n_stimuli)
             if draw.random() < 0.4}  # fmt: skip
    for to in range(n):
        if not any(t == to for t, _ in [*delays, *shown]):
            shown[to, 0] = draw.randint(0, 3)
    widths = [0] * n

    def connect(to: int, ticks: int | None, width: int) -> DRMConnection | None:
        if ticks is None:
            return None
        weights = nn.Linear(width, draw.randint(1, 3)) if draw.random() < 0.3 else None
        shortest, more = ticks * resolution, draw.uniform(0.2, 4.0) * resolution
        kind = draw.choice(["fixed", "fixed", "learned", "tracts"])
        if kind == "tracts":
            n = draw.randint(1, 3)
            widths[to] += n
            return random_tracts(n, width, shortest, more)
        widths[to] += width if weights is None else weights.out_features
        if kind == "learned":
            delay = shortest + draw.uniform(0.1, 0.9) * more
            return LearnedDelay(delay, shortest, shortest + more, weights)
        return DRMConnection(shortest, weights)

    ws: list[list[DRMConnection | None]] = [
        [connect(to, shown.get((to, s)), columns[s]) for s in range(n_stimuli)] for to in range(n)
    ]
    Wp = [[connect(to, delays.get((to, s)), units[s]) for s in range(n)] for to in range(n)]
    gate(random.Random(1000 + seed), ws, Wp, columns, units, resolution)
    kinds: list[Callable[[int, int], DRMPopulation]] = [
        lambda u, w: Additive(u, w, nonlinearity="tanh"),
        lambda u, w: Leaky(u, w, nonlinearity="sigmoid"),
        GRU,
    ]
    populations = [draw.choice(kinds)(u, w) for u, w in zip(units, widths, strict=True)]
    per_region = draw.random() < 0.5
    readout = BOLD(
        units,
        [2] * n,
        sources=[sorted(draw.sample(range(n), draw.randint(1, n))) for _ in range(n)],
        hrf=DoubleGamma(n_regions=n if per_region else 1, length=draw.choice([2.0, 3.1])),
    )
    net = DRMNet(
        populations, ws, Wp, readout, resolution,
        stimuli={f"s{k}": c for k, c in enumerate(columns)},
    )  # fmt: skip
    with torch.no_grad():
        for p in [*readout.linear_parameters(), *net.populations.parameters()]:
            p.add_(0.3 * torch.randn_like(p))
    return net


@pytest.fixture
def draw_net() -> Callable[[int], DRMNet]:
    return random_net
