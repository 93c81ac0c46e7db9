"""Warnings of folds without a score, and of what follows for the means over folds."""

import warnings

import pandas as pd

from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataWarning, TrainingWarning


def warn_of_unscored(results: Results) -> None:
    """Warn of fits that failed, and of folds and runs in which a model has no score in a region.

    Parameters
    ----------
    results : Results

    Warns
    -----
    TrainingWarning
        Of each fit that failed.
    DataWarning
        Of the others, one line for each model and region, and of regions that no fold is left of.
    """
    models = [str(name) for name in results.table["model"].unique()]
    for why in results.failures.values():
        text = f"fit failed, its fold counts in no mean over folds{_nor_others(models)}: {why}"
        warnings.warn(text, TrainingWarning, stacklevel=3)
    texts = [*_folds(results, models), *_runs(results), *_regions(results)]
    for text in texts:
        warnings.warn(text, DataWarning, stacklevel=3)


def _nor_others(models: list[str]) -> str:
    return ", of this model or another one" if len(models) > 1 else ""


def _folds(results: Results, models: list[str]) -> list[str]:
    """Return which folds have no score of a model in a region, though others have."""
    missing = results.unscored()
    pairs = pd.MultiIndex.from_frame(missing[["model", "fold"]])
    missing = missing[~pairs.isin(list(results.failures))]
    missing = missing[missing["n_unscored"] == missing["n_targets"]]
    n_folds, texts = results.table["fold"].nunique(), []
    for (model, region), rows in missing.groupby(["model", "region"], sort=False):
        if len(rows) < n_folds:
            texts.append(
                f"{model}, {region}: {len(rows)} of {n_folds} folds have no score (nothing "
                "measured, or a constant series or prediction) and count in no mean over folds"
                f"{_nor_others(models)}: {', '.join(rows['fold'])}"
            )
    return texts


def _runs(results: Results) -> list[str]:
    """Return which runs are in no score of folds of several, since a model has none in them."""
    if results.left_out is None:
        return []
    texts = []
    for (model, region), rows in results.left_out.groupby(["model", "region"], sort=False):
        texts.append(
            f"{model}, {region}: no score in {', '.join(dict.fromkeys(rows['run']))} (nothing "
            "measured, or a constant series or prediction), which therefore count in the scores of "
            "no model in their fold"
        )
    return texts


def _regions(results: Results) -> list[str]:
    """Return which regions have scores, but no fold in which all models have one."""
    scores, texts = results.scores, []
    both = (results.table, results.comparable)
    some, shared = (t[scores].notna().any(axis=1).groupby(t["region"]).any() for t in both)
    for region in some.index[some & ~shared]:
        rows = results.table[results.table["region"] == region].dropna(subset=scores, how="all")
        which = [
            f"{model} in {', '.join(own['fold'].unique())}"
            for model, own in rows.groupby("model", sort=False)
        ]
        texts.append(
            f"{region}: no fold has a score of every model, so that there is no mean to compare "
            f"({'; '.join(which)}): leave one of the models out"
        )
    return texts
