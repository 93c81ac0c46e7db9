"""Measured and predicted series of whole runs, as the scores compare them."""

from collections.abc import Mapping, Sequence

import numpy as np

from drmbids.data.runs.fold import Fold, whole_predictions
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.maths.metrics.scores import measured_values, without_nuisance


def whole_series(
    predictions: Mapping[str, np.ndarray],
    folds: Sequence[Fold],
    runs: Sequence[Run],
    nuisance: Nuisance,
    regions: Mapping[str, int],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return measured and predicted series of each run without nuisance, put together from folds.

    Parameters
    ----------
    predictions : mapping of str to array of shape (n_measured, n_targets)
        Of one model, by the labels of held-out runs, or parts of runs.
    folds : sequence of Fold
    runs : sequence of Run
    nuisance : Nuisance
        Fitted to each run, or, where blocks were held out, to the scans trained on: what was held
        out is then without what these foretell, and without the mean of its block.
    regions : mapping of str to int
        Targets of each region that the model predicts, in the order of its predictions.

    Returns
    -------
    list of (array, array), each of shape (n_measured, n_targets)
        NaN in both where no fold tested a sample; in the measured series where nothing was
        measured.
    """
    if any(fold.kind == "block" for fold in folds):
        each = range(len(runs))
        return [_of_blocks(predictions, folds, k, runs, nuisance, regions) for k in each]
    found = []
    for run, predicted in zip(runs, whole_predictions(predictions, folds, runs), strict=True):
        basis = nuisance.basis(run, run.measured_times(list(regions)))
        measured = np.where(np.isnan(predicted), np.nan, measured_values(run, regions))
        found.append((project_out(basis, measured), project_out(basis, predicted)))
    return found


def _of_blocks(
    predictions: Mapping[str, np.ndarray],
    folds: Sequence[Fold],
    k: int,
    runs: Sequence[Run],
    nuisance: Nuisance,
    regions: Mapping[str, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the series of one run, block after block."""
    measured, predicted = np.full((2, *measured_values(runs[k], regions).shape), np.nan)
    for fold in folds:
        if k not in fold.test:
            continue
        part = fold.tested_runs(runs)[fold.test.index(k)]
        cleaned = without_nuisance(
            part.run, predictions[part.run.label], regions, nuisance, part.trained
        )
        rows = fold.tested[k].within(runs[k].measured_times(list(regions)))
        measured[rows], predicted[rows] = cleaned.measured[rows], cleaned.complete[rows]
    return measured, predicted
