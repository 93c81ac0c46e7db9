"""How probable held-out runs are under models, the error variance known from training runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.held_out import folds_of, held_out_series
from drmbids.compare.crossvalidation.run_scores import is_left_out, over_runs
from drmbids.data.runs.align import ONLY, saw_readout
from drmbids.data.runs.fold import TestedRun
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import Results, as_results
from drmbids.data.runs.run import Run
from drmbids.data.runs.same_folds import complete_scores
from drmbids.data.runs.targets import as_runs, with_targets
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.linear import tr_of
from drmbids.fit.estimators.fitted import (
    fitted_estimator,
    fitted_readouts,
    predict_each,
)
from drmbids.maths.metrics.likelihood import SquaredError, autoregressive_error, squared_error
from drmbids.maths.metrics.scores import (
    measured_values,
    ratio,
    score_run,
    without_nuisance,
    without_rounding,
)
from drmbids.maths.metrics.whitening import check_steps


def with_log_likelihood(results: Results, runs: Sequence[Run]) -> Results:
    """Return the results with a score ``log_likelihood``, for paired differences and model choice.

    Errors are taken as Gaussian and independent (those of counts and choices too, so that models of
    any kind can be compared), with the variance of the errors in the training runs of the fold,
    nuisance taken out of both. BOLD errors are autocorrelated, so the numbers
    are too large in size: read differences between models, not the numbers. Errors of
    :class:`~drmbids.ARBaseline` are taken as autocorrelated, as they are in the training runs.

    Parameters
    ----------
    results : Results
        Of :func:`~drmbids.compare_models` with ``return_estimators=True``. (With its
        ``log_likelihood=True`` the scores are there at once, and no model needs to be kept.)
    runs : sequence of Run
        The runs it was given.

    Returns
    -------
    Results
        The same with a column ``log_likelihood``: nats, summed over the runs of the fold; NaN
        where the training runs leave no error variance, as where they are reproduced exactly.

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
    results = as_results(results)
    if set(results.estimators) != set(results.predictions) or not results.estimators:
        raise UsageError("the fitted models were not kept; compare with return_estimators=True")
    assert results.nuisance is not None
    runs = [with_targets(run, results.targets) for run in as_runs(runs)]
    folds, found = folds_of(results, runs), []
    for model, by_fold in results.estimators.items():
        for part in results.by_readout():  # raises unless results and runs belong together
            if model in part.predictions:
                held_out_series(part, runs, model)
        for fold, estimator in by_fold.items():
            train, test = folds[fold].training_runs(runs), folds[fold].tested_runs(runs)
            found_for = [results.predictions[model][tested.run.label] for tested in test]
            series = [s if isinstance(s, Mapping) else {ONLY: s} for s in found_for]
            scores = score_runs(estimator, train, test, series, results.nuisance, True)
            found.append(scores.assign(model=model, fold=fold))
    if not found:
        raise UsageError("the fitted models were not kept; compare with return_estimators=True")
    names, scores = ["model", "fold", "region", "target"], ["r", "r2", "log_likelihood"]
    whole = complete_scores(pd.concat(found, ignore_index=True), scores, names)
    whole = over_runs(whole[~is_left_out(whole, results.left_out)], scores)
    column = whole.set_index(names)["log_likelihood"]
    return replace(results, table=results.table.join(column, on=names))


def score_runs(
    estimator: Any,
    train: Sequence[Run],
    test: Sequence[TestedRun],
    predicted: Sequence[Mapping[str, np.ndarray]],
    nuisance: Nuisance,
    log_likelihood: bool = False,
) -> pd.DataFrame:
    """Return the scores of each run that a fold holds out.

    Parameters
    ----------
    estimator, train, test, predicted, nuisance
        As for :func:`run_log_likelihoods`.
    log_likelihood : bool
        Whether there is such a column.

    Returns
    -------
    DataFrame
        Columns ``run, region, target, r, r2``, maybe ``log_likelihood``, and ``readout`` where
        there are several.
    """
    likely = (
        run_log_likelihoods(estimator, train, test, predicted, nuisance) if log_likelihood else {}
    )
    parts = []
    for name, regions in fitted_readouts(estimator).items():
        scored = [
            score_run(tested.run, series[name], regions, nuisance, tested.trained).assign(
                run=tested.run.label
            )
            for tested, series in zip(test, predicted, strict=True)
            if saw_readout(tested.run, name, regions)
        ]
        if log_likelihood:
            each = zip(scored, likely[name], strict=True)
            scored = [table.assign(log_likelihood=values) for table, values in each]
        scored = scored or [unscored_run(test[0].run.label, regions, log_likelihood)]
        scores = pd.concat(scored, ignore_index=True)
        parts.append(scores if name == ONLY else scores.assign(readout=name))
    return pd.concat(parts, ignore_index=True)


def unscored_run(run: str, regions: Mapping[str, int], log_likelihood: bool) -> pd.DataFrame:
    """Return missing scores of a run.

    Parameters
    ----------
    run : str
        Label.
    regions : mapping of str to int
        Number of targets of each.
    log_likelihood : bool
        Whether there is such a column.
    """
    rows = [(run, region, k) for region, n in regions.items() for k in range(n)]
    names = ["r", "r2", *["log_likelihood"] * log_likelihood]
    return pd.DataFrame(rows, columns=["run", "region", "target"]).assign(
        **dict.fromkeys(names, np.nan)
    )


def run_log_likelihoods(
    estimator: Any,
    train: Sequence[Run],
    test: Sequence[TestedRun],
    predicted: Sequence[Mapping[str, np.ndarray]],
    nuisance: Nuisance,
) -> dict[str, list[np.ndarray]]:
    """Return the log-likelihood of each target in each held-out run of one fold.

    Parameters
    ----------
    estimator : estimator
        Fitted to the training runs.
    train : sequence of Run
    test : sequence of TestedRun
    predicted : sequence of mapping of str to array of shape (n_measured, n_targets)
        What the estimator predicts for each held-out run, by readout.
    nuisance : Nuisance
        What is taken out of measured and predicted series.

    Returns
    -------
    dict of str to list of array of shape (n_targets,)
        By readout, for each run that it measured: in nats, targets of all regions side by side.
    """
    fitted = predict_each(estimator, train)
    seen, found = [TestedRun(run, run.label) for run in train], {}
    for name, regions in fitted_readouts(estimator).items():
        trained, tested = (
            [
                _error(estimator, part, series[name], regions, nuisance)
                for part, series in zip(some, predictions, strict=True)
                if saw_readout(part.run, name, regions)
            ]
            for some, predictions in ((seen, fitted), (test, predicted))
        )
        variance = ratio(sum(e.total for e in trained), sum(e.freedom for e in trained))
        found[name] = [error.log_likelihood(variance) for error in tested]
    return found


def _error(
    estimator: Any,
    part: TestedRun,
    predicted: np.ndarray,
    regions: Mapping[str, int],
    nuisance: Nuisance,
) -> SquaredError:
    """Return the errors of one run, autocorrelated where the estimator takes them so."""
    run = part.run
    weights = run.measured_weights(list(regions))
    measured, cleaned, _, basis = without_nuisance(run, predicted, regions, nuisance, part.trained)
    # a run that is reproduced has an error of rounding, which is none
    rest = without_rounding(measured - cleaned, measured_values(run, regions))
    fitted = fitted_estimator(estimator)
    autoregression = getattr(fitted, "autoregression_", None)
    if autoregression is None:
        return squared_error(rest, np.zeros_like(rest), basis.shape[1], weights)
    times = run.measured_times(list(regions))
    if not np.isclose(tr_of(run, times), fitted.tr_):
        raise DataError(
            f"{run.label}: TR {tr_of(run, times):g} s, but the autocorrelation of "
            f"{type(fitted).__name__} is that of samples {fitted.tr_:g} s apart"
        )
    check_steps(times, fitted.tr_, run.label)
    return autoregressive_error(rest, basis, times, fitted.tr_, autoregression, weights)
