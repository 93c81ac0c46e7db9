"""The analysis of one participant: find, load, compare on held-out runs, fit on all, write."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from drmbids.bids.derivatives import DerivativeDataset
from drmbids.bids.find import find_runs
from drmbids.bids.load import load_runs
from drmbids.comparison.compare import compare_models, make_folds
from drmbids.core.run import Run
from drmbids.estimators.drm import DRMRegressor
from drmbids.estimators.glm import GLMBaseline
from drmbids.recovery.truth import find_truth
from drmbids.spec.default import default_model
from drmbids.spec.model import ModelSpec
from drmbids.workflows.citation import citation
from drmbids.workflows.compared import scoring_nuisance
from drmbids.workflows.config import BASELINE, DRM, Config
from drmbids.workflows.logs import collected_warnings, logger
from drmbids.workflows.progress import fold_progress
from drmbids.workflows.record import inputs_record, model_record
from drmbids.workflows.recover import write_recovery
from drmbids.workflows.write import write_inputs, write_model, write_scores, write_series

#: Seed of the initial weights where neither the command line nor the model file gives one.
DEFAULT_SEED = 0


def analyse_participant(
    config: Config, models: Mapping[str, ModelSpec], subject: str, dataset: DerivativeDataset
) -> str:
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

    Returns
    -------
    str
        Methods text.

    Raises
    ------
    DataError
        If the data cannot be used, for example because there is one run only.
    """
    label = f"sub-{subject}"
    with collected_warnings(label) as warnings:
        files = find_runs(config.bids_dir, **_query(config, subject))
        runs = _load(config, subject)
        make_folds(runs, config.cv)  # raises where nothing can be held out
        specs = dict(models) or {DRM: default_model(runs)}
        nuisance = scoring_nuisance(next(iter(specs.values())))
        fitted = {
            name: DRMRegressor(
                spec, config.n_epochs, device=config.device, random_state=_seed(config, spec)
            )
            for name, spec in specs.items()
        }
        compared = {BASELINE: GLMBaseline(config.baseline_hrf, nuisance=nuisance), **fitted}
        with fold_progress(label, show=config.verbosity >= 0) as on_fold:
            results = compare_models(
                compared,
                runs,
                cv=config.cv,
                nuisance=nuisance,
                on_fold=on_fold,
                n_models_at_once=config.n_models_at_once,
            )
        write_series(dataset, runs, results, nuisance)
        write_scores(dataset, runs, results, BASELINE)
        for name, estimator in fitted.items():
            logger.info("%s: fit of %s on all %d runs", label, name, len(runs))
            estimator.fit(runs)
            write_model(dataset, runs, name, estimator)
        _write_recovery(config, subject, dataset, runs, fitted)
    record = inputs_record(runs, files, warnings, shlex.join(sys.argv)) | {
        "models": list(compared),
        "baseline": BASELINE,
        "fitted": [model_record(estimator, name) for name, estimator in fitted.items()],
    }
    record["methods"] = citation(record, fitted, nuisance, config.cv)
    write_inputs(dataset, runs, record)
    return record["methods"]


def _write_recovery(
    config: Config,
    subject: str,
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    fitted: Mapping[str, DRMRegressor],
) -> None:
    """Write estimates of the first model beside the truth, where the data come with one."""
    truth = find_truth(config.bids_dir, subject)
    if truth is not None:
        write_recovery(dataset, runs, next(iter(fitted.values())), truth)


def _seed(config: Config, spec: ModelSpec) -> int:
    """Return the seed: of the command line, else the model file, else the default."""
    given = (config.random_seed, spec.training.random_state, DEFAULT_SEED)
    return next(seed for seed in given if seed is not None)


def _query(config: Config, subject: str) -> dict[str, Any]:
    """Return the choice of runs as :func:`find_runs` takes it."""
    labels = {
        "session": config.session_label,
        "task": config.task_id,
        "run": config.run_id,
        "acquisition": config.acquisition,
    }
    return {
        "subject": subject,
        **{name: list(values) or None for name, values in labels.items()},
        "space": config.space,
        "desc": config.desc,
        "derivatives": dict(config.derivatives) or None,
        "filters": {"bold": dict(config.filters)} if config.filters else None,
    }


def _load(config: Config, subject: str) -> list[Run]:
    """Return the runs of one participant."""
    single = config.confounds[0] if len(config.confounds) == 1 else list(config.confounds)
    return load_runs(
        config.bids_dir,
        atlas_or_mask=dict(config.mask) or config.atlas,
        confounds=single or None,
        smoothing_fwhm=config.smoothing_fwhm or None,
        tr=config.tr,
        **_query(config, subject),
    )
