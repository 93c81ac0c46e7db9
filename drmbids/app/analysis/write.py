"""The files of one participant: held-out series, maps, scores, models, inputs."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from drmbids.app.analysis.columns import (
    CHANCE_TABLES,
    MODEL_TABLES,
    PAIR_TABLES,
    PART_TABLES,
    SCORE_TABLES,
    TIMING_TABLES,
    log_columns,
)
from drmbids.app.analysis.compared import describe_models
from drmbids.app.analysis.cross_validation import CrossValidation
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.bids.files.write import file_name, func_folder, shared_entities, write_table
from drmbids.bids.reading.formats import write_values
from drmbids.bids.reading.measured import Space
from drmbids.compare.crossvalidation.whole_series import whole_series
from drmbids.compare.statistics.overview import ComparisonStatistics
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.storage.files import write_bytes, write_json
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.estimators.drm import DRMRegressor

_WITHOUT_NUISANCE = "intercept, drift and confounds are taken out"

# What DRMRegressor.save writes, and the suffix that it has in the derivative.
_SAVED = ("model.yaml", "weights.safetensors", "manifest.json")


def write_series(
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    results: Results,
    held_out: CrossValidation,
) -> None:
    """Write held-out predictions and residuals of every run, without the run's nuisance.

    The sum of the two is the measured series without nuisance: what the scores compare. Samples
    that no fold tested are missing in both; regions that a model leaves out are in neither.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    results : Results
        As :func:`~drmbids.compare_models` returned it.
    held_out : CrossValidation
    """
    assert results.nuisance is not None
    reserved = describe_models([])
    meanings = describe_models([name for name in results.predictions if name not in reserved])
    for model, predictions in results.predictions.items():
        regions = results.regions_of(model)
        whole = whole_series(predictions, results.splits, runs, results.nuisance, regions)
        for run, (measured, predicted) in zip(runs, whole, strict=True):
            space = _space(run)
            residual = measured - predicted
            for kind, series in (("predicted", predicted), ("residual", residual)):
                meaning = meanings[f"{model}{kind}"]
                if kind == "predicted":
                    meaning = held_out.predicted(meanings[model])
                sidecar = dataset.bold_sidecar(run, f"{meaning}; {_WITHOUT_NUISANCE}")
                folder = func_folder(dataset.root, run.entities)
                values = _by_region(regions, series)
                desc = f"{model}{kind}"
                write_values(
                    folder, run.entities, "bold", space, values, sidecar, fill=0.0, desc=desc
                )


def write_scores(
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    statistics: ComparisonStatistics,
    held_out: CrossValidation,
) -> None:
    """Write the table of scores, the statistics, and a map of each score and model.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    statistics : ComparisonStatistics
        What is None in it is not written.
    held_out : CrossValidation
        What the tables say of it.
    """
    results, score_tables = statistics.results, held_out.columns(SCORE_TABLES)
    entities = shared_entities(runs)
    models = models_folder(dataset.root, entities)
    func = models.with_name("func")
    write_table(
        func / file_name(entities, "timeseries", ".tsv", desc="scores"), results.table, score_tables
    )
    for label in ("summary", "paired", "permutation", "ceiling", "normalised"):
        table = getattr(statistics, label)
        if table is not None:
            path = models / file_name(entities, "scores", ".tsv", desc=label)
            chance = label == "permutation"
            write_table(path, table, held_out.columns(CHANCE_TABLES) if chance else score_tables)
    if results.timing is not None and len(results.timing):
        path = models / file_name(entities, "scores", ".tsv", desc="timing")
        write_table(path, results.timing.replace("", np.nan), TIMING_TABLES)
    space = _space(runs[0])
    for model, scores in results.per_target().groupby("model", sort=False):
        for score in ("r", "r2"):
            more = {"stat": score, "desc": str(model)}
            text = f"{SCORE_TABLES[score]['Description']}, mean over folds{held_out.caveat()}"
            sidecar = {"Description": text, "Units": "1"}
            values = _score_values(scores, score)
            write_values(func, entities, "statmap", space, values, sidecar, **more)


def write_model(
    dataset: DerivativeDataset,
    runs: Sequence[Run],
    name: str,
    estimator: DRMRegressor,
    further: Mapping[str, pd.DataFrame],
) -> None:
    """Write a model fitted on all runs: model file, weights, manifest, and tables.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    name : str
        Name of the model in files and tables.
    estimator : DRMRegressor
        Fitted.
    further : mapping of str to DataFrame
        More tables of it, by the suffix of their file.
    """
    entities = shared_entities(runs)
    folder = models_folder(dataset.root, entities)
    with tempfile.TemporaryDirectory() as saved:
        estimator.save(saved)
        for file in _SAVED:
            suffix, _, extension = file.partition(".")
            target = folder / file_name(entities, suffix, f".{extension}", desc=name)
            write_bytes(target, (Path(saved) / file).read_bytes())
    tables = {
        "parameters": estimator.parameters_table(),
        "connections": estimator.connections_table(),
        "hrf": estimator.hrf_table(),
        "traininglog": pd.DataFrame(estimator.history_),
        **further,
    }
    for suffix, table in tables.items():
        path = folder / file_name(entities, suffix, ".tsv", desc=name)
        write_table(path, table, MODEL_TABLES | log_columns(table))


def write_parts(
    dataset: DerivativeDataset, runs: Sequence[Run], parts: pd.DataFrame, held_out: CrossValidation
) -> None:
    """Write the parts of explained variance.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    parts : DataFrame
        From :func:`drmbids.app.analysis.parts.variance_table`.
    held_out : CrossValidation
    """
    entities = shared_entities(runs)
    path = models_folder(dataset.root, entities) / file_name(
        entities, "scores", ".tsv", desc="parts"
    )
    write_table(path, parts, held_out.columns(PART_TABLES))


def write_pairs(
    dataset: DerivativeDataset, runs: Sequence[Run], pairs: pd.DataFrame, held_out: CrossValidation
) -> None:
    """Write the differences between the given models.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    pairs : DataFrame
        From :func:`~drmbids.compare_pairs`.
    held_out : CrossValidation
    """
    entities = shared_entities(runs)
    path = models_folder(dataset.root, entities) / file_name(
        entities, "scores", ".tsv", desc="pairs"
    )
    write_table(path, pairs, held_out.columns(PAIR_TABLES))


def write_intervals(
    dataset: DerivativeDataset, runs: Sequence[Run], name: str, intervals: pd.DataFrame
) -> None:
    """Write the intervals of the parameters of a model.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    name : str
        Of the model.
    intervals : DataFrame
        From :func:`drmbids.parameter_intervals`.
    """
    entities = shared_entities(runs)
    path = models_folder(dataset.root, entities) / file_name(
        entities, "intervals", ".tsv", desc=name
    )
    write_table(path, intervals, MODEL_TABLES)


def write_inputs(
    dataset: DerivativeDataset, runs: Sequence[Run], record: Mapping[str, Any]
) -> None:
    """Write what went in.

    Parameters
    ----------
    dataset : DerivativeDataset
    runs : sequence of Run
    record : mapping
        As :func:`drmbids.app.analysis.record.inputs_record` makes it.
    """
    write_json(inputs_path(dataset.root, runs), dict(record))


def inputs_path(root: Path, runs: Sequence[Run]) -> Path:
    """Return the file that says what went into the analysis of these runs."""
    entities = shared_entities(runs)
    name = file_name(entities, "runs", ".json", desc="inputs")
    return models_folder(root, entities) / name


def models_folder(root: Path, entities: Mapping[str, str]) -> Path:
    """Return the folder of a participant's models."""
    return root / f"sub-{entities['subject']}" / "models"


def _space(run: Run) -> Space:
    if run.space is None:
        raise DataError(f"{run.label}: the run has no image space, so no maps can be written")
    return run.space


def _by_region(regions: Mapping[str, int], series: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of each region."""
    parts = np.split(series, np.cumsum(list(regions.values()))[:-1], axis=1)
    return dict(zip(regions, parts, strict=True))


def _score_values(scores: pd.DataFrame, score: str) -> dict[str, np.ndarray]:
    """Return the scores of each region in the order of its voxels."""
    return {
        str(region): part.sort_values("target")[score].to_numpy()
        for region, part in scores.groupby("region", sort=False)
    }
