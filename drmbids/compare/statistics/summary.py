"""All that is known of the scores of each model and region, in one row."""

import numpy as np
import pandas as pd

from drmbids.compare.statistics.paired import paired_differences
from drmbids.data.runs.results import Results, as_results

#: Level of the permutation test that targets are counted at.
LEVEL = 0.05


def summarise_results(
    results: Results,
    baseline: str | None = None,
    *,
    ceiling: pd.DataFrame | None = None,
    normalised: pd.DataFrame | None = None,
    permutation: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row for each model and region; columns of what is not given are left out.

    Parameters
    ----------
    results : Results
    baseline : str, optional
        Model that the others are compared with.
    ceiling : DataFrame, optional
        From :func:`~drmbids.noise_ceiling`.
    normalised : DataFrame, optional
        From :func:`~drmbids.normalised_scores`.
    permutation : DataFrame, optional
        From :func:`~drmbids.permutation_test`.

    Returns
    -------
    DataFrame
        ``model, region, n_targets, n_folds`` (in which all models have a score: every number of
        a region is over the same folds), ``n_folds_left_out`` (the others); for each score ``r,
        r2, log_likelihood`` (nats a target and fold) in the table: ``_median, _mean, _p95`` (over
        targets, of fold means), ``_fold_sd`` (standard deviation over folds of the median over
        targets, NaN with one);
        ``r_difference, r_difference_se, r_difference_p, r_difference_n_folds`` (with the baseline,
        as :func:`~drmbids.paired_differences` has ``fold_mean, fold_se, p, n_folds``; NaN in its
        own row);
        ``explainable_variance_median, r_ceiling_median, split_half_median,
        r_normalised_median`` (over targets, of the means over repeated stimuli); ``p_fwe_min``,
        ``n_above_chance_fwe``, ``n_above_chance_fdr`` (smallest corrected p of a target, and
        targets with p below 0.05, corrected for all targets of the model, and at this false
        discovery rate).

    Raises
    ------
    UsageError
        If the baseline is not among two models or more.

    Examples
    --------
    >>> rows = [(m, f, "V1", 0, r, r) for m, s in (("glm", 0), ("drm", 0.1))
    ...         for f, r in (("run-1", 0.2 + s), ("run-2", 0.4 + 2 * s))]
    >>> table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    >>> found = summarise_results(Results(table), baseline="glm")
    >>> found[["model", "r_median", "r_difference"]].round(2).values.tolist()
    [['glm', 0.3, nan], ['drm', 0.45, 0.15]]
    """
    results = as_results(results)
    keys = ["model", "region"]
    targets = results.per_target()
    parts = [targets.groupby(keys, sort=False).size().rename("n_targets"), _folds(results)]
    parts.append(results.summary().set_index(keys))
    if baseline is not None:
        parts.append(_differences(results, baseline))
    if permutation is not None:
        parts.append(_above_chance(permutation))
    table = pd.concat(parts, axis=1)
    if normalised is not None:
        table = table.join(_over_targets(normalised, ["r_normalised"], keys))
    if ceiling is not None:
        names = ["explainable_variance", "r_ceiling", "split_half"]
        table = table.join(_over_targets(ceiling, names, ["region"]), on="region")
    return table.loc[targets.groupby(keys, sort=False).size().index].reset_index()[
        [name for name in _order(results.scores) if name in {*keys, *table.columns}]
    ]


def _order(scores: list[str]) -> list[str]:
    """Return all columns, in the order of the table."""
    each = ("median", "mean", "p95", "fold_sd")
    return [
        *("model", "region", "n_targets", "n_folds", "n_folds_left_out"),
        *(f"{score}_{what}" for score in scores for what in each),
        *("r_difference", "r_difference_se", "r_difference_p", "r_difference_n_folds"),
        *("explainable_variance_median", "r_ceiling_median", "split_half_median"),
        "r_normalised_median",
        *("p_fwe_min", "n_above_chance_fwe", "n_above_chance_fdr"),
    ]


def fold_medians(results: Results) -> pd.DataFrame:
    """Return the median of each score over targets: one row for each model, region and fold.

    Parameters
    ----------
    results : Results
    """
    groups = results.comparable.groupby(["model", "region", "fold"], sort=False)
    return groups[results.scores].median().reset_index()


def _folds(results: Results) -> pd.DataFrame:
    """Return the number of folds and how scores differ between them."""
    groups = fold_medians(results).groupby(["model", "region"], sort=False)
    spread = groups[results.scores].std(ddof=1).add_suffix("_fold_sd")
    scored = groups[results.scores].count().max(axis=1)
    counts = {"n_folds": scored, "n_folds_left_out": groups.size() - scored}
    return pd.concat([pd.DataFrame(counts), spread], axis=1)


def _differences(results: Results, baseline: str) -> pd.DataFrame:
    """Return the difference with the baseline in r."""
    paired = paired_differences(results, baseline)
    found = paired[paired["score"] == "r"].set_index(["model", "region"])
    names = {
        "fold_mean": "r_difference",
        "fold_se": "r_difference_se",
        "p": "r_difference_p",
        "n_folds": "r_difference_n_folds",
    }
    return found[list(names)].rename(columns=names)


def _above_chance(permutation: pd.DataFrame) -> pd.DataFrame:
    """Return how many targets are predicted above chance; NaN, of what has no score, is not."""
    groups = permutation.groupby(["model", "region"], sort=False)
    return pd.DataFrame(
        {
            "p_fwe_min": groups["p_fwe"].min(),
            "n_above_chance_fwe": groups["p_fwe"].agg(lambda p: int(np.sum(p < LEVEL))),
            "n_above_chance_fdr": groups["p_fdr"].agg(lambda p: int(np.sum(p < LEVEL))),
        }
    )


def _over_targets(table: pd.DataFrame, names: list[str], keys: list[str]) -> pd.DataFrame:
    """Return the median over targets of the means over repeated stimuli."""
    means = table.groupby([*keys, "target"], sort=False)[names].mean()
    return means.groupby(keys, sort=False).median().add_suffix("_median")
