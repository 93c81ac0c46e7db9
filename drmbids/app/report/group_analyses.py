"""Which analyses of participants are one analysis over them, and how they differ."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pandas as pd

from drmbids.app.report.folder import Analysis, entities_of

# Entities that a participant's analysis has in its name only because all of its runs share them:
# another participant may have other sessions, or more of them.
_BY_CHANCE = ("ses", "acq", "ce", "rec", "dir", "cohort")
_SHOWN = 5


def name_analyses(analyses: Sequence[Analysis]) -> dict[Analysis, str]:
    """Return what each participant's analysis is called over participants.

    The name of its files without the participant; where that differs between participants only in
    sessions, acquisitions and the like, and each of them has one such analysis, they are one, named
    by what they share.

    Parameters
    ----------
    analyses : sequence of Analysis
    """
    alike = defaultdict(list)
    for analysis in analyses:
        kept = {k: v for k, v in _entities(analysis).items() if k not in _BY_CHANCE}
        alike[tuple(kept.items())].append(analysis)
    found = {}
    for group in alike.values():
        participants = [participant_of(analysis) for analysis in group]
        one_each = len(set(participants)) == len(participants)
        shared = set.intersection(*(set(_entities(a).items()) for a in group))
        for analysis in group:
            pairs = [p for p in _entities(analysis).items() if not one_each or p in shared]
            found[analysis] = "_".join(f"{k}-{v}" for k, v in pairs) or "all"
    return {analysis: found[analysis] for analysis in analyses}


def participant_of(analysis: Analysis) -> str:
    """Return the participant of an analysis: ``sub-01``."""
    return f"sub-{entities_of(analysis.stem).get('sub', 'n/a')}"


def told_differences(names: Mapping[Analysis, str], scores: pd.DataFrame) -> list[str]:
    """Return how participants of one analysis differ, and who is missing in which, as sentences.

    Parameters
    ----------
    names : mapping of Analysis to str
        From :func:`name_analyses`.
    scores : DataFrame
        Columns ``participant_id, analysis, model, region``.
    """
    told = []
    everybody = list(dict.fromkeys(map(participant_of, names)))
    for name in dict.fromkeys(names.values()):
        members = [analysis for analysis, other in names.items() if other == name]
        there = [participant_of(analysis) for analysis in members]
        absent = [participant for participant in everybody if participant not in there]
        if absent:
            told.append(
                f"{name}: compares {_listed(there)}; {_listed(absent)} "
                f"{'has' if len(absent) == 1 else 'have'} no such analysis and "
                f"{'is' if len(absent) == 1 else 'are'} not in it"
            )
        stems = {participant_of(a): _by_chance(a) for a in members}
        runs = {participant_of(a): len(a.inputs["runs"]) for a in members if a.inputs.get("runs")}
        rows = scores[scores["analysis"] == name]
        told += _differing(name, "in sessions or acquisitions", stems)
        told += _differing(name, "in the number of runs", {p: str(n) for p, n in runs.items()})
        for column in ("model", "region"):
            told += _lacking(name, column, rows)
    return told


def _lacking(name: str, column: str, rows: pd.DataFrame) -> list[str]:
    """Return which models or regions some participants lack."""
    there = pd.crosstab(rows[column].astype(str), rows["participant_id"]) > 0
    found = [
        f"{value} ({_listed(list(there.columns[~there.loc[value]]))})"
        for value in dict.fromkeys(rows[column].astype(str))
        if not there.loc[value].all()
    ]
    if not found:
        return []
    more = ", and rows over all regions are not of the same regions" * (column == "region")
    return [f"{name}: some participants lack a {column}: {_listed(found)}{more}"]


def _differing(name: str, what: str, of: Mapping[str, str]) -> list[str]:
    """Return who has what, if participants differ."""
    by_value = defaultdict(list)
    for participant, value in of.items():
        by_value[value].append(participant)
    if len(by_value) < 2:
        return []
    parts = "; ".join(f"{value or 'none'} ({_listed(who)})" for value, who in by_value.items())
    return [f"{name}: participants differ {what}, and are compared with each other: {parts}"]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _entities(analysis: Analysis) -> dict[str, str]:
    """Return the entities of an analysis but for its participant."""
    return {k: v for k, v in entities_of(analysis.stem).items() if k != "sub"}


def _by_chance(analysis: Analysis) -> str:
    """Return the sessions, acquisitions and the like of the runs of an analysis."""
    runs = [str(run.get("label", "")) for run in analysis.inputs.get("runs", ())]
    named = [entities_of(name) for name in runs or [analysis.stem]]
    pairs = (f"{k}-{found[k]}" for k in _BY_CHANCE for found in named if k in found)
    return ", ".join(dict.fromkeys(pairs))
