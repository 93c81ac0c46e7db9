"""Measured series beside the predictions of models that had not seen them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drmbids.core.exceptions import UsageError
from drmbids.core.results import Results
from drmbids.core.run import Run
from drmbids.metrics.scores import correlation, remainder, without_nuisance


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One held-out run: what was measured and what a model predicted, nuisance taken out.

    Parameters
    ----------
    run, fold : str
        Labels.
    targets : DataFrame
        Columns ``region, target``, one row for each column of the series; the same in all runs.
    measured, predicted : array of shape (n_measured, n_targets)
        NaN in both where an element is missing, and where the fold has no score of the target.
    complete : array of shape (n_measured, n_targets)
        The prediction also where nothing was measured, nuisance taken out.
    basis : array of shape (n_measured, rank)
        Orthonormal basis of what was taken out.
    weights : array of shape (n_measured, n_targets), optional
        How much each measured element counts; all alike when absent.
    """

    run: str
    fold: str
    targets: pd.DataFrame
    measured: np.ndarray
    predicted: np.ndarray
    complete: np.ndarray
    basis: np.ndarray
    weights: np.ndarray | None = None

    def weights_of(self, block: slice) -> np.ndarray | None:
        """Return the weights of some of the targets."""
        return None if self.weights is None else self.weights[:, block]


def held_out_series(results: Results, runs: Sequence[Run], model: str) -> list[HeldOut]:
    """Return the held-out series of a model in the order of the folds.

    Parameters
    ----------
    results : Results
        As :func:`~drmbids.compare_models` returned it.
    runs : sequence of Run
        The runs it was given.
    model : str
        One of the models.

    Raises
    ------
    UsageError
        If the results were read from a file, lack the model or one of its runs is not given, or
        the scores do not follow from these runs.
    """
    by_label = {run.label: run for run in runs}
    found: list[HeldOut] = []
    for fold, rows in _rows(results, model).groupby("fold", sort=False):
        sizes = rows.groupby("region", sort=False).size().to_dict()
        targets = rows[["region", "target"]].reset_index(drop=True)
        first = found[0].targets if found else targets
        order = pd.MultiIndex.from_frame(targets).get_indexer(pd.MultiIndex.from_frame(first))
        members = held_out_runs(results, str(fold))
        absent = [label for label in members if label not in by_label]
        if absent:
            raise UsageError(
                f"the results hold run {absent[0]!r}, which is not among the {len(runs)} runs "
                "given; give the runs that were compared"
            )
        r = []
        for label in members:
            complete = results.predictions[model][label]
            if isinstance(complete, Mapping):
                raise UsageError(
                    f"model {model!r} has the readouts {list(complete)}, which are not measured at "
                    "the same times; take one of them, results.of_readout(name)"
                )
            measured, predicted, basis = without_nuisance(
                by_label[label], complete, sizes, results.nuisance
            )
            weights = by_label[label].measured_weights(list(sizes))
            complete = remainder(basis, complete)
            r.append(correlation(measured, predicted, weights))
            # a fold without a score counts nowhere
            measured, predicted = (
                np.where(rows["r"].notna(), series, np.nan) for series in (measured, predicted)
            )
            if weights is not None:
                weights = np.broadcast_to(weights, measured.shape)[:, order]
            series = (part[:, order] for part in (measured, predicted, complete))
            found.append(HeldOut(label, str(fold), first, *series, basis, weights))
        # a fold has the mean of its runs, over those in which a target could be scored
        scored = rows["r"].notna().to_numpy()
        if not np.allclose(pd.DataFrame(r).mean()[scored], rows["r"][scored], atol=1e-6):
            raise UsageError(
                f"the scores of model {model!r} in fold {fold!r} do not follow from these runs; "
                "give runs and results of one call of compare_models"
            )
    return found


def held_out_runs(results: Results, fold: str) -> list[str]:
    """Return the labels of the runs that a fold held out.

    Parameters
    ----------
    results : Results
        With its table of folds.
    fold : str
        Label of the fold.
    """
    assert results.folds is not None
    rows = results.folds
    return rows.loc[(rows["fold"] == fold) & (rows["part"] == "test"), "run"].tolist()


def _rows(results: Results, model: str) -> pd.DataFrame:
    """Return the scores of one model, after a check that the results can be worked with."""
    if results.folds is None or results.nuisance is None:
        raise UsageError(
            "these results have no folds and predictions (a table read from a file has none); "
            "use what compare_models returned"
        )
    if model not in results.predictions:
        raise UsageError(f"no model {model!r} in the results, which have {[*results.predictions]}")
    return results.table[results.table["model"] == model]
