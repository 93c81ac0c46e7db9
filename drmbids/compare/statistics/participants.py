"""Differences between models over participants, who are what a population is inferred from."""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, permutation_test

from drmbids.compare.statistics.paired import EQUAL
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import UsageError


def participant_differences(
    scores: pd.DataFrame,
    baseline: str,
    score: str = "r_median",
    confidence: float = 0.95,
    n_resamples: int = 9999,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return each model's difference with the baseline over participants, and test it.

    The participant is the unit: each gives one paired difference. Without an effect its sign is a
    coin toss, so all signs are turned, or as many as ``n_resamples`` at random; nothing is assumed
    of the distribution but symmetry.

    Parameters
    ----------
    scores : DataFrame
        Columns ``participant_id, model`` and the score; one test for each ``analysis`` and
        ``region`` where there are such columns.
    baseline : str
        Model that the others are compared with.
    score : str
        Column to compare.
    confidence : float
        Coverage of the interval, between 0 and 1.
    n_resamples : int
        Resamples of the bootstrap, and sign flips.
    random_state : int
        Seed.

    Returns
    -------
    DataFrame
        ``analysis, region`` (where given), ``model, baseline, score, n_participants,
        mean_difference, ci_low, ci_high`` (bias-corrected and accelerated bootstrap; NaN with
        fewer than three participants or equal differences), ``p`` (sign flips, two-sided; at least
        ``2 / 2**n_participants``, NaN with one participant), ``n_better``.

    Raises
    ------
    UsageError
        If a column is missing, the baseline is not among several models, or a participant has two
        scores of one model.

    References
    ----------
    Efron 1987, Journal of the American Statistical Association 82:171-185 (BCa); Nichols and
    Holmes 2002, Human Brain Mapping 15:1-25 (sign flips).

    Examples
    --------
    >>> drm, glm = [0.30, 0.42, 0.25, 0.38, 0.41, 0.33], [0.25, 0.36, 0.24, 0.30, 0.37, 0.31]
    >>> scores = pd.DataFrame({"participant_id": [f"sub-{k}" for k in range(6)] * 2,
    ...                        "model": ["drm"] * 6 + ["glm"] * 6, "r_median": drm + glm})
    >>> found = participant_differences(scores, "glm")
    >>> found[["mean_difference", "p"]].round(3).values.tolist()
    [[0.043, 0.031]]
    """
    if not isinstance(scores, pd.DataFrame):
        raise UsageError(f"scores must be a DataFrame, got {shortly(scores)}")
    lacking = [c for c in ("participant_id", "model", score) if c not in scores.columns]
    models = [] if "model" in lacking else scores["model"].unique().tolist()
    if lacking or baseline not in models or len(models) < 2:
        raise UsageError(
            f"need the columns participant_id, model, {score} and the model {baseline!r} among two "
            f"or more; columns are {list(scores.columns)}, models {models}"
        )
    groups = [name for name in ("analysis", "region") if name in scores.columns]
    keys = [*groups, "participant_id"]
    if scores.duplicated([*keys, "model"]).any():
        raise UsageError(f"a participant has two values of {score} for one model; give one of each")
    wide = scores.set_index([*keys, "model"])[score].unstack("model", sort=False)
    rows = []
    for model in models:
        if model == baseline:
            continue
        difference = (wide[model] - wide[baseline]).dropna().rename("difference").reset_index()
        parts = difference.groupby(groups, sort=False) if groups else [((), difference)]
        for where, part in parts:
            head = dict(zip(groups, where, strict=True))
            values = part["difference"].to_numpy()
            head |= {"model": model, "baseline": baseline, "score": score}
            rows.append(head | over_participants(values, confidence, n_resamples, random_state))
    return pd.DataFrame(rows)


def over_participants(
    values: np.ndarray, confidence: float, n_resamples: int, random_state: int
) -> dict[str, float]:
    """Return mean, interval and p of one difference for each participant.

    Parameters
    ----------
    values : array of shape (n_participants,)
    confidence : float
    n_resamples : int
    random_state : int
        As in :func:`participant_differences`.

    Returns
    -------
    dict
        ``n_participants, mean_difference, ci_low, ci_high, p, n_better``.
    """
    low = high = p = np.nan
    if len(values) > 2 and np.ptp(values) > EQUAL * np.abs(values).max():
        low, high = bootstrap(
            (values,), np.mean, confidence_level=confidence, n_resamples=n_resamples,
            method="BCa", random_state=np.random.default_rng(random_state),
        ).confidence_interval  # fmt: skip
    if len(values) > 1:
        p = permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=n_resamples,
            random_state=np.random.default_rng(random_state),
        ).pvalue  # fmt: skip
    return {
        "n_participants": len(values),
        "mean_difference": float(np.mean(values)) if len(values) else np.nan,
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(p),
        "n_better": int((values > 0).sum()),
    }
