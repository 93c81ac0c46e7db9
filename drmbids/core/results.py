"""Scores as one tidy table, and what they were made from."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

#: Columns that every score table has, one row for each model, fold, region and target.
SCORE_COLUMNS = ("model", "fold", "region", "target", "r", "r2")


@dataclass(frozen=True, eq=False)
class Results:
    """Scores of one or more models on held-out runs.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, fold, region, target, r, r2``; ``fold`` is the label of the held-out
        run(s), ``target`` the index of the voxel in its region.
    predictions : dict
        ``{model: {run label: array of shape (n_measured, n_targets)}}``, each run predicted by
        the fit that had not seen it.
    estimators : dict
        ``{model: {fold: fitted estimator}}``; empty unless they were asked for.
    """

    table: pd.DataFrame
    predictions: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimators: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lacking = [c for c in SCORE_COLUMNS if c not in self.table.columns]
        if lacking:
            raise ValueError(f"a score table needs the columns {lacking}")

    def per_target(self) -> pd.DataFrame:
        """Return the mean of r and r2 over folds: one row for each model, region and target."""
        keys = ["model", "region", "target"]
        return self.table.groupby(keys, sort=False)[["r", "r2"]].mean().reset_index()

    def summary(self) -> pd.DataFrame:
        """Return median, mean and 95th percentile over targets of the fold means, by model."""
        scores = self.per_target().groupby(["model", "region"], sort=False)[["r", "r2"]]
        parts = {
            "median": scores.median(),
            "mean": scores.mean(),
            "p95": scores.quantile(0.95),
        }
        table = pd.concat(parts, axis=1).swaplevel(axis=1).sort_index(axis=1, level=0)
        table.columns = [f"{score}_{what}" for score, what in table.columns]
        return table.reset_index()
