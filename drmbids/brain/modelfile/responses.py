"""Which regions of the data each readout of a model predicts, and which populations feed them."""

from collections.abc import Mapping
from typing import Literal

from drmbids.brain.modelfile.parts import EACH_REGION
from drmbids.brain.modelfile.problems import Problem, listed, suggestion
from drmbids.brain.modelfile.readouts import path_of
from drmbids.brain.modelfile.shape import DataShape
from drmbids.brain.modelfile.stated import StatedModel
from drmbids.data.runs.align import ONLY

#: Populations that feed each region; all of them where that is what is said.
Sources = Mapping[str, Literal["all"] | tuple[str, ...]]


def regions_of(
    spec: StatedModel, shape: DataShape, problems: list[Problem]
) -> dict[str, dict[str, Literal["all"] | tuple[str, ...]]]:
    """Return the populations that feed each region of each readout.

    Parameters
    ----------
    spec : StatedModel
    shape : DataShape
    problems : list of Problem
        Gets what the model asks for and the data lack.

    Returns
    -------
    dict of str to dict
        Populations by region, by readout; ``each_region`` among them stands for the region's own.
    """
    there = list(shape.regions)
    if not there:
        problems.append(
            Problem((), "the runs have no responses, so there is no region; give measured runs")
        )
        return {name: {} for name in spec.readout_parts}
    if spec.readouts is None and spec.readout_parts[ONLY].regions is None:
        return {ONLY: _default_regions(spec, there, problems)}
    named = {r for part in spec.readout_parts.values() for r in part.regions or ()}
    found: dict[str, dict[str, Literal["all"] | tuple[str, ...]]] = {}
    for name, part in spec.readout_parts.items():
        found[name] = {}
        for region, populations in (part.regions or {}).items():
            if region == EACH_REGION:
                found[name] |= {r: populations for r in there if r not in named}
            elif region in there:
                found[name][region] = populations
            else:
                problems.append(
                    Problem(
                        (*path_of(name), "regions", region),
                        f"the runs have no region {region!r}; {suggestion(region, there)}",
                    )
                )
    if spec.readouts is not None:
        _judge_shares(found, there, problems)
    return found


def _judge_shares(found: Mapping[str, Sources], there: list[str], problems: list[Problem]) -> None:
    """Add readouts that are left without a region, and regions without a readout."""
    if problems:
        return  # a name that is wrong is both
    problems += [
        Problem((*path_of(name), "regions"), "no region of the runs is left for it; name one")
        for name, regions in found.items()
        if not regions
    ]
    claimed = {region for regions in found.values() for region in regions}
    unclaimed = [region for region in there if region not in claimed]
    if unclaimed:
        problems.append(
            Problem(
                ("readouts",),
                f"no readout predicts {listed(unclaimed)} of the runs; add it to the regions of "
                "one, or take it out of the runs (SelectResponses)",
            )
        )


def _default_regions(
    spec: StatedModel, there: list[str], problems: list[Problem]
) -> dict[str, Literal["all"] | tuple[str, ...]]:
    declared = spec.populations
    if EACH_REGION in declared:
        return dict.fromkeys(there, (EACH_REGION,))
    if len(there) == 1 and there[0] not in declared:
        return {there[0]: tuple(declared)}
    lonely = [region for region in there if region not in declared]
    if lonely:
        problems.append(
            Problem(
                ("populations",),
                f"no population for {listed(lonely)} of the data; add one of that name or "
                f"{EACH_REGION}, or list under readout.regions the regions to model",
            )
        )
    return {region: (region,) for region in there}


def own_populations(spec: StatedModel, regions: Mapping[str, Sources]) -> list[str]:
    """Return the regions that ``each_region`` stands for.

    All regions of an only readout; of several those that read a population of their own, as
    choices have none.

    Parameters
    ----------
    spec : StatedModel
    regions : mapping
        Of :func:`regions_of`.
    """
    return [
        region
        for part in regions.values()
        for region, sources in part.items()
        if spec.readouts is None or (sources != "all" and {region, EACH_REGION} & {*sources})
    ]


def named_sources(
    regions: Sources, populations: Mapping[str, object]
) -> dict[str, tuple[str, ...]]:
    """Return the populations that feed each region, all by their names.

    Parameters
    ----------
    regions : mapping
        Of one readout.
    populations : mapping
        Those of the net, by name.
    """
    return {
        region: tuple(populations)
        if sources == "all"
        else tuple(dict.fromkeys(region if name == EACH_REGION else name for name in sources))
        for region, sources in regions.items()
    }
