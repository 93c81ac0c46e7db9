"""What a net tells about itself: schedule, connections, parameters."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drmbids.net.net import DRMNet


def schedule_text(net: "DRMNet") -> str:
    """Return one line for each stage: members, block length, and the loop that limits it."""
    lines = []
    for number, stage in enumerate(net.stages, 1):
        members = ", ".join(net.population_names[k] for k in stage.members)
        if stage.block is None:
            lines.append(f"stage {number}: {members}, the whole window at once")
            continue
        unit = "tick" if stage.block == 1 else "ticks"
        seconds = stage.block * net.resolution
        lines.append(
            f"stage {number}: loop of {members} in blocks of {stage.block} {unit} "
            f"({seconds:g} s), limited by {limiting_loop(net, stage.members)}"
        )
    return "\n".join(lines)


def limiting_loop(net: "DRMNet", members: tuple[int, ...]) -> str:
    """Return the loop of least delay through the members (Floyd-Warshall)."""
    distance: dict[tuple[int, int], float] = {}
    path: dict[tuple[int, int], list[int]] = {}
    for to in members:
        for a in net.afferents[to]:
            if not a.is_stimulus and a.source in members:
                distance[a.source, to], path[a.source, to] = a.ticks, [a.source, to]
    for k in members:
        for i in members:
            for j in members:
                if (i, k) in distance and (k, j) in distance:
                    length = distance[i, k] + distance[k, j]
                    if length < distance.get((i, j), float("inf")):
                        distance[i, j], path[i, j] = length, path[i, k] + path[k, j][1:]
    shortest = min((k for k in members if (k, k) in distance), key=lambda k: distance[k, k])
    return " -> ".join(net.population_names[k] for k in path[shortest, shortest])


def connection_rows(net: "DRMNet") -> list[dict[str, Any]]:
    """Return one row for each connection of a net; see :meth:`DRMNet.connection_rows`."""
    rows = []
    for to, line in enumerate(net.afferents):
        weights = net.population_list[to].input_weights()
        widths = [
            len(net.stimuli[net.stimulus_names[a.source]])
            if a.is_stimulus
            else net.population_list[a.source].n_units
            for a in line
        ]
        if weights is None or any(a.connection.weights is not None for a in line):
            parts = [None] * len(line)  # weights on the way: which of them are whose is not told
        else:
            parts = weights.detach().cpu().split(widths, dim=1)
        for a, part in zip(line, parts, strict=True):
            names = net.stimulus_names if a.is_stimulus else net.population_names
            rows.append(
                {
                    "source": names[a.source],
                    "target": net.population_names[to],
                    "delay_s": a.ticks * net.resolution,
                    "weight_mean": float("nan") if part is None else part.mean().item(),
                    "weight_norm": float("nan") if part is None else part.norm().item(),
                }
            )
    return rows


def parameter_rows(net: "DRMNet") -> list[dict[str, Any]]:
    """Return one row for each physical parameter; see :meth:`DRMNet.parameter_rows`."""
    nodes = [*zip(net.population_names, net.population_list, strict=True), ("readout", net.readout)]
    return [{"node": name, **row} for name, node in nodes for row in node.parameter_rows()]
