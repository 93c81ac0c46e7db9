"""What populations of a trained net represent, beside what is measured in regions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.targets import match_targets
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.maths.metrics.rsa import (
    Distance,
    Similarity,
    compare_dissimilarities,
    dissimilarity,
    dissimilarity_ceiling,
)


class HasActivity(Protocol):
    """A fitted estimator whose populations can be looked at."""

    net_: DRMNet

    def activity(self, run: Run) -> dict[str, np.ndarray]:
        """Return the activity of every population, shape (n_ticks, n_units)."""
        ...


def with_activity(
    estimator: HasActivity, runs: Sequence[Run], populations: Sequence[str] | None = None
) -> list[Run]:
    """Return runs whose stimuli are the activity of a trained net's populations.

    What a net does that was trained on behaviour alone, or on other data, then serves as features
    for the responses of these runs, with every estimator and comparison there is: a linear map
    from each population to each region, cross-validated like any model
    (``compare_models({name: RidgeBaseline() ...})``).

    Parameters
    ----------
    estimator : fitted estimator
        With a method ``activity``, such as :class:`~drmbids.DRMRegressor` and
        :class:`~drmbids.DRMClassifier`. It should not have seen the runs' responses.
    runs : sequence of Run
        With the stimuli of the estimator.
    populations : sequence of str, optional
        Those to take; all when absent.

    Returns
    -------
    list of Run
        Responses and confounds as they were; a stimulus for each population, a column for each
        unit, sampled at the resolution of the net.

    Raises
    ------
    UsageError
        If the net has no such population.
    """
    found = []
    for run in runs:
        activity = estimator.activity(run)
        names = list(activity) if populations is None else list(populations)
        unknown = [name for name in names if name not in activity]
        if unknown:
            raise UsageError(f"no population {unknown[0]!r}; the net has {list(activity)}")
        step = estimator.net_.resolution
        stimuli = {name: _stream(activity[name], step) for name in names}
        found.append(replace(run, stimuli=stimuli))
    return found


def _stream(activity: np.ndarray, step: float) -> Stream:
    """Return activity with the middles of its ticks as times."""
    return Stream(activity, (np.arange(len(activity)) + 0.5) * step)


def condition_patterns(
    runs: Sequence[Run],
    source: str,
    events: str | Sequence[Events] = "events",
    window: tuple[float, float] = (0.0, 0.0),
    nuisance: Nuisance | None = None,
) -> tuple[list[str], np.ndarray]:
    """Return the mean pattern of each condition in each run.

    Parameters
    ----------
    runs : sequence of Run
    source : str
        A response, or a stimulus that is a :class:`~drmbids.Stream` (see :func:`with_activity`).
    events : str or sequence of Events
        When conditions are shown: a stimulus of the runs, or events for each run.
    window : tuple of float
        Seconds added to onset and end of each event: ``(4, 4)`` for BOLD, which is late.
    nuisance : Nuisance, optional
        Taken out of the series first, as drift and confounds of BOLD should be.

    Returns
    -------
    conditions : list of str
        Those that every run has.
    patterns : array of shape (n_runs, n_conditions, n_units)

    Raises
    ------
    UsageError
        If there is no such series or no such events.
    DataError
        If runs share fewer than two conditions, or a condition has no sample.

    Examples
    --------
    >>> shown = Events([0.0, 2.0], [2.0, 2.0], ["face", "house"])
    >>> bold = Stream([[1.0], [3.0], [5.0], [7.0]], [0.0, 1.0, 2.0, 3.0])
    >>> run = Run({"FFA": bold}, {"events": shown}, duration=4.0)
    >>> condition_patterns([run], "FFA")[1].ravel()
    array([2., 6.])
    """
    runs = match_targets(runs)
    shown = [_events(run, events, k) for k, run in enumerate(runs)]
    conditions = [
        name for name in shown[0].columns if all(name in set(e.conditions) for e in shown)
    ]
    if len(conditions) < 2:
        raise DataError(f"the runs share {len(conditions)} conditions; two are needed")
    patterns = []
    for run, run_events in zip(runs, shown, strict=True):
        series = _series(run, source)
        values = series.values
        if nuisance is not None:
            values = project_out(nuisance.basis(run, series.times), values)
        patterns.append([_mean(values, series.times, run_events, c, window) for c in conditions])
        empty = [c for c, p in zip(conditions, patterns[-1], strict=True) if np.isnan(p).any()]
        if empty:
            raise DataError(
                f"{run.label}: {source!r} has no sample in the events of {empty[0]!r}; "
                "change the window, or take out units that are missing"
            )
    return conditions, np.array(patterns)


def _events(run: Run, events: str | Sequence[Events], number: int) -> Events:
    found = run.stimuli.get(events) if isinstance(events, str) else events[number]
    if not isinstance(found, Events):
        raise UsageError(f"{run.label}: no events {events!r}; it has {list(run.stimuli)}")
    return found


def _series(run: Run, source: str) -> Stream:
    found = run.responses.get(source, run.stimuli.get(source))
    if not isinstance(found, Stream):
        raise UsageError(
            f"{run.label}: no series {source!r}; it has {[*run.responses, *run.stimuli]}"
        )
    return found


def _mean(
    values: np.ndarray,
    times: np.ndarray,
    events: Events,
    condition: str,
    window: tuple[float, float],
) -> np.ndarray:
    """Return the mean over samples in the events of a condition, NaN where there is none."""
    rows = np.zeros(len(times), dtype=bool)
    for onset, duration, name in zip(
        events.onsets, events.durations, events.conditions, strict=True
    ):
        if name == condition:
            rows |= (times >= onset + window[0]) & (times < onset + duration + window[1])
    some = values[rows]
    there = ~np.isnan(some)
    n = there.sum(0)
    return np.where(n > 0, np.where(there, some, 0.0).sum(0) / np.maximum(n, 1), np.nan)


def compare_representations(
    estimator: HasActivity,
    runs: Sequence[Run],
    events: str | Sequence[Events] = "events",
    response_window: tuple[float, float] = (0.0, 0.0),
    activity_window: tuple[float, float] = (0.0, 0.0),
    distance: Distance = "correlation",
    similarity: Similarity = "spearman",
    nuisance: Nuisance | None = None,
) -> pd.DataFrame:
    """Compare which conditions populations and regions tell apart.

    Parameters
    ----------
    estimator : fitted estimator
        With a method ``activity``; trained on behaviour, or on other runs.
    runs : sequence of Run
        With measured responses.
    events : str or sequence of Events
        When conditions are shown.
    response_window, activity_window : tuple of float
        As ``window`` of :func:`condition_patterns`, for what is measured and for populations.
    distance, similarity : str
        See :func:`~drmbids.maths.metrics.rsa.dissimilarity` and
        :func:`~drmbids.maths.metrics.rsa.compare_dissimilarities`.
    nuisance : Nuisance, optional
        Taken out of the measured responses.

    Returns
    -------
    DataFrame
        Columns ``population, region, similarity, ceiling_low, ceiling_high``. The similarity is
        that of the population with each run of the region, averaged; the ceilings, from the
        differences between runs, are what the true model would reach, NaN with one run.

    Raises
    ------
    UsageError, DataError
        As :func:`condition_patterns`.
    """
    runs = match_targets(runs)
    shown = [_events(run, events, k) for k, run in enumerate(runs)]
    active = with_activity(estimator, runs)
    populations = {
        name: dissimilarity(condition_patterns(active, name, shown, activity_window)[1], distance)
        for name in active[0].stimuli
    }
    rows = []
    for region in runs[0].responses:
        patterns = condition_patterns(runs, region, shown, response_window, nuisance)[1]
        each = _each_run(patterns, distance)
        low, high = (np.nan, np.nan)
        if len(each) > 1:
            low, high = dissimilarity_ceiling(each, similarity)
        for name, model in populations.items():
            values = [compare_dissimilarities(model, one, similarity) for one in each]
            rows.append((name, region, float(np.mean(values)), low, high))
    columns = ["population", "region", "similarity", "ceiling_low", "ceiling_high"]
    return pd.DataFrame(rows, columns=columns)


def _each_run(patterns: np.ndarray, distance: Distance) -> list[np.ndarray]:
    """Return the dissimilarities of every run, or of all together where they need several."""
    if distance == "crossvalidated":
        return [dissimilarity(patterns, distance)]
    return [dissimilarity(run, distance) for run in patterns]
