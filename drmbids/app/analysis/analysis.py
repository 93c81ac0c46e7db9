"""The analysis of one participant: check, load, compare on held-out runs, fit on all, write."""

import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.app.analysis.baselines import baseline_models
from drmbids.app.analysis.citation import citation
from drmbids.app.analysis.compared import scoring_nuisance
from drmbids.app.analysis.config import BASELINE, DRM, FREE_HRF, Config
from drmbids.app.analysis.cross_validation import CrossValidation
from drmbids.app.analysis.logs import collected_warnings, logger
from drmbids.app.analysis.overwrite import check_participant
from drmbids.app.analysis.pairs import hypothesis_pairs
from drmbids.app.analysis.parts import interval_table_of, variance_table
from drmbids.app.analysis.preflight import (
    Usable,
    chosen_confounds,
    chosen_regions,
    chosen_stimuli,
    usable_runs,
)
from drmbids.app.analysis.progress import fold_progress
from drmbids.app.analysis.record import (
    inputs_record,
    model_record,
    statistics_record,
    timing_lines,
)
from drmbids.app.analysis.recover import write_recovery
from drmbids.app.analysis.responses import response_tables, warn_of_implausible
from drmbids.app.analysis.settings import settings_of
from drmbids.app.analysis.unmoved import warn_of_unmoved
from drmbids.app.analysis.write import (
    write_inputs,
    write_intervals,
    write_model,
    write_pairs,
    write_parts,
    write_scores,
    write_series,
)
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.bids.reading.geometry import find_geometry
from drmbids.bids.reading.load import read_runs
from drmbids.brain.modelfile.default import default_model
from drmbids.brain.modelfile.model import ModelSpec
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.units import Units, fit_all_runs
from drmbids.compare.recovery.truth import find_truth
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.data.runs.fold import Fold
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataWarning, DivergenceError, TrainingWarning
from drmbids.data.tools.processes import own_processes
from drmbids.fit.estimators.drm import DRMRegressor

#: What stands for the fold where a model is fitted on all runs.
ALL_RUNS = "all runs"

#: Seed of the initial weights where neither the command line nor the model file gives one.
DEFAULT_SEED = 0


@dataclass(frozen=True)
class Analysed:
    """What is to be told of an analysis.

    Parameters
    ----------
    methods : str
        Methods text.
    left_out : tuple of str
        Labels of the runs that could not be used.
    failed_fits : tuple of str
        Models, and folds, of fits that failed.
    """

    methods: str
    left_out: tuple[str, ...] = ()
    failed_fits: tuple[str, ...] = ()


def analyse_participant(
    config: Config,
    models: Mapping[str, ModelSpec],
    subject: str,
    dataset: DerivativeDataset,
    units: Units | None = None,
) -> Analysed:
    """Analyse one participant and write all of its files but the report.

    Parameters
    ----------
    config : Config
    models : mapping of str to ModelSpec
        Models to compare with each other and the baseline, by name;
        :func:`drmbids.default_model` when empty.
    subject : str
        Label without ``sub-``.
    dataset : DerivativeDataset
        Where to write.
    units : Units, optional
        Where fits are kept, and taken up by the same call.

    Returns
    -------
    Analysed

    Raises
    ------
    DataError
        If the data cannot be used, for example because there is one run only.
    EarlierResultError
        If results of another analysis would be lost.
    """
    label = f"sub-{subject}"
    with collected_warnings(label, config.ignore) as told:
        usable = usable_runs(config, models, subject)
        runs = _read(config, models, usable)
        # raises where nothing can be held out
        folds = make_folds(runs, config.cv, BlockFolds(config.n_blocks, config.guard))
        held_out = CrossValidation.of(config, folds)
        settings = settings_of(config, models)
        replaced = check_participant(config, runs, usable.files, settings)
        if replaced is not None:
            warnings.warn(replaced, DataWarning, stacklevel=2)
        specs = dict(models) or {DRM: default_model(runs)}
        nuisance = scoring_nuisance(next(iter(specs.values())))
        fitted = {name: _regressor(config, spec) for name, spec in specs.items()}
        baselines = baseline_models(config, nuisance, held_out)
        compared = {**baselines, **fitted}
        results = _compare(config, compared, runs, folds, nuisance, units, usable.timing)
        n_permutations = config.n_permutations if held_out.has_test else 0
        statistics = comparison_statistics(
            results,
            runs,
            BASELINE,
            further_baselines=[name for name in baselines if name != BASELINE],
            n_permutations=n_permutations,
            random_state=DEFAULT_SEED if config.random_seed is None else config.random_seed,
        )
        write_series(dataset, runs, results, held_out)
        write_scores(dataset, runs, statistics, held_out)
        parts = variance_table(config, results, runs, baselines, specs, units)
        if parts is not None:
            write_parts(dataset, runs, parts, held_out)
        failed = _failed_folds(results)
        failed += _fit_on_all_runs(config, label, dataset, runs, fitted, nuisance, units)
        _write_pairs(dataset, runs, results, list(specs), fitted, held_out)
        _write_recovery(config, subject, dataset, runs, fitted)
    record = inputs_record(runs, usable.files, told, shlex.join(sys.argv)) | {
        "errors": [*usable.errors, *(f["error"] for f in failed)],
        "failed_fits": failed,
        "settings": settings,
        "geometry": find_geometry(_datasets(config), runs[0].entities, runs[0].space),
        "physio": list(config.physio),
        "models": list(compared),
        "baseline": BASELINE,
        "free_hrf": FREE_HRF if FREE_HRF in baselines else None,
        "beside": list(baselines),
        "cross_validation": held_out.record(results),
        "statistics": statistics_record(statistics, n_permutations, parts, config.intervals),
        "fitted": [model_record(estimator, name) for name, estimator in fitted.items()],
    }
    record["methods"] = citation(record, fitted, nuisance)
    write_inputs(dataset, runs, record)
    names = tuple(f"{fit['model']} ({fit['fold']})" for fit in failed)
    return Analysed(record["methods"], tuple(usable.left_out), names)


def _regressors(config: Config, specs: Mapping[str, ModelSpec]) -> dict[str, DRMRegressor]:
    """Return the estimators of model files."""
    return {
        name: DRMRegressor(
            spec, config.n_epochs, device=config.device, random_state=_seed(config, spec)
        )
        for name, spec in specs.items()
    }


def _failed_folds(results: Results) -> list[dict[str, str]]:
    """Return what is to be told of fits to folds that failed."""
    return [
        {"model": model, "fold": fold, "error": why}
        for (model, fold), why in results.failures.items()
    ]


def _fit_on_all_runs(
    config: Config,
    label: str,
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    fitted: dict[str, DRMRegressor],
    nuisance: Nuisance,
    units: Units | None,
) -> list[dict[str, str]]:
    """Fit each model on all runs and write it, with intervals of its parameters where asked for.

    Return what is to be told of those that failed, which are taken out.
    """
    failed = []
    for name, estimator in list(fitted.items()):
        what = "its only run" if len(runs) == 1 else f"all {len(runs)} runs"
        logger.info("%s: fit of %s on %s", label, name, what)
        try:
            fit_all_runs(units, name, estimator, runs)
        except DivergenceError as error:
            text = f"no model file, parameters or responses of {name}, fitted on all runs: {error}"
            warnings.warn(text, TrainingWarning, stacklevel=2)
            failed.append({"model": name, "fold": ALL_RUNS, "error": text})
            del fitted[name]
            continue
        warn_of_unmoved(name, estimator, runs)
        tables = response_tables(estimator, runs, nuisance)
        warn_of_implausible(name, estimator, runs, tables.get("responses"))
        write_model(dataset, runs, name, estimator, tables)
        intervals = interval_table_of(config, name, estimator, runs, units)
        if intervals is not None:
            write_intervals(dataset, runs, name, intervals)
    return failed


def _compare(
    config: Config,
    compared: Mapping[str, Any],
    runs: Sequence[Run],
    folds: list[Fold],
    nuisance: Nuisance,
    units: Units | None,
    timing: pd.DataFrame | None,
) -> Results:
    """Return the scores of models on held-out runs."""
    label = f"sub-{runs[0].entities['subject']}"
    progress = fold_progress(label, show=config.verbosity >= 0)
    with progress as on_fold, own_processes(config.n_threads):
        return compare_models(
            compared,
            runs,
            cv=folds,
            nuisance=nuisance,
            on_fold=on_fold,
            n_models_at_once=config.n_models_at_once,
            n_jobs=config.n_cpus and max(1, config.n_cpus // config.n_threads),
            log_likelihood=True,
            units=units,
            timing=timing,
        )


def _write_pairs(
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    results: Results,
    names: Sequence[str],
    fitted: Mapping[str, DRMRegressor],
    held_out: CrossValidation,
) -> None:
    """Write the differences between the given models, where there are two or more."""
    sizes = {name: estimator.n_parameters_ for name, estimator in fitted.items()}
    pairs = hypothesis_pairs(results, names, sizes)
    if pairs is not None:
        write_pairs(dataset, runs, pairs, held_out)


def _datasets(config: Config) -> list[Path]:
    """Return all datasets that are read."""
    return [*config.derivatives.values(), config.bids_dir]


def _read(config: Config, models: Mapping[str, ModelSpec], usable: Usable) -> list[Run]:
    """Return the runs that were checked, and log when they were measured."""
    runs = list(usable.runs) or read_runs(
        usable.files,
        atlas_or_mask=chosen_regions(config),
        confounds=chosen_confounds(config),
        smoothing_fwhm=config.smoothing_fwhm or None,
        tr=config.tr,
        physio=config.physio,
        stimuli=chosen_stimuli(config, models),
        allow_gaps=config.allow_gaps,
    )
    for line in timing_lines(runs):
        logger.info("sub-%s: %s", runs[0].entities["subject"], line)
    return runs


def _write_recovery(
    config: Config,
    subject: str,
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    fitted: Mapping[str, DRMRegressor],
) -> None:
    """Write estimates of the first model beside the truth, where the data come with one."""
    truth = find_truth(config.bids_dir, subject)
    if truth is not None and fitted:
        write_recovery(dataset, runs, next(iter(fitted.values())), truth)


def _regressor(config: Config, spec: ModelSpec) -> DRMRegressor:
    """Return the estimator of a model, unfitted."""
    seed = _seed(config, spec)
    return DRMRegressor(spec, config.n_epochs, device=config.device, random_state=seed)


def _seed(config: Config, spec: ModelSpec) -> int:
    """Return the seed: of the command line, else the model file, else the default."""
    given = (config.random_seed, spec.training.random_state, DEFAULT_SEED)
    return next(seed for seed in given if seed is not None)
