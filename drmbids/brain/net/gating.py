"""Finding what modulates the connections of a net, and checking that it fits."""

from dataclasses import replace

import torch

from drmbids.brain.connections.gate import Gate
from drmbids.brain.net.engine import Afferent
from drmbids.brain.net.parts import NetParts
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import Fixed


def with_gates(net: NetParts) -> list[list[Afferent]]:
    """Return the afferents of a net, each with the gates of its connection.

    Parameters
    ----------
    net : NetParts
        With names, stimuli and afferents without gates.

    Returns
    -------
    list of list of Afferent

    Raises
    ------
    ModelError
        Listing the gates whose modulator is not there or has another size, whose units are not
        those that arrive, or that are no :class:`~drmbids.Gate`.
    """
    problems: list[str] = []
    seen: set[int] = set()
    found = [
        [_with_gates(net, a, net.population_names[to], seen, problems) for a in line]
        for to, line in enumerate(net.afferents)
    ]
    if problems:
        raise ModelError(problems)
    return found


def _with_gates(
    net: NetParts, a: Afferent, target: str, seen: set[int], problems: list[str]
) -> Afferent:
    if not len(a.connection.gates):
        return a
    names = net.stimulus_names if a.is_stimulus else net.population_names
    width = a.connection.n_arriving(_width(net, a.is_stimulus, a.source))
    gates = []
    for gate in a.connection.gates:
        where = f"{names[a.source]} -> {target}"
        try:
            if id(gate) in seen:
                raise ModelError("the same Gate object is used twice; make one for each place")
            seen.add(id(gate))
            gates.append(_gate(net, gate, width))
        except ModelError as error:
            problems += [f"{where}: {problem}" for problem in error.problems]
    return replace(a, gates=tuple(gates))


def _gate(net: NetParts, gate: torch.nn.Module, width: int) -> Afferent:
    """Return the afferent of a gate, for a connection over which ``width`` units arrive."""
    if not isinstance(gate, Gate):
        raise ModelError(f"{type(gate).__name__} is not a Gate")
    is_stimulus = gate.by in net.stimuli
    known = net.stimulus_names if is_stimulus else net.population_names
    if gate.by not in known:
        every = ", ".join((*net.stimulus_names, *net.population_names))
        raise ModelError(f"gate by unknown {gate.by!r}; choose one of: {every}")
    source = known.index(gate.by)
    columns = _columns(net, gate, is_stimulus, source)
    if gate.n_units not in (1, width):
        raise ModelError(
            f"gate by {gate.by} has gains for {gate.n_units} units, {width} arrive; "
            "give n_units=1 or as many"
        )
    gate.origin = (source, is_stimulus, columns)
    picked = None if columns is None else Fixed(torch.tensor(columns))
    ticks = gate.shortest_ticks
    return Afferent(source, is_stimulus, ticks, ticks, gate, columns=picked)


def _columns(net: NetParts, gate: Gate, is_stimulus: bool, source: int) -> tuple[int, ...] | None:
    """Return the columns of the source that modulate, None for all of them."""
    width = _width(net, is_stimulus, source)
    if isinstance(gate.modulators, int):
        if gate.modulators != width:
            raise ModelError(
                f"gate by {gate.by} takes {gate.modulators} modulators, it has {width}"
            )
        return None
    if not is_stimulus:
        raise ModelError(
            f"gate by {gate.by} names {', '.join(gate.modulators)}, units of a population have no "
            f"names; give modulators={width}"
        )
    there = net.stimuli[gate.by]
    unknown = [name for name in gate.modulators if name not in there]
    if unknown:
        raise ModelError(
            f"gate by {gate.by} names {', '.join(unknown)}; its columns are {', '.join(there)}"
        )
    columns = tuple(there.index(name) for name in gate.modulators)
    return None if columns == tuple(range(width)) else columns


def _width(net: NetParts, is_stimulus: bool, source: int) -> int:
    if is_stimulus:
        return len(net.stimuli[net.stimulus_names[source]])
    return net.population_list[source].n_units


def earliest_delays(net: NetParts) -> dict[tuple[int, int], int]:
    """Return the shortest delay in ticks from one population to another, over gates too.

    Parameters
    ----------
    net : NetParts

    Returns
    -------
    dict of (to, from) to int
    """
    delays: dict[tuple[int, int], int] = {}
    for to, line in enumerate(net.afferents):
        for a in (part for afferent in line for part in afferent.parts):
            if not a.is_stimulus:
                known = delays.get((to, a.source), a.shortest)
                delays[to, a.source] = min(known, a.shortest)
    return delays
