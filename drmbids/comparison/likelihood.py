"""How probable held-out runs are under models, the error variance known from training runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from drmbids.comparison.held_out import held_out_series
from drmbids.core.exceptions import UsageError
from drmbids.core.results import Results
from drmbids.core.run import Run
from drmbids.metrics.likelihood import log_likelihood, squared_error
from drmbids.metrics.scores import ratio, without_nuisance


def with_log_likelihood(results: Results, runs: Sequence[Run]) -> Results:
    """Return the results with a score ``log_likelihood``, for paired differences and model choice.

    Errors are taken as Gaussian and independent, with the variance of the errors in the training
    runs of the fold, nuisance taken out of both. BOLD errors are autocorrelated, so the numbers
    are too large in size: read differences between models, not the numbers.

    Parameters
    ----------
    results : Results
        Of :func:`~drmbids.compare_models` with ``return_estimators=True``.
    runs : sequence of Run
        The runs it was given.

    Returns
    -------
    Results
        The same with a column ``log_likelihood``: nats, summed over the runs of the fold; NaN
        where the training runs leave no error variance.

    Raises
    ------
    UsageError
        If there are no estimators, or results and runs do not belong together.

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> runs = [run(k) for k in range(3)]
    >>> results = compare_models({"glm": GLMBaseline()}, runs, return_estimators=True)
    >>> with_log_likelihood(results, runs).scores
    ['r', 'r2', 'log_likelihood']
    """
    if set(results.estimators) != set(results.predictions) or not results.estimators:
        raise UsageError("the fitted models were not kept; compare with return_estimators=True")
    found = {}
    for model, by_fold in results.estimators.items():
        series = held_out_series(results, runs, model)
        variances = {
            fold: _training_variance(results, runs, fold, estimator)
            for fold, estimator in by_fold.items()
        }
        for part in series:
            keys = pd.MultiIndex.from_frame(part.targets)
            variance = variances[part.fold].reindex(keys).to_numpy()
            rank = part.basis.shape[1]
            value = log_likelihood(part.measured, part.predicted, variance, rank)
            key = (model, part.fold)
            found[key] = found.get(key, 0.0) + pd.Series(value, index=keys)
    names = ["model", "fold", "region", "target"]
    column = pd.concat(found, names=names[:2]).rename("log_likelihood")
    return replace(results, table=results.table.join(column, on=names))


def _training_variance(
    results: Results, runs: Sequence[Run], fold: str, estimator: Any
) -> pd.Series:
    """Return the error variance of each target over the training runs of a fold."""
    folds = results.folds
    assert folds is not None and results.nuisance is not None
    train = set(folds["run"][(folds["fold"] == fold) & (folds["part"] == "train")])
    members, regions = [run for run in runs if run.label in train], estimator.regions_
    error, freedom = np.zeros((2, sum(regions.values())))
    for run, series in zip(members, estimator.predict(members), strict=True):
        measured, predicted, basis = without_nuisance(run, series, regions, results.nuisance)
        more = squared_error(measured, predicted, basis.shape[1])
        error, freedom = error + more[0], freedom + more[1]
    keys = [(region, k) for region, n in regions.items() for k in range(n)]
    index = pd.MultiIndex.from_tuples(keys, names=["region", "target"])
    return pd.Series(ratio(error, freedom), index=index)
