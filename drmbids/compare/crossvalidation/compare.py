"""Models against each other on the same held-out runs."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.fits import FitPlan, fit_folds
from drmbids.compare.crossvalidation.given import check_comparison
from drmbids.compare.crossvalidation.run_scores import fold_scores
from drmbids.compare.crossvalidation.units import Units
from drmbids.compare.crossvalidation.unscored import warn_of_unscored
from drmbids.compare.splits.folds import make_folds, with_freedom
from drmbids.compare.splits.untrained import untrained_conditions
from drmbids.compare.timing.text import audit_of_models
from drmbids.data.runs.align import ONLY
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.nuisance import Nuisance, given_nuisance
from drmbids.data.runs.results import FOLD_COLUMNS, SCORE_COLUMNS, SCORES, Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans
from drmbids.data.runs.targets import match_targets, targets_of
from drmbids.data.tools.exceptions import (
    DataWarning,
    TrainingError,
)


def compare_models(
    models: Mapping[str, Any],
    runs: Sequence[Run],
    cv: Any = "auto",
    return_estimators: bool = False,
    nuisance: Nuisance | None = None,
    on_fold: Callable[[str, str, int, int], None] | None = None,
    n_models_at_once: int = 1,
    n_jobs: int | None = None,
    log_likelihood: bool = False,
    units: Units | None = None,
    timing: pd.DataFrame | None = None,
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
        Each with a label of its own; as many as ``cv`` needs, two for whole runs, one otherwise.
        Their targets are matched by name (:func:`~drmbids.match_targets`).
    cv : {"auto", "run", "session", "subject", "blocks", "stimulus", "none"}, BlockFolds, \
StimulusFolds, int, splitter or iterable
        What is held out at once: one run, session or subject; one block of time in all runs
        (:class:`~drmbids.BlockFolds`); one stimulus in all runs
        (:class:`~drmbids.StimulusFolds`); or any scikit-learn splitter over runs, which gets the
        subjects as ``groups`` when all runs name one, or pairs of indices (train, test). No run may
        be held out twice. ``"auto"``: runs where there are two or more, else blocks. ``"none"``
        holds nothing out: all scores are in sample, and say how well models fit, not how well they
        predict.
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
        (:mod:`drmbids.compare.crossvalidation.units`): the same call goes on where it was stopped.
        Callbacks are shown the epochs that are trained, and none of a fit that was finished.
    timing : DataFrame, optional
        From :func:`~drmbids.timing_audit` of the runs; made here, with a warning, when absent and
        a :class:`~drmbids.GLMBaseline` with an assumed hemodynamic response is compared.

    Returns
    -------
    Results
        One row for each model, fold, region and target; where a fold holds out several runs,
        the mean of their scores. With a model of several readouts a column ``readout`` says which
        of them predicts a region, also in the rows of other models.

    Raises
    ------
    DataError
        If there are too few runs for ``cv``, labels are not unique, an entity is missing, or drift
        and confounds leave nothing to predict of runs without which nothing can be held out.
    UsageError
        If there is no model, the folds overlap, ``n_models_at_once`` is below 1, or estimators
        are asked for beside units, which hold none.
    TrainingError
        If all fits fail, or a process is killed; the message names model and fold, or those of
        the first fit that was at work when a process was killed.
    Interrupted
        If a stop was asked for (:mod:`drmbids.data.tools.interruption`).

    Warns
    -----
    DataWarning
        Of each run of which drift and confounds leave nothing, which is in no fold; of folds, and
        runs in them, in which no target of a region has a score of a model, though others have, so
        that they count in the means of no model; of each condition that is held out in a block and
        trained on nowhere. If other onsets, durations or amplitudes
        of the events explain held-out data clearly better than those stated, so that a comparison
        with fixed hemodynamics is not fair.
    TrainingWarning
        Of each fit that diverged at a learning rate and was begun again at a smaller one, and of
        each that failed: its scores are missing, and means are over the other folds.

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
    nuisance = given_nuisance(nuisance)
    check_comparison(models, n_models_at_once, n_jobs, on_fold, units)
    runs = match_targets(runs)
    folds = make_folds(runs, cv)
    if folds is not cv:  # otherwise whoever made them has been told
        for text in untrained_conditions(folds, runs):
            warnings.warn(text, DataWarning, stacklevel=2)
    folds = with_freedom(folds, runs, nuisance)
    tables: list[pd.DataFrame] = []
    predictions: dict[str, dict[str, Any]] = {name: {} for name in models}
    estimators: dict[str, dict[str, Any]] = (
        {name: {} for name in models} if return_estimators else {}
    )
    ranks: dict[str, dict[str, float]] = {name: {} for name in models}
    failures: dict[tuple[str, str], str] = {}
    timing = audit_of_models(models, runs, nuisance) if timing is None else timing
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
    table, left_out = _score_table(tables)
    made, targets = _fold_table(folds, runs), targets_of(runs)
    more = ranks, timing, failures, left_out
    results = Results(table, predictions, estimators, made, nuisance, targets, folds, *more)
    warn_of_unscored(results)
    return results


def _score_table(tables: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the scores of all fits, and which runs are left out of them."""
    table = pd.concat(tables, ignore_index=True)
    table, left_out = fold_scores(table, [name for name in SCORES if name in table])
    table = _with_readouts(table)
    further = [name for name in ("log_likelihood", "readout") if name in table]
    return table[[*SCORE_COLUMNS, *further]], left_out


def _with_readouts(table: pd.DataFrame) -> pd.DataFrame:
    """Return scores in which all models call the readout of a region alike, where some do."""
    if "readout" not in table:
        return table
    named = table.dropna(subset="readout").drop_duplicates("region").set_index("region")["readout"]
    filled = table["readout"].fillna(table["region"].map(named)).fillna(ONLY)
    return table.assign(readout=filled)


def _n_measured(run: Run, spans: Spans | None) -> int:
    """Return at how many times something was measured, in some stretches of time where given."""
    times = (
        run.measured_times()
        if not run.responses
        else np.unique(np.concatenate([stream.times for stream in run.responses.values()]))
    )
    return len(times) if spans is None else int(spans.within(times).sum())


def _fold_table(folds: Sequence[Fold], runs: Sequence[Run]) -> pd.DataFrame:
    """Return which runs each fold trained on and held out, and how many volumes they have."""
    rows = []
    for fold in folds:
        tested = [run.label for run in fold.test_runs(runs)]
        sides = (
            ("train", fold.train, [runs[k].label for k in fold.train], fold.trained),
            ("test", fold.test, tested, fold.tested),
        )
        for part, members, labels, spans in sides:
            for k, label in zip(members, labels, strict=True):
                n = _n_measured(runs[k], spans.get(k))
                rows.append((fold.label, label, part, n))
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS))
