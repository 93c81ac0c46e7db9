"""Scores of folds from those of their runs."""

from collections.abc import Sequence

import pandas as pd

from drmbids.data.runs.same_folds import complete_scores, shared_scores

# Scores that are summed over the runs of a fold; of others the mean is taken.
_SUMMED = ("log_likelihood",)

_TARGET = ["fold", "region", "target"]


def fold_scores(
    table: pd.DataFrame, scores: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the scores of folds: means over the runs that they hold out, sums of likelihoods.

    A run that lacks one of the scores that a target has in others of the fold is left out of all of
    them, and so is one in which another model lacks them.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, fold, run, region, target`` and the scores.
    scores : sequence of str

    Returns
    -------
    table : DataFrame
        The same without ``run``.
    left_out : DataFrame or None
        ``model, fold, run, region, target``: which model lacks scores of a run, so that those of
        other models do not count either; None where there are none.
    """
    if not table.duplicated(["model", *_TARGET]).any():
        return table.drop(columns="run"), None
    whole = complete_scores(table, scores, ["model", *_TARGET])
    shared = shared_scores(whole, scores, "run", _TARGET)
    found = over_runs(shared, scores)
    has, kept = (t[list(scores)].notna().any(axis=1) for t in (whole, shared))
    if (has == kept).all():
        return found, None
    keys = [whole[key] for key in ("run", *_TARGET)]
    lost = (has & ~kept).groupby(keys, sort=False).transform("any")
    known = has.groupby([whole["model"], *keys[1:]], sort=False).transform("any")
    return found, whole.loc[lost & known & ~has, ["model", "run", *_TARGET]].reset_index(drop=True)


def over_runs(table: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """Return the mean of scores over the runs of each fold, the sum of likelihoods.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, fold, run, region, target`` and the scores.
    scores : sequence of str
    """
    keys = ["model", *_TARGET]
    if not table.duplicated(keys).any():
        return table.drop(columns="run")
    groups = table.groupby(keys, sort=False)
    firsts = groups.head(1).drop(columns=["run", *scores])
    found = groups[[name for name in scores if name not in _SUMMED]].mean()
    sums = {name: groups[name].sum(min_count=1) for name in scores if name in _SUMMED}
    return firsts.join(found.assign(**sums), on=keys).reset_index(drop=True)


def is_left_out(table: pd.DataFrame, left_out: pd.DataFrame | None) -> pd.Series:
    """Return for each row whether it is in no score of its fold.

    Parameters
    ----------
    table : DataFrame
        Columns ``fold, run, region, target``.
    left_out : DataFrame or None
        As :func:`fold_scores` gives it.
    """
    if left_out is None:
        return pd.Series(False, index=table.index)
    keys = ["fold", "run", "region", "target"]
    gone = pd.MultiIndex.from_frame(left_out[keys])
    return pd.Series(pd.MultiIndex.from_frame(table[keys]).isin(gone), index=table.index)
