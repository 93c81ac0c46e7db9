"""How much better than a baseline, target by target and fold by fold."""

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from drmbids.data.runs.results import Results, as_results
from drmbids.data.tools.exceptions import UsageError

#: Differences that vary less than this share of themselves are equal but for rounding.
EQUAL = 1e-9


def paired_differences(
    results: Results, baseline: str, test_train_ratio: float | None = None
) -> pd.DataFrame:
    """Return how each model differs from a baseline on the same targets and folds.

    Folds share training runs, so their differences are not independent and a plain t test
    finds too much. The t here has the variance of Nadeau and Bengio,
    ``var * (1 / k + n_test / n_train)`` over ``k`` folds. It speaks about new runs of the people
    measured; voxels are no independent samples and are not tested.

    Parameters
    ----------
    results : Results
        Scores of two models or more.
    baseline : str
        The model that the others are compared with.
    test_train_ratio : float, optional
        Held-out over training volumes in a fold. When absent, taken from ``results.folds``; for a
        table that was read from a file, which has none, ``1 / (k - 1)``: right where each run is
        held out once and all others are trained on.

    Returns
    -------
    DataFrame
        One row for each model, region that both predict, and score, positive where the model beats
        the baseline: ``model, baseline, region, score, n_targets`` (targets that both can be
        scored on), ``median, mean, share_better`` (over targets, of fold means), ``n_folds,
        fold_mean`` (mean over folds of the median difference over targets), ``fold_se`` (its
        corrected standard error), ``t, p`` (two-sided, ``n_folds - 1`` degrees of freedom; NaN
        with one fold or without variance).

    Raises
    ------
    UsageError
        If the baseline is not among the models, is alone, or shares no region with another.

    References
    ----------
    Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52:239-281.

    Examples
    --------
    >>> rows = [(m, f, "V1", 0, r, r) for m, s in (("glm", 0), ("drm", 0.1))
    ...         for f, r in (("run-1", 0.2 + s), ("run-2", 0.4 + 2 * s))]
    >>> table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    >>> found = paired_differences(Results(table), baseline="glm")
    >>> found.loc[found.score == "r", ["median", "fold_mean"]].round(2).values.tolist()
    [[0.15, 0.15]]
    """
    results = as_results(results)
    models = results.table["model"].unique().tolist()
    if baseline not in models or len(models) < 2:
        raise UsageError(
            f"baseline {baseline!r} needs to be one of two models or more, got {models}"
        )
    ratio = volume_ratio(results) if test_train_ratio is None else test_train_ratio
    keys, rows = ["fold", "region", "target"], []
    by_model = {name: part.set_index(keys) for name, part in results.comparable.groupby("model")}
    for model in models:
        if model == baseline:
            continue
        difference = by_model[model][results.scores] - by_model[baseline][results.scores]
        for region in by_model[model].index.unique("region"):
            if region not in by_model[baseline].index.unique("region"):
                continue  # of another readout
            for score in results.scores:
                # folds x targets; NaN where either model could not be scored
                wide = difference.xs(region, level="region")[score].unstack("target")
                head = {"model": model, "baseline": baseline, "region": region, "score": score}
                rows.append(head | _over_targets(wide) | _over_folds(wide, ratio))
    if not rows:
        raise UsageError(f"no other model predicts a region of the baseline {baseline!r}")
    return pd.DataFrame(rows)


def corrected_t(differences: np.ndarray, test_train_ratio: float) -> tuple[float, float, float]:
    """Return standard error, t and two-sided p of a mean over cross-validation folds.

    Parameters
    ----------
    differences : array of shape (n_folds,)
        One difference for each fold.
    test_train_ratio : float
        Held-out over training samples in a fold.

    Returns
    -------
    tuple of 3 float
        NaN with fewer than two folds; t and p are NaN too where all differences are equal.

    References
    ----------
    Nadeau and Bengio 2003, Machine Learning 52:239-281 (corrected resampled t test).

    Examples
    --------
    >>> [round(v, 4) for v in corrected_t(np.array([0.1, 0.2, 0.3]), test_train_ratio=0.5)]
    [0.0913, 2.1909, 0.1598]
    """
    k = len(differences)
    if k < 2:
        return np.nan, np.nan, np.nan
    if np.ptp(differences) <= EQUAL * np.abs(differences).max():
        return 0.0, np.nan, np.nan
    error = float(np.sqrt(np.var(differences, ddof=1) * (1 / k + test_train_ratio)))
    t = float(np.mean(differences)) / error
    return error, t, float(2 * student_t.sf(abs(t), k - 1))


def volume_ratio(results: Results) -> float | None:
    """Return held-out over training volumes, summed over folds; None where no folds are known.

    Parameters
    ----------
    results : Results
    """
    if results.folds is None:
        return None
    volumes = results.folds.groupby("part")["n_measured"].sum()
    return float(volumes["test"] / volumes["train"])


def _over_targets(wide: pd.DataFrame) -> dict[str, float]:
    """Return what the fold means of the targets say."""
    means = wide.mean(axis=0).dropna()
    return {
        "n_targets": len(means),
        "median": means.median(),
        "mean": means.mean(),
        "share_better": (means > 0).mean(),
    }


def _over_folds(wide: pd.DataFrame, test_train_ratio: float | None) -> dict[str, float]:
    """Return what the medians over targets of the folds say."""
    medians = wide.median(axis=1).dropna().to_numpy()
    k = len(medians)
    ratio = 1 / max(k - 1, 1) if test_train_ratio is None else test_train_ratio
    error, t, p = corrected_t(medians, ratio)
    mean = float(medians.mean()) if k else np.nan
    return {"n_folds": k, "fold_mean": mean, "fold_se": error, "t": t, "p": p}
