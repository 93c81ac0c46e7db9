"""What a net tells about itself: schedule, connections, parameters."""

from collections.abc import Sized
from typing import Any, cast

from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.weights import Weights
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.graph import Stage
from drmbids.brain.net.groups import Stack
from drmbids.brain.net.parts import NetParts
from drmbids.brain.net.readouts import by_name
from drmbids.brain.net.wiring import afferent_widths
from drmbids.data.tools.screen import cut, listed, numbered

#: Populations and connections that a net lists.
_MOST_ROWS = 6


def schedule_text(net: NetParts) -> str:
    """Return one line for each stage: members, block length, and the loop that limits it."""
    lines = []
    for number, stage in enumerate(net.stages, 1):
        members = ", ".join(net.population_names[k] for k in stage.members)
        loop = "loop of " if stage.block else ""
        if isinstance(net.groups.get(stage.members), Stack):
            lines.append(f"stage {number}: {loop}{members} as one recurrence, tick by tick")
            continue
        if stage.block is None:
            lines.append(f"stage {number}: {members}, the whole window at once")
            continue
        unit = "tick" if stage.block == 1 else "ticks"
        seconds = stage.block * net.resolution
        lines.append(
            f"stage {number}: loop of {members} in blocks of {stage.block} {unit} "
            f"({seconds:g} s), limited by {limiting_loop(net, stage)}{_by_autograd(net, stage)}"
        )
    return "\n".join(lines)


def _by_autograd(net: NetParts, stage: Stage) -> str:
    """Return which connections keep a loop of plain units from running without a graph."""
    forms = [net.population_list[k].loop_form() for k in stage.members]
    if stage.members in net.groups or None in forms:
        return ""
    kinds = [
        f"{origin(net, a)} -> {net.population_names[to]} {connection_kind(a.connection)}"
        for to in stage.members
        for a in net.afferents[to]
        if a.depends_on(stage.members) and not a.only_delays
    ]
    return f"; by autograd: {', '.join(kinds)}" if kinds else ""


def connection_kind(connection: DRMConnection) -> str:
    """Return what a connection is more than a delay and its gates: ``has weights``."""
    if type(connection) is not DRMConnection:
        return f"is {type(connection).__name__}"
    return f"has {_parts(connection)}"


def _parts(connection: DRMConnection) -> str:
    there = {
        "columns": connection.columns,
        "weights": connection.weights,
        "plasticity": connection.plasticity,
        "a synapse": connection.synapse,
    }
    return " and ".join(name for name, part in there.items() if part is not None)


def limiting_loop(net: NetParts, stage: Stage) -> str:
    """Return the loop that allows no longer block: the one of least delay per backward connection.

    With blocks one tick longer than the stage's the offsets have no solution, and Bellman-Ford
    goes round that loop for ever.
    """
    at = {node: k for k, node in enumerate(stage.members)}
    longer = (stage.block or 0) + 1
    arcs = [
        (a.source, to, a.shortest - (longer if at[a.source] >= at[to] else 0))
        for to in stage.members
        for afferent in net.afferents[to]
        for a in afferent.parts
        if not a.is_stimulus and a.source in at
    ]
    offsets = dict.fromkeys(stage.members, 0)
    previous: dict[int, int] = {}
    node = stage.members[0]
    for _ in stage.members:
        for source, to, slack in arcs:
            if offsets[to] > offsets[source] + slack:
                offsets[to], previous[to], node = offsets[source] + slack, source, to
    for _ in stage.members:  # back from what still moves, onto the loop
        node = previous[node]
    loop = [node]
    while previous[loop[-1]] != node:
        loop.append(previous[loop[-1]])
    loop.reverse()
    first = min(range(len(loop)), key=lambda k: at[loop[k]])
    loop = [*loop[first:], *loop[: first + 1]]
    return " -> ".join(net.population_names[k] for k in loop)


def connection_rows(net: NetParts) -> list[dict[str, Any]]:
    """Return one row for each connection of a net; see :meth:`~drmbids.DRMNet.connection_rows`."""
    rows = []
    widths = afferent_widths(net)
    for to, line in enumerate(net.afferents):
        weights = net.population_list[to].input_weights()
        parts = [None] * len(line) if weights is None else weights.split(widths[to], dim=1)
        for a, part in zip(line, parts, strict=True):
            told = None if part is None else _weights(a.connection, part)
            gates = [cast(Gate, gate.connection).label for gate in a.gates]
            rows.append(
                {
                    "source": origin(net, a),
                    "conditions": ", ".join(sent_columns(net, a)) if a.is_stimulus else "n/a",
                    "target": net.population_names[to],
                    "delay_s": a.connection.delay,
                    "weight_mean": float("nan") if told is None else told.mean().item(),
                    "weight_norm": float("nan") if told is None else told.norm().item(),
                    "through": _through(a.connection) or "none",
                    "gated_by": ", ".join(gates) or "none",
                }
            )
    return rows


def _weights(connection: DRMConnection, part: Tensor) -> Tensor | None:
    """Return the weights on the units of the source, None where they are not told."""
    part = part.detach().cpu()
    chosen = connection.columns is not None and connection.weights is None
    if connection.keeps_units or chosen:
        return part
    if isinstance(connection.weights, Weights):
        return part @ connection.weights.matrix().detach().cpu()
    return None  # sums over units, each with a delay of its own


def sent_columns(net: NetParts, afferent: Afferent) -> tuple[str, ...]:
    """Return the names of the columns of a stimulus that a connection sends."""
    columns = net.stimuli[origin(net, afferent)]
    chosen = afferent.connection.columns
    return columns if chosen is None else tuple(columns[k] for k in chosen)


def _through(connection: DRMConnection) -> str:
    """Return what is between source and target beside delay and gates."""
    parts = connection.weights, connection.plasticity, connection.synapse
    found = [type(part).__name__ for part in parts if part is not None]
    if type(connection) not in (DRMConnection, LearnedDelay):
        found.insert(0, type(connection).__name__)
    return ", ".join(found + ([] if connection.dale is None else [f"Dale: {connection.dale}"]))


def population_rows(net: NetParts) -> list[dict[str, Any]]:
    """Return name, kind, number of units and regions of each population of a net."""
    parts = by_name(net.readout).values()
    return [
        {
            "name": name,
            "kind": type(population).__name__,
            "units": population.n_units,
            "region": [
                region
                for part in parts
                for region, sources in zip(part.regions, part.sources, strict=True)
                if k in sources
            ],
        }
        for k, (name, population) in enumerate(
            zip(net.population_names, net.population_list, strict=True)
        )
    ]


def net_text(net: NetParts) -> str:
    """Return what a net is made of, in less than a screen."""
    n = sum(p.numel() for p in net.parameters() if p.requires_grad)
    lines = [f"DRMNet(ticks of {net.resolution:g} s, {numbered(n, 'trainable number')}"]
    for name, columns in list(net.stimuli.items())[:_MOST_ROWS]:
        lines.append(
            f"  stimulus {cut(name)}: {numbered(len(columns), 'column')} ({listed(columns)})"
        )
    lines += more_than(net.stimuli, "stimuli")
    for row in population_rows(net)[:_MOST_ROWS]:
        read = f", read out by {listed(row['region'], 3)}" if row["region"] else ""
        units = numbered(row["units"], "unit")
        lines.append(f"  population {cut(row['name'])}: {row['kind']}, {units}{read}")
    lines += more_than(net.population_names, "populations")
    edges = [_edge_text(net, to, a) for to, line in enumerate(net.afferents) for a in line]
    lines += [f"  {text}" for text in edges[:_MOST_ROWS]] + more_than(edges, "connections")
    for name, part in by_name(net.readout).items():
        targets = [f"{cut(r)} {k}" for r, k in zip(part.regions, part.n_targets, strict=True)]
        label = f"readout {cut(name)}: " if name else "readout: "
        through = getattr(part, "hrf", None)
        hrf = "" if through is None else f" through {type(through).__name__}"
        lines.append(
            f"  {label}{type(part).__name__}{hrf}, targets of {listed(targets, length=30)}"
        )
    return "\n".join(lines) + ")"


def more_than(items: Sized, what: str) -> list[str]:
    """Return a line for those that are not listed."""
    more = len(items) - _MOST_ROWS
    return [f"  and {more} more {what}"] if more > 0 else []


def _edge_text(net: NetParts, to: int, afferent: Afferent) -> str:
    """Return source, target, delay and gates of a connection."""
    connection = afferent.connection
    gates = [cast(Gate, gate.connection).label for gate in afferent.gates]
    delay = connection.delay
    parts = [
        f" after {float(delay):g} s" if isinstance(delay, float | int) and delay > 0 else "",
        f" through {through}" if (through := _through(connection)) else "",
        f" gated by {listed(gates, 3)}" if gates else "",
    ]
    return f"{cut(origin(net, afferent))} -> {cut(net.population_names[to])}{''.join(parts)}"


def parameter_rows(net: NetParts) -> list[dict[str, Any]]:
    """Return one row for each physical parameter; see :meth:`~drmbids.DRMNet.parameter_rows`."""
    nodes = [*zip(net.population_names, net.population_list, strict=True), ("readout", net.readout)]
    for target, line in zip(net.population_names, net.afferents, strict=True):
        nodes += [(f"{origin(net, a)} -> {target}", a.connection) for a in line]
    return [{"node": name, **row} for name, node in nodes for row in node.parameter_rows()]


def origin(net: NetParts, afferent: Afferent) -> str:
    """Return the name of the stimulus or population that an afferent comes from."""
    names = net.stimulus_names if afferent.is_stimulus else net.population_names
    return names[afferent.source]
