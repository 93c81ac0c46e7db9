"""The general linear model with an assumed HRF: the baseline that any other model has to beat."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from drmbids.core.exceptions import DataError, DataWarning, UsageError
from drmbids.core.nuisance import RANK_TOLERANCE, Nuisance, project_out
from drmbids.core.run import Run
from drmbids.core.stream import Events
from drmbids.estimators.base import RunEstimator, find_conditions, warn_of_unknown
from drmbids.estimators.design import HRF, convolve, fir
from drmbids.metrics.scores import measured_values


class GLMBaseline(RunEstimator):
    """Ordinary least squares on stimuli convolved with nilearn's HRFs.

    One set of weights for all runs; drift and confounds are fitted in each run on its own by
    taking them out of design and data. Conditions are those of all training runs together; one that
    a run lacks is a zero column there.

    Parameters
    ----------
    hrf_model : str, callable or sequence of callable
        ``"glover"``, ``"spm"``, each with ``" + derivative"`` or ``" + derivative + dispersion"``,
        ``"fir"``, or functions ``f(t_r, oversampling)`` as nilearn takes them.
    fir_delays : sequence of int, optional
        Delays of the FIR model in TRs; needed with ``hrf_model="fir"`` only.
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.

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
    tr_ : float
        TR of the first training run in seconds; the unit of ``fir_delays``.

    References
    ----------
    Friston et al. 1994, Human Brain Mapping 2:189-210. Glover 1999, NeuroImage 9:416-429 (HRF).

    Examples
    --------
    >>> from drmbids import Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> model = GLMBaseline().fit([run])
    >>> model.coef_.shape, model.predict([run])[0].shape
    ((3, 2), (100, 3))
    """

    def __init__(
        self,
        hrf_model: str | HRF | Sequence[HRF] = "glover",
        fir_delays: Sequence[int] | None = None,
        nuisance: Nuisance | None = None,
    ):
        self.hrf_model = hrf_model
        self.fir_delays = fir_delays
        self.nuisance = nuisance

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
        warn_of_unknown(run, self.conditions_)
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
        return Nuisance() if self.nuisance is None else self.nuisance

    def _fit_runs(self, runs: list[Run]) -> None:
        if self._is_fir():
            _check_delays(self.fir_delays)
        self.tr_ = _tr(runs[0], runs[0].measured_times(list(self.regions_)))
        self.conditions_ = find_conditions(runs)
        if not self.conditions_:
            raise DataError(f"{runs[0].label}: no run has a stimulus, so there is nothing to fit")
        self.regressors_ = tuple(self._blocks(runs[0]))
        designs, values, bases = [], [], []
        for run in runs:
            designs.append(self._design(run))
            values.append(measured_values(run, self.regions_))
            bases.append(self._nuisance.basis(run, run.measured_times(list(self.regions_))))
        self.coef_ = least_squares(designs, values, bases).T
        if np.isnan(self.coef_).any():
            n_missing = int(np.isnan(self.coef_).any(1).sum())
            warnings.warn(
                f"{n_missing} of {len(self.coef_)} targets are missing throughout the training "
                "runs; their predictions are NaN",
                DataWarning,
                stacklevel=2,
            )

    def _predict_run(self, run: Run) -> np.ndarray:
        return self.design_matrix(run).to_numpy() @ self.coef_.T

    def _is_fir(self) -> bool:
        return isinstance(self.hrf_model, str) and self.hrf_model.lower() == "fir"

    def _design(self, run: Run) -> np.ndarray:
        """Return the regressors of a run, shape (n_measured, n_regressors)."""
        return np.column_stack(list(self._blocks(run).values()))

    def _blocks(self, run: Run) -> dict[str, np.ndarray]:
        """Return the columns of the design matrix of a run by name."""
        times = run.measured_times(list(self.regions_))
        tr = _tr(run, times)
        if self._is_fir() and not np.isclose(tr, self.tr_):
            raise DataError(
                f"{run.label}: TR {tr:g} s, but the FIR delays are in TRs of {self.tr_:g} s; "
                "fit runs of each TR on their own"
            )
        columns = {}
        for name, conditions in self.conditions_.items():
            nothing = Events([], [], (), columns=conditions)
            stimulus = run.stimuli.get(name, nothing)
            if self._is_fir():
                parts = fir(stimulus, times, tr, [int(d) for d in self.fir_delays])
            else:
                parts = convolve(stimulus, times, tr, self.hrf_model)
            place = {column: k for k, column in enumerate(stimulus.columns)}
            for condition in conditions:
                # trial types keep the name that events.tsv gives them
                label = condition if name == "events" else f"{name}:{condition}"
                for suffix, values in parts.items():
                    k = place.get(condition)
                    if label + suffix in columns:
                        raise DataError(f"two regressors are called {label + suffix!r}; rename one")
                    columns[label + suffix] = np.zeros(len(times)) if k is None else values[:, k]
        return columns


def least_squares(
    designs: Sequence[np.ndarray], values: Sequence[np.ndarray], bases: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the weights that fit all runs at once, with the nuisance of each taken out.

    Parameters
    ----------
    designs : sequence of array of shape (n_measured, n_regressors)
        One for each run.
    values : sequence of array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    bases : sequence of array of shape (n_measured, rank)
        Nuisance of each run.

    Returns
    -------
    array of shape (n_regressors, n_targets)
        The shortest solution where regressors depend on each other; zero for one that the
        nuisance explains; NaN for a target without any element.
    """
    there = np.isfinite(np.concatenate(values))
    if there.all():
        patterns, which = np.ones((len(there), 1), dtype=bool), np.zeros(there.shape[1], dtype=int)
    else:
        patterns, which = np.unique(there, axis=1, return_inverse=True)
    ends = np.cumsum([len(block) for block in values])[:-1]
    weights = np.full((designs[0].shape[1], there.shape[1]), np.nan)
    for k, pattern in enumerate(patterns.T):
        targets = np.flatnonzero(which.ravel() == k)
        design, data, size = [], [], np.zeros(len(weights))
        for x, y, basis, rows in zip(designs, values, bases, np.split(pattern, ends), strict=True):
            if rows.any():
                design.append(project_out(basis[rows], x[rows]))
                data.append(project_out(basis[rows], y[np.ix_(rows, targets)]))
                size += (x[rows] ** 2).sum(0)
        if design:
            weights[:, targets] = _solve(np.concatenate(design), np.concatenate(data), size**0.5)
    return weights


def _solve(design: np.ndarray, data: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return least squares weights; a column far below its ``size`` before projection gets zero."""
    norms = np.linalg.norm(design, axis=0)
    alive = norms > RANK_TOLERANCE * size
    weights = np.zeros((design.shape[1], data.shape[1]))
    scaled = design[:, alive] / norms[alive]
    weights[alive] = np.linalg.lstsq(scaled, data, rcond=None)[0] / norms[alive, None]
    return weights


def _check_delays(delays: Sequence[int] | None) -> None:
    """Raise unless there are delays, all whole numbers of TRs from 0 up."""
    if delays is None or len(delays) == 0:
        raise UsageError("hrf_model 'fir' needs fir_delays, for example tuple(range(10))")
    if any(d < 0 or d != int(d) for d in delays):
        raise UsageError(f"fir_delays must be whole TRs from 0 up, got {list(delays)}")


def _tr(run: Run, times: np.ndarray) -> float:
    """Return the TR of a run, or the shortest step between its volumes."""
    if run.tr is not None:
        return float(run.tr)
    return float(np.diff(times).min()) if len(times) > 1 else float(run.duration)
