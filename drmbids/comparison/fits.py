"""Fits of models to folds, side by side in one process or shared among several."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone

from drmbids.comparison.fold import Fold
from drmbids.core.exceptions import DRMWarning
from drmbids.core.run import Run
from drmbids.estimators.together import fit_together

#: A fitted estimator and its predictions of the runs that were held out.
Fitted = tuple[Any, Sequence[np.ndarray]]


def fit_and_predict(
    models: Mapping[str, Any],
    runs: Sequence[Run],
    pairs: Sequence[tuple[str, Fold]],
    at_once: int,
    n_jobs: int | None,
) -> Iterator[Fitted]:
    """Yield the estimator fitted to each model and fold, with its predictions, in order.

    Parameters
    ----------
    models : mapping of str to estimator
        Each is cloned for each fold.
    runs : sequence of Run
    pairs : sequence of (str, Fold)
        Name of the model, and the fold.
    at_once : int
        Fits that are trained side by side.
    n_jobs : int or None
        Processes, as joblib counts them; this one for None or 1.
    """
    tasks = _tasks(models, runs, pairs, at_once)
    if n_jobs in (None, 1):
        for task in tasks:
            yield from _fit(*task)
        return
    # one thread in each process; arrays are sent, not mapped to files: a mapped stimulus would be
    # taken for one that is too large to be held
    with parallel_config("loky", inner_max_num_threads=1):
        run = Parallel(n_jobs=n_jobs, return_as="generator", max_nbytes=None)
        for found, messages in run(delayed(_fit_elsewhere)(*task) for task in tasks):
            for message in messages:
                warnings.warn(message, stacklevel=3)
            yield from found


def _tasks(
    models: Mapping[str, Any], runs: Sequence[Run], pairs: Sequence[tuple[str, Fold]], at_once: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the arguments of :func:`_fit` for so many fits at once, made when they are needed."""
    for start in range(0, len(pairs), at_once):
        some = pairs[start : start + at_once]
        yield (
            [clone(models[name]) for name, _ in some],
            [fold.training_runs(runs) for _, fold in some],
            [[_blanked(run) for run in fold.test_runs(runs)] for _, fold in some],
            [f"model {name!r}, fold {fold.label!r}" for name, fold in some],
        )


def _fit(
    estimators: Sequence[Any],
    train: Sequence[Sequence[Run]],
    test: Sequence[Sequence[Run]],
    labels: Sequence[str],
) -> list[Fitted]:
    """Fit estimators to their training runs and predict their test runs."""
    fit_together(estimators, train, labels)
    pairs = zip(estimators, test, strict=True)
    return [(estimator, estimator.predict(own)) for estimator, own in pairs]


def _fit_elsewhere(*task: Any) -> tuple[list[Fitted], list[Warning]]:
    """Do the same in another process, and bring warnings along that nobody would see there."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = _fit(*task)
    return found, [w.message for w in caught if isinstance(w.message, DRMWarning)]


def _blanked(run: Run) -> Run:
    """Return the run with NaN for every measured value; the measured times stay."""
    responses = {
        name: replace(s, values=np.full_like(s.values, np.nan)) for name, s in run.responses.items()
    }
    return replace(run, responses=responses)
