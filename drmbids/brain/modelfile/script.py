"""A model to a Python script that builds the same net by hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from drmbids.brain.connections.gate import Gate
from drmbids.brain.modelfile.build import NetPlan, build_net
from drmbids.brain.modelfile.build_readouts import ReadoutPlan
from drmbids.brain.modelfile.connect import Call
from drmbids.brain.modelfile.parts import EACH_REGION
from drmbids.brain.modelfile.priors import (
    nodes_with_priors,
    nodes_with_weight_priors,
    prior_calls,
    readout_name,
)
from drmbids.brain.modelfile.problems import path_text
from drmbids.brain.modelfile.readouts import path_of
from drmbids.brain.modelfile.resolve import resolve
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.brain.net.readouts import Readouts
from drmbids.brain.populations import POPULATIONS
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import ModelError
from drmbids.data.tools.processes import RANDOM

_TEMPLATE = """\
# The model {name!r}, built by hand.

{imports}

# columns of each stimulus
stimuli = {stimuli}

# targets (voxels, channels) of each region
n_targets = {n_targets}

populations = {populations}

# by (from, to), delays in seconds
connections = {connections}

{readout}

net = DRMNet(
    populations,
    ws=[[connections.get((stimulus, to)) for stimulus in stimuli] for to in populations],
    Wp=[[connections.get((source, to)) for source in populations] for to in populations],
    readout=readout,
    resolution={resolution!r},
    stimuli=stimuli,
)

# starting weights: leading inputs are stimuli, as many as given here
{initialise}
{priors}"""


def write_script(spec: StatedModel, data: Sequence[Run] | DataShape | None = None) -> str:
    """Return a Python script that builds the same net without a model file.

    Parameters
    ----------
    spec : StatedModel
    data : sequence of Run or DataShape, optional
        Data to build it for. When absent the model has to name regions, conditions and
        resolution itself, and each region has one target, to be changed in the script.

    Returns
    -------
    str
        A script that leaves the net in ``net``.

    Raises
    ------
    ModelError
        If the model leaves something to the data and there are none.
    """
    shape = _shape_of(spec) if data is None else DataShape.of(data)
    plan = NetPlan.of(resolve(spec, shape), shape)
    parts = plan.spec.populations
    classes = [POPULATIONS[p.kind] for p in parts.values()]
    for kind, options in plan.connections.values():
        classes += [kind, *_parts(options)]
    for part in plan.readouts.values():
        classes += [part.component, *_parts({**part.arguments, "loss": part.loss})]
    classes += [] if ONLY in plan.readouts else [Readouts]
    classes += [Gate] if any(plan.gates.values()) else []
    calls = {n: _call(POPULATIONS[p.kind], plan.population_arguments(n)) for n, p in parts.items()}
    return _TEMPLATE.format(
        name=spec.name,
        imports=_imports(classes),
        stimuli=_mapping({name: repr(list(columns)) for name, columns in plan.stimuli.items()}),
        n_targets=_mapping(
            {r: repr(n) for part in plan.readouts.values() for r, n in part.n_targets.items()}
        ),
        populations=_mapping(calls),
        connections=_mapping({ends: _connection(plan, ends) for ends in plan.connections}),
        readout=_readouts(plan.readouts),
        resolution=plan.resolution,
        initialise="\n".join(
            f"populations[{name!r}].initialise_inputs({n})" for name, n in plan.n_stimulus.items()
        ),
        priors=_priors(plan, shape),
    )


def _parts(options: Mapping[str, Any]) -> list[type]:
    """Return the classes of the parts of a component."""
    return [option.component for option in options.values() if isinstance(option, Call)]


def _readouts(plans: Mapping[str, ReadoutPlan]) -> str:
    """Return the lines that make the readout, or the readouts."""
    lines = [
        f"{readout_name(name)}.objective = {plan.loss!r}"
        for name, plan in plans.items()
        if plan.loss is not None
    ]
    if ONLY in plans:
        said = {"n_targets": "list(n_targets.values())", "regions": "list(n_targets)"}
        return "\n".join([f"readout = {_readout(plans[ONLY], said)}", *lines])
    calls = {}
    for name, plan in plans.items():
        said = {"n_targets": f"[n_targets[name] for name in {list(plan.n_targets)!r}]"}
        calls[name] = _readout(plan, said).replace("\n", "\n    ")
    weights = {name: plan.weight for name, plan in plans.items()}
    made = f"readout = Readouts(readouts, weights={weights!r})"
    return "\n".join([f"readouts = {_mapping(calls)}", *lines, made])


def _readout(plan: ReadoutPlan, said: Mapping[str, str]) -> str:
    lines = {key: repr(value) for key, value in plan.arguments.items()} | said
    body = "".join(f"    {key}={value},\n" for key, value in lines.items())
    return f"{plan.component.__name__}(\n{body})"


def _priors(plan: NetPlan, shape: DataShape) -> str:
    """Return the lines that set the priors that the model states."""
    spec = plan.spec
    readouts = spec.readout_parts.values()
    parts: list[Any] = [*spec.populations.values(), *spec.projections, *readouts]
    parts += [part.hrf for part in readouts]
    parts += [part for p in spec.projections for part in (p.synapse, p.plasticity, p.weights)]
    if not any(getattr(part, key, None) for part in parts for key in ("priors", "weight_prior")):
        return ""
    # writing a script must not move the random numbers that training starts from
    with RANDOM, torch.random.fork_rng(devices=[]):
        net = build_net(spec, shape)
    lines = [
        f"{name}.set_prior{call!r}"
        for name, node, priors in nodes_with_priors(spec, net)
        for call in prior_calls(node, priors)
    ]
    lines += [
        f"{name}.set_weight_prior({prior.kind!r}, {prior.sd!r})"
        for name, _, prior in nodes_with_weight_priors(spec, net)
    ]
    return (
        "\n# what is known of parameters: mean and standard deviation\n" + "\n".join(lines) + "\n"
    )


def _imports(classes: Iterable[type]) -> str:
    own = ["from drmbids import DRMNet, Nuisance"]
    return "\n".join(own + sorted({f"from {c.__module__} import {c.__name__}" for c in classes}))


def _call(component: type, arguments: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{component.__name__}({inside})"


def _connection(plan: NetPlan, ends: tuple[str, str]) -> str:
    call, gates = _call(*plan.connections[ends]), [_call(Gate, g) for g in plan.gates[ends]]
    return f"{call[:-1]}, gates=[{', '.join(gates)}])" if gates else call


def _mapping(entries: Mapping[Any, str]) -> str:
    return "{\n" + "".join(f"    {key!r}: {value},\n" for key, value in entries.items()) + "}"


def _shape_of(spec: StatedModel) -> DataShape:
    """Return the shape that the model itself states, with one target in each region."""
    readouts = spec.readout_parts.items()
    regions = [region for _, part in readouts for region in part.regions or ()]
    open_ends = [
        f"stimuli.{name}.conditions is all"
        for name, stimulus in spec.stimuli.items()
        if stimulus.conditions == "all"
    ]
    open_ends += [
        f"stimuli.{name}.modulators is all"
        for name, stimulus in spec.stimuli.items()
        if stimulus.modulators == "all"
    ]
    if not regions:
        open_ends.append("readout.regions is not given")
    if EACH_REGION in spec.populations or EACH_REGION in regions:
        open_ends.append(f"{EACH_REGION} is used")
    if spec.resolution_s == "auto":
        open_ends.append("resolution_s is auto")
    open_ends += [
        f"{path_text(path_of(name))}.confounds is shared"
        for name, part in readouts
        if part.confounds == "shared"
    ]
    if open_ends:
        raise ModelError(
            f"model {spec.name!r} leaves something to the data ({', '.join(open_ends)}); "
            "give runs, or write it out"
        )
    return DataShape(
        dict.fromkeys(regions, 1),
        {name: (*s.conditions, *s.named_modulators) for name, s in spec.stimuli.items()},
        modulators={name: s.named_modulators for name, s in spec.stimuli.items()},
    )
