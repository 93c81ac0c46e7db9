"""Priors of physical parameters that a model file states."""

from collections.abc import Iterator, Mapping
from typing import Literal

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.modelfile.problems import Path, Problem, shortened, suggestion
from drmbids.brain.modelfile.section import PriorSpec, WeightPriorSpec
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import by_name
from drmbids.brain.net.tables import origin
from drmbids.brain.nodes import DRMNode
from drmbids.brain.parameters import ParameterSpec
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.exceptions import ModelError

#: Priors by the key of their parameter; ``"none"`` takes a default prior away.
Priors = Mapping[str, PriorSpec | Literal["none"]]


def prior_key(parameter: ParameterSpec) -> str:
    """Return the key of a parameter in a model file: its name, with its unit where it is a word.

    Examples
    --------
    >>> prior_key(ParameterSpec("tau", unit="s"))
    'tau_s'
    >>> prior_key(ParameterSpec("ratio"))
    'ratio'
    """
    unit = parameter.unit
    return f"{parameter.name}_{unit.lower()}" if unit.isalpha() else parameter.name


def prior_calls(
    node: DRMNode, priors: Priors | None
) -> list[tuple[str, float | None, float | None]]:
    """Return the arguments of :meth:`DRMNode.set_prior` for each prior."""
    names = {prior_key(spec): name for name, spec in node.parameter_specs.items()}
    return [
        (names[key], None, None) if prior == "none" else (names[key], prior.mean, prior.sd)
        for key, prior in (priors or {}).items()
    ]


def prior_problems(path: Path, node: DRMNode, priors: Priors | None) -> Iterator[Problem]:
    """Yield what is wrong with the priors of a component."""
    if not priors:
        return
    known = [prior_key(spec) for spec in node.parameter_specs.values()]
    for key, prior in priors.items():
        where = (*path, "priors", key)
        if key not in known:
            yield Problem(where, f"unknown parameter {key!r}; {suggestion(key, known)}")
            continue
        try:
            for call in prior_calls(node, {key: prior}):
                node.set_prior(*call)
        except ModelError as error:
            yield Problem(where, f"{shortened(str(error))}; change the prior")


def weight_prior_problems(
    path: Path, node: DRMNode, prior: WeightPriorSpec | None
) -> Iterator[Problem]:
    """Yield what is wrong with the prior of the weights of a component."""
    if prior is not None:
        try:
            node.set_weight_prior(prior.kind, prior.sd)
        except ModelError as error:
            yield Problem((*path, "weight_prior"), shortened(str(error)))


def nodes_with_weight_priors(
    spec: StatedModel, net: DRMNet
) -> Iterator[tuple[str, DRMNode, WeightPriorSpec]]:
    """Yield what a script calls each node with a prior of its weights, the node, and the prior.

    Parameters
    ----------
    spec : StatedModel
        Resolved.
    net : DRMNet
        Built from it.
    """
    for name, population in zip(net.population_names, net.population_list, strict=True):
        prior = spec.populations[name].weight_prior
        if prior is not None:
            yield f"populations[{name!r}]", population, prior
    connections = connections_of(net)
    for projection in spec.projections:
        prior = None if projection.weights is None else projection.weights.weight_prior
        weights = connections[projection.source, projection.target].weights
        if prior is not None and isinstance(weights, DRMNode):
            yield f"connections[{(projection.source, projection.target)!r}].weights", weights, prior


def connections_of(net: DRMNet) -> dict[tuple[str, str], DRMConnection]:
    """Return the connections of a net by the names of their ends, from and to."""
    return {
        (origin(net, afferent), to): afferent.connection
        for to, line in zip(net.population_names, net.afferents, strict=True)
        for afferent in line
    }


def nodes_with_priors(spec: StatedModel, net: DRMNet) -> Iterator[tuple[str, DRMNode, Priors]]:
    """Yield what a script calls each node that a model states priors for, the node, and these.

    Parameters
    ----------
    spec : StatedModel
        Resolved.
    net : DRMNet
        Built from it.
    """
    populations = dict(zip(net.population_names, net.population_list, strict=True))
    for name, part in spec.populations.items():
        if part.priors:
            yield f"populations[{name!r}]", populations[name], part.priors
    connections = connections_of(net)
    for projection in spec.projections:
        ends = (projection.source, projection.target)
        if projection.priors:
            yield f"connections[{ends!r}]", connections[ends], projection.priors
        for key in ("synapse", "plasticity"):
            part = getattr(projection, key)
            if part is not None and part.priors:
                node = getattr(connections[ends], key)
                yield f"connections[{ends!r}].{key}", node, part.priors
    for name, part in spec.readout_parts.items():
        called, readout = readout_name(name), by_name(net.readout)[name]
        if part.priors:
            yield called, readout, part.priors
        if part.hrf is not None and part.hrf.priors:
            hrf = readout.get_submodule("hrf")
            if isinstance(hrf, DRMNode):
                yield f"{called}.hrf", hrf, part.hrf.priors


def readout_name(name: str) -> str:
    """Return what a script calls a readout.

    Examples
    --------
    >>> readout_name("bold"), readout_name("")
    ("readouts['bold']", 'readout')
    """
    return "readout" if name == ONLY else f"readouts[{name!r}]"
