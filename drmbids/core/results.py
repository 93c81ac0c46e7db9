"""Scores as one tidy table, and what they were made from."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from drmbids.core.nuisance import Nuisance

#: Columns that every score table has, one row for each model, fold, region and target.
SCORE_COLUMNS = ("model", "fold", "region", "target", "r", "r2")

#: Scores that a table may have.
SCORES = ("r", "r2", "log_likelihood")

#: Columns of the table of folds, one row for each fold and run in it.
FOLD_COLUMNS = ("fold", "run", "part", "n_measured")


@dataclass(frozen=True, eq=False)
class Results:
    """Scores of one or more models on held-out runs.

    Parameters
    ----------
    table : DataFrame
        Columns ``model, fold, region, target, r, r2``, maybe ``log_likelihood``; ``fold`` is the
        label of the held-out run(s), ``target`` the index of the voxel in its region.
    predictions : dict
        ``{model: {run label: array of shape (n_measured, n_targets)}}``, each run predicted by
        the fit that had not seen it.
    estimators : dict
        ``{model: {fold: fitted estimator}}``; empty unless they were asked for.
    folds : DataFrame, optional
        Which runs each fold had: columns ``fold, run`` (label), ``part`` (``"train"`` or
        ``"test"``), ``n_measured`` (volumes). None for a table that was read from a file.
    nuisance : Nuisance, optional
        What the scores were made without.
    """

    table: pd.DataFrame
    predictions: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimators: dict[str, dict[str, Any]] = field(default_factory=dict)
    folds: pd.DataFrame | None = None
    nuisance: Nuisance | None = None

    def __post_init__(self) -> None:
        lacking = [c for c in SCORE_COLUMNS if c not in self.table.columns]
        if lacking:
            raise ValueError(f"a score table needs the columns {lacking}")

    @property
    def scores(self) -> list[str]:
        """Names of the scores in the table."""
        return [name for name in SCORES if name in self.table.columns]

    def per_target(self) -> pd.DataFrame:
        """Return the mean of the scores over folds: one row for each model, region and target."""
        keys = ["model", "region", "target"]
        return self.table.groupby(keys, sort=False)[self.scores].mean().reset_index()

    def summary(self) -> pd.DataFrame:
        """Return median, mean and 95th percentile over targets of the fold means, by model."""
        scores = self.per_target().groupby(["model", "region"], sort=False)[self.scores]
        parts = {
            "median": scores.median(),
            "mean": scores.mean(),
            "p95": scores.quantile(0.95),
        }
        table = pd.concat(parts, axis=1).swaplevel(axis=1).sort_index(axis=1, level=0)
        table.columns = [f"{score}_{what}" for score, what in table.columns]
        return table.reset_index()
