"""What estimators over runs share: one sample is one whole run, so no splitter can cut a run."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from drmbids.data.runs.align import ONLY
from drmbids.data.runs.freedom import runs_with_freedom
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.targets import match_targets, targets_of, with_targets
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.contents import find_regions, warn_of_unmeasured
from drmbids.fit.estimators.mean_score import mean_score

#: Names of stimulus and response when rows of an array stand for a run.
ROW_STIMULUS, ROW_RESPONSE = "X", "y"


def rows_as_run(X: np.ndarray, y: np.ndarray | None, names: Sequence[str]) -> Run:
    """Return rows of features, one a second, as a run.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        Row ``k`` stands for the second ``[k, k + 1)``: its stimulus sample lies in the middle.
    y : array of shape (n_samples, n_outputs) or None
        Measured at the start of each second.
    names : sequence of str
        One for each feature.

    Returns
    -------
    Run
    """
    seconds = np.arange(len(X), dtype=float)
    responses = {} if y is None else {ROW_RESPONSE: Stream(y, seconds)}
    stimulus = Stream(X, seconds + 0.5, columns=names)
    return Run(responses, {ROW_STIMULUS: stimulus}, duration=float(len(X)), tr=1.0)


class RunEstimator(RegressorMixin, BaseEstimator, ABC):
    """Base of estimators that learn from runs and predict the responses of new ones.

    ``X`` is a list (or 1-D object array) of :class:`~drmbids.data.runs.run.Run`, which carry their
    own responses: ``y`` stays ``None``. So estimators work in ``cross_validate``,
    ``GridSearchCV`` and ``clone``, and folds are made of whole runs. A 2-D array ``X`` with ``y``
    is taken as one run of one row a second, for whoever comes with rows.

    A derived class gives :meth:`_fit_runs` and :meth:`_predict_run`, and may override
    :attr:`_nuisance`.

    Attributes
    ----------
    regions_ : dict of str to int
        Number of targets of each region, in the order of predicted columns.
    targets_ : dict of str to tuple of str
        Names of the targets of each region, those of the columns of the training runs. Runs are
        matched by these names, never by position.
    intercept_ : float or array of shape (n_outputs,)
        Only after a fit on rows: mean of ``y`` minus prediction. Runs need none, as their intercept
        is nuisance.
    """

    @abstractmethod
    def _fit_runs(self, runs: list[Run]) -> None:
        """Learn from runs whose regions are ``regions_``."""

    @abstractmethod
    def _predict_run(self, run: Run) -> Any:
        """Return the prediction (n_measured, n_targets) at ``run.measured_times(regions_)``.

        A model of several readouts returns one for each, by name.
        """

    @property
    def _nuisance(self) -> Nuisance:
        """What `score` takes out of measured and predicted series."""
        return Nuisance()

    @property
    def _nuisances(self) -> Mapping[str, Nuisance]:
        """The same for each readout."""
        return {ONLY: self._nuisance}

    @property
    def readouts_(self) -> dict[str, dict[str, int]]:
        """Regions of each readout, with their targets; an only readout has an empty name."""
        return {ONLY: self.regions_}

    def _find_regions(self, runs: Sequence[Run]) -> dict[str, int]:
        """Return the regions of training runs."""
        return find_regions(runs)

    def fit(self, X: Any, y: ArrayLike | None = None, sample_weight: Any = None) -> Self:
        """Fit on training runs.

        Parameters
        ----------
        X : sequence of Run, or array of shape (n_samples, n_features)
            Training runs with their responses, or the rows of one run.
        y : None, or array of shape (n_samples,) or (n_samples, n_outputs)
            None with runs; targets of the rows otherwise.
        sample_weight : array of shape (n_samples,), mapping of str to array, or Series, optional
            How much each row counts; 0 or more. Runs carry weights of their own
            (:func:`~drmbids.with_weights`); a mapping from the label of each run to its weights
            takes their place, or a Series of arrays with these labels, which scikit-learn can
            route into folds.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If runs lack responses or differ in their regions, or drift and confounds leave nothing
            of any.
        UsageError
            If ``y``, or a list of weights, is given with runs.
        """
        runs = as_runs(X)
        if runs is not None:
            refuse_y(y)
            self._fit_runs(self._begin(weighed(runs, sample_weight)))
            return self
        X, y = validate_data(
            self, X, y, dtype=np.float64, ensure_min_samples=2, multi_output=True, y_numeric=True
        )
        run = rows_as_run(X, y.reshape(len(y), -1), self._row_names())
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            (run,) = with_weights([run], [weights])
        self.regions_ = find_regions([run])
        self._fit_runs([run])
        offset = np.average(y.reshape(len(y), -1) - self._predict_run(run), 0, weights)
        self.intercept_ = offset if y.ndim == 2 else offset[0]
        return self

    def _begin(self, runs: Sequence[Run]) -> list[Run]:
        """Forget what an earlier fit on rows left, note regions and targets; return runs to fit."""
        for name in ("n_features_in_", "feature_names_in_", "intercept_", "targets_"):
            vars(self).pop(name, None)
        kept = runs_with_freedom(match_targets(runs), *self._nuisances_of_fit())
        self.regions_, self.targets_ = self._find_regions(kept), targets_of(kept)
        warn_of_unmeasured(kept, self.regions_)
        return kept

    def _nuisances_of_fit(self) -> Sequence[Nuisance]:
        """Return what is fitted in each run, of each readout; it has to leave something."""
        return [self._nuisance]

    def _matched(self, runs: Sequence[Run]) -> list[Run]:
        """Return runs with the targets of the fit, in its order."""
        return [with_targets(run, getattr(self, "targets_", {})) for run in runs]

    def predict(self, X: Any) -> Any:
        """Predict the responses of runs, without nuisance.

        Parameters
        ----------
        X : sequence of Run, or array of shape (n_samples, n_features)
            Runs need no responses: they are predicted at their measured times, or once each TR.

        Returns
        -------
        array of object of shape (n_runs,)
            For runs: each element is an array (n_measured, n_targets), targets in the order of
            ``targets_``. A model of several readouts returns a dict of one for each; see
            :class:`~drmbids.DRMRegressor`.
        array of shape (n_samples,) or (n_samples, n_outputs)
            For rows.

        Raises
        ------
        UsageError
            If the estimator was fitted on rows and is given runs, or the other way round.
        """
        check_is_fitted(self)
        runs, on_rows = as_runs(X), hasattr(self, "intercept_")
        if (runs is None) != on_rows:
            raise UsageError(
                f"fitted on {'rows' if on_rows else 'runs'}, "
                f"asked to predict {'rows' if runs is None else 'runs'}; use the same for both"
            )
        if runs is not None:
            predicted = [self._predict_run(run) for run in self._matched(runs)]
            if ONLY in self.readouts_:
                return _objects(predicted)
            return {name: _objects([run[name] for run in predicted]) for name in self.readouts_}
        X = validate_data(self, X, dtype=np.float64, reset=False)
        predicted = self._predict_run(rows_as_run(X, None, self._row_names()))
        return (predicted if np.ndim(self.intercept_) else predicted[:, 0]) + self.intercept_

    def score(self, X: Any, y: ArrayLike | None = None, sample_weight: Any = None) -> float:
        """Return the mean R2 over targets and runs; of several readouts the mean of theirs.

        Parameters
        ----------
        X : sequence of Run, or array of shape (n_samples, n_features)
            Runs are scored after their nuisance is taken out of both series; missing elements and
            constant targets are left out, and so is what a run lacks of several readouts. Rows
            are scored by scikit-learn's ``r2_score``.
        y : None, or array of shape (n_samples,) or (n_samples, n_outputs)
            None with runs.
        sample_weight : array of shape (n_samples,), or mapping of str to array, optional
            As for :meth:`fit`: how much samples count in the score of their run. Runs count alike.

        Returns
        -------
        float

        Raises
        ------
        DataError
            If no target of any run varies.
        """
        runs = as_runs(X)
        if runs is None:
            return float(r2_score(y, self.predict(X), sample_weight=sample_weight))
        refuse_y(y)
        runs = self._matched(weighed(runs, sample_weight))
        return mean_score(self, runs, self.predict(runs))

    def _row_names(self) -> list[str]:
        """Return the names of the features of rows."""
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        return [str(name) for name in names]

    def __sklearn_tags__(self) -> Any:
        """Declare to scikit-learn what the estimator can do."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # rows in random order have no time course to follow
        tags.regressor_tags.poor_score = True
        return tags


def _objects(items: Sequence[Any]) -> np.ndarray:
    """Return a 1-D array of objects."""
    out = np.empty(len(items), dtype=object)
    for k, item in enumerate(items):
        out[k] = item
    return out


def as_runs(X: Any) -> list[Run] | None:
    """Return runs as a list, or None if ``X`` holds no runs (then it has to be an array).

    Raises
    ------
    UsageError
        If ``X`` is one run instead of a list, or mixes runs with something else.
    """
    if isinstance(X, Run):
        raise UsageError(f"{X.label}: give a list of runs, [run], not a run")
    if isinstance(X, np.ndarray):
        items = list(X) if X.dtype == object and X.ndim == 1 else []
    else:
        items = list(X) if isinstance(X, Sequence) and not isinstance(X, str) else []
    n_runs = sum(isinstance(item, Run) for item in items)
    if n_runs == 0:
        return None
    if n_runs < len(items):
        raise UsageError(f"only {n_runs} of {len(items)} elements of X are runs")
    return items


def refuse_y(y: ArrayLike | None) -> None:
    """Raise if targets come beside runs.

    A dummy ``y`` would make ``permutation_test_score`` permute it and nothing else: a null
    distribution equal to the score.
    """
    if y is not None:
        raise UsageError("runs carry their own responses: leave y out (y=None)")


def weighed(runs: list[Run], sample_weight: Any) -> list[Run]:
    """Return runs with weights that were given beside them, by their labels.

    scikit-learn hands a list beside ``X`` whole to every fold when its length is another, where it
    may fit by chance and weigh the wrong runs. So weights are asked for by name, or in the runs. A
    mapping is for one fit; scikit-learn divides a Series among folds, labels and all.

    Raises
    ------
    UsageError
        If the weights are neither mapping nor Series.
    DataError
        If a run has none, or they do not fit.
    """
    if sample_weight is None:
        return runs
    if isinstance(sample_weight, pd.Series):
        sample_weight = sample_weight.to_dict()
    if not isinstance(sample_weight, Mapping):
        raise UsageError(
            "sample_weight beside runs must name them, {run.label: weights}, or a Series with "
            "these labels; better, let runs carry them into every fold: "
            "runs = with_weights(runs, weights)"
        )
    return with_weights(runs, sample_weight)
