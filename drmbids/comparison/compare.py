"""Models against each other on the same held-out runs."""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from drmbids.comparison.fits import FitPlan, fit_folds
from drmbids.comparison.fold import Fold
from drmbids.comparison.folds import make_folds
from drmbids.comparison.units import Units
from drmbids.core.align import ONLY
from drmbids.core.exceptions import (
    DataError,
    DataWarning,
    TrainingError,
    TrainingWarning,
    UsageError,
)
from drmbids.core.nuisance import Nuisance, runs_with_freedom
from drmbids.core.results import FOLD_COLUMNS, SCORE_COLUMNS, Results
from drmbids.core.run import Run


def compare_models(
    models: Mapping[str, Any],
    runs: Sequence[Run],
    cv: Any = "run",
    return_estimators: bool = False,
    nuisance: Nuisance | None = None,
    on_fold: Callable[[str, str, int, int], None] | None = None,
    n_models_at_once: int = 1,
    n_jobs: int | None = None,
    log_likelihood: bool = False,
    units: Units | None = None,
) -> Results:
    """Fit each model on training runs and score it on the runs held out, fold by fold.

    All models meet the same folds, targets and scoring nuisance. A model predicts held-out runs
    whose measured values were blanked, so it cannot have looked.

    Parameters
    ----------
    models : mapping of str to estimator
        Unfitted estimators over runs (:class:`~drmbids.DRMRegressor`,
        :class:`~drmbids.GLMBaseline`), scikit-learn's searches over their parameters or pipelines
        that end in one; each is cloned for each fold.
    runs : sequence of Run
        Two or more, each with a label of its own.
    cv : {"run", "session", "subject", "stimulus"}, StimulusFolds, int, splitter or iterable
        What is held out at once: one run, session or subject; one stimulus in all runs
        (:class:`~drmbids.StimulusFolds`); or any scikit-learn splitter over runs, which gets the
        subjects as ``groups`` when all runs name one, or pairs of indices (train, test). No run may
        be held out twice.
    return_estimators : bool
        Whether the fitted estimators are kept.
    nuisance : Nuisance, optional
        Taken out of measured and predicted series before they are compared; ``Nuisance()`` when
        absent.
    on_fold : callable, optional
        ``on_fold(model, fold, i, n)`` after each of the ``n`` fits, ``i`` from 1 (progress bars).
    n_models_at_once : int
        Fits that are trained side by side where their structure allows it
        (:func:`~drmbids.fit_together`): faster for small models with feedback and few runs.
    n_jobs : int, optional
        Processes that fits are shared among, each with one thread; those of
        :func:`joblib.parallel_config` when absent, otherwise one, this one; all cores with -1. The
        numbers are the same.
    log_likelihood : bool
        Whether the table gets the score ``log_likelihood`` too, as
        :func:`~drmbids.with_log_likelihood` has it, without keeping the fitted models; each
        predicts its training runs for that.
    units : Units, optional
        Folder in which each fit is kept when it is finished, and on the way
        (:mod:`drmbids.comparison.units`): the same call goes on where it was stopped. Callbacks
        are shown the epochs that are trained, and none of a fit that was finished.

    Returns
    -------
    Results
        One row for each model, fold, region and target; where a fold holds out several runs,
        the mean of their scores. With a model of several readouts a column ``readout`` says which
        of them predicts a region, also in the rows of other models.

    Raises
    ------
    DataError
        If there are fewer than two runs, labels are not unique, an entity is missing, or drift and
        confounds leave nothing to predict of runs without which nothing can be held out.
    UsageError
        If there is no model, the folds overlap, ``n_models_at_once`` is below 1, or estimators
        are asked for beside units, which hold none.
    TrainingError
        If all fits fail, or a process is killed; the message names model and fold, or those of
        the first fit that was at work when a process was killed.
    Interrupted
        If a stop was asked for (:mod:`drmbids.core.interruption`).

    Warns
    -----
    DataWarning
        Of each run of which drift and confounds leave nothing, which is in no fold; of folds in
        which no target of a region has a score of a model, though others have.
    TrainingWarning
        Of each fit that diverged at a learning rate and was begun again at a smaller one, and of
        each that failed: its scores are missing, the others stand.

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, Run, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> results = compare_models({"glm": GLMBaseline()}, [run(k) for k in range(3)])
    >>> results.table["fold"].unique().tolist()
    ['run-0', 'run-1', 'run-2']
    """
    runs, nuisance = list(runs), Nuisance() if nuisance is None else nuisance
    if not models:
        raise UsageError("no model to compare: give {name: estimator}")
    if n_models_at_once < 1:
        raise UsageError(f"n_models_at_once must be 1 or more, got {n_models_at_once}")
    _check_runs(runs)
    folds = _with_freedom(make_folds(runs, cv), runs, nuisance)
    tables: list[pd.DataFrame] = []
    predictions: dict[str, dict[str, Any]] = {name: {} for name in models}
    estimators: dict[str, dict[str, Any]] = (
        {name: {} for name in models} if return_estimators else {}
    )
    ranks: dict[str, dict[str, float]] = {name: {} for name in models}
    failures: dict[tuple[str, str], str] = {}
    pairs = [(name, fold) for name in models for fold in folds]
    plan = FitPlan(nuisance, n_models_at_once, n_jobs, log_likelihood, return_estimators, units)
    fits = fit_folds(models, runs, pairs, plan)
    for i, ((name, fold), fit) in enumerate(zip(pairs, fits, strict=True), 1):
        tables.append(fit.scores.assign(model=name, fold=fold.label))
        held_out = (run.label for run in fold.test_runs(runs))
        series = (predicted.get(ONLY, predicted) for predicted in fit.predictions)
        predictions[name].update(zip(held_out, series, strict=True))
        for region, rank in fit.ranks.items():
            ranks[name][region] = max(rank, ranks[name].get(region, 0.0))
        if fit.error is not None:
            failures[name, fold.label] = fit.error
        elif return_estimators:
            estimators[name][fold.label] = fit.estimator
        if on_fold is not None:
            on_fold(name, fold.label, i, len(pairs))
    if len(failures) == len(pairs):
        raise TrainingError(next(iter(failures.values())))
    table = _with_readouts(pd.concat(tables, ignore_index=True))
    further = [name for name in ("log_likelihood", "readout") if name in table]
    table = table[[*SCORE_COLUMNS, *further]]
    results = Results(
        table, predictions, estimators, _fold_table(folds, runs), nuisance, ranks, failures
    )
    _warn_of_unscored(results)
    return results


def _warn_of_unscored(results: Results) -> None:
    """Warn of fits that failed, and folds that have no score in a region of which others have."""
    for why in results.failures.values():
        text = f"fit failed, its fold counts in no score of the model: {why}"
        warnings.warn(text, TrainingWarning, stacklevel=3)
    missing = results.unscored()
    pairs = pd.MultiIndex.from_frame(missing[["model", "fold"]])
    missing = missing[~pairs.isin(list(results.failures))]
    missing = missing[missing["n_unscored"] == missing["n_targets"]]
    n_folds = results.table["fold"].nunique()
    for (model, region), rows in missing.groupby(["model", "region"], sort=False):
        if len(rows) < n_folds:
            warnings.warn(
                f"{model}, {region}: {len(rows)} of {n_folds} folds have no score (nothing "
                "measured, or a constant series or prediction) and count in no mean over folds: "
                f"{', '.join(rows['fold'])}",
                DataWarning,
                stacklevel=3,
            )


def _with_freedom(folds: Sequence[Fold], runs: Sequence[Run], nuisance: Nuisance) -> list[Fold]:
    """Return the folds without the runs of which the nuisance leaves nothing, and warn of these."""
    kept = {id(run) for run in runs_with_freedom(runs, nuisance)}
    gone = {k for k, run in enumerate(runs) if id(run) not in kept}
    left = [fold.without(gone) for fold in folds]
    left = [fold for fold in left if fold.test]
    if not left or not all(fold.train for fold in left):
        raise DataError(
            f"{runs[min(gone)].label}: drift and confounds leave nothing of it, and without it a "
            "fold has no training run; use fewer confounds"
        )
    return left


def _with_readouts(table: pd.DataFrame) -> pd.DataFrame:
    """Return scores in which all models call the readout of a region alike, where some do."""
    if "readout" not in table:
        return table
    named = table.dropna(subset="readout").drop_duplicates("region").set_index("region")["readout"]
    filled = table["readout"].fillna(table["region"].map(named)).fillna(ONLY)
    return table.assign(readout=filled)


def _n_measured(run: Run) -> int:
    """Return at how many times something was measured."""
    if not run.responses:
        return len(run.measured_times())
    return len(np.unique(np.concatenate([stream.times for stream in run.responses.values()])))


def _fold_table(folds: Sequence[Fold], runs: Sequence[Run]) -> pd.DataFrame:
    """Return which runs each fold trained on and held out, and how many volumes they have."""
    rows = []
    for fold in folds:
        tested = [run.label for run in fold.test_runs(runs)]
        sides = (
            ("train", fold.train, [runs[k].label for k in fold.train], fold.trained),
            ("test", fold.test, tested, fold.tested),
        )
        for part, members, labels, rows_of in sides:
            for k, label in zip(members, labels, strict=True):
                n = int(rows_of[k].sum()) if k in rows_of else _n_measured(runs[k])
                rows.append((fold.label, label, part, n))
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS))


def _check_runs(runs: Sequence[Run]) -> None:
    """Raise unless there are two runs at least, each with a label of its own."""
    if len(runs) < 2:
        raise DataError(f"cross-validation needs 2 runs or more, found {len(runs)}")
    twice = [label for label, n in Counter(run.label for run in runs).items() if n > 1]
    if twice:
        raise DataError(f"several runs are called {twice[0]!r}; give each its own entities")
