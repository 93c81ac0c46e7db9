"""What is wrong with the readouts of a model: names, weights, and the regions they predict."""

from collections.abc import Iterator

from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.gates import unknown_name
from drmbids.brain.modelfile.parts import ReadoutSpec
from drmbids.brain.modelfile.problems import Path, Problem
from drmbids.brain.net.readouts import check_name
from drmbids.data.runs.align import ONLY
from drmbids.data.tools.exceptions import ModelError


def path_of(name: str) -> Path:
    """Return where a readout stands in a model file.

    Examples
    --------
    >>> path_of("spikes"), path_of("")
    (('readouts', 'spikes'), ('readout',))
    """
    return ("readout",) if name == ONLY else ("readouts", name)


def check_readouts(draft: Draft) -> Iterator[Problem]:
    """Yield the faults in the readouts of a model, but for the options of components.

    Parameters
    ----------
    draft : Draft

    Yields
    ------
    Problem
    """
    if ONLY in draft.readouts and len(draft.readouts) > 1:
        yield Problem(
            ("readout",), "both readout and readouts are given; make it one of the readouts"
        )
    claimed: dict[str, str] = {}
    for name, part in draft.readouts.items():
        if part is not None:
            yield from _sources(path_of(name), part, draft)
            yield from _weight(path_of(name), part)
        if part is not None and name != ONLY:
            yield from _named(name, part)
            for region in part.regions or ():
                if claimed.setdefault(region, name) != name:
                    yield Problem(
                        (*path_of(name), "regions", region),
                        f"{region!r} is predicted by readouts.{claimed[region]} too; keep it in "
                        "one of them",
                    )
    weights = [1.0 if part is None else part.weight for part in draft.readouts.values()]
    if not any(weight is None or weight for weight in weights):
        yield Problem(("readouts",), "all weights are 0, so nothing is trained; raise one")


def _sources(path: Path, part: ReadoutSpec, draft: Draft) -> Iterator[Problem]:
    for region, populations in (part.regions or {}).items():
        if populations == "all":
            continue
        for index, name in enumerate(populations):
            if name not in draft.populations:
                yield Problem(
                    (*path, "regions", region, index), unknown_name(name, draft.populations)
                )
        if len(set(populations)) < len(populations):
            yield Problem((*path, "regions", region), "a population is there twice; keep one")


def _weight(path: Path, part: ReadoutSpec) -> Iterator[Problem]:
    if path == path_of(ONLY) and part.weight is not None:
        yield Problem((*path, "weight"), "an only readout has no weight; take it out")


def _named(name: str, part: ReadoutSpec) -> Iterator[Problem]:
    try:
        check_name(name)
    except ModelError as error:
        yield Problem(path_of(name), f"{error}; rename it")
    if part.regions is None:
        yield Problem(
            path_of(name),
            "one of several readouts has to say which regions it predicts; add regions, for "
            "example {V1: all}",
        )
