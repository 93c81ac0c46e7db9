"""A model and the shape of the data to a model in which nothing is left open."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from drmbids.brain.modelfile.check import check_relations
from drmbids.brain.modelfile.components import check_components
from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.parts import (
    EACH_REGION,
    FEWEST_UNITS,
    MOST_UNITS,
    UNITS_PER_COLUMN,
    PopulationSpec,
    ProjectionSpec,
    StimulusSpec,
)
from drmbids.brain.modelfile.problems import Problem, raise_problems, suggestion
from drmbids.brain.modelfile.readouts import path_of
from drmbids.brain.modelfile.responses import Sources, named_sources, own_populations, regions_of
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.brain.modelfile.ticks import settled_resolution
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.run import Run

#: A model that keeps its class when it is resolved.
M = TypeVar("M", bound=StatedModel)


def resolve(spec: M, data: Sequence[Run] | DataShape) -> M:
    """Return the model with every region, condition, size and delay written out.

    Parameters
    ----------
    spec : StatedModel
    data : sequence of Run, or DataShape

    Returns
    -------
    StatedModel
        Without ``each_region``, ``auto`` and ``all``; delays in seconds.

    Raises
    ------
    ModelError
        Listing all that the model asks for and the data lack, and what does not fit together.
    """
    shape = DataShape.of(data)
    problems: list[Problem] = []
    resolution = settled_resolution(spec, shape, problems)
    stimuli = _stimuli(spec, shape, problems)
    regions = regions_of(spec, shape, problems)
    problems += [
        Problem(
            (*path_of(name), "confounds"),
            "shared weights need the same confound columns in all runs; use per_run",
        )
        for name, part in spec.readout_parts.items()
        if part.confounds == "shared" and shape.confounds is None
    ]
    raise_problems(problems)
    own = own_populations(spec, regions)
    declared = _populations(spec, own)
    projections = _projections(spec, own, resolution, problems)
    raise_problems(problems)
    units = _auto_units(declared, projections, stimuli)
    populations = {
        name: population.model_copy(update={"units": units[name]})
        if population.units == "auto"
        else population
        for name, population in declared.items()
    }
    resolved = spec.model_copy(
        update={
            "resolution_s": resolution,
            "stimuli": {name: StimulusSpec(conditions=c) for name, c in stimuli.items()},
            "populations": populations,
            "projections": tuple(_with_conditions(p, stimuli) for p in projections),
            **_readouts(spec, regions, populations),
        }
    )
    draft = Draft.of_spec(resolved)
    raise_problems(
        # the positions of projections are not those of the file, their names tell more
        Problem(p.path[:1], p.message) if p.path[:1] == ("projections",) else p
        for p in (*check_relations(draft), *check_components(draft))
    )
    return resolved


def _stimuli(
    spec: StatedModel, shape: DataShape, problems: list[Problem]
) -> dict[str, tuple[str, ...]]:
    out = {}
    for name, stimulus in spec.stimuli.items():
        there = shape.stimuli.get(name)
        if there is None:
            problems.append(
                Problem(
                    ("stimuli", name),
                    f"the runs have no stimulus {name!r}; {suggestion(name, shape.stimuli)}",
                )
            )
            continue
        numbers = shape.modulators.get(name, ())
        plain = tuple(c for c in there if c not in numbers)
        wanted = plain if stimulus.conditions == "all" else stimulus.conditions
        asked = numbers if stimulus.modulators == "all" else stimulus.modulators or ()
        problems += [
            Problem(
                ("stimuli", name, "modulators"),
                f"the runs have no modulator {column!r}; {suggestion(column, numbers)}",
            )
            for column in asked
            if column not in numbers
        ]
        problems += [
            Problem(
                ("stimuli", name, "conditions"),
                f"the runs have no condition {condition!r}; {suggestion(condition, there)}",
            )
            for condition in wanted
            if condition not in there
        ]
        if not wanted:
            problems.append(
                Problem(("stimuli", name), "no run has an event of it; check the events files")
            )
        out[name] = tuple(dict.fromkeys((*wanted, *asked)))
    return out


def _readouts(
    spec: StatedModel, regions: Mapping[str, Sources], populations: Mapping[str, PopulationSpec]
) -> dict[str, Any]:
    """Return the readouts with the names of the populations that feed each region."""
    parts = {
        name: part.model_copy(update={"regions": named_sources(regions[name], populations)})
        for name, part in spec.readout_parts.items()
    }
    return {"readout": parts[ONLY]} if spec.readouts is None else {"readouts": parts}


def _populations(spec: StatedModel, regions: list[str]) -> dict[str, PopulationSpec]:
    out: dict[str, PopulationSpec] = {}
    for name, population in spec.populations.items():
        if name == EACH_REGION:
            out |= {r: population for r in regions if r not in spec.populations}
        else:
            out[name] = population
    return out


def _projections(
    spec: StatedModel, regions: list[str], resolution: float, problems: list[Problem]
) -> list[ProjectionSpec]:
    """Return one projection for each pair; what names more of its ends wins."""
    chosen: dict[tuple[str, str], tuple[int, ProjectionSpec]] = {}
    for projection in spec.projections:
        ends = [projection.source, projection.target]
        named = sum(end != EACH_REGION for end in ends)
        sources, targets = (regions if end == EACH_REGION else [end] for end in ends)
        for source, target in ((s, t) for s in sources for t in targets):
            if source == target and named < 2:
                continue
            rank, other = chosen.get((source, target), (-1, projection))
            said, other_said = (
                (p.conduction(resolution), p.gates, p.transmission()) for p in (projection, other)
            )
            if rank == named and said != other_said:
                problems.append(
                    Problem(
                        ("projections",),
                        f"{source} -> {target} follows from {other.label} and {projection.label} "
                        "with different delays, gates or synapses; write this one out by its names",
                    )
                )
            if rank < named:
                chosen[source, target] = (named, projection)
    return [
        ProjectionSpec(
            **{"from": s, "to": t, **p.conduction(resolution), "gated_by": p.gated_by},
            **p.transmission(),
        )
        for (s, t), (_, p) in chosen.items()
    ]


def _with_conditions(
    projection: ProjectionSpec, stimuli: dict[str, tuple[str, ...]]
) -> ProjectionSpec:
    """Return a projection, the conditions that modulate it written out."""
    if projection.gated_by is None:
        return projection
    gates = tuple(
        gate.model_copy(update={"conditions": stimuli[gate.by]})
        if gate.conditions == "all" and gate.by in stimuli
        else gate
        for gate in projection.gated_by
    )
    return projection.model_copy(update={"gated_by": gates})


def _auto_units(
    names: Iterable[str],
    projections: Sequence[ProjectionSpec],
    stimuli: dict[str, tuple[str, ...]],
) -> dict[str, int]:
    """Return the size of each population by the stimulus columns that reach it directly, or all."""
    columns = dict.fromkeys(names, 0)
    for projection in projections:
        if projection.target in columns:  # whether it is there is checked when all is written out
            sent = projection.named_conditions or stimuli.get(projection.source, ())
            columns[projection.target] += len(sent)
    every = sum(map(len, stimuli.values()))
    sizes = {
        name: min(max(UNITS_PER_COLUMN * (n or every), FEWEST_UNITS), MOST_UNITS)
        for name, n in columns.items()
    }
    for projection in projections:  # a connectome knows how many units there are
        if projection.connectome is not None:
            sizes[projection.target], sizes[projection.source] = projection.connectome.shape
    return sizes
