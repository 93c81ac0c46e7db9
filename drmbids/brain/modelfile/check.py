"""What the parts of a model must be to each other: names that exist, delays that can be run."""

from collections.abc import Iterable, Iterator

from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.gates import check_gates, unknown_conditions, unknown_name
from drmbids.brain.modelfile.parts import EACH_REGION, ProjectionSpec
from drmbids.brain.modelfile.problems import Path, Problem
from drmbids.brain.modelfile.readouts import check_readouts
from drmbids.brain.modelfile.transmission import check_transmission
from drmbids.brain.net.graph import strong_components, zero_delay_order
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.time import delay_to_ticks
from drmbids.data.tools.exceptions import ModelError


def check_relations(draft: Draft) -> list[Problem]:
    """Return the faults in names, projections and regions of a model.

    Parameters
    ----------
    draft : Draft

    Returns
    -------
    list of Problem
    """
    checks = (
        _names,
        _ends,
        _twice,
        _conditions,
        _delays,
        check_gates,
        check_transmission,
        _zero_delay_loops,
        _unreached,
        check_readouts,
        _unread,
    )
    return [problem for check in checks for problem in check(draft)]


def _projections(draft: Draft) -> Iterator[tuple[int, ProjectionSpec]]:
    """Yield the projections that are well formed and whose ends exist."""
    sources = {*draft.stimuli, *draft.populations}
    for index, projection in enumerate(draft.projections):
        if (
            projection is not None
            and projection.target in draft.populations
            and projection.source in sources
        ):
            yield index, projection


def _names(draft: Draft) -> Iterator[Problem]:
    if EACH_REGION in draft.stimuli:
        yield Problem(("stimuli", EACH_REGION), f"{EACH_REGION} is reserved; choose another name")
    for name in draft.populations:
        if name in draft.stimuli:
            yield Problem(
                ("populations", name), f"{name!r} is also the name of a stimulus; rename one"
            )
    for name, stimulus in draft.stimuli.items():
        conditions = () if stimulus is None else stimulus.conditions
        if conditions != "all" and len(set(conditions)) < len(conditions):
            yield Problem(
                ("stimuli", name, "conditions"),
                f"a condition is there twice in {list(conditions)}; keep one",
            )


def _ends(draft: Draft) -> Iterator[Problem]:
    known = {**draft.stimuli, **draft.populations}
    for index, projection in enumerate(draft.projections):
        if projection is None:
            continue
        path = ("projections", index)
        if projection.delay_s is not None and projection.delay_ticks is not None:
            yield Problem(
                path, f"{projection.label}: both delay_s and delay_ticks are given; keep one"
            )
        if projection.target in draft.stimuli:
            yield Problem(
                (*path, "to"),
                f"{projection.target!r} is a stimulus and receives nothing; name a population",
            )
        elif projection.target not in draft.populations:
            yield Problem((*path, "to"), unknown_name(projection.target, draft.populations))
        if projection.source not in known:
            yield Problem(
                (*path, "from"), unknown_name(projection.source, known, "stimulus or population")
            )


def _twice(draft: Draft) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, projection in enumerate(draft.projections):
        if projection is not None and first.setdefault(projection.label, index) != index:
            yield Problem(
                ("projections", index),
                f"{projection.label}: there twice, see projections[{first[projection.label]}]; "
                "keep one",
            )


def _conditions(draft: Draft) -> Iterator[Problem]:
    """Yield what is wrong with the conditions that drive the target of a projection."""
    for index, projection in _projections(draft):
        path, named = ("projections", index, "conditions"), projection.named_conditions
        if projection.conditions is None:
            continue
        if projection.source in draft.populations:
            found = f"{projection.label}: {projection.source!r} is a population and has none"
            yield Problem(path, f"{found}; take them out")
        elif len(set(named)) < len(named):
            yield Problem(path, f"{projection.label}: a condition is there twice; keep one")
        else:
            yield from unknown_conditions(path, projection.source, named, draft)


def _delays(draft: Draft) -> Iterator[Problem]:
    for index, projection in enumerate(draft.projections):
        if projection is None:
            continue
        yield from _limits(("projections", index), projection, draft.resolution)
        fixed = projection.delay_min_s is None and projection.delay_max_s is None
        if draft.resolution is not None and projection.delay_s is not None and fixed:
            try:
                delay_to_ticks(projection.delay_s, draft.resolution, projection.label)
            except ModelError as error:
                yield Problem(("projections", index, "delay_s"), str(error))
        if projection.source == projection.target and projection.instant(draft.resolution):
            what = "populations of two regions" if projection.source == EACH_REGION else "it"
            yield Problem(
                ("projections", index),
                f"{projection.label}: without delay {what} would form a loop within one tick; "
                + _more_delay(projection),
            )


def _more_delay(projection: ProjectionSpec) -> str:
    """Return what gives a projection a delay of a tick or more."""
    if projection.connectome is not None:
        return "lower its velocity or its upper limit, or resolution_s"
    if projection.delay_min_s is None:
        return "add delay_s or delay_ticks"
    return "let delay_min_s be a tick or more"


def _limits(path: Path, projection: ProjectionSpec, resolution: float | None) -> Iterator[Problem]:
    """Yield what is wrong with the limits of a delay that is learned."""
    low, high, label = projection.delay_min_s, projection.delay_max_s, projection.label
    if low is None and high is None:
        if projection.trainable is not None:
            yield Problem(
                (*path, "trainable"),
                f"{label}: only a delay with delay_min_s and delay_max_s can be trained; add them",
            )
    elif low is None or high is None:
        given, other = ("delay_max_s", "delay_min_s")[:: 1 if low is None else -1]
        yield Problem((*path, given), f"{label}: {given} is given without {other}; add it")
    elif projection.delay_s is None and projection.delay_ticks is None:
        yield Problem(path, f"{label}: a delay with limits starts from delay_s; add it")
    elif projection.delay_s is not None or resolution is not None:
        delay = projection.seconds(resolution or 0.0)
        if not low < delay < high:
            yield Problem(
                path,
                f"{label}: {delay:g} s is not between its limits, {low:g} and {high:g} s; "
                "move the delay or the limits",
            )


def _zero_delay_loops(draft: Draft) -> Iterator[Problem]:
    names = list(draft.populations)
    at = {name: k for k, name in enumerate(names)}
    instant = {
        (at[p.target], at[p.source]): index
        for index, p in _projections(draft)
        if p.instant(draft.resolution) and p.source in at and p.source != p.target
    }
    instant |= {
        (at[p.target], at[gate.by]): index
        for index, p in _projections(draft)
        for gate in p.gates
        if not gate.delay_s and gate.by in at
    }
    delays = dict.fromkeys(instant, 0)
    for component in strong_components(len(names), delays):
        try:
            zero_delay_order(component, delays, names)
        except ModelError as error:
            last = max(i for (to, _), i in instant.items() if to in component)
            yield Problem(("projections", last), str(error))


def _spread(draft: Draft, start: Iterable[str], backwards: bool = False) -> set[str]:
    """Return all that projections lead to from the start, or that leads to it."""
    reached, edge = set(start), set(start)
    ends = [(p.source, p.target) for _, p in _projections(draft)]
    if backwards:  # what modulates a projection has a part in what its target does
        ends += [(gate.by, p.target) for _, p in _projections(draft) for gate in p.gates]
        ends = [(target, source) for source, target in ends]
    while edge:
        edge = {b for a, b in ends if a in edge} - reached
        reached |= edge
    return reached


def _unreached(draft: Draft) -> Iterator[Problem]:
    if None in draft.projections:
        return  # a projection that is not well formed may be the one that is missed
    reached = _spread(draft, draft.stimuli)
    # with each_region only the data tell which populations it stands for
    asked = [EACH_REGION] if EACH_REGION in draft.populations else draft.populations
    for name in asked:
        if name not in reached:
            yield Problem(
                ("populations", name),
                "no stimulus reaches it, directly or through others; add a projection to it",
            )


def _unread(draft: Draft) -> Iterator[Problem]:
    parts = draft.readouts.values()
    if EACH_REGION in draft.populations or any(p is None or p.regions is None for p in parts):
        return
    lines = [line for part in parts if part and part.regions for line in part.regions.values()]
    if "all" in lines:
        return
    read = {name for line in lines for name in line}
    if None in draft.projections or not read <= set(draft.populations):
        return
    feeding = _spread(draft, read, backwards=True)
    where = "readout.regions" if ONLY in draft.readouts else "the regions of a readout"
    for name in draft.populations:
        if name not in feeding:
            yield Problem(
                ("populations", name),
                "it feeds no region, directly or through others, so no data tell about it; "
                f"add it under {where}, or take it out",
            )
