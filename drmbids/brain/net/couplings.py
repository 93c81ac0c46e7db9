"""Couplings of linear areas in the unit of what is measured: the matrices A, B and C of a DCM."""

from typing import Any, cast

import torch

from drmbids.brain.connections.gate import Gate
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.parts import NetParts
from drmbids.brain.net.tables import origin, sent_columns
from drmbids.brain.net.wiring import afferent_widths
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.tools.exceptions import UsageError

#: Step in seconds at which the area under a hemodynamic response is taken.
STEP = 0.05


def coupling_rows(net: NetParts) -> list[dict[str, Any]]:
    """Return one row for each input, coupling and modulation, on the scale of BOLD.

    Parameters
    ----------
    net : NetParts

    Returns
    -------
    list of dict
        In the columns of :meth:`drmbids.DRMRegressor.couplings_table`.

    Raises
    ------
    UsageError
        As there.
    """
    problems = _problems(net)
    if problems:
        raise UsageError("couplings are defined between areas of one linear unit: " + problems[0])
    sizes, rows = _sizes(net), []
    widths = afferent_widths(net)
    for to, (name, line) in enumerate(zip(net.population_names, net.afferents, strict=True)):
        weights = cast(torch.Tensor, net.population_list[to].input_weights()).detach()[0]
        for a, part in zip(line, weights.split(widths[to]), strict=True):
            source = origin(net, a)
            sent = sent_columns(net, a) if a.is_stimulus else ("n/a",)
            unit = sizes[name] if a.is_stimulus else sizes[name] / sizes[source]
            for condition, weight in zip(sent, part.tolist(), strict=True):
                ends = {"source": source, "condition": condition, "target": name}
                kind, value = "input" if a.is_stimulus else "coupling", weight * unit
                rows.append({"kind": kind, **ends, "modulator": "none", "value": value})
                rows += [
                    {"kind": "modulation", **ends, "modulator": by, "value": value * gain}
                    for by, gain in _gains(net, a).items()
                ]
    return rows


def _gains(net: NetParts, afferent: Afferent) -> dict[str, float]:
    """Return the gain of each modulator of a connection, by its name."""
    gains: dict[str, float] = {}
    for gate in afferent.gates:
        node = cast(Gate, gate.connection)
        names = node.modulators
        if isinstance(names, int):  # all columns of a stimulus, or the only unit of an area
            names = net.stimuli[node.by] if gate.is_stimulus else (node.by,)
        gains |= dict(zip(names, node.value("gain").detach()[:, 0].tolist(), strict=True))
    return gains


def _sizes(net: NetParts) -> dict[str, float]:
    """Return the lasting response of the region of each area to lasting activity of 1."""
    readout = cast(BOLD, net.readout)
    grid = STEP * torch.arange(round(readout.hrf.length / STEP))
    areas = (readout.responses(grid).sum(1) * STEP).tolist()
    maps = [region.detach().mean().item() for region in readout.target_maps()]
    return {
        net.population_names[sources[0]]: area * size
        for sources, area, size in zip(readout.sources, areas, maps, strict=True)
    }


def _problems(net: NetParts) -> list[str]:
    """Return why the net has no couplings of this kind."""
    readout = net.readout
    if not isinstance(readout, BOLD) or readout.hrf.features_per_unit > 1:
        return ["the readout is not BOLD with one hemodynamic response for each region"]
    problems = []
    for name, population in zip(net.population_names, net.population_list, strict=True):
        kind = type(population).__name__
        nonlinearity = getattr(population, "nonlinearity", None)
        if not isinstance(population, Leaky | Additive) or nonlinearity != "linear":
            problems.append(f"{name} is {kind}, {nonlinearity or 'of dynamics of its own'}")
        elif population.n_units > 1:
            problems.append(f"{name} has {population.n_units} units")
    fed = sorted(source for sources in readout.sources for source in sources)
    if fed != list(range(len(net.population_list))) or max(map(len, readout.sources)) > 1:
        problems.append("a population does not feed a region of its own")
    for to, line in zip(net.population_names, net.afferents, strict=True):
        problems += [
            f"{origin(net, a)} -> {to} is more than a delay and its gates"
            for a in line
            if a.connection.remembers or not (a.connection.keeps_units or _only_picks(a))
        ]
    return problems


def _only_picks(afferent: Afferent) -> bool:
    """Return whether what arrives are some of the columns that are there, as they are."""
    return afferent.connection.columns is not None and afferent.connection.weights is None
