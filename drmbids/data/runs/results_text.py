"""What results of a comparison say of themselves on a screen."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from drmbids.data.runs.fold import Fold
from drmbids.data.tools.screen import cut, numbered

#: Models and regions whose scores are shown.
_MOST_ROWS, _MOST_COLUMNS = 12, 5


def results_text(
    table: pd.DataFrame, medians: pd.DataFrame, splits: Sequence[Fold], failures: Collection[Any]
) -> str:
    """Return what was compared, and the median score of each model in each region.

    Parameters
    ----------
    table : DataFrame
        Scores, with columns ``model, fold, region, target``.
    medians : DataFrame
        From :func:`score_medians`.
    splits : sequence of Fold
    failures : collection
        Fits that failed.
    """
    models, regions = list(medians.index), list(medians.columns)
    n_targets = table.groupby("region")["target"].nunique().sum()
    kinds = {fold.kind for fold in splits}
    held_out = "" if not kinds else " " + _HELD_OUT.get(next(iter(kinds)), "")
    lines = [
        f"Results({numbered(len(models), 'model')}, {numbered(table['fold'].nunique(), 'fold')}"
        f"{held_out}, {numbered(len(regions), 'region')}, {numbered(int(n_targets), 'target')}",
        "  median r over targets of the means over folds:",
    ]
    shown = medians.iloc[:_MOST_ROWS, :_MOST_COLUMNS]
    shown.index = [cut(name) for name in shown.index]
    shown.columns = [cut(name, 12) for name in shown.columns]
    text = shown.to_string(float_format=lambda x: f"{x:.3f}", na_rep="n/a", line_width=None)
    lines += [f"  {line}" for line in text.splitlines()]
    for there, most, what in (
        (models, _MOST_ROWS, "models"),
        (regions, _MOST_COLUMNS, "regions"),
    ):
        if len(there) > most:
            lines.append(f"  and {len(there) - most} more {what}")
    if failures:
        lines.append(f"  failed: {numbered(len(failures), 'fit')}, see failures")
    return "\n".join([*lines, f"  columns of table: {', '.join(table.columns)})"])


#: What a fold holds out, by its kind.
_HELD_OUT = {
    "run": "of runs",
    "stimulus": "of stimuli",
    "block": "of blocks of time",
    "none": "in sample",
}


def score_medians(per_target: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return the median r over targets of each model (rows) and region (columns).

    Parameters
    ----------
    per_target : DataFrame
        Means over folds, with columns ``model, region, r``.
    table : DataFrame
        Scores, in whose order models and regions are.
    """
    medians = per_target.groupby(["model", "region"], sort=False)["r"].median()
    order = [list(dict.fromkeys(table[name])) for name in ("model", "region")]
    return medians.unstack("region").reindex(index=order[0], columns=order[1])
