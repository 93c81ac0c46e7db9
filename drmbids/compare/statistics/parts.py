"""What conditions, or groups of them, add to a linear model: unique, shared and product shares."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.statistics.partition import partition_variance
from drmbids.data.runs.fold import TestedRun
from drmbids.data.runs.nuisance import Nuisance, given_nuisance
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import match_targets
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.baselines.linear import LinearBaseline
from drmbids.fit.estimators.contents import condition_label, find_conditions, without_frames
from drmbids.fit.estimators.fitted import fitted_regions
from drmbids.fit.estimators.transformers import SelectConditions
from drmbids.maths.metrics.scores import without_nuisance
from drmbids.maths.metrics.split import split_r2

#: Spaces beyond which only unique parts are had: shared ones need a model for each set of spaces.
MOST_SPACES_SHARED = 3


def partition_conditions(
    estimator: LinearBaseline,
    runs: Sequence[Run],
    spaces: Mapping[str, Sequence[str]] | None = None,
    cv: Any = "run",
    nuisance: Nuisance | None = None,
) -> pd.DataFrame:
    """Split the held-out R2 of a linear model between groups of conditions.

    Two measures, of the same folds. ``unique``: models without a space, and with three spaces or
    fewer of every set of them, are fitted and compared (:func:`~drmbids.partition_variance`): what
    is lost without a space is unique to it. ``product``: the prediction of the whole model is split
    into what each space adds to it (:func:`~drmbids.split_r2`), nothing fitted again; the shares
    add up to R2.

    Parameters
    ----------
    estimator : LinearBaseline
        Unfitted.
    runs : sequence of Run
    spaces : mapping of str to sequence of str, optional
        Conditions of each space, as for :class:`~drmbids.SelectConditions`; each condition is a
        space of its own when absent. What is in none of them is left out of all models.
    cv, nuisance
        As for :func:`~drmbids.compare_models`.

    Returns
    -------
    DataFrame
        One row for each measure, part, region and target: ``measure`` (``"unique"`` or
        ``"product"``), ``part`` (space, or spaces that share it, joined by ``&``), ``n_spaces,
        region, target, r2`` (mean over folds).

    Raises
    ------
    DataError
        If there are fewer than two spaces, a condition is in two of them, or in no run.

    References
    ----------
    Mood 1971, American Educational Research Journal 8:191-202 (unique and shared parts); Hoffman
    1960, Psychological Bulletin 57:116-131 (product measure).

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, Stream
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0 + k, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> table = partition_conditions(GLMBaseline(), [run(k) for k in range(3)])
    >>> table.groupby("measure", sort=False)["part"].unique().map(list).to_dict()
    {'unique': ['face', 'house', 'face & house'], 'product': ['face', 'house']}
    """
    runs, nuisance = match_targets(runs), given_nuisance(nuisance)
    chosen = variance_spaces(runs, spaces)
    models, of = {}, {}
    for names in _sets(list(chosen)):
        label = " & ".join(names)
        kept = [condition for name in names for condition in chosen[name]]
        steps = [("conditions", SelectConditions(kept)), ("model", clone(estimator))]
        models[label], of[label] = Pipeline(steps), names
    folds = make_folds(runs, cv)
    results = compare_models(models, runs, folds, return_estimators=True, nuisance=nuisance)
    unique = partition_variance(results, of).assign(measure="unique")
    tested = {fold.label: fold.tested_runs(runs) for fold in folds}
    product = _product(results, tested, chosen, " & ".join(chosen), nuisance).assign(
        measure="product", n_spaces=1
    )
    columns = ["measure", "part", "n_spaces", "region", "target", "r2"]
    return pd.concat([unique, product], ignore_index=True)[columns]


def variance_spaces(
    runs: Sequence[Run], spaces: Mapping[str, Sequence[str]] | None
) -> dict[str, list[str]]:
    """Return the conditions of each space, or raise: all that can be known before any fit.

    Parameters
    ----------
    runs : sequence of Run
    spaces : mapping of str to sequence of str, or None
        As for :func:`partition_conditions`.

    Raises
    ------
    DataError
        If there are fewer than two spaces, a condition is in two of them, or in no run.
    """
    every = [
        condition_label(stimulus, column)
        for stimulus, columns in find_conditions([without_frames(run) for run in runs]).items()
        for column in columns
    ]
    found = {name: [name] for name in every}
    if spaces:
        found = {name: list(conditions) for name, conditions in spaces.items()}
    if len(found) < 2:
        raise DataError(f"a partition of variance needs two spaces or more, found {list(found)}")
    named = [condition for conditions in found.values() for condition in conditions]
    for condition in named:
        if condition not in every:
            raise DataError(f"space of the variance: no condition {condition!r}; there are {every}")
        if named.count(condition) > 1:
            raise DataError(f"condition {condition!r} is in several spaces; leave it in one")
    return found


def _sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the sets of spaces that models are needed for, the largest first."""
    n = len(names)
    least = 1 if n <= MOST_SPACES_SHARED else n - 1
    return [some for size in range(n, least - 1, -1) for some in combinations(names, size)]


def _product(
    results: Results,
    tested: Mapping[str, Sequence[TestedRun]],
    spaces: Mapping[str, Sequence[str]],
    full: str,
    nuisance: Nuisance,
) -> pd.DataFrame:
    """Return the product measure of each space, the mean over folds of means over their runs."""
    folds = []
    space_of = {condition: name for name, some in spaces.items() for condition in some}
    regions: dict[str, int] = {}
    for fold, fitted in results.estimators[full].items():
        regions = fitted_regions(fitted)
        shares = []
        for held_out in tested[fold]:
            (shown,) = fitted[:-1].transform([held_out.run])
            parts = dict.fromkeys(spaces, 0.0)
            for condition, series in fitted[-1].predict_parts(shown).items():
                parts[space_of[condition]] = parts[space_of[condition]] + series
            shares.append(_shares(held_out, list(parts.values()), regions, nuisance))
        folds.append(_mean(shares))
    where = {
        "region": np.repeat(list(regions), list(regions.values())),
        "target": np.concatenate([np.arange(n) for n in regions.values()]),
    }
    tables = [
        pd.DataFrame({"part": name, **where, "r2": r2})
        for name, r2 in zip(spaces, _mean(folds), strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _shares(
    tested: TestedRun, parts: list[np.ndarray], regions: Mapping[str, int], nuisance: Nuisance
) -> np.ndarray:
    """Return the shares (n_parts, n_targets) of R2 in one run."""
    weights = tested.run.measured_weights(list(regions))
    cleaned = [
        without_nuisance(tested.run, part, regions, nuisance, tested.trained) for part in parts
    ]
    measured, clean = cleaned[0].measured, [part.predicted for part in cleaned]
    if weights is None:
        return split_r2(measured, np.stack(clean))
    # sums over samples count by weights: those of series times their roots
    root = np.sqrt(weights)
    return split_r2(root * measured, np.stack([root * part for part in clean]), centre=False)


def _mean(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of arrays, elements without a score left out."""
    table = np.stack(values)
    count = np.isfinite(table).sum(0)
    return np.where(count > 0, np.nansum(table, 0) / np.maximum(count, 1), np.nan)
