"""Memory that the weights of a model need, estimated from its sizes before any are made."""

from collections.abc import Mapping

from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.parts import PopulationSpec, ProjectionSpec
from drmbids.brain.modelfile.problems import Path, Problem
from drmbids.data.tools.memory import memory_limit, readable

# A weight, its gradient and two moments of Adam, in float32.
_BYTES = 16


def too_large(draft: Draft) -> list[Problem]:
    """Return the populations and projections with more weights than there is memory for.

    Sizes that the data decide count as the smallest ones, so that nothing is refused that fits.

    Parameters
    ----------
    draft : Draft

    Returns
    -------
    list of Problem
        One for each, at the key that makes it so large.
    """
    limit = memory_limit()
    if limit is None:
        return []
    problems = []
    for name, part in draft.populations.items():
        if part is None or part.units == "auto":
            continue
        inputs = sum(
            _arriving(p, draft)
            for p in draft.projections
            if p is not None and p.target == name and not _coupling(p, part)
        )
        needed = _BYTES * part.units * (inputs + 1)
        if needed > limit:
            text = _said(f"{part.units} units with {inputs} inputs", needed, limit)
            problems.append(Problem(("populations", name, "units"), text))
    for index, p in enumerate(draft.projections):
        if p is None or p.weights is None or p.weights.kind != "dense":
            continue
        n_from, n_to = _units(draft.populations, p.source), _arriving(p, draft)
        if _BYTES * n_from * n_to > limit:
            path: Path = ("projections", index, "weights")
            text = _said(f"{p.label}: {n_from} x {n_to} weights", _BYTES * n_from * n_to, limit)
            problems.append(Problem(path, text))
    return problems


def _said(what: str, needed: int, limit: int) -> str:
    return (
        f"{what} need about {readable(needed)} of memory to be trained, and this machine has "
        f"{readable(limit)}; use fewer units"
    )


def _units(populations: Mapping[str, PopulationSpec | None], name: str) -> int:
    part = populations.get(name)
    return 1 if part is None or part.units == "auto" else part.units


def _arriving(projection: ProjectionSpec, draft: Draft) -> int:
    """Return how many units arrive at least."""
    stimulus = draft.stimuli.get(projection.source)
    if stimulus is not None:
        return 1 if stimulus.conditions == "all" else len(stimulus.conditions)
    if projection.weights is None:
        return _units(draft.populations, projection.source)
    if projection.weights.units is not None:
        return projection.weights.units
    return _units(draft.populations, projection.target) if projection.weights.kind == "dense" else 1


def _coupling(projection: ProjectionSpec, part: PopulationSpec) -> bool:
    """Return whether a projection is what couples the units of a mass, one for one."""
    return projection.source == projection.target and bool(part.options.get("coupled"))
