"""What is wrong with weights, synapses and connectomes of projections."""

from collections.abc import Iterator

from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.parts import EACH_REGION, ProjectionSpec
from drmbids.brain.modelfile.problems import Path, Problem


def check_transmission(draft: Draft) -> Iterator[Problem]:
    """Yield the faults in how projections transmit, but for the options of components.

    Parameters
    ----------
    draft : Draft

    Yields
    ------
    Problem
    """
    for index, projection in enumerate(draft.projections):
        if projection is not None and projection.connectome is not None:
            yield from _connectome(("projections", index), projection, draft)


def _connectome(path: Path, projection: ProjectionSpec, draft: Draft) -> Iterator[Problem]:
    connectome, label = projection.connectome, projection.label
    assert connectome is not None
    for key in ("delay_s", "delay_ticks", "delay_min_s", "weights", "plasticity", "dale"):
        if getattr(projection, key) is not None:
            yield Problem(
                (*path, key), f"{label}: a connectome stands in place of {key}; take one out"
            )
    where = (*path, "connectome")
    if EACH_REGION in (projection.source, projection.target):
        yield Problem(
            where,
            f"{label}: a connectome is between the units of a population; make one population with "
            "a unit for each region",
        )
        return
    for name in ("weights", "lengths_mm"):
        rows = getattr(connectome, name)
        if len({len(row) for row in rows}) > 1:
            yield Problem((*where, name), f"{label}: rows of {name} differ in length")
            return
    n_to, n_from = connectome.shape
    lengths = connectome.lengths_mm
    if (len(lengths), len(lengths[0])) != (n_to, n_from):
        yield Problem(
            (*where, "lengths_mm"),
            f"{label}: weights are {n_to} x {n_from}, lengths {len(lengths)} x {len(lengths[0])}",
        )
    for name, n in ((projection.target, n_to), (projection.source, n_from)):
        population = draft.populations.get(name)
        if population is not None and population.units not in ("auto", n):
            yield Problem(
                where,
                f"{label}: the connectome is {n_to} x {n_from} [to][from], {name} has "
                f"{population.units} units",
            )
