"""Kinds of components and their options: checked by asking the components themselves."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch

from drmbids.brain.connections import PLASTICITY, SYNAPSES, WEIGHTS
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.losses import LOSSES
from drmbids.brain.modelfile.connection_parts import WeightsSpec
from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.options import (
    HRF_SIZES,
    LOSS_SIZES,
    POPULATION_SIZES,
    READOUT_SIZES,
    SYNAPSE_SIZES,
    WEIGHTS_SIZES,
    arguments,
    options_of,
)
from drmbids.brain.modelfile.parts import (
    MOST_UNITS,
    OpenPart,
    PopulationSpec,
    ProjectionSpec,
    ReadoutSpec,
)
from drmbids.brain.modelfile.priors import prior_problems, weight_prior_problems
from drmbids.brain.modelfile.problems import Path, Problem, shortened, suggestion
from drmbids.brain.modelfile.readouts import path_of
from drmbids.brain.modelfile.weight_memory import too_large
from drmbids.brain.populations import POPULATIONS
from drmbids.brain.readouts import HRFS, READOUTS
from drmbids.data.tools.exceptions import DRMError
from drmbids.data.tools.processes import RANDOM
from drmbids.data.tools.registry import Registry


def check_components(draft: Draft) -> list[Problem]:
    """Return the faults in kinds and options of a model's components.

    Each component is built once with sizes of no importance, so that what only its ``__init__``
    knows is found here, with its line, and not when the data are there.

    Parameters
    ----------
    draft : Draft

    Returns
    -------
    list of Problem
    """
    problems = too_large(draft)  # before any is made
    large = {problem.path[:2] for problem in problems}
    for name, population in draft.populations.items():
        if population is not None and ("populations", name) not in large:
            problems += _component(
                ("populations", name),
                population,
                POPULATIONS,
                POPULATION_SIZES,
                partial(_population_sizes, population),
            )
    for index, projection in enumerate(draft.projections):
        if projection is not None and ("projections", index) not in large:
            problems += _projection(("projections", index), projection, draft)
    for name, readout in draft.readouts.items():
        if readout is not None:
            problems += _readout(path_of(name), readout)
    return problems


def _readout(path: Path, readout: ReadoutSpec) -> Iterator[Problem]:
    """Yield what is wrong with a readout, its hemodynamics and its loss."""
    sizes = {"n_units": [1], "n_targets": [1]}
    yield from _component(path, readout, READOUTS, READOUT_SIZES, lambda _: sizes)
    yield from _hrf(path, readout)
    if readout.loss is not None:
        yield from _component((*path, "loss"), readout.loss, LOSSES, LOSS_SIZES, lambda _: {})


def _projection(path: Path, projection: ProjectionSpec, draft: Draft) -> Iterator[Problem]:
    """Yield what is wrong with the parts of a projection and its priors."""

    def units(name: str) -> int:
        part = draft.populations.get(name)
        return MOST_UNITS if part is None or part.units == "auto" else part.units

    if projection.weights is not None:
        sizes = partial(weights_sizes, projection.weights, units(projection.source))
        sizes = partial(sizes, units(projection.target))
        yield from _component((*path, "weights"), projection.weights, WEIGHTS, WEIGHTS_SIZES, sizes)
    for key, registry in (("synapse", SYNAPSES), ("plasticity", PLASTICITY)):
        part = getattr(projection, key)
        if part is not None:
            yield from _component((*path, key), part, registry, SYNAPSE_SIZES, lambda _: {})
    if projection.connectome is not None:
        try:
            tracts = Tracts(**projection.connectome.arguments())
        except DRMError as error:
            text = f"{projection.label}: {shortened(str(error))}; change it"
            yield Problem((*path, "connectome"), text)
        else:
            yield from prior_problems(path, tracts, projection.priors)
    elif projection.priors:
        yield from _delay_priors(path, projection, draft.resolution)


def weights_sizes(
    part: WeightsSpec, n_from: int, n_target: int, options: dict[str, Any]
) -> dict[str, int]:
    """Return the sizes of the weights of a projection.

    Parameters
    ----------
    part : WeightsSpec
    n_from, n_target : int
        Units of source and target.
    options : dict of str to object
        Arguments of the weights.
    """
    wanted = n_target if part.units is None else part.units
    return {"n_from": n_from, "n_to": WEIGHTS[part.kind].arriving(n_from, wanted, options)}


def _delay_priors(
    path: Path, projection: ProjectionSpec, resolution: float | None
) -> Iterator[Problem]:
    """Yield what is wrong with the priors of a projection whose delay makes sense."""
    low, high, delay = (
        projection.delay_min_s,
        projection.delay_max_s,
        projection.seconds(resolution or 0.0),
    )
    if low is None or high is None:
        yield Problem(
            (*path, "priors"),
            f"{projection.label}: only a delay with delay_min_s and delay_max_s has a prior; "
            "add them",
        )
    elif low < delay < high:
        yield from prior_problems(path, LearnedDelay(delay, low, high), projection.priors)


def _hrf(path: Path, readout: ReadoutSpec) -> Iterable[Problem]:
    if readout.hrf is None or readout.kind not in READOUTS:
        return []
    if "hrf" not in inspect.signature(READOUTS[readout.kind]).parameters:
        return [Problem((*path, "hrf"), f"{readout.kind} has no hemodynamics; take it out")]
    return _component((*path, "hrf"), readout.hrf, HRFS, HRF_SIZES, lambda _: {"n_regions": 1})


def _population_sizes(part: PopulationSpec, options: dict[str, Any]) -> dict[str, int]:
    units = MOST_UNITS if part.units == "auto" else part.units
    return {"n_units": units, "n_inputs": POPULATIONS[part.kind].fewest_inputs(units, options)}


def _component(
    path: Path,
    part: OpenPart,
    registry: Registry,
    sizes: frozenset[str],
    sizes_to_try: Callable[[dict[str, Any]], dict[str, Any]],
) -> Iterator[Problem]:
    kind = part.kind
    if kind not in registry:
        yield Problem(
            (*path, "kind"), f"unknown {registry.kind} {kind!r}; {suggestion(kind, registry)}"
        )
        return
    component = registry[kind]
    known = options_of(component, sizes)
    found = False
    for key, value in part.options.items():
        if key in known:
            message = known[key].problem(value)
        else:
            hint = suggestion(key, [*type(part).model_fields, *known])
            message = f"unknown key {key!r} of {kind}; {hint}"
        if message:
            found = True
            yield Problem((*path, key), message)
    for key, option in known.items():
        if option.default is option.REQUIRED and key not in part.options:
            found = True
            yield Problem(path, f"the key {key!r} of {kind} is missing; add it")
    if not found:
        # a check must not move the random numbers that training starts from
        with RANDOM, torch.random.fork_rng(devices=[]):
            try:
                options = arguments(component, sizes, part.options)
                node = component(**sizes_to_try(options), **options)
            except DRMError as error:
                yield Problem(path, f"{shortened(str(error))}; change the options")
            else:
                yield from prior_problems(path, node, getattr(part, "priors", None))
                prior = getattr(part, "weight_prior", None)
                yield from weight_prior_problems(path, node, prior)
