"""Drift and confounds of held-out scans, foretold from the scans of the same run trained on."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from drmbids.data.runs.nuisance import RANK_TOLERANCE, same_weights
from drmbids.data.tools.exceptions import DataError

# Variances of the weights of drift and confounds, as multiples of that of the noise, among which
# the likeliest is taken: from none at all to drift that dwarfs the noise, four a decade.
_VARIANCES = np.concatenate([[0.0], np.logspace(-2, 6, 33)])


class _Fit(NamedTuple):
    """Drift and confounds of the targets that were trained on at the same scans."""

    rows: np.ndarray
    columns: np.ndarray
    root: np.ndarray
    share: np.ndarray
    design: np.ndarray
    u: np.ndarray
    vt: np.ndarray
    shrunken: np.ndarray


@dataclass(frozen=True, eq=False)
class TrainingNuisance:
    """Drift and confounds with weights that training scans alone decide.

    Weights are random effects, as likely small as large: each direction of the space that drift
    and confounds span has a weight drawn from one normal distribution, whose variance is the
    likeliest for the training scans of the target (restricted maximum likelihood). The intercept
    is free. Where training scans say little of a direction, as in extrapolating a drift, its weight
    shrinks to zero; least squares would put large errors there.

    Parameters
    ----------
    basis : array of shape (n_measured, rank)
        Orthonormal basis of intercept, drift and confounds at all scans of the run, from
        :meth:`~drmbids.data.runs.nuisance.Nuisance.basis`.
    values : array of shape (n_measured, n_targets)
        Measured series; NaN where it was not trained on.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; default: all alike.

    Raises
    ------
    DataError
        If as few scans were trained on as there are columns.

    References
    ----------
    Patterson and Thompson 1971, Biometrika 58:545-554 (restricted maximum likelihood); Robinson
    1991, Statistical Science 6:15-32 (prediction of random effects).

    Examples
    --------
    >>> times = np.arange(100.0)
    >>> basis = np.linalg.qr(np.column_stack([np.ones(100), times]))[0]
    >>> drift = np.column_stack([0.1 * times])
    >>> seen = np.where(times[:, None] < 60, drift + 0.01 * np.cos(times[:, None]), np.nan)
    >>> left = TrainingNuisance(basis, seen).out_of(drift)
    >>> bool(np.abs(left[60:]).max() < 0.01)
    True
    """

    basis: np.ndarray
    values: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        fewest = np.isfinite(self.values).sum(0)
        fewest = int(fewest[fewest > 0].min(initial=len(self.values)))
        if fewest <= self.basis.shape[1]:
            raise DataError(
                f"{self.basis.shape[1]} drift and confound columns leave nothing of {fewest} "
                "volumes trained on; use fewer confounds, or fewer blocks"
            )

    def out_of(self, series: np.ndarray) -> np.ndarray:
        """Return a series without what its own training scans foretell of drift and confounds.

        Parameters
        ----------
        series : array of shape (n_measured, n_targets)
            Finite wherever the measured series was trained on.

        Returns
        -------
        array of shape (n_measured, n_targets)
            At all scans; NaN for targets that were trained on nowhere.
        """
        out = np.full(np.shape(series), np.nan)
        for fit in self._fits:
            part = series[:, fit.columns]
            own = _centred(part[fit.rows], fit.share)
            scores = fit.u.T @ (fit.root * own)
            weights = fit.vt.T @ (fit.shrunken * scores)
            mean = (fit.share * part[fit.rows]).sum(0)
            out[:, fit.columns] = part - mean - fit.design @ weights
        return out

    @cached_property
    def _fits(self) -> list[_Fit]:
        """What training scans say, for the measured and the predicted series alike."""
        fits = []
        for rows, columns, root in same_weights(self.values, self.weights):
            share = root**2 / (root**2).sum()
            design = self.basis - (share * self.basis[rows]).sum(0)
            u, s, vt = np.linalg.svd(root * design[rows], full_matrices=False)
            held = s > RANK_TOLERANCE  # without the intercept, which is free
            u, s, vt = u[:, held], s[held], vt[held]
            seen = _centred(self.values[np.ix_(rows, columns)], share)
            variance = _likeliest(u.T @ (root * seen), (root * seen) ** 2, s)
            shrunken = s[:, None] * variance / (1 + s[:, None] ** 2 * variance)
            fits.append(_Fit(rows, columns, root, share, design, u, vt, shrunken))
        return fits


def _centred(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    return values - (share * values).sum(0)


def _likeliest(scores: np.ndarray, squares: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return the variance of the weights of each target, in units of that of its noise.

    Parameters
    ----------
    scores : array of shape (rank, n_targets)
        The series along the singular vectors of the design.
    squares : array of shape (n_there, n_targets)
        Of the series.
    s : array of shape (rank,)
        Singular values of the design.
    """
    rest = np.maximum(squares.sum(0) - (scores**2).sum(0), 0.0)
    freedom = len(squares) - 1  # the intercept's is lost
    deviances = []
    for variance in _VARIANCES:
        spread = 1 + s**2 * variance
        total = rest + (scores**2 / spread[:, None]).sum(0)
        deviances.append(
            freedom * np.log(np.maximum(total, np.finfo(float).tiny)) + np.log(spread).sum()
        )
    return _VARIANCES[np.argmin(deviances, axis=0)]
