"""What is wrong with the gates of projections: names, conditions, delays."""

from collections.abc import Iterable, Iterator

from drmbids.brain.modelfile.draft import Draft
from drmbids.brain.modelfile.parts import EACH_REGION, GateSpec
from drmbids.brain.modelfile.problems import Path, Problem, suggestion
from drmbids.data.runs.time import delay_to_ticks
from drmbids.data.tools.exceptions import ModelError


def check_gates(draft: Draft) -> Iterator[Problem]:
    """Yield the faults of what modulates the projections of a model.

    Parameters
    ----------
    draft : Draft

    Yields
    ------
    Problem
    """
    for index, projection in enumerate(draft.projections):
        if projection is None:
            continue
        for number, gate in enumerate(projection.gates):
            path = ("projections", index, "gated_by", number)
            yield from _modulator(path, gate, draft)
            if draft.resolution is not None:
                try:
                    delay_to_ticks(gate.delay_s, draft.resolution, f"gate by {gate.by}")
                except ModelError as error:
                    yield Problem((*path, "delay_s"), str(error))


def _modulator(path: Path, gate: GateSpec, draft: Draft) -> Iterator[Problem]:
    if gate.by == EACH_REGION:
        yield Problem((*path, "by"), f"{EACH_REGION} cannot modulate; name one population")
    elif gate.by in draft.populations:
        if gate.conditions != "all":
            yield Problem(
                (*path, "conditions"), f"{gate.by!r} is a population and has none; take them out"
            )
    elif gate.by not in draft.stimuli:
        known = (*draft.stimuli, *draft.populations)
        yield Problem((*path, "by"), unknown_name(gate.by, known, "stimulus or population"))
    elif gate.conditions != "all":
        yield from unknown_conditions((*path, "conditions"), gate.by, gate.conditions, draft)


def unknown_conditions(
    path: Path, stimulus: str, conditions: Iterable[str], draft: Draft
) -> Iterator[Problem]:
    """Yield the conditions that a stimulus does not have, as far as the model says which it has."""
    part = draft.stimuli[stimulus]
    if part is None or part.conditions == "all":
        return
    there = (*part.conditions, *part.named_modulators)
    for condition in conditions:
        if condition not in there:
            found = f"{stimulus!r} has no condition {condition!r}"
            yield Problem(path, f"{found}; {suggestion(condition, there)}")


def unknown_name(name: str, known: Iterable[str], kind: str = "population") -> str:
    """Return the message about a name that nothing has."""
    if name == EACH_REGION:
        return f"{EACH_REGION} is used here but not declared; add it under populations"
    return f"unknown {kind} {name!r}; {suggestion(name, known)}"
