"""Fits of models to folds, side by side in one process or shared among several."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone

from drmbids.compare.crossvalidation.kept_fold import FoldFit, load_fold, save_fold
from drmbids.compare.crossvalidation.likelihood import score_runs, unscored_run
from drmbids.compare.crossvalidation.units import Unit, Units, repeat_warnings
from drmbids.data.runs.align import ONLY, saw_readout
from drmbids.data.runs.fold import Fold, TestedRun
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingError, UsageError
from drmbids.data.tools.interruption import (
    Interrupted,
    at_good_places,
    stop_file,
    stop_if_asked,
    stop_on_signals,
    watching,
)
from drmbids.data.tools.processes import KILLED, TerminatedWorkerError, own_processes
from drmbids.data.tools.warned import recorded_warnings
from drmbids.fit.estimators.contents import find_regions
from drmbids.fit.estimators.fitted import fitted_estimator, fitted_readouts, predict_each
from drmbids.fit.estimators.together import fit_each


@dataclass(frozen=True, eq=False)
class FitPlan:
    """How the fits of a comparison are made.

    Parameters
    ----------
    nuisance : Nuisance
        Taken out of measured and predicted series before they are compared.
    at_once : int
        Fits that are trained side by side.
    n_jobs : int or None
        Processes, as joblib counts them; those of :func:`joblib.parallel_config` for None.
    log_likelihood : bool
        Whether scores have it.
    keep : bool
        Whether fitted estimators are kept.
    units : Units or None
        Where finished fits are kept, and found.
    """

    nuisance: Nuisance
    at_once: int = 1
    n_jobs: int | None = None
    log_likelihood: bool = False
    keep: bool = False
    units: Units | None = None


@dataclass(frozen=True, eq=False)
class _Task:
    """Fits that are made together, all that a process needs to make them."""

    estimators: list[Any]
    train: list[list[Run]]
    test: list[list[TestedRun]]
    labels: list[str]
    places: list[Unit] | None


def fit_folds(
    models: Mapping[str, Any],
    runs: Sequence[Run],
    pairs: Sequence[tuple[str, Fold]],
    plan: FitPlan,
) -> Iterator[FoldFit]:
    """Yield what each model makes of each fold, in order.

    Parameters
    ----------
    models : mapping of str to estimator
        Each is cloned for each fold.
    runs : sequence of Run
    pairs : sequence of (str, Fold)
        Name of the model, and the fold.
    plan : FitPlan

    Raises
    ------
    UsageError
        If estimators are to be kept that units on disk do not hold.
    Interrupted
        If a stop was asked for; what is finished is kept in the units.
    TrainingError
        If a process was killed.
    """
    if plan.keep and plan.units is not None:
        raise UsageError("units on disk hold no estimators: use return_estimators or units")
    tasks = (
        _task(models, runs, pairs[start : start + plan.at_once], plan)
        for start in range(0, len(pairs), plan.at_once)
    )
    found = (
        _one_after_another(tasks, plan)
        if effective_n_jobs(plan.n_jobs) == 1
        else _in_processes(list(tasks), plan)
    )
    for fit in found:
        repeat_warnings(fit.messages)
        yield fit


def _one_after_another(tasks: Iterator[_Task], plan: FitPlan) -> Iterator[FoldFit]:
    for task in tasks:
        yield from _known(task) or _fit(task, plan)
        stop_if_asked()


def _in_processes(tasks: Sequence[_Task], plan: FitPlan) -> Iterator[FoldFit]:
    """Share tasks among processes; those that are finished on disk are read here."""
    known = [_known(task) for task in tasks]
    left = [task for task, fits in zip(tasks, known, strict=True) if fits is None]
    # arrays are sent, not mapped to files: a mapped stimulus would be taken for one that is too
    # large to be held
    with own_processes(), at_good_places():
        run = Parallel(n_jobs=plan.n_jobs, return_as="generator", max_nbytes=None)
        made = run(delayed(_fit_elsewhere)(task, plan, stop_file()) for task in left)
        stopped, unfinished = False, iter(left)
        labels: list[str] = []
        try:
            for fits in known:
                if fits is None:
                    labels = next(unfinished).labels
                found = fits if fits is not None else next(made)
                stopped = stopped or found is None
                if not stopped:  # otherwise the others are waited for: they stop as well
                    yield from found
        except TerminatedWorkerError as error:
            where = f"{', '.join(labels)}, or a fit at work beside it: "
            raise TrainingError(where + KILLED) from error
    if stopped:
        raise Interrupted("a stop was asked for")


def _task(
    models: Mapping[str, Any], runs: Sequence[Run], some: Sequence[tuple[str, Fold]], plan: FitPlan
) -> _Task:
    """Return fits that are made together."""
    estimators = [clone(models[name]) for name, _ in some]
    train = [fold.training_runs(runs) for _, fold in some]
    test = [fold.tested_runs(runs) for _, fold in some]
    labels = [f"model {name!r}, fold {fold.label!r}" for name, fold in some]
    places = None
    if plan.units is not None:
        settings = {"nuisance": plan.nuisance, "log_likelihood": plan.log_likelihood}
        each = zip(some, estimators, train, test, strict=True)
        places = [
            plan.units.unit(
                name, fold.label, estimator, seen, [tested.run for tested in unseen], settings
            )
            for (name, fold), estimator, seen, unseen in each
        ]
    return _Task(estimators, train, test, labels, places)


def _known(task: _Task) -> list[FoldFit] | None:
    """Return the fits of a task where all are finished on disk.

    Fits that are trained side by side differ in rounding from those alone, so that they are made
    again together or not at all.
    """
    if task.places is None:
        return None
    found = [load_fold(place) for place in task.places]
    return None if any(fit is None for fit in found) else [fit for fit in found if fit is not None]


def _fit(task: _Task, plan: FitPlan) -> list[FoldFit]:
    """Fit estimators to their training runs, predict and score their test runs, keep the units."""
    if plan.units is None or task.places is None:
        return _fits(task, plan, None)
    with plan.units.training(task.places) as checkpoint:
        found = _fits(task, plan, checkpoint)
        for place, fit in zip(task.places, found, strict=True):
            save_fold(place, fit)
    return found


def _fits(task: _Task, plan: FitPlan, checkpoint: Any) -> list[FoldFit]:
    with recorded_warnings() as messages:
        failures = fit_each(task.estimators, task.train, task.labels, checkpoint)
    found = []
    each = zip(task.estimators, task.train, task.test, failures, strict=True)
    for estimator, train, test, failure in each:
        if failure is not None:
            found.append(_failed(estimator, train, test, failure, plan, messages))
            messages = []
            continue
        with recorded_warnings() as more:
            predicted = predict_each(estimator, [_blanked(tested.run) for tested in test])
            scores = score_runs(
                estimator, train, test, predicted, plan.nuisance, plan.log_likelihood
            )
        kept = estimator if plan.keep else None
        ranks = dict(getattr(fitted_estimator(estimator), "ranks_", {}))
        found.append(FoldFit(predicted, scores, kept, [*messages, *more], ranks))
        messages = []  # those of fits made together are told once
    return found


def _failed(
    estimator: Any,
    train: Sequence[Run],
    test: Sequence[TestedRun],
    failure: TrainingError,
    plan: FitPlan,
    messages: Sequence[Warning],
) -> FoldFit:
    """Return what a fit that failed gives: missing predictions and scores."""
    fitted = fitted_estimator(estimator)
    known = hasattr(fitted, "regions_")
    readouts = fitted_readouts(estimator) if known else {ONLY: find_regions(train)}
    predicted = [
        {
            name: np.full((len(run.measured_times(list(regions))), sum(regions.values())), np.nan)
            for name, regions in readouts.items()
            if saw_readout(run, name, regions)
        }
        for run in (tested.run for tested in test)
    ]
    parts = []
    for name, regions in readouts.items():
        table = unscored_run(test[0].run.label, regions, plan.log_likelihood)
        parts.append(table if name == ONLY else table.assign(readout=name))
    return FoldFit(predicted, pd.concat(parts, ignore_index=True), None, messages, {}, str(failure))


def _fit_elsewhere(task: _Task, plan: FitPlan, stop: Path | None) -> list[FoldFit] | None:
    """Do the same in another process; None where it was asked to stop."""
    with watching(stop), stop_on_signals():
        try:
            stop_if_asked()
            return _fit(task, plan)
        except KeyboardInterrupt:
            return None


def _blanked(run: Run) -> Run:
    """Return the run with NaN for every measured value; the measured times stay."""
    responses = {
        name: replace(s, values=np.full_like(s.values, np.nan)) for name, s in run.responses.items()
    }
    return replace(run, responses=responses)
