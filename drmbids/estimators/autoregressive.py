"""Least squares for noise of which each sample takes over a part of the one before."""

from collections.abc import Sequence

import numpy as np

from drmbids.core.nuisance import project_out
from drmbids.estimators.linear import least_squares, missing_patterns

#: Autocorrelations are rounded towards zero to this step, so that targets share a solution
#: (as in nilearn).
STEP = 0.01


def generalised_least_squares(
    designs: Sequence[np.ndarray],
    values: Sequence[np.ndarray],
    bases: Sequence[np.ndarray],
    times: Sequence[np.ndarray],
    tr: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights for all runs at once, for first-order autoregressive noise.

    The autocorrelation of each target is that of its residuals after ordinary least squares, at a
    lag of one sample, over all runs (Yule-Walker). Each sample then gets the one before, times the
    autocorrelation, taken off; one that follows a gap, or starts a run, stays as it is.

    Parameters
    ----------
    designs, values, bases : sequence of array
        One for each run, as for :func:`~drmbids.estimators.linear.least_squares`.
    times : sequence of array of shape (n_measured,)
        Seconds.
    tr : float
        Seconds between samples; more than one and a half is a gap.

    Returns
    -------
    weights : array of shape (n_regressors, n_targets)
    autocorrelation : array of shape (n_targets,)
        NaN, as the weights, for a target without any element.

    References
    ----------
    Worsley et al. 2002, NeuroImage 15:1-15. Bias of the estimate is left uncorrected, as in
    nilearn.
    """
    n_targets = values[0].shape[1]
    weights = np.full((designs[0].shape[1], n_targets), np.nan)
    autocorrelation = np.full(n_targets, np.nan)
    for targets, rows in missing_patterns(values):
        used = [k for k, there in enumerate(rows) if there.any()]
        x = [designs[k][rows[k]] for k in used]
        y = [values[k][np.ix_(rows[k], targets)] for k in used]
        basis = [bases[k][rows[k]] for k in used]
        follows = [np.diff(times[k][rows[k]], prepend=-np.inf) < 1.5 * tr for k in used]
        ordinary = least_squares(x, y, basis)
        rest = [project_out(b, t - a @ ordinary) for a, t, b in zip(x, y, basis, strict=True)]
        found = _autocorrelations(rest, follows)
        for rho in np.unique(found):
            alike = found == rho
            whitened = [
                [_whiten(part, follow, rho) for part, follow in zip(parts, follows, strict=True)]
                for parts in (x, [t[:, alike] for t in y], basis)
            ]
            weights[:, targets[alike]] = least_squares(*whitened)
        autocorrelation[targets] = found
    return weights, autocorrelation


def _autocorrelations(rest: list[np.ndarray], follows: list[np.ndarray]) -> np.ndarray:
    """Return the autocorrelation of each column at a lag of one sample, in steps."""
    n_samples, n_pairs = sum(len(r) for r in rest), sum(int(f.sum()) for f in follows)
    power = sum((r**2).sum(0) for r in rest)
    lagged = sum((r[1:] * r[:-1])[f[1:]].sum(0) for r, f in zip(rest, follows, strict=True))
    out = np.zeros(len(power))
    # a column that is fitted perfectly has no noise
    np.divide(lagged * n_samples, power * max(n_pairs, 1), out=out, where=power > 0)
    return np.trunc(np.clip(out, -1.0, 1.0) / STEP) * STEP


def _whiten(values: np.ndarray, follows: np.ndarray, rho: float) -> np.ndarray:
    """Return the samples with ``rho`` times the one before taken off."""
    out = values.copy()
    out[follows] -= rho * values[np.flatnonzero(follows) - 1]
    return out
