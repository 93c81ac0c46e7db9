"""The reference for everything the engine does: a loop over ticks, and a loop over times."""

import random
from collections.abc import Callable, Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from drmbids.connections.base import DRMConnection
from drmbids.net.engine import Afferent
from drmbids.net.net import DRMNet
from drmbids.populations.additive import Additive
from drmbids.populations.base import DRMPopulation
from drmbids.populations.gru import GRU
from drmbids.populations.leaky import Leaky
from drmbids.readouts.bold import BOLD
from drmbids.readouts.hemodynamics import DoubleGamma


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def naive_activity(net: DRMNet, stimulus: Sequence[Tensor]) -> list[Tensor]:
    """Return the activity of a net from silence, tick by tick."""
    n_ticks, batch = stimulus[0].shape[:2]
    series: list[list[Tensor]] = [[] for _ in net.populations]
    states = [p.initial_state(batch) for p in net.populations]

    def arriving(a: Afferent, t: int) -> Tensor | None:
        source = stimulus[a.source] if a.is_stimulus else series[a.source]
        if t < a.ticks:
            width = source.shape[-1] if a.is_stimulus else net.populations[a.source].n_units
            return a.connection(torch.zeros(1, batch, width))
        return a.connection(source[t - a.ticks][None]) if t - a.ticks < len(source) else None

    for t in range(n_ticks):
        waiting = list(range(len(series)))
        while waiting:  # a population whose source without delay is not there yet goes to the end
            node = waiting.pop(0)
            inputs = [arriving(a, t) for a in net.afferents[node]]
            if any(x is None for x in inputs):
                waiting.append(node)
                continue
            activity, states[node] = net.populations[node](inputs, states[node])
            series[node].append(activity[0])
    return [torch.stack(s) for s in series]


def naive_prediction(net: DRMNet, activity: Sequence[Tensor], times: Tensor) -> Tensor:
    """Return the prediction by the sum over ticks, time by time."""
    readout, rows = net.readout, []
    middles = (torch.arange(len(activity[0])) + 0.5) * net.resolution
    for time in times:
        response = readout.hrf(time - middles) * net.resolution
        regions = []
        for k, (sources, weights) in enumerate(zip(readout.sources, readout.weights, strict=True)):
            h = response[k if len(response) > 1 else 0]
            seen = torch.cat([torch.einsum("t,tbn->bn", h, activity[s]) for s in sources], -1)
            regions.append(seen @ weights)
        rows.append(torch.cat(regions, -1) + readout.bias)
    return torch.stack(rows)


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
        widths[to] += width if weights is None else weights.out_features
        return DRMConnection(ticks * resolution, weights)

    ws = [[connect(to, shown.get((to, s)), columns[s]) for s in range(n_stimuli)]
          for to in range(n)]  # fmt: skip
    Wp = [[connect(to, delays.get((to, s)), units[s]) for s in range(n)] for to in range(n)]
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
