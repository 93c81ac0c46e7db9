"""Scores that are missing in some rows of a table, so that all means are over the same rows."""

from collections.abc import Sequence

import pandas as pd


def complete_scores(
    table: pd.DataFrame, scores: Sequence[str], keys: Sequence[str]
) -> pd.DataFrame:
    """Return scores of which all are missing in a row that lacks one, so that means are comparable.

    A score that a target has in no row at all costs it no other score.

    Parameters
    ----------
    table : DataFrame
    scores : sequence of str
        Columns.
    keys : sequence of str
        Columns that tell targets apart; the rows of one target are folds, or runs.

    Examples
    --------
    >>> table = pd.DataFrame({"target": [0, 0, 1], "r": [0.5, None, None], "r2": [0.2, 0.0, 0.0]})
    >>> complete_scores(table, ["r", "r2"], ["target"])["r2"].tolist()
    [0.2, nan, 0.0]
    """
    there = table[list(scores)].notna()
    partly = there.any(axis=1) & ~there.all(axis=1)
    if not partly.any():
        return table
    known = there.groupby([table[key] for key in keys], sort=False).transform("any")
    lacking = (known & ~there).any(axis=1)
    return table.assign(**{name: table[name].where(~lacking) for name in scores})


def shared_scores(
    table: pd.DataFrame, scores: Sequence[str], rows: str, keys: Sequence[str]
) -> pd.DataFrame:
    """Return scores that are missing for all models where one model lacks them.

    A model that has no score of a target in any row costs the others nothing.

    Parameters
    ----------
    table : DataFrame
        With a column ``model``.
    scores : sequence of str
        Columns.
    rows : str
        Column of what means are over: folds, or the runs of a fold.
    keys : sequence of str
        Columns that tell targets apart, but for the model.

    Examples
    --------
    >>> rows = [("glm", "run-1", 0.5), ("glm", "run-2", None), ("mean", "run-1", 0.1),
    ...         ("mean", "run-2", 0.3), ("failed", "run-1", None), ("failed", "run-2", None)]
    >>> table = pd.DataFrame(rows, columns=["model", "fold", "r"]).assign(target=0)
    >>> shared_scores(table, ["r"], "fold", ["target"])["r"].tolist()
    [0.5, nan, 0.1, nan, nan, nan]
    """
    has = table[list(scores)].notna().any(axis=1)
    counts = table.groupby(["model", rows], sort=False).size().unstack()
    if has.all() and (counts.nunique(axis=1) == 1).all() and counts.notna().all(axis=None):
        return table
    n_models = table[has].groupby(list(keys), sort=False)["model"].nunique().rename("n_models")
    n_models = table[list(keys)].join(n_models, on=list(keys))["n_models"]
    n_there = has.groupby([table[key] for key in (rows, *keys)], sort=False).transform("sum")
    shared = n_there >= n_models.fillna(0)
    return table.assign(**{name: table[name].where(shared) for name in scores})
