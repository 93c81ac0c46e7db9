"""Measured series beside the predictions of models that had not seen them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drmbids.compare.crossvalidation.run_scores import is_left_out
from drmbids.data.runs.fold import Fold, TestedRun
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import as_runs, with_targets
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.metrics.scores import Cleaned, correlation, without_nuisance

#: What is told where a table of scores is given in place of results.
NO_PREDICTIONS = (
    "these results have no folds and predictions (a table read from a file has none); use what "
    "compare_models returned"
)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One held-out run, or block of one: measured and predicted series, nuisance taken out.

    Parameters
    ----------
    run, fold : str
        Labels.
    source : str
        Label of the whole run.
    targets : DataFrame
        Columns ``region, target``, one row for each column of the series; the same in all runs.
    measured, predicted : array of shape (n_measured, n_targets)
        NaN in both where an element is missing, and where the fold, or the run in it, has no score
        of the target, of this model or another one.
    complete : array of shape (n_measured, n_targets)
        The prediction also where nothing was measured, nuisance taken out.
    basis : array of shape (n_measured, rank)
        Orthonormal basis of what was fitted to these series themselves: the nuisance of a whole
        run, the mean of a block.
    weights : array of shape (n_measured, n_targets), optional
        How much each measured element counts; all alike when absent.
    """

    run: str
    fold: str
    source: str
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
    runs = [with_targets(run, results.targets) for run in as_runs(runs)]
    found: list[HeldOut] = []
    scores = _rows(results, model)
    splits = folds_of(results, runs)
    for label, rows in scores.groupby("fold", sort=False):
        sizes = rows.groupby("region", sort=False).size().to_dict()
        targets = rows[["region", "target"]].reset_index(drop=True)
        first = found[0].targets if found else targets
        order = pd.MultiIndex.from_frame(targets).get_indexer(pd.MultiIndex.from_frame(first))
        r = []
        for tested in _tested(splits[label], held_out_runs(results, str(label)), runs):
            predicted = results.predictions[model][tested.run.label]
            if isinstance(predicted, Mapping):
                raise UsageError(
                    f"model {model!r} has the readouts {list(predicted)}, which are not measured "
                    "at the same times; take one of them, results.of_readout(name)"
                )
            cleaned = without_nuisance(
                tested.run, predicted, sizes, results.nuisance, tested.trained
            )
            weights = tested.run.measured_weights(list(sizes))
            run = rows.assign(run=tested.run.label)
            left_out = is_left_out(run, results.left_out).to_numpy()
            of_run = correlation(cleaned.measured, cleaned.predicted, weights)
            r.append(np.where(left_out, np.nan, of_run))
            # a fold without a score counts nowhere, nor does one in which another model has none
            has_score = rows["r"].notna().to_numpy() & ~left_out
            cleaned = cleaned._replace(
                measured=np.where(has_score, cleaned.measured, np.nan),
                predicted=np.where(has_score, cleaned.predicted, np.nan),
            )
            if weights is not None:
                weights = np.broadcast_to(weights, cleaned.measured.shape)[:, order]
            found.append(_held_out(tested, str(label), first, cleaned, order, weights))
        # a fold has the mean of its runs, over those in which a target could be scored
        scored = rows["r"].notna().to_numpy()
        if not np.allclose(pd.DataFrame(r).mean()[scored], rows["r"][scored], atol=1e-6):
            raise UsageError(
                f"the scores of model {model!r} in fold {label!r} do not follow from these runs; "
                "give runs and results of one call of compare_models"
            )
    return found


def folds_of(results: Results, runs: Sequence[Run]) -> dict[str, Fold]:
    """Return the folds of results by label; over whole runs where only their table is known.

    Parameters
    ----------
    results : Results
        With its table of folds.
    runs : sequence of Run
    """
    known = {fold.label: fold for fold in results.splits}
    assert results.folds is not None
    index = {run.label: k for k, run in enumerate(runs)}
    for label, rows in results.folds.groupby("fold", sort=False):
        if label not in known:
            there = rows[rows["run"].isin(list(index))]
            train, test = (
                tuple(index[name] for name in there.loc[there["part"] == part, "run"])
                for part in ("train", "test")
            )
            known[str(label)] = Fold(str(label), train, test)
    return known


def _tested(fold: Fold, labels: Sequence[str], runs: Sequence[Run]) -> list[TestedRun]:
    """Return the held-out runs of a fold, or raise where another set of runs is given."""
    known = {run.label for run in runs}
    try:
        found = fold.tested_runs(runs)
    except IndexError:
        found = []
    if [tested.run.label for tested in found] != list(labels):
        absent = next((label for label in labels if label not in known), labels[0])
        raise UsageError(
            f"the results hold run {absent!r}, which is not among the {len(runs)} runs given; "
            "give the runs that were compared"
        )
    return found


def _held_out(
    tested: TestedRun,
    fold: str,
    targets: pd.DataFrame,
    cleaned: Cleaned,
    order: np.ndarray,
    weights: np.ndarray | None,
) -> HeldOut:
    """Return the series of a held-out run; of a block its own scans alone, without the mean."""
    rows, basis = slice(None), cleaned.basis
    if tested.trained is not None and tested.tested is not None:
        regions = list(dict.fromkeys(targets["region"]))
        rows = tested.tested.within(tested.run.measured_times(regions))
        basis = np.full((rows.sum(), min(1, basis.shape[1])), rows.sum() ** -0.5)
    series = (part[rows][:, order] for part in cleaned[:3])
    own = None if weights is None else weights[rows]
    return HeldOut(tested.run.label, fold, tested.source, targets, *series, basis, own)


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
        raise UsageError(NO_PREDICTIONS)
    if model not in results.predictions:
        raise UsageError(f"no model {model!r} in the results, which have {[*results.predictions]}")
    return results.comparable[results.comparable["model"] == model]
