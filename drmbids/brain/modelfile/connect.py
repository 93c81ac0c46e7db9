"""A resolved projection to the connection that it describes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drmbids.brain.connections import PLASTICITY, SYNAPSES, WEIGHTS
from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.modelfile.components import weights_sizes
from drmbids.brain.modelfile.options import SYNAPSE_SIZES, WEIGHTS_SIZES, arguments
from drmbids.brain.modelfile.parts import ProjectionSpec


@dataclass(frozen=True, repr=False)
class Call:
    """A component that is still to be made; its text is the call that makes it.

    Parameters
    ----------
    component : type
    arguments : dict of str to object
    """

    component: type
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.component.__name__}({inside})"


def made(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with their components made.

    Parameters
    ----------
    options : mapping of str to object
    """
    return {
        name: value.component(**value.arguments) if isinstance(value, Call) else value
        for name, value in options.items()
    }


def planned_connection(
    part: ProjectionSpec, sizes: Mapping[str, int], stimuli: Mapping[str, Sequence[str]]
) -> tuple[type[DRMConnection], dict[str, Any]]:
    """Return class and arguments of the connection of a projection, but for its gates.

    Parameters
    ----------
    part : ProjectionSpec
        Resolved.
    sizes : mapping of str to int
        Number of columns of each stimulus and units of each population.
    stimuli : mapping of str to sequence of str
        Columns of each stimulus.
    """
    parts: dict[str, Any] = {}
    n_sent = sizes[part.source]
    if part.named_conditions:
        there = list(stimuli[part.source])
        parts["columns"] = tuple(there.index(name) for name in part.named_conditions)
        n_sent = len(parts["columns"])
    if part.weights is not None:
        kind = WEIGHTS[part.weights.kind]
        options = arguments(kind, WEIGHTS_SIZES, part.weights.options)
        ends = n_sent, sizes[part.target]
        parts["weights"] = Call(kind, weights_sizes(part.weights, *ends, options) | options)
    for key, registry in (("plasticity", PLASTICITY), ("synapse", SYNAPSES)):
        section = getattr(part, key)
        if section is not None:
            kind = registry[section.kind]
            parts[key] = Call(kind, arguments(kind, SYNAPSE_SIZES, section.options))
    if part.dale is not None:
        parts["dale"] = part.dale
    if part.connectome is not None:
        return Tracts, {**part.connectome.arguments(), **parts}
    if not part.limited:
        return DRMConnection, {"delay": part.delay_s or 0.0, **parts}
    limits = {"delay_min": part.delay_min_s, "delay_max": part.delay_max_s}
    held = {} if part.trainable is None else {"trainable": part.trainable}
    return LearnedDelay, {"delay": part.delay_s, **limits, **held, **parts}


def units_arriving(
    part: ProjectionSpec, options: Mapping[str, Any], sizes: Mapping[str, int]
) -> int:
    """Return how many units arrive over a projection.

    Parameters
    ----------
    part : ProjectionSpec
        Resolved.
    options : mapping of str to object
        Arguments of its connection.
    sizes : mapping of str to int
        Columns of each stimulus and units of each population.
    """
    if part.connectome is not None:
        return part.connectome.shape[0]
    weights = options.get("weights")
    if isinstance(weights, Call):
        return weights.arguments["n_to"]
    return len(part.named_conditions) or sizes[part.source]
