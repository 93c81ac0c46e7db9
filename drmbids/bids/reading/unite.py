"""What the runs of one data set have in common: repetition time, voxels, conditions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from drmbids.bids.files.problems import error, warn
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream

#: Seconds by which two statements of one repetition time may differ.
TR_TOLERANCE = 1e-3


def check_same_tr(labels: Sequence[str], trs: Sequence[float | None]) -> None:
    """Raise DataError if the runs differ in repetition time.

    Parameters
    ----------
    labels : sequence of str
        Names of the runs.
    trs : sequence of float or None
        Their repetition times in seconds, None for irregular volumes, which may differ.
    """
    first, told = trs[0], ["irregular" if tr is None else f"{tr:g} s" for tr in trs]
    for label, tr, text in zip(labels, trs, told, strict=True):
        both = tr is not None and first is not None
        if abs(tr - first) > TR_TOLERANCE if both else tr is not first:
            found = f"{labels[0]} {told[0]}, {label} {text}"
            where = "runs with different repetition times"
            raise error("IM13", where, found, "load them separately")


def without_dead_voxels(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with only the voxels that have a signal in all of them.

    The targets of a data set must be the same in all its runs.

    Parameters
    ----------
    runs : sequence of Run
        On one grid; a voxel without a signal is NaN throughout.

    Raises
    ------
    DataError
        If a region has no voxel left.
    """
    space = runs[0].space
    if space is None:
        return list(runs)
    alive = {
        region: np.all([np.isfinite(r.responses[region].values).any(axis=0) for r in runs], axis=0)
        for region in space.members
    }
    empty = [region for region, good in alive.items() if not good.any()]
    if empty:
        found = f"no voxel with a finite, varying signal in all runs in region {', '.join(empty)}"
        remedy = "outside the field of view? Leave the region out"
        raise error("RG05", f"{runs[0].label} and {len(runs) - 1} more", found, remedy)
    lost = {region: int((~good).sum()) for region, good in alive.items() if not good.all()}
    if not lost:
        return list(runs)
    said = ", ".join(f"{region}: {n} of {len(alive[region])}" for region, n in lost.items())
    found = f"voxels constant or not finite in at least one run are left out of all runs: {said}"
    warn("IM16", runs[0].label, found, "look at the mask and the images there")
    kept = space.keep(alive)
    return [
        replace(
            run,
            space=kept,
            responses={name: _columns(s, alive[name]) for name, s in run.responses.items()},
        )
        for run in runs
    ]


def _columns(stream: Stream, keep: np.ndarray) -> Stream:
    """Return some columns of a stream."""
    names = [name for name, good in zip(stream.columns, keep, strict=True) if good]
    return replace(stream, values=stream.values[:, keep], columns=names)


def with_all_conditions(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with one and the same list of conditions.

    Parameters
    ----------
    runs : sequence of Run
        Runs that have the stimulus ``"events"``, or none of them.

    Raises
    ------
    DataError
        If no run has an event.
    """
    found = [run.stimuli.get("events") for run in runs]
    events = [one for one in found if isinstance(one, Events)]
    modulators = tuple(dict.fromkeys(name for one in events for name in one.modulators))
    conditions = sorted({c for one in events for c in one.columns} - set(modulators))
    if not events:
        return list(runs)
    if not conditions:
        where = f"{runs[0].label} and {len(runs) - 1} more"
        raise error("EV09", where, "no event in any run", "add the events, or choose other runs")
    _warn_of_alike(conditions, runs)
    return [
        replace(
            run,
            stimuli={
                **run.stimuli,
                "events": replace(one, columns=[*conditions, *modulators], modulators=modulators),
            },
        )
        for run, one in zip(runs, events, strict=True)
    ]


def _warn_of_alike(conditions: Sequence[str], runs: Sequence[Run]) -> None:
    """Warn of conditions that are one to a reader and two to a program."""
    alike: dict[str, list[str]] = {}
    for name in conditions:
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    several = [names for names in alike.values() if len(names) > 1]
    if several:
        told = ", ".join(repr(name) for name in several[0])
        more = f" (and {len(several) - 1} more such names)" if len(several) > 1 else ""
        found = f"the conditions {told} differ in blanks or capital letters alone{more}"
        remedy = "write them alike if they are one condition"
        warn("EV19", f"{runs[0].label} and {len(runs) - 1} more", found, remedy)
