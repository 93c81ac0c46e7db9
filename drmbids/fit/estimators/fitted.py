"""What a fitted estimator is, predicts and was fitted to, also within a search or a pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from drmbids.data.runs.align import ONLY
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import UsageError


def fitted_estimator(estimator: Any) -> Any:
    """Return what was fitted in the end: within a search, or at the end of a pipeline.

    Parameters
    ----------
    estimator : estimator
        An estimator over runs, or scikit-learn's ``GridSearchCV`` or ``Pipeline`` of one.
    """
    if isinstance(estimator, Pipeline):
        return fitted_estimator(estimator[-1])
    if hasattr(estimator, "best_estimator_"):
        return fitted_estimator(estimator.best_estimator_)
    return estimator


def fitted_regions(estimator: Any) -> dict[str, int]:
    """Return the regions of a fitted estimator, also within a search or at the end of a pipeline.

    Parameters
    ----------
    estimator : estimator
        An estimator over runs, or scikit-learn's ``GridSearchCV`` or ``Pipeline`` of one.

    Raises
    ------
    UsageError
        If there are none.
    """
    estimator = fitted_estimator(estimator)
    if not hasattr(estimator, "regions_"):
        raise UsageError(f"{type(estimator).__name__} does not predict responses of regions")
    return estimator.regions_


def predict_each(estimator: Any, runs: Sequence[Run]) -> list[dict[str, np.ndarray]]:
    """Return what an estimator predicts of each run, by readout; an only one has an empty name.

    Parameters
    ----------
    estimator : estimator
        Fitted, over runs.
    runs : sequence of Run

    Returns
    -------
    list of dict of str to array of shape (n_measured, n_targets)
    """
    predicted = estimator.predict(runs)
    if not isinstance(predicted, Mapping):
        return [{ONLY: series} for series in predicted]
    return [dict(zip(predicted, run, strict=True)) for run in zip(*predicted.values(), strict=True)]


def fitted_readouts(estimator: Any) -> dict[str, dict[str, int]]:
    """Return the regions of each readout of a fitted estimator, as :func:`fitted_regions` does.

    Parameters
    ----------
    estimator : estimator
        An estimator over runs, or scikit-learn's ``GridSearchCV`` or ``Pipeline`` of one.
    """
    regions = fitted_regions(estimator)
    return getattr(fitted_estimator(estimator), "readouts_", {ONLY: regions})
