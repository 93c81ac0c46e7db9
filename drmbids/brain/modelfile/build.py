"""A model and the shape of the data to a DRMNet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.modelfile.build_readouts import ReadoutPlan, build_readouts
from drmbids.brain.modelfile.connect import made, planned_connection, units_arriving
from drmbids.brain.modelfile.options import POPULATION_SIZES, arguments
from drmbids.brain.modelfile.parts import ProjectionSpec
from drmbids.brain.modelfile.priors import nodes_with_priors, nodes_with_weight_priors, prior_calls
from drmbids.brain.modelfile.resolve import resolve
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations import POPULATIONS
from drmbids.data.runs.run import Run


def build_net(spec: StatedModel, data: Sequence[Run] | DataShape) -> DRMNet:
    """Return the net that a model describes, for the regions and stimuli of the data.

    Parameters
    ----------
    spec : StatedModel
    data : sequence of Run, or DataShape

    Returns
    -------
    DRMNet
        With starting weights drawn from torch's random numbers.

    Raises
    ------
    ModelError
        If the data lack something that the model names, or an option does not fit the sizes.
    """
    shape = DataShape.of(data)
    plan = NetPlan.of(resolve(spec, shape), shape)
    populations = {
        name: POPULATIONS[part.kind](**plan.population_arguments(name))
        for name, part in plan.spec.populations.items()
    }
    connections = {
        ends: kind(**made(options), gates=[Gate(**gate) for gate in plan.gates[ends]])
        for ends, (kind, options) in plan.connections.items()
    }
    net = DRMNet(
        populations,
        ws=[[connections.get((s, to)) for s in plan.stimuli] for to in populations],
        Wp=[[connections.get((source, to)) for source in populations] for to in populations],
        readout=build_readouts(plan.readouts),
        resolution=plan.resolution,
        stimuli=plan.stimuli,
    )
    for name, population in populations.items():
        population.initialise_inputs(plan.n_stimulus[name])
    for _, node, priors in nodes_with_priors(plan.spec, net):
        for prior in prior_calls(node, priors):
            node.set_prior(*prior)
    for _, node, prior in nodes_with_weight_priors(plan.spec, net):
        node.set_weight_prior(prior.kind, prior.sd)
    return net


@dataclass(frozen=True)
class NetPlan:
    """All that is needed to write down a net, in names and numbers.

    Parameters
    ----------
    spec : StatedModel
        Resolved.
    resolution : float
        Seconds per tick.
    stimuli : dict of str to tuple of str
        Columns of each stimulus.
    readouts : dict of str to ReadoutPlan
        By name; that of an only one is empty.
    connections : dict of (str, str) to (type, dict)
        Class and arguments by (from, to), but for the gates; parts are :class:`Call`.
    gates : dict of (str, str) to list of dict
        Arguments of the gates of each connection.
    n_inputs, n_stimulus : dict of str to int
        Width of all afferents, and of the stimuli among them, of each population.
    """

    spec: StatedModel
    resolution: float
    stimuli: dict[str, tuple[str, ...]]
    readouts: dict[str, ReadoutPlan]
    connections: dict[tuple[str, str], tuple[type[DRMConnection], dict[str, Any]]]
    gates: dict[tuple[str, str], list[dict[str, Any]]]
    n_inputs: dict[str, int]
    n_stimulus: dict[str, int]

    @classmethod
    def of(cls, spec: StatedModel, shape: DataShape) -> "NetPlan":
        """Return the plan of a resolved model."""
        stimuli = {name: tuple(s.conditions) for name, s in spec.stimuli.items()}
        units = {name: int(p.units) for name, p in spec.populations.items()}
        sizes = {**{name: len(columns) for name, columns in stimuli.items()}, **units}
        connections, gates, arriving = {}, {}, {}
        for p in spec.projections:
            ends = p.source, p.target
            connections[ends] = planned_connection(p, sizes, stimuli)
            arriving[ends] = units_arriving(p, connections[ends][1], sizes)
            gates[ends] = _gates(p, arriving[ends], units)

        def total(sources: Collection[str], to: str) -> int:
            return sum(n for ends, n in arriving.items() if ends[1] == to and ends[0] in sources)

        return cls(
            spec,
            float(spec.resolution_s),
            stimuli,
            {name: ReadoutPlan.of(part, units, shape) for name, part in spec.readout_parts.items()},
            connections,
            gates,
            {name: total(sizes, name) for name in units},
            {name: total(stimuli, name) for name in units},
        )

    def population_arguments(self, name: str) -> dict[str, Any]:
        """Return the arguments of a population."""
        part = self.spec.populations[name]
        options = arguments(POPULATIONS[part.kind], POPULATION_SIZES, part.options)
        return {"n_units": part.units, "n_inputs": self.n_inputs[name], **options}


def _gates(part: ProjectionSpec, n_arriving: int, units: dict[str, int]) -> list[dict[str, Any]]:
    """Return the arguments of the gates of a resolved projection."""
    return [
        {
            "by": gate.by,
            "modulators": units[gate.by] if gate.by in units else list(gate.conditions),
            "n_units": n_arriving if gate.per_unit else 1,
            "delay": gate.delay_s,
        }
        for gate in part.gates
    ]
