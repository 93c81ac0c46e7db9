"""The linear model for autocorrelated noise, and least squares for it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import toeplitz
from sklearn.cluster import KMeans

from drmbids.data.runs.nuisance import RANK_TOLERANCE, Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.design import HRF
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.least_squares import (
    Measured,
    Values,
    Weights,
    least_squares,
    parts_of,
    target_blocks,
)
from drmbids.fit.baselines.linear import tr_of
from drmbids.maths.metrics.whitening import check_steps, samples_since_gap, whiten

#: Autocorrelations of order 1 are rounded towards zero to this step, and of higher orders there are
#: at most so many, so that targets share a solution (both as in nilearn).
STEP, MOST_AUTOREGRESSIONS = 0.01, 100


class ARBaseline(GLMBaseline):
    """The general linear model for autoregressive noise: prewhitened least squares.

    As :class:`~drmbids.GLMBaseline`, for noise of which each sample takes over a part of those
    before it, as nilearn fits it (``noise_model="ar1"``, ``"ar3"`` ...): the autoregression of each
    target is that of its ordinary residuals over all runs (Yule-Walker), and design and data are
    fitted with it taken off.

    It forecasts nothing: the prediction for a new run is that of the stimuli alone, as for all
    models here. A forecast of each volume from the one before would score far higher for any slow
    signal without knowing anything of the stimuli, and could not be made for a run that was not
    measured. What autocorrelation is good for in a comparison is the likelihood: with
    ``log_likelihood=True`` held-out errors of this model count as autocorrelated
    (:func:`~drmbids.with_log_likelihood`), those of others as independent.

    Parameters
    ----------
    hrf_model : str, callable or sequence of callable
        As for :class:`~drmbids.GLMBaseline`.
    fir_delays : sequence of int, optional
        As for :class:`~drmbids.GLMBaseline`.
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.
    order : int
        Samples that noise reaches back, 1 or more.

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
    autoregression_ : array of shape (n_targets, order)
        Coefficients of the noise at lags of 1, 2 ... samples; NaN for a target that was never
        measured. Of order 1 in steps of .01; of higher orders, where there are more than 100
        targets, the nearest of 100 (k-means) for every 10,000 targets.
    tr_ : float
        TR of the first training run in seconds, which is that of all.

    References
    ----------
    Worsley et al. 2002, NeuroImage 15:1-15. Bias of the estimate, which comes from ordinary
    residuals, is left uncorrected, as in nilearn.

    Examples
    --------
    >>> from drmbids import Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> ARBaseline(order=2).fit([run]).autoregression_.shape
    (3, 2)
    """

    def __init__(
        self,
        hrf_model: str | HRF | Sequence[HRF] = "glover",
        fir_delays: Sequence[int] | None = None,
        nuisance: Nuisance | None = None,
        order: int = 1,
    ):
        super().__init__(hrf_model, fir_delays, nuisance)
        self.order = order

    def _solve(
        self,
        runs: list[Run],
        designs: list[np.ndarray],
        values: list[Measured],
        bases: list[np.ndarray],
        weights: list[np.ndarray | None],
    ) -> np.ndarray:
        if self.order < 1 or self.order != int(self.order):
            raise UsageError(f"order must be a whole number from 1 up, got {self.order}")
        times = [run.measured_times(list(self.regions_)) for run in runs]
        for run, at in zip(runs, times, strict=True):
            if not np.isclose(tr_of(run, at), self.tr_):
                raise DataError(
                    f"{run.label}: TR {tr_of(run, at):g} s, the first run has {self.tr_:g} s, but "
                    "autocorrelation belongs to one TR; use GLMBaseline, or fit them apart"
                )
            check_steps(at, self.tr_, run.label)
        fit = generalised_least_squares(
            designs, values, bases, times, self.tr_, int(self.order), weights
        )
        self.autoregression_ = fit.autoregression
        return fit.coefficients


class GeneralisedFit(NamedTuple):
    """Regression weights and the autoregression of what they leave; NaN without any element."""

    coefficients: np.ndarray  # shape: (n_regressors, n_targets)
    autoregression: np.ndarray  # shape: (n_targets, order)


def generalised_least_squares(
    designs: Sequence[np.ndarray],
    values: Values,
    bases: Sequence[np.ndarray],
    times: Sequence[np.ndarray],
    tr: float,
    order: int = 1,
    weights: Weights = None,
) -> GeneralisedFit:
    """Return regression weights for all runs at once, for autoregressive noise.

    The autoregression of each target is that of its residuals after ordinary least squares, over
    all runs. Each sample then gets what it takes over from the samples before taken off, as far as
    they follow one another: a gap, and the start of a run, start anew. Elements with a weight are
    multiplied by its root first: the noise is then taken to be autoregressive.

    Parameters
    ----------
    designs, values, bases : sequence of array
        One for each run, as for :func:`~drmbids.fit.baselines.least_squares.least_squares`.
    times : sequence of array of shape (n_measured,)
        Seconds.
    tr : float
        Seconds between samples.
    order : int
        Samples that noise reaches back.
    weights : sequence of array, optional
        As for :func:`~drmbids.fit.baselines.least_squares.parts_of`.

    Returns
    -------
    GeneralisedFit
    """
    n_targets = values[0].shape[1]
    solved = np.full((designs[0].shape[1], n_targets), np.nan)
    autoregression = np.full((n_targets, order), np.nan)
    blocks = (
        (some.start + part.targets, part, parts)
        for some, parts, own in target_blocks(values, weights)
        for part in parts_of(parts, own)
    )
    for targets, (columns, rows, roots), series in blocks:
        used = [k for k, there in enumerate(rows) if there.size]
        x = [designs[k][rows[k]] * roots[k] for k in used]
        y = [series[k][np.ix_(rows[k], columns)] * roots[k] for k in used]
        basis = [bases[k][rows[k]] * roots[k] for k in used]
        since = [samples_since_gap(times[k][rows[k]], tr) for k in used]
        ordinary = least_squares(x, y, basis)
        rest = [project_out(b, t - a @ ordinary) for a, t, b in zip(x, y, basis, strict=True)]
        found = _shared(_yule_walker(rest, since, order))
        different, which = np.unique(found, axis=0, return_inverse=True)
        for k, coefficients in enumerate(different):
            alike = which.ravel() == k
            whitened = [
                [whiten(part, s, coefficients) for part, s in zip(parts, since, strict=True)]
                for parts in (x, [t[:, alike] for t in y], basis)
            ]
            solved[:, targets[alike]] = least_squares(*whitened)
        autoregression[targets] = found
    return GeneralisedFit(solved, autoregression)


def _yule_walker(rest: list[np.ndarray], since: list[np.ndarray], order: int) -> np.ndarray:
    """Return the autoregression of each column, shape (n_columns, order)."""
    covariance = []
    for lag in range(order + 1):
        rows = [np.flatnonzero(s >= lag) for s in since]
        n_pairs = sum(map(len, rows))
        lagged = sum((r[at] * r[at - lag]).sum(0) for r, at in zip(rest, rows, strict=True))
        covariance.append(lagged / max(n_pairs, 1))
    out = np.zeros((rest[0].shape[1], order))
    for k, own in enumerate(np.stack(covariance, 1)):
        if own[0] > 0:  # a column that is fitted perfectly has no noise
            out[k] = np.linalg.lstsq(toeplitz(own[:-1]), own[1:], rcond=RANK_TOLERANCE)[0]
    return np.clip(out, -1.0, 1.0) if order == 1 else out


def _shared(found: np.ndarray) -> np.ndarray:
    """Return autoregressions of which few differ."""
    if found.shape[1] == 1:
        return np.trunc(found / STEP) * STEP
    if len(np.unique(found, axis=0)) <= MOST_AUTOREGRESSIONS:
        return found
    groups = KMeans(MOST_AUTOREGRESSIONS, n_init=1, random_state=0).fit(found)
    return groups.cluster_centers_[groups.labels_]
