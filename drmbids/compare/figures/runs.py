"""Figures of runs: what was shown, what was measured and predicted, heart and breath."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from drmbids.compare.crossvalidation.whole_series import whole_series
from drmbids.compare.drawing.design import design
from drmbids.compare.drawing.physiology import physiology
from drmbids.compare.drawing.series import series
from drmbids.compare.figures.words import check_models
from drmbids.data.physiology.peaks import breaths, heart_beats
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError

_PEAKS = {"cardiac": heart_beats, "respiratory": breaths}


def plot_events(run: Run, stimulus: str = "events") -> Figure:
    """Draw the events of a run over time, a row for each condition.

    Parameters
    ----------
    run : Run
    stimulus : str
        Name of the events.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the run has no events of that name.

    Examples
    --------
    >>> from drmbids.plotting import plot_events
    >>> events = Events([4.0, 30.0], [10.0, 10.0], ["face", "house"])
    >>> axes = plot_events(Run({}, {"events": events}, duration=60.0)).axes[0]
    >>> [text.get_text() for text in axes.get_yticklabels()]
    ['face', 'house']
    """
    events = run.stimuli.get(stimulus)
    if not isinstance(events, Events):
        raise DataError(f"{run.label}: no events {stimulus!r}; the stimuli are {list(run.stimuli)}")
    table = pd.DataFrame(
        {
            "onset": events.onsets,
            "duration": events.durations,
            "condition": list(events.conditions),
            "amplitude": np.asarray(events.amplitudes),
        }
    )
    return design(table, run.duration, run.label, events.columns)


def plot_series(
    results: Results,
    runs: Sequence[Run],
    run: int = 0,
    region: str | None = None,
    target: int | None = None,
    baseline: str | None = None,
) -> Figure:
    """Draw the measured series of one target and what each model predicts for it.

    Parameters
    ----------
    results : Results
        With predictions, of :func:`~drmbids.compare_models`.
    runs : sequence of Run
        Those that were compared.
    run : int
        Which of them.
    region : str, optional
        Default: that of the best predicted target.
    target : int, optional
        Place of the target in its region. Default: that which the last model predicts best.
    baseline : str, optional
        Model drawn in grey.

    Returns
    -------
    Figure
        Drift and confounds are taken out of all series; held-out predictions, each from the fit
        that had not seen it.

    Raises
    ------
    UsageError
        If the results have no predictions or folds, no such region, target or model.

    Examples
    --------
    >>> from drmbids import GLMBaseline, MeanBaseline, compare_models
    >>> from drmbids.plotting import plot_series
    >>> rng = np.random.default_rng(0)
    >>> runs = [Run({"V1": Stream(rng.normal(size=(40, 3)), 2.0 * np.arange(40))},
    ...             {"events": Events([4.0], [9.0], ["face"])}, tr=2.0, entities={"run": str(k)})
    ...         for k in range(3)]
    >>> results = compare_models({"glm": GLMBaseline(), "mean": MeanBaseline()}, runs)
    >>> axes = plot_series(results, runs, region="V1", target=0).axes[0]
    >>> [line.get_label() for line in axes.lines]
    ['measured', 'glm', 'mean']
    """
    check_models(results, baseline)
    if not results.predictions or results.nuisance is None or not results.splits:
        raise UsageError("the results hold no predictions: a table of scores alone has no series")
    region, target = _place(results, region, target)
    found: dict[str, np.ndarray] = {}
    measured = np.empty(0)
    for model, predictions in results.predictions.items():
        regions = results.regions_of(model)
        if target >= regions.get(region, 0) or isinstance(
            next(iter(predictions.values())), Mapping
        ):
            continue
        column = sum(n for name, n in regions.items() if _before(regions, name, region)) + target
        whole = whole_series(predictions, results.splits, runs, results.nuisance, regions)
        measured, found[model] = (part[:, column] for part in whole[run])
    if not found:
        raise UsageError(f"no model predicts target {target} of region {region!r}")
    name = results.targets.get(region, ())
    label = name[target] if target < len(name) else str(target)
    stream = runs[run].responses[region]
    title = f"{region}, target {label}, {runs[run].label}"
    unit = stream.unit if stream.unit not in ("", "1") else "image units"
    return series(stream.times, measured, found, title, baseline, unit)


def _before(regions: Mapping[str, int], name: str, region: str) -> bool:
    order = list(regions)
    return order.index(name) < order.index(region)


def _place(results: Results, region: str | None, target: int | None) -> tuple[str, int]:
    """Return region and target to draw: the best of what is left open."""
    scores = results.per_target()
    known = list(dict.fromkeys(scores["region"]))
    if region is not None and region not in known:
        raise UsageError(f"no region {region!r} in the results, which have {known}")
    last = scores[scores["model"] == scores["model"].iloc[-1]]
    open_ = last if region is None else last[last["region"] == region]
    if target is not None:
        open_ = open_[open_["target"] == target]
    best = open_["r"].dropna()
    if best.empty:
        raise UsageError(f"no target {'' if target is None else target} of {region!r} has a score")
    row = open_.loc[best.idxmax()]
    return str(row["region"]), int(row["target"])


def plot_physiology(recordings: Stream | Sequence[Stream], title: str = "") -> Figure:
    """Draw recordings of heart and breath with the peaks that confounds are made of.

    Parameters
    ----------
    recordings : Stream, or sequence of Stream
        With a column ``cardiac``, ``respiratory`` or both.
    title : str
        Above the figure.

    Returns
    -------
    Figure
        Missed beats are dips of the rate to one half, beats found twice are jumps to the double.

    Raises
    ------
    UsageError
        If there is no such column, or neurokit2 is not installed.

    Examples
    --------
    >>> import pytest
    >>> _ = pytest.importorskip("neurokit2")
    >>> from drmbids.plotting import plot_physiology
    >>> t = np.arange(0, 100, 0.02)
    >>> breath = Stream(np.sin(2 * np.pi * t / 4)[:, None], t, ["respiratory"])
    >>> plot_physiology(breath).axes[0].get_ylabel()
    'Respiratory'
    """
    streams = [recordings] if isinstance(recordings, Stream) else list(recordings)
    found: dict[str, Any] = {
        name: stream for name in _PEAKS for stream in streams if name in stream.columns
    }
    if not found:
        raise UsageError(f"no recording has a column {' or '.join(_PEAKS)}")
    return physiology(found, {name: _PEAKS[name](stream) for name, stream in found.items()}, title)
