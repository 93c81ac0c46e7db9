"""Scores over participants, and what may be said of the population."""

import numpy as np
import pandas as pd
from scipy import stats

from drmbids.core.results import Results

#: Label of the rows over all regions together.
ALL_REGIONS = "all"


def participant_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of one participant's scores for each region and for all together.

    Parameters
    ----------
    scores : DataFrame
        Columns ``model, fold, region, target, r, r2``.

    Returns
    -------
    DataFrame
        Columns ``model, region, n_targets, r_median, r_mean, r_p95, r2_median, r2_mean, r2_p95``.
    """
    targets = Results(scores).per_target()
    parts = [targets]
    if targets["region"].nunique() > 1:
        parts.append(targets.assign(region=ALL_REGIONS))
    rows = []
    for (model, region), group in pd.concat(parts).groupby(["model", "region"], sort=False):
        row = {"model": model, "region": region, "n_targets": len(group)}
        for score in ("r", "r2"):
            row[f"{score}_median"] = group[score].median()
            row[f"{score}_mean"] = group[score].mean()
            row[f"{score}_p95"] = group[score].quantile(0.95)
        rows.append(row)
    return pd.DataFrame(rows)


def group_differences(
    scores: pd.DataFrame, baseline: str, score: str = "r_median", confidence: float = 0.95
) -> pd.DataFrame:
    """Return each model's difference with the baseline over participants.

    The participant is the unit of inference: each gives one paired difference. The interval is
    Student's for their mean, and is missing for fewer than two participants.

    Parameters
    ----------
    scores : DataFrame
        Columns ``participant_id, analysis, model, region`` and the score.
    baseline : str
        Model that the others are compared with.
    score : str
        Column to compare.
    confidence : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    DataFrame
        Columns ``analysis, model, baseline, region, n_participants, mean_difference,
        median_difference, ci_low, ci_high, n_better``.
    """
    columns = [
        "analysis",
        "model",
        "baseline",
        "region",
        "n_participants",
        "mean_difference",
        "median_difference",
        "ci_low",
        "ci_high",
        "n_better",
    ]
    keys = ["participant_id", "analysis", "region"]
    wide = scores.pivot_table(index=keys, columns="model", values=score, sort=False)
    rows = []
    for model in wide.columns.drop(baseline, errors="ignore") if baseline in wide else ():
        difference = (wide[model] - wide[baseline]).dropna()
        for (analysis, region), values in difference.groupby(["analysis", "region"], sort=False):
            low, high = _interval(values.to_numpy(), confidence)
            better = int((values > 0).sum())
            middle = (len(values), values.mean(), values.median(), low, high, better)
            rows.append((analysis, model, baseline, region, *middle))
    return pd.DataFrame(rows, columns=columns)


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return Student's interval of the mean."""
    if len(values) < 2:
        return np.nan, np.nan
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)
