"""What linear baselines share: a design matrix made of the stimuli, and weights for all runs."""

import warnings
from abc import abstractmethod
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from drmbids.data.runs.frames import Frames
from drmbids.data.runs.nuisance import RANK_TOLERANCE, Nuisance, given_nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning
from drmbids.fit.baselines.least_squares import Measured
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.contents import (
    condition_label,
    find_conditions,
    warn_of_unknown,
    without_frames,
)


class Regressor(NamedTuple):
    """One column of a design matrix."""

    stimulus: str
    label: str  # of the condition
    suffix: str  # of the kernel or delay
    values: np.ndarray  # shape: (n_measured,)


class LinearBaseline(RunEstimator):
    """Base of linear models of the stimuli, with one set of weights for all runs.

    Drift and confounds are fitted in each run on its own, by taking them out of design and data.
    Conditions are those of all training runs together; one that a run lacks is a zero column there.
    A regressor is made run by run, so nothing reaches across the border of a run. Pictures
    (:class:`~drmbids.data.runs.frames.Frames`) are not looked at: they are thousands of columns.

    A derived class gives :meth:`_features` and :meth:`_solve`, and takes the parameter
    ``nuisance``.

    Attributes
    ----------
    regions_ : dict of str to int
        Number of targets of each region.
    conditions_ : dict of str to tuple of str
        Columns of each stimulus in the training runs.
    regressors_ : tuple of str
        Names of the columns of the design matrix.
    coef_ : array of shape (n_targets, n_regressors)
        Weights, in units of the response; NaN for a target that was never measured.
    ranks_ : dict of str to float
        Independent regressors that the predictions of each region are weighted sums of, for
        :func:`~drmbids.permutation_test`.
    tr_ : float
        TR of the first training run in seconds.
    """

    nuisance: Nuisance | None

    @abstractmethod
    def _features(
        self, run: Run, stimulus: Stream | Events, times: np.ndarray, tr: float
    ) -> dict[str, np.ndarray]:
        """Return regressors (n_measured, n_columns) of a stimulus by the suffix of their names."""

    @abstractmethod
    def _solve(
        self,
        runs: list[Run],
        designs: list[np.ndarray],
        values: list[Measured],
        bases: list[np.ndarray],
        weights: list[np.ndarray | None],
    ) -> np.ndarray:
        """Return regression weights (n_regressors, n_targets), NaN for a target never measured.

        Lists have one element for each run: design, measured values (NaN where missing), nuisance
        and weights of the measured elements, as
        :func:`~drmbids.fit.baselines.least_squares.clean_parts` takes them.
        """

    def design_matrix(self, run: Run) -> pd.DataFrame:
        """Return the regressors of a run, without nuisance.

        Parameters
        ----------
        run : Run
            Any run; conditions that no training run had are left out with a warning.

        Returns
        -------
        DataFrame
            One row for each measured time (the index, s), one column for each of ``regressors_``.

        Raises
        ------
        DataError
            If a FIR model meets a run of another TR than it was fitted on.
        """
        check_is_fitted(self)
        warn_of_unknown(without_frames(run), self.conditions_)
        times = run.measured_times(list(self.regions_))
        return pd.DataFrame(self._design(run), index=times, columns=list(self.regressors_))

    def parameters_table(self) -> pd.DataFrame:
        """Return the weights, one row for each region, target and regressor.

        Returns
        -------
        DataFrame
            Columns ``region, target, parameter, value``; values in units of the response.
        """
        check_is_fitted(self)
        targets = [(region, k) for region, n in self.regions_.items() for k in range(n)]
        n_regressors = len(self.regressors_)
        return pd.DataFrame(
            {
                "region": np.repeat([region for region, _ in targets], n_regressors),
                "target": np.repeat([k for _, k in targets], n_regressors),
                "parameter": np.tile(self.regressors_, len(targets)),
                "value": self.coef_.ravel(),
            }
        )

    @property
    def _nuisance(self) -> Nuisance:
        return given_nuisance(self.nuisance)

    def _fit_runs(self, runs: list[Run]) -> None:
        self.tr_ = tr_of(runs[0], runs[0].measured_times(list(self.regions_)))
        self.conditions_ = find_conditions([without_frames(run) for run in runs])
        if not self.conditions_:
            raise DataError(
                f"{runs[0].label}: no run has events or a sampled stimulus, so there is nothing to "
                "fit; a linear model takes no pictures (give features of them as a Stream)"
            )
        self.regressors_ = tuple(self._blocks(runs[0]))
        designs, values, bases, weights = [], [], [], []
        for run in runs:
            weights.append(run.measured_weights(list(self.regions_)))
            designs.append(self._design(run))
            values.append(Measured(run, self.regions_))
            bases.append(self._nuisance.basis(run, run.measured_times(list(self.regions_))))
        cleaned = np.concatenate([project_out(b, x) for b, x in zip(bases, designs, strict=True)])
        self._warn_of_explained(runs, designs, cleaned)
        self.coef_ = self._solve(runs, designs, values, bases, weights).T
        self.ranks_ = self._ranks(cleaned)

    def _ranks(self, cleaned: np.ndarray) -> dict[str, float]:
        """Return the rank of the design of all runs without nuisance, the same for all regions."""
        norms = np.linalg.norm(cleaned, axis=0)
        some = cleaned[:, norms > 0] / norms[norms > 0]
        rank = float(np.linalg.matrix_rank(some, tol=RANK_TOLERANCE)) if some.size else 0.0
        return dict.fromkeys(self.regions_, rank)

    def _warn_of_explained(
        self, runs: list[Run], designs: list[np.ndarray], cleaned: np.ndarray
    ) -> None:
        """Warn of regressors of which drift and confounds leave nothing: they get no weight."""
        size, left = sum((x**2).sum(0) for x in designs), (cleaned**2).sum(0)
        gone = (size > 0) & (left <= RANK_TOLERANCE**2 * size)
        if gone.any():
            names = [name for name, is_gone in zip(self.regressors_, gone, strict=True) if is_gone]
            warnings.warn(
                f"{runs[0].label}: drift and confounds explain all of {names} in every training "
                "run, so they get no weight; use fewer confounds",
                DataWarning,
                stacklevel=4,
            )

    def _predict_run(self, run: Run) -> np.ndarray:
        return self.design_matrix(run).to_numpy() @ self.coef_.T

    def predict_parts(self, run: Run) -> dict[str, np.ndarray]:
        """Return what each condition adds to the prediction of a run.

        Parameters
        ----------
        run : Run

        Returns
        -------
        dict of str to array of shape (n_measured, n_targets)
            By trial type, or ``stimulus:column``; ``stimulus:all`` for what its conditions have in
            common. They add up to the prediction.
        """
        check_is_fitted(self)
        found: dict[str, np.ndarray] = {}
        for part, weights in zip(self._regressors(run), self.coef_.T, strict=True):
            more = part.values[:, None] * weights
            found[part.label] = found[part.label] + more if part.label in found else more
        return found

    def _design(self, run: Run) -> np.ndarray:
        """Return the regressors of a run, shape (n_measured, n_regressors)."""
        return np.column_stack(list(self._blocks(run).values()))

    def _blocks(self, run: Run) -> dict[str, np.ndarray]:
        """Return the columns of the design matrix of a run by name."""
        columns = {}
        for part in self._regressors(run):
            name = part.label + part.suffix
            if name in columns:
                raise DataError(f"two regressors are called {name!r}; rename one")
            columns[name] = part.values
        return columns

    def _regressors(self, run: Run) -> list[Regressor]:
        """Return the regressors of a run; those of each condition side by side."""
        times = run.measured_times(list(self.regions_))
        tr, found = tr_of(run, times), []
        for name, conditions in self.conditions_.items():
            stimulus = run.stimuli.get(name)
            if stimulus is None or isinstance(stimulus, Frames):
                stimulus = Events([], [], (), columns=conditions)
            parts = self._features(run, stimulus, times, tr)
            place = {column: k for k, column in enumerate(stimulus.columns)}
            for condition in conditions:
                label = condition_label(name, condition)
                k = place.get(condition)
                for suffix, values in parts.items():
                    column = np.zeros(len(times)) if k is None else values[:, k]
                    found.append(Regressor(name, label, suffix, column))
        return found


def tr_of(run: Run, times: np.ndarray) -> float:
    """Return the TR of a run, or the shortest step between its volumes, in seconds.

    Parameters
    ----------
    run : Run
    times : array of shape (n_measured,)
        Seconds.
    """
    if run.tr is not None:
        return float(run.tr)
    return float(np.diff(times).min()) if len(times) > 1 else float(run.duration)
