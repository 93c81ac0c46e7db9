"""Scores over participants, and what may be said of the population."""

import pandas as pd

from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.pairs import with_all_regions
from drmbids.compare.statistics.selection import select_models
from drmbids.data.runs.results import Results


def participant_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of one participant's scores for each region and for all together.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model, fold, region, target, r, r2``, maybe ``log_likelihood``.

    Returns
    -------
    DataFrame
        Columns ``model, region, n_targets, n_folds`` (with a score of every model), ``r_median,
        r_mean, r_p95, r2_median, r2_mean, r2_p95``, maybe ``log_likelihood`` (nats, summed over
        those targets and folds that all models with any have it of).
    """
    table = with_all_regions(scores)
    keys = ["model", "region"]
    rows, results = [], Results(table)
    scored = results.comparable.dropna(subset=results.scores, how="all")
    n_folds = (
        scored.groupby(keys)["fold"]
        .nunique()
        .reindex(pd.MultiIndex.from_frame(table[keys].drop_duplicates()), fill_value=0)
    )
    for (model, region), group in results.per_target().groupby(keys, sort=False):
        row = {"model": model, "region": region, "n_targets": len(group)}
        row["n_folds"] = int(n_folds[model, region])
        for score in ("r", "r2"):
            row[f"{score}_median"] = group[score].median()
            row[f"{score}_mean"] = group[score].mean()
            row[f"{score}_p95"] = group[score].quantile(0.95)
        rows.append(row)
    found = pd.DataFrame(rows)
    if "log_likelihood" in table:
        wide = results.comparable.pivot(
            index=["region", "target", "fold"], columns="model", values="log_likelihood"
        )
        # a model that has none, as its training runs leave no error variance, costs no other
        some = wide.dropna(axis=1, how="all").dropna()
        sums = pd.Series(some.groupby(level="region").sum().stack(), name="log_likelihood")
        found = found.join(sums, on=["region", "model"])
    return found


def participant_pairs(
    scores: pd.DataFrame, baseline: str, test_train_ratio: float | None = None
) -> pd.DataFrame:
    """Return one participant's differences with the baseline, for each region and all together.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model, fold, region, target, r, r2``, maybe ``log_likelihood``.
    baseline : str
        Model that the others are compared with.
    test_train_ratio : float, optional
        Held-out over training volumes, as :func:`~drmbids.paired_differences` takes it.

    Returns
    -------
    DataFrame
        As :func:`~drmbids.paired_differences`; empty where the baseline is alone or not there.
    """
    models = set(scores["model"])
    if baseline not in models or len(models) < 2:
        return pd.DataFrame()
    return paired_differences(Results(with_all_regions(scores)), baseline, test_train_ratio)


def model_selection(scores: pd.DataFrame) -> pd.DataFrame:
    """Return how frequent each model is among participants, with both usual priors.

    Parameters
    ----------
    scores : DataFrame
        Columns ``participant_id, analysis, region, model, log_likelihood``; models that no
        participant has it of are left out, and then participants that lack a model.

    Returns
    -------
    DataFrame
        ``analysis, region, n_participants, prior_count, model`` and what
        :func:`~drmbids.select_models` gives; empty with fewer than two participants or models.
    """
    tables = []
    for (analysis, region), rows in scores.groupby(["analysis", "region"], sort=False):
        wide = rows.pivot(index="participant_id", columns="model", values="log_likelihood")
        evidence = wide[list(dict.fromkeys(rows["model"]))].dropna(axis=1, how="all").dropna()
        if min(evidence.shape) < 2:
            continue
        for prior in (1.0, 1 / evidence.shape[1]):
            found = select_models(evidence, prior)
            head = {
                "analysis": analysis,
                "region": region,
                "n_participants": len(evidence),
                "prior_count": prior,
            }
            tables.append(pd.DataFrame({**head, **found}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
