"""Scores as one tidy table, and what they were made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from drmbids.data.runs.align import ONLY
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results_files import read_results, write_results
from drmbids.data.runs.results_text import results_text, score_medians
from drmbids.data.runs.same_folds import complete_scores, shared_scores
from drmbids.data.runs.targets import Targets
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import UsageError

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
        label of the held-out run(s), ``target`` the index of the voxel in its region. Where a model
        has several readouts, ``readout`` says which one predicts the region. A fold that lacks one
        of the scores that a target has in others has none of them (NaN), so that the means of all
        scores are over the same folds; those of all models are so too, see :attr:`comparable`.
    predictions : dict
        ``{model: {run label: array of shape (n_measured, n_targets)}}``, each run predicted by
        the fit that had not seen it, targets in the order of :meth:`regions_of`; of a model of
        several readouts a dict of one for each.
    estimators : dict
        ``{model: {fold: fitted estimator}}``; empty unless they were asked for.
    folds : DataFrame, optional
        Which runs each fold had: columns ``fold, run`` (label), ``part`` (``"train"`` or
        ``"test"``), ``n_measured`` (volumes). None for a table that was read from a file.
    nuisance : Nuisance, optional
        What the scores were made without.
    targets : dict
        ``{region: names of the targets}``, in the order that ``target`` counts in; empty for a
        table that was read from a file.
    splits : sequence of Fold
        The folds as they were made (:class:`drmbids.data.runs.fold.Fold`), by which predictions
        are taken apart again; none for a table that was read from a file.
    ranks : mapping of str to mapping of str to float
        ``{model: {region: n_features}}``, how many independent features the predictions of a target
        are weighted sums of, as far as models tell (``ranks_`` of an estimator).
    timing : DataFrame, optional
        Whether other onsets, durations or amplitudes of the events explain held-out data better
        (:func:`~drmbids.timing_audit`), where a model has an assumed hemodynamic response.
    failures : mapping of (str, str) to str
        ``{(model, fold): why}`` of fits that failed; their scores and predictions are missing.
    left_out : DataFrame, optional
        Columns ``model, run, fold, region, target``: runs, of folds of several, in which a model
        has no score though it has in others; they are in no score of any model in their fold.
    """

    table: pd.DataFrame
    predictions: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimators: dict[str, dict[str, Any]] = field(default_factory=dict)
    folds: pd.DataFrame | None = None
    nuisance: Nuisance | None = None
    targets: Targets = field(default_factory=dict)
    splits: Sequence[Any] = ()
    ranks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timing: pd.DataFrame | None = None
    failures: Mapping[tuple[str, str], str] = field(default_factory=dict)
    left_out: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.table, pd.DataFrame):
            raise UsageError(f"a score table must be a DataFrame, got {shortly(self.table)}")
        lacking = [c for c in SCORE_COLUMNS if c not in self.table.columns]
        if lacking:
            raise UsageError(
                f"a score table needs the columns {', '.join(lacking)}, which it lacks"
            )
        keys = ["model", "region", "target"]
        object.__setattr__(self, "table", complete_scores(self.table, self.scores, keys))

    def __repr__(self) -> str:
        return results_text(self.table, self._medians(), self.splits, self.failures)

    def _medians(self) -> pd.DataFrame:
        return score_medians(self.per_target(), self.table)

    def _repr_html_(self) -> str:
        """Return the median scores as a table, for notebooks."""
        first = escape(repr(self).splitlines()[0].removeprefix("Results("))
        table = self._medians().to_html(float_format="{:.3f}".format, na_rep="n/a", border=0)
        return f"<p>{first}; median r over targets of the means over folds</p>{table}"

    def save(self, folder: str | Path) -> None:
        """Write tables, predictions and folds: all but the estimators, which have their own save.

        Parameters
        ----------
        folder : str or Path
            Made where missing; files that it holds beside those of results stay.

        Raises
        ------
        OutputError
            If the folder holds something else that was saved, or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> row = {"model": "drm", "fold": "run-1", "region": "V1", "target": 0, "r": 0.5}
        >>> results = Results(pd.DataFrame([{**row, "r2": 0.2}]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     results.save(folder)
        ...     Results.load(folder).table.equals(results.table)
        True
        """
        write_results(Path(folder), {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, folder: str | Path) -> "Results":
        """Return results that :meth:`save` wrote, with the same numbers.

        Parameters
        ----------
        folder : str or Path

        Raises
        ------
        DataError
            If the folder holds no results, or a file is missing or was changed.
        """
        return cls(**read_results(Path(folder)))

    @cached_property
    def comparable(self) -> pd.DataFrame:
        """The table without scores (NaN) in folds in which another model has none of the target.

        All that is said of several folds (:meth:`per_target`, :meth:`summary`, differences, maps,
        figures, tests) is over these, the same for all models. A model without a score of a target
        in any fold costs the others nothing.
        """
        return shared_scores(self.table, self.scores, "fold", ["region", "target"])

    def regions_of(self, model: str) -> dict[str, int]:
        """Return the regions that a model predicts, and their targets, in the order of its series.

        Parameters
        ----------
        model : str
            One of the models; it may have the regions in another order than the runs, or leave
            some out.
        """
        rows = self.table[self.table["model"] == model]
        first = rows[rows["fold"] == rows["fold"].iloc[0]]
        sizes = first.groupby("region", sort=False).size()
        return {str(region): int(n) for region, n in sizes.items()}

    @property
    def scores(self) -> list[str]:
        """Names of the scores in the table."""
        return [name for name in SCORES if name in self.table.columns]

    @property
    def readouts(self) -> list[str]:
        """Names of the readouts in the table, none where every model has but one."""
        there = self.table["readout"].unique() if "readout" in self.table else []
        return [name for name in there if name != ONLY]

    def by_readout(self) -> list["Results"]:
        """Return the results of each readout, these themselves where every model has but one."""
        return [self.of_readout(name) for name in self.readouts] or [self]

    def of_readout(self, name: str) -> "Results":
        """Return what models make of the responses of one readout, as if there were no others.

        Parameters
        ----------
        name : str
            One of :attr:`readouts`.

        Returns
        -------
        Results
            Of the models that predict some of them, for all that is done with results; without
            estimators.

        Raises
        ------
        UsageError
            If there is no such readout.
        """
        if name not in self.readouts:
            raise UsageError(f"no readout {name!r} in the results, which have {self.readouts}")
        rows = self.table[self.table["readout"] == name].drop(columns="readout")
        models = {str(model) for model in rows["model"]}
        predictions = {
            model: {label: self._series(model, name, series) for label, series in by_run.items()}
            for model, by_run in self.predictions.items()
            if model in models
        }
        table = rows.reset_index(drop=True)
        return replace(self, table=table, predictions=predictions, estimators={})

    def _series(self, model: str, readout: str, series: Any) -> Any:
        """Return a prediction for the regions of one readout."""
        if isinstance(series, Mapping):
            return series[readout]
        own = self.table[self.table["model"] == model]
        columns = own.loc[own["fold"] == own["fold"].iloc[0], "readout"] == readout
        return series[:, columns.to_numpy()]

    def unscored(self) -> pd.DataFrame:
        """Return which folds lack scores: one row for each model, fold and region that lacks some.

        Where other models have scores of the fold, they do not count in means over folds either
        (:attr:`comparable`).

        Returns
        -------
        DataFrame
            Columns ``model, fold, region, n_targets, n_unscored``; a constant series or prediction
            has no score, and neither has a fit that failed.
        """
        missing = self.table[self.scores].isna().all(axis=1)
        groups = missing.groupby([self.table[c] for c in ("model", "fold", "region")], sort=False)
        found = groups.agg(n_targets="size", n_unscored="sum").reset_index()
        return found[found["n_unscored"] > 0].reset_index(drop=True)

    def per_target(self) -> pd.DataFrame:
        """Return the mean of the scores over folds: one row for each model, region and target.

        The folds of a target are those in which all models have a score (:attr:`comparable`).
        """
        keys = ["model", "region", "target"]
        return self.comparable.groupby(keys, sort=False)[self.scores].mean().reset_index()

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


def as_results(results: Any) -> Results:
    """Return results, those of a table of scores too, or raise.

    Parameters
    ----------
    results : Results or DataFrame

    Raises
    ------
    UsageError
        If it is something else, or a table that lacks columns.
    """
    return results if isinstance(results, Results) else Results(results)
