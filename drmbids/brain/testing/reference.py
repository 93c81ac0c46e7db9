"""What the engine must equal: a loop over ticks, and a sum over ticks for every measured time."""

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.base import NONLINEARITIES
from drmbids.brain.populations.leaky import Leaky


def naive_activity(net: DRMNet, stimulus: Sequence[Tensor]) -> list[Tensor]:
    """Return the activity of a net from silence, one population and tick at a time.

    Parameters
    ----------
    net : DRMNet
    stimulus : sequence of Tensor of shape (n_ticks, batch, n_columns)
        One for each stimulus.

    Returns
    -------
    list of Tensor of shape (n_ticks, batch, n_units)
    """
    n_ticks, batch = stimulus[0].shape[:2]
    series: list[list[Tensor]] = [[] for _ in net.population_list]
    carry = net.initial_carry(batch)
    states = list(carry.states)
    every = [a.connection for line in net.afferents for a in line]
    kept = dict(zip(map(id, every), carry.connections, strict=False))
    arrived: dict[tuple[int, int], Tensor] = {}

    def told(a: Afferent, t: int) -> Tensor:
        if a.is_stimulus:
            source = stimulus[a.source]
            return source[t] if t >= 0 else torch.zeros_like(source[0])
        population = net.population_list[a.source]
        silence = stimulus[0].new_zeros(batch, population.n_units)
        return population.sent((series[a.source][t] if t >= 0 else silence)[None])[0]

    def arriving(a: Afferent, t: int) -> Tensor | None:
        if any(t - a.shortest >= len(series[a.source]) for a in a.parts if not a.is_stimulus):
            return None

        def sent(ticks: int) -> Tensor:
            return a.connection(told(a, t - ticks)[None])[0]

        strength = torch.ones(batch, 1)
        for gate in a.gates:
            strength = strength + naive_gate(net, gate, told(gate, t - gate.shortest))
        if (id(a.connection), t) not in arrived:
            x = naive_arrival(a, sent)[None]
            if a.connection.remembers:
                x, kept[id(a.connection)] = a.connection.transmit(x, kept[id(a.connection)])
            arrived[id(a.connection), t] = x
        return arrived[id(a.connection), t] * strength

    for t in range(n_ticks):
        waiting = list(range(len(series)))
        while waiting:  # a population whose source without delay is not there yet goes to the end
            node = waiting.pop(0)
            inputs = [arriving(a, t) for a in net.afferents[node]]
            if any(x is None for x in inputs):
                waiting.append(node)
                continue
            population = net.population_list[node]
            run = naive_leaky if type(population) is Leaky else type(population).__call__
            activity, states[node] = run(population, inputs, states[node])
            series[node].append(activity[0])
    return [torch.stack(s) for s in series]


def naive_leaky(
    population: Leaky, inputs: Sequence[Tensor], state: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the mean over a tick of what relaxes to a target, and where it is at the end.

    Parameters
    ----------
    population : Leaky
    inputs : sequence of Tensor of shape (1, batch, n)
    state : Tensor of shape (batch, n_units)
        At the end of the tick before.
    """
    drive = torch.cat(list(inputs), -1) @ population.signed(population.weight).T + population.bias
    target = NONLINEARITIES[population.nonlinearity](drive)
    tau, dt = population.value("tau"), population.resolution
    away = state - target  # falls as exp(-t / tau), whose integral over the tick is
    integral = tau * (1 - torch.exp(-dt / tau))
    return target + away * integral / dt, (target + away * torch.exp(-dt / tau))[0]


def naive_arrival(a: Afferent, sent: Callable[[int], Tensor]) -> Tensor:
    """Return what arrives over an afferent at one tick, pair by pair where pairs have delays.

    Parameters
    ----------
    a : Afferent
    sent : callable
        Gives what left the source so many ticks ago, shape (batch, n).

    Returns
    -------
    Tensor of shape (batch, n_arriving)
    """
    connection = a.connection
    if isinstance(connection, LearnedDelay):
        return _between(sent, connection.value("delay") / connection.resolution)
    if not isinstance(connection, Tracts):
        past = [sent(k) for k in range(a.longest, a.shortest - 1, -1)]
        return connection.arrive(torch.stack(past))[0]
    velocity = 1000 * connection.value("velocity") * connection.resolution  # mm a tick
    sums = []
    for sources, lengths, weights in zip(
        connection.sources,
        connection.lengths,
        connection.signed_weights(),
        strict=True,
    ):
        reached = [_between(sent, length / velocity) for length in lengths]
        terms = [w * x[:, j] for w, x, j in zip(weights, reached, sources, strict=True)]
        sums.append(torch.stack(terms).sum(0))
    return connection.value("strength") * torch.stack(sums, -1)


def naive_gate(net: DRMNet, gate: Afferent, modulator: Tensor) -> Tensor:
    """Return what a gate adds to the strength of a connection at one tick, by names of columns.

    Parameters
    ----------
    net : DRMNet
    gate : Afferent
    modulator : Tensor of shape (batch, n)
        All columns of the stimulus, or units of the population, at that tick.

    Returns
    -------
    Tensor of shape (batch, 1 or n_arriving)
    """
    connection = cast(Gate, gate.connection)
    names = connection.modulators
    if isinstance(names, int):
        columns = list(range(names))
    else:
        columns = [net.stimuli[connection.by].index(name) for name in names]
    gains = connection.value("gain")
    return torch.stack(
        [modulator[:, [j]] * gain for j, gain in zip(columns, gains, strict=True)]
    ).sum(0)


def _between(sent: Callable[[int], Tensor], ticks: Tensor) -> Tensor:
    """Return what was sent a broken number of ticks ago, by linear interpolation."""
    before = math.floor(ticks.item())
    share = ticks - before
    return (1 - share) * sent(before) + share * sent(before + 1)


def naive_prediction(net: DRMNet, activity: Sequence[Tensor], times: Tensor) -> Tensor:
    """Return the prediction of a BOLD readout by the sum over ticks, time by time.

    Parameters
    ----------
    net : DRMNet
        With a :class:`~drmbids.BOLD` readout.
    activity : sequence of Tensor of shape (n_ticks, batch, n_units)
        From :func:`naive_activity`.
    times : Tensor of shape (n_measured,)
        Seconds.

    Returns
    -------
    Tensor of shape (n_measured, batch, n_targets)
    """
    readout, rows = net.readout, []
    middles = (torch.arange(len(activity[0])) + 0.5) * net.resolution
    for time in times:
        response = readout.hrf((time - middles).to(activity[0])) * net.resolution
        regions = []
        for k, (sources, weights) in enumerate(zip(readout.sources, readout.weights, strict=True)):
            basis = response[k if len(response) > 1 else 0]
            seen = [torch.einsum("t,tbn->bn", h, activity[s]) for h in basis for s in sources]
            regions.append(torch.cat(seen, -1) @ weights)
        rows.append(torch.cat(regions, -1) + readout.bias)
    return torch.stack(rows)
