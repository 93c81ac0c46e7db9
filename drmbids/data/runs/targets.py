"""Targets of several runs, matched by their names and never by their position."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from drmbids.data.runs.run import Run, VoxelSpace
from drmbids.data.runs.space import PlaceSpace
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

#: Names of the targets of each region, in the order of their columns.
Targets = Mapping[str, tuple[str, ...]]


def as_runs(runs: Any) -> list[Run]:
    """Return runs in a list, or raise.

    Parameters
    ----------
    runs : iterable of Run

    Raises
    ------
    UsageError
        If it is something else, one run among it.

    Examples
    --------
    >>> as_runs(run for run in [])
    []
    """
    if isinstance(runs, Run):
        raise UsageError(f"runs must be a list of Run, got a single Run, {runs.label}: give [run]")
    if not isinstance(runs, Iterable) or isinstance(runs, str | bytes | Mapping):
        raise UsageError(f"runs must be a list of Run, got {shortly(runs)}")
    found = list(runs)
    for k, run in enumerate(found):
        if not isinstance(run, Run):
            raise UsageError(f"runs must be a list of Run, got {shortly(run)} in place {k}")
    return found


def targets_of(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    """Return the names of the targets of each region, as the first run with the region has them.

    Parameters
    ----------
    runs : sequence of Run
        Matched (:func:`match_targets`).
    """
    found: dict[str, tuple[str, ...]] = {}
    for run in runs:
        for region, stream in run.responses.items():
            found.setdefault(region, tuple(stream.columns))
    return found


def match_targets(runs: Sequence[Run]) -> list[Run]:
    """Return runs whose regions and targets come in the order of the first run.

    Targets are voxels, vertices, parcels or channels; what tells them is the name of their column.
    So runs that were loaded apart, and lost other voxels, are compared voxel by voxel. Columns
    without names of their own (numbered from 0) are taken as they come.

    Parameters
    ----------
    runs : sequence of Run
        A run may lack a region.

    Returns
    -------
    list of Run
        Targets that some of the runs with their region lack are left out of all, with a warning.

    Raises
    ------
    DataError
        If the runs have no target of a region in common, or one names its columns and another
        does not.

    Examples
    --------
    >>> def run(k, *names):
    ...     bold = Stream(np.ones((3, len(names))), [0.0, 2.0, 4.0], names)
    ...     return Run({"V1": bold}, tr=2.0, entities={"run": str(k)})
    >>> found = match_targets([run(1, "0_0_1", "0_0_2"), run(2, "0_0_2", "0_0_1")])
    >>> [one.responses["V1"].columns for one in found]
    [('0_0_1', '0_0_2'), ('0_0_1', '0_0_2')]
    """
    runs = as_runs(runs)
    wanted: dict[str, tuple[str, ...]] = {}
    lost: dict[str, str] = {}
    for region, names in targets_of(runs).items():
        having = [run for run in runs if region in run.responses]
        kept = names
        for run in having[1:]:
            own = _comparable(run, region, having[0], names)
            kept = tuple(name for name in kept if name in own) if own != kept else kept
        if not kept and names:
            raise DataError(
                f"runs share no target of {region!r}, from {having[0].label} to "
                f"{having[-1].label}; targets are matched by name, so load the runs from images of "
                "one grid, or give the columns of the responses the same names"
            )
        wanted[region] = kept
        every = {name for run in having for name in run.responses[region].columns}
        if _is_named(having[0], region) and len(kept) < len(every):
            lost[region] = f"{region}: {len(every) - len(kept)} of {len(every)}"
    if lost:
        warnings.warn(
            f"{runs[0].label} and {len(runs) - 1} more: targets that are not in all runs are left "
            f"out of all: {', '.join(lost.values())}",
            DataWarning,
            stacklevel=3,
        )
    return [_ordered(run, wanted) for run in runs]


def with_targets(run: Run, targets: Targets) -> Run:
    """Return a run with the targets of a fitted model, in their order.

    Parameters
    ----------
    run : Run
    targets : mapping of str to tuple of str
        Names of the targets of each region. Other responses of the run stay as they are.

    Returns
    -------
    Run
        Targets that the run lacks are NaN, with a warning; those the model lacks are left out.

    Raises
    ------
    DataError
        If the run has none of the targets of a region that it has, or one side has names and the
        other has not.
    """
    responses, lost = {}, {}
    for region, stream in run.responses.items():
        names = targets.get(region)
        if names is None or names == tuple(stream.columns):
            continue
        own = _comparable(run, region, None, names)
        if not _has_names(names):
            continue  # numbers alone: sizes are compared where the numbers are
        missing = sum(name not in own for name in names)
        if missing == len(names):
            raise DataError(
                f"{run.label}: has none of the {len(names)} targets of {region!r} that the model "
                f"was fitted to ({names[0]} ...); targets are matched by name"
            )
        if missing:
            lost[region] = f"{region}: {missing} of {len(names)}"
        responses[region] = _picked(stream, names)
    if lost:
        warnings.warn(
            f"{run.label}: lacks targets that the model was fitted to, they are missing (NaN): "
            f"{', '.join(lost.values())}",
            DataWarning,
            stacklevel=3,
        )
    if not responses:
        return run
    space = None if lost else _space(run, {n: s.columns for n, s in responses.items()})
    return replace(run, responses={**run.responses, **responses}, space=space)


def only_targets(run: Run, targets: Targets) -> Run:
    """Return a run with the responses of a fitted model alone, regions in its order as well.

    Parameters
    ----------
    run, targets
        As for :func:`with_targets`; no targets leave the run as it is.

    Raises
    ------
    DataError
        If the run lacks a region, and where :func:`with_targets` raises.
    """
    lacking = [region for region in targets if region not in run.responses]
    if lacking:
        raise DataError(
            f"{run.label}: no response {lacking[0]!r}, which the model was fitted to; it has "
            f"{list(run.responses)}"
        )
    run = with_targets(run, targets)
    if not targets or list(run.responses) == list(targets):
        return run
    return replace(run, responses={region: run.responses[region] for region in targets})


def _comparable(
    run: Run, region: str, first: Run | None, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the names of a run's targets, or raise if they cannot be held against others."""
    own = tuple(run.responses[region].columns)
    if own == names:
        return own
    reference = _has_names(names) if first is None else _is_named(first, region)
    if _is_named(run, region) != reference:
        other = "the model was fitted to" if first is None else f"{first.label} has"
        raise DataError(
            f"{run.label}: targets of {region!r} are called {_some(own)}, but those that {other} "
            f"{_some(names)}; give the columns of the responses the same names"
        )
    if not reference and first is not None:
        raise DataError(
            f"{run.label}: regions (targets) {{{region!r}: {len(own)}}} differ from "
            f"{{{region!r}: {len(names)}}} of {first.label}, and columns without names cannot be "
            "matched; name them (Stream(..., columns=...))"
        )
    return own


def _is_named(run: Run, region: str) -> bool:
    """Return whether the targets of a region have names of their own."""
    placed = run.space is not None and region in run.space.members
    return placed or _has_names(tuple(run.responses[region].columns))


def _has_names(names: tuple[str, ...]) -> bool:
    """Return whether names are more than the numbers that columns get by themselves."""
    return any(name != str(k) for k, name in enumerate(names))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


def _ordered(run: Run, wanted: Targets) -> Run:
    """Return a run with regions and targets in the order that is wanted."""
    regions = [region for region in wanted if region in run.responses]
    same = all(tuple(run.responses[n].columns) == wanted[n] for n in regions)
    if same and regions == list(run.responses):
        return run
    responses = {n: _picked(run.responses[n], wanted[n]) for n in regions}
    return replace(run, responses=responses, space=_space(run, {n: wanted[n] for n in regions}))


def _picked(stream: Stream, names: tuple[str, ...]) -> Stream:
    """Return some columns of a stream by name, NaN where it has none."""
    if names == tuple(stream.columns):
        return stream
    place = {name: k for k, name in enumerate(stream.columns)}
    index = np.array([place.get(name, -1) for name in names])
    values = np.where(index >= 0, stream.values[:, index], np.nan)
    weights = stream.weights
    if weights is not None and weights.shape[1] > 1:
        weights = np.where(index >= 0, weights[:, index], 1.0)
    return replace(stream, values=values, columns=names, weights=weights)


def _space(run: Run, wanted: Targets) -> VoxelSpace | PlaceSpace | None:
    """Return where the picked targets lie."""
    if run.space is None:
        return None
    index = {region: np.arange(len(members)) for region, members in run.space.members.items()}
    for region, names in wanted.items():
        if region in index:
            place = {name: k for k, name in enumerate(run.responses[region].columns)}
            index[region] = np.array([place[name] for name in names], dtype=int)
    return run.space.keep(index)
