"""What a fitted model predicts in response to an event of each condition, and what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from drmbids.compare.inference.vertex import vertex_shift
from drmbids.data.runs.nuisance import Nuisance, given_nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError

#: Durations in seconds of the events whose responses are predicted: a brief one, and a block.
BRIEF_S, BLOCK_S = 1.0, 20.0

#: Seconds after the end of an event for which its response is followed.
AFTER_S = 24.0

#: Seconds between predicted values; a peak between them is found by a parabola.
STEP_S = 0.1

COLUMNS = ("condition", "duration_s", "region", "time_s", "response")


def event_responses(
    estimator: Any,
    runs: Sequence[Run],
    durations: Sequence[float] = (BRIEF_S, BLOCK_S),
    conditions: Sequence[str] | None = None,
    stimulus: str = "events",
) -> pd.DataFrame:
    """Return the response that a fitted model predicts to a single event of each condition.

    An otherwise silent run with one event is predicted, and the prediction for a run without any
    is taken from it. So it holds for nonlinear models too, in the unit of what was measured.

    Parameters
    ----------
    estimator : estimator
        Fitted to runs; any estimator of this package.
    runs : sequence of Run
        Runs that it was fitted to: they say which conditions and confounds there are.
    durations : sequence of float
        Seconds that the events last.
    conditions : sequence of str, optional
        Default: all that occur in the runs.
    stimulus : str
        Name of the events in the runs.

    Returns
    -------
    DataFrame
        Columns ``condition, duration_s, region, time_s`` (seconds from the onset) and
        ``response``, the mean over the targets of the region.

    Raises
    ------
    DataError
        If no run has events of that name.
    UsageError
        If a duration is not positive, or a condition does not occur.

    Examples
    --------
    A GLM answers with the response that it assumes, which SPM's has 5 s after a brief event:

    >>> from drmbids import Events, GLMBaseline, Run, Stream
    >>> rng = np.random.default_rng(0)
    >>> events = Events([10.0, 50.0], [2.0, 2.0], ["face", "house"])
    >>> bold = Stream(rng.normal(size=(50, 2)), 2.0 * np.arange(50))
    >>> runs = [Run({"V1": bold}, {"events": events}, tr=2.0)]
    >>> table = event_responses(GLMBaseline("spm").fit(runs), runs, durations=[0.1])
    >>> round(float(response_peaks(table)["peak_s"].iloc[0]))
    5
    """
    check_is_fitted(estimator)
    if not all(0 < duration < np.inf for duration in durations):
        raise UsageError(f"durations must be positive numbers of seconds, got {list(durations)}")
    there = conditions_of(runs, stimulus)
    wanted = there if conditions is None else list(conditions)
    unknown = [name for name in wanted if name not in there]
    if unknown:
        raise UsageError(f"conditions {unknown} do not occur in the runs, which have {there}")
    length = max(durations, default=0.0) + AFTER_S
    trials = [(name, float(duration)) for name in wanted for duration in durations]
    shown = [Events([0.0], [d], [name], columns=there) for name, d in trials]
    shown.insert(0, Events([], [], [], columns=there))  # what there is without any event
    predicted = estimator.predict([_run_like(runs[0], {stimulus: e}, length) for e in shown])
    if isinstance(predicted, Mapping):
        parts = [(estimator.readouts_[name], predicted[name]) for name in predicted]
    else:
        parts = [(estimator.regions_, predicted)]
    times = STEP_S * np.arange(len(parts[0][1][0]))
    means = {
        region: [of_run[:, k] for of_run in found]
        for regions, series in parts
        for found in [[region_means(of_run, regions) for of_run in series]]
        for k, region in enumerate(regions)
    }
    tables = []
    for region, series in means.items():
        for (name, duration), values in zip(trials, series[1:], strict=True):
            kept = times <= duration + AFTER_S + STEP_S / 2
            response = (values - series[0])[kept]
            rows = {"condition": name, "duration_s": duration, "region": region}
            tables.append(pd.DataFrame(rows | {"time_s": times[kept], "response": response}))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def conditions_of(runs: Sequence[Run], stimulus: str = "events") -> list[str]:
    """Return the conditions of events over all runs, or raise :class:`DataError` without any."""
    found: dict[str, None] = {}
    for run in runs:
        events = run.stimuli.get(stimulus)
        if isinstance(events, Events):
            found |= dict.fromkeys(c for c in events.columns if c not in events.modulators)
    if not found:
        raise DataError(f"no run has events called {stimulus!r}, so there are no responses")
    return list(found)


def _run_like(run: Run, stimuli: Mapping[str, Any], length: float) -> Run:
    """Return a run to be predicted every :data:`STEP_S`, whose confounds are at their mean."""
    confounds = None
    if run.confounds is not None:
        columns = run.confounds.columns
        confounds = Stream(np.zeros((2, len(columns))), [0.0, length], columns)
    return Run({}, dict(stimuli), confounds, duration=length + STEP_S, tr=STEP_S)


def response_peaks(table: pd.DataFrame) -> pd.DataFrame:
    """Return when and how high each response of :func:`event_responses` peaks.

    Parameters
    ----------
    table : DataFrame
        From :func:`event_responses`.

    Returns
    -------
    DataFrame
        Columns ``condition, duration_s, region, peak_s`` (seconds from the onset, of the largest
        absolute value; NaN for a response of zero) and ``height``.
    """
    rows = []
    keys = ["condition", "duration_s", "region"]
    for key, part in table.groupby(keys, sort=False):
        values, times = part["response"].to_numpy(), part["time_s"].to_numpy()
        k = int(np.abs(values).argmax())
        peak, height = times[k], values[k]
        if not height:
            peak = np.nan
        elif 0 < k < len(values) - 1:
            peak = times[k] + vertex_shift(*values[k - 1 : k + 2]) * (times[1] - times[0])
        rows.append((*key, float(peak), float(height)))
    return pd.DataFrame(rows, columns=[*keys, "peak_s", "height"])


def event_averages(
    estimator: Any,
    runs: Sequence[Run],
    nuisance: Nuisance | None = None,
    length: float = AFTER_S,
    stimulus: str = "events",
) -> pd.DataFrame:
    """Return the average around the events of each condition, of measured and predicted series.

    Both are averaged in the same way, so that responses to neighbouring events, which overlap, are
    in both: what differs is what the model misses.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    runs : sequence of Run
    nuisance : Nuisance, optional
        What is taken out of both series before; the default drift and confounds.
    length : float
        Seconds after the onset that are averaged.
    stimulus : str
        Name of the events in the runs.

    Returns
    -------
    DataFrame
        Columns ``condition, region, time_s`` (middle of bins as wide as the repetition time, from
        the onset), ``measured``, ``predicted`` (means over events and the targets of the region),
        ``n_events``.
    """
    check_is_fitted(estimator)
    nuisance = given_nuisance(nuisance)
    conditions = conditions_of(runs, stimulus)
    predicted = estimator.predict(list(runs))
    if isinstance(predicted, Mapping):
        raise UsageError("a model of several readouts has no single time axis; take one of them")
    step = max(float(np.median(np.diff(run.measured_times()))) for run in runs)
    n_bins = max(1, int(np.ceil(length / step)))
    regions = estimator.regions_
    sums = np.zeros((len(conditions), n_bins, 2, len(regions)))
    counts = np.zeros((len(conditions), n_bins, 1, len(regions)))
    n_events = np.zeros(len(conditions), dtype=int)
    for run, series in zip(runs, predicted, strict=True):
        events, times = run.stimuli.get(stimulus), run.measured_times(list(regions))
        if not isinstance(events, Events):
            continue
        basis = nuisance.basis(run, times)
        measured = np.concatenate([run.responses[name].values for name in regions], axis=1)
        alike = np.where(np.isfinite(measured), series, np.nan)  # the same targets in both means
        both = [region_means(project_out(basis, x), regions) for x in (measured, alike)]
        both = np.where(np.isfinite(both[0]), np.stack(both), 0.0)
        there = np.isfinite(region_means(measured, regions))
        for onset, name in zip(events.onsets, events.conditions, strict=True):
            if name not in conditions:  # a number that modulates an event, which has its own row
                continue
            c = conditions.index(name)
            bins = np.floor((times - onset) / step).astype(int)
            rows = np.flatnonzero((bins >= 0) & (bins < n_bins))
            n_events[c] += bool(rows.size)
            np.add.at(sums[c], bins[rows], both[:, rows].swapaxes(0, 1))
            np.add.at(counts[c], bins[rows], there[rows][:, None])
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    tables = [
        pd.DataFrame(
            {
                "condition": name,
                "region": region,
                "time_s": step * (np.arange(n_bins) + 0.5),
                "measured": means[c, :, 0, r],
                "predicted": means[c, :, 1, r],
                "n_events": n_events[c],
            }
        )
        for r, region in enumerate(regions)
        for c, name in enumerate(conditions)
    ]
    return pd.concat(tables, ignore_index=True)


def region_means(series: np.ndarray, regions: Mapping[str, int]) -> np.ndarray:
    """Return the mean over the targets of each region, of those that are there at a time.

    Parameters
    ----------
    series : array of shape (n_times, n_targets)
        Targets of all regions side by side; NaN where missing.
    regions : mapping of str to int
        Number of targets of each.

    Returns
    -------
    array of shape (n_times, n_regions)
        NaN at times when no target of a region is there.
    """
    ends = np.cumsum(list(regions.values()))
    columns = []
    for n, end in zip(regions.values(), ends, strict=True):
        part = series[:, end - n : end]
        there = np.isfinite(part).any(axis=1)
        mean = np.full(len(part), np.nan)
        mean[there] = np.nanmean(part[there], axis=1)
        columns.append(mean)
    return np.column_stack(columns)
