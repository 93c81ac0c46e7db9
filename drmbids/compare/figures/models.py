"""Figures of fitted models: their graph, weights, hemodynamics, responses, training, intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from sklearn.utils.validation import check_is_fitted

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.tables import population_rows
from drmbids.compare.drawing.brain_graph import brain_graph
from drmbids.compare.drawing.connection_matrix import connection_matrix
from drmbids.compare.drawing.event_responses import event_responses as draw_responses
from drmbids.compare.drawing.hrfs import hrfs
from drmbids.compare.drawing.parameter_intervals import parameter_intervals
from drmbids.compare.drawing.recovery import recovery
from drmbids.compare.drawing.training_curve import training_curve
from drmbids.compare.inference.event_responses import (
    BLOCK_S,
    BRIEF_S,
    event_averages,
    event_responses,
)
from drmbids.compare.inference.intervals import parameter_intervals as intervals_of
from drmbids.compare.recovery.compare import recovery_table
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.fitted import fitted_estimator
from drmbids.fit.estimators.response_table import response_table


def plot_brain_graph(model: DRMNet | Any) -> Figure:
    """Draw stimuli, populations and the connections between them.

    Parameters
    ----------
    model : DRMNet or estimator
        A net, such as ``load_model(path).build(runs)``, or a fitted estimator that has one.

    Returns
    -------
    Figure
        Colour shows the sign of mean weights, width their size; a matrix where there are more than
        12 populations or 40 connections.

    Raises
    ------
    UsageError
        If the estimator has no net.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Leaky
    >>> from drmbids.plotting import plot_brain_graph
    >>> net = DRMNet({"V1": Leaky(4, 2)}, [DRMConnection()], [[None]], BOLD([4], [9]))
    >>> texts = [text.get_text() for text in plot_brain_graph(net).axes[0].texts]
    >>> "V1" in texts
    True
    """
    net = _net_of(model)
    return brain_graph(population_rows(net), pd.DataFrame(net.connection_rows()), net.stimuli)


def plot_connections(model: DRMNet | Any) -> Figure:
    """Draw mean weights of connections as a matrix, and delays beside it where there are any.

    Parameters
    ----------
    model : DRMNet or estimator
        As for :func:`plot_brain_graph`.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If the estimator has no net.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Leaky
    >>> from drmbids.plotting import plot_connections
    >>> net = DRMNet({"V1": Leaky(4, 2)}, [DRMConnection(0.1)], [[None]], BOLD([4], [9]))
    >>> [axes.get_title(loc="left") for axes in plot_connections(net).axes[:2]]
    ['Mean weight', 'Delay (s)']
    """
    net = _net_of(model)
    names = list(net.population_names)
    table = pd.DataFrame(net.connection_rows(), columns=_COLUMNS)
    return connection_matrix(table, sources=[*net.stimuli, *names], targets=names)


_COLUMNS = ["source", "target", "delay_s", "weight_mean"]


def plot_hrfs(model: DRMNet | Any) -> Figure:
    """Draw the hemodynamic responses of a model beside those of SPM and Glover.

    Parameters
    ----------
    model : DRMNet or estimator
        As for :func:`plot_brain_graph`.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If its hemodynamics are no response function, or there is no net.

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, DRMNet, Leaky
    >>> from drmbids.plotting import plot_hrfs
    >>> net = DRMNet({"V1": Leaky(4, 2)}, [DRMConnection()], [[None]], BOLD([4], [9]))
    >>> plot_hrfs(net).axes[0].get_ylabel()
    'Response (peak = 1)'
    """
    table = response_table(_net_of(model).readout)
    if table.empty:
        raise UsageError("the model has no hemodynamic response function; see plot_event_responses")
    return hrfs(table)


def plot_event_responses(
    estimator: Any,
    runs: Sequence[Run],
    durations: Sequence[float] = (BRIEF_S, BLOCK_S),
    nuisance: Nuisance | None = None,
) -> Figure:
    """Draw the response that a fitted model predicts to events, and averages around those shown.

    Parameters
    ----------
    estimator : estimator
        Fitted to runs.
    runs : sequence of Run
        Runs that it was fitted to, with their responses.
    durations : sequence of float
        Seconds that the predicted events last; three at most are drawn.
    nuisance : Nuisance, optional
        What is taken out of the measured series before averaging; the default drift and confounds.

    Returns
    -------
    Figure
        A row for each region; six regions at most.

    Raises
    ------
    DataError
        If the runs have no events.
    UsageError
        If a duration is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import Events, GLMBaseline, Run, Stream
    >>> from drmbids.plotting import plot_event_responses
    >>> bold = Stream(np.random.default_rng(0).normal(size=(50, 2)), 2.0 * np.arange(50))
    >>> events = Events([10.0, 50.0], [2.0, 2.0], ["face", "house"])
    >>> runs = [Run({"V1": bold}, {"events": events}, tr=2.0)]
    >>> figure = plot_event_responses(GLMBaseline().fit(runs), runs)
    >>> figure.axes[0].get_title(loc="left")
    'V1: predicted for single events'
    """
    responses = event_responses(estimator, runs, durations)
    several = len(getattr(fitted_estimator(estimator), "readouts_", {})) > 1
    averages = None if several else event_averages(estimator, runs, nuisance)
    units = {s.unit for run in runs for s in run.responses.values()} - {"", "1"}
    unit = units.pop() if len(units) == 1 else "image units"
    return draw_responses(responses, averages, unit)


def plot_training(estimator: Any) -> Figure:
    """Draw the loss of a fitted estimator over the epochs of training.

    Parameters
    ----------
    estimator : DRMRegressor or DRMClassifier
        Fitted; one that was loaded has no history.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If it has no history.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> from drmbids.plotting import plot_training
    >>> bold = Stream(np.random.default_rng(0).normal(size=(60, 2)), 2.0 * np.arange(60))
    >>> run = Run({"V1": bold}, {"events": Events([4.0], [9.0], ["face"])}, tr=2.0)
    >>> plot_training(DRMRegressor(n_epochs=2).fit([run])).axes[0].get_xlabel()
    'Epoch'
    """
    history = getattr(_fitted(estimator), "history_", None)
    if not history:
        raise UsageError("no history of training: the estimator was loaded, or has no epochs")
    return training_curve(pd.DataFrame(history))


def plot_intervals(
    estimator: DRMRegressor | pd.DataFrame,
    runs: Sequence[Run] | None = None,
    **options: Any,
) -> Figure:
    """Draw intervals of the physical parameters of a fitted model.

    Parameters
    ----------
    estimator : DRMRegressor or DataFrame
        Fitted, or the table of :func:`~drmbids.parameter_intervals`.
    runs : sequence of Run, optional
        What the estimator was fitted to.
    **options
        ``method, level ...`` of :func:`~drmbids.parameter_intervals`.

    Returns
    -------
    Figure

    Raises
    ------
    UsageError
        If an estimator comes without runs.

    Examples
    --------
    >>> from drmbids.plotting import plot_intervals
    >>> row = {"node": "V1", "parameter": "tau", "index": 0, "value": 1.0, "unit": "s",
    ...        "low": 0.8, "high": 1.3, "level": 0.95, "method": "laplace"}
    >>> plot_intervals(pd.DataFrame([row])).axes[0].get_xlabel()
    'Value (s)'
    """
    if isinstance(estimator, pd.DataFrame):
        return parameter_intervals(estimator)
    if runs is None:
        raise UsageError(
            "give the runs that the estimator was fitted to: plot_intervals(est, runs)"
        )
    return parameter_intervals(intervals_of(_fitted(estimator), runs, **options))


def plot_recovery(estimator: DRMRegressor, truth: pd.DataFrame | str | Path) -> Figure:
    """Draw what a fit to simulated data found against what the data were drawn with.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted.
    truth : DataFrame, str or Path
        A truth file that ``drmbids simulate`` wrote, or its rows.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the file is no truth file.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> from drmbids.plotting import plot_recovery
    >>> bold = Stream(np.random.default_rng(0).normal(size=(60, 2)), 2.0 * np.arange(60))
    >>> run = Run({"V1": bold}, {"events": Events([4.0], [9.0], ["face"])}, tr=2.0)
    >>> row = {"quantity": "HRF peak", "name": "V1", "unit": "s", "value": 5.0}
    >>> figure = plot_recovery(DRMRegressor(n_epochs=1).fit([run]), pd.DataFrame([row]))
    >>> figure.axes[0].get_xlabel()
    'truth (s)'
    """
    return recovery(recovery_table(_fitted(estimator), truth))


def _fitted(estimator: Any) -> Any:
    check_is_fitted(estimator)
    return fitted_estimator(estimator)


def _net_of(model: Any) -> DRMNet:
    """Return the net of a model, or raise."""
    if isinstance(model, DRMNet):
        return model
    net = getattr(_fitted(model), "net_", None) if hasattr(model, "fit") else None
    if net is None:
        raise UsageError(
            f"{type(model).__name__} has no brain to draw; give a DRMNet, such as "
            "load_model(path).build(runs), or a fitted DRMRegressor"
        )
    return net
