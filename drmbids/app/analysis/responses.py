"""What fitted models predict for the events of each condition, and warnings of odd parameters."""

import warnings
from collections.abc import Sequence

import pandas as pd

from drmbids.brain.readouts.bold import BOLD
from drmbids.compare.inference.event_responses import (
    conditions_of,
    event_averages,
    event_responses,
    response_peaks,
)
from drmbids.compare.inference.plausibility import USUAL_PEAKS_S, implausible_parameters, odd_peaks
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, TrainingWarning, UsageError
from drmbids.fit.estimators.drm import DRMRegressor

#: Conditions above which single events are not predicted: nobody reads a figure of so many.
MOST_CONDITIONS = 24

#: Phrases of one kind that a warning lists before it counts.
_MOST_LISTED = 3


def response_tables(
    estimator: DRMRegressor, runs: Sequence[Run], nuisance: Nuisance
) -> dict[str, pd.DataFrame]:
    """Return predicted responses to events of each condition, and averages around events.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted.
    runs : sequence of Run
        What it was fitted to.
    nuisance : Nuisance
        What is taken out of series before they are averaged.

    Returns
    -------
    dict of str to DataFrame
        ``responses`` and ``averages``; empty where there are no events, or events of too many
        conditions.
    """
    try:
        conditions = conditions_of(runs)
    except DataError:
        return {}
    if len(conditions) > MOST_CONDITIONS:
        return {}
    tables = {"responses": event_responses(estimator, runs)}
    try:
        return tables | {"averages": event_averages(estimator, runs, nuisance)}
    except UsageError:  # several readouts have no one time axis
        return tables


def warn_of_implausible(
    name: str, estimator: DRMRegressor, runs: Sequence[Run], responses: pd.DataFrame | None
) -> None:
    """Warn of parameters at a limit or beyond the data, and of responses at unusual times.

    Parameters
    ----------
    name : str
        Of the model.
    estimator : DRMRegressor
        Fitted.
    runs : sequence of Run
    responses : DataFrame or None
        Predicted responses to single events.

    Warns
    -----
    TrainingWarning
        In a line for each kind.
    """
    early, late = USUAL_PEAKS_S
    kinds = {
        "is at a limit, or beyond what the data can show, so that its value is no estimate": (
            implausible_parameters(estimator.net_, runs)
        ),
        f"measured responses to brief events peak between {early:g} and {late:g} s: read time "
        "constants, delays and hemodynamics together, or keep some fixed in the model file": (
            odd_peaks(response_peaks(responses))
            if responses is not None and isinstance(estimator.net_.readout, BOLD)
            else []
        ),
    }
    for meaning, phrases in kinds.items():
        if phrases:
            more = len(phrases) - _MOST_LISTED
            listed = "; ".join(phrases[:_MOST_LISTED]) + (f"; {more} more" if more > 0 else "")
            warnings.warn(f"{name}: {listed} ({meaning})", TrainingWarning, stacklevel=2)
