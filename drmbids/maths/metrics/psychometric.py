"""Psychometric curves: how often an answer is given, by how much evidence there was for it."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.stats import norm

from drmbids.data.tools.exceptions import DataError

#: Largest share of lapses that a fit considers: more is no observer of the stimulus.
LARGEST_LAPSE = 0.2


class Psychometric(NamedTuple):
    """Cumulative normal with lapses: ``lapse / 2 + (1 - lapse) Phi((x - bias) / threshold)``."""

    #: Evidence at which both answers are as likely.
    bias: float
    #: Standard deviation of the normal distribution, in the unit of the evidence.
    threshold: float
    #: Share of trials that are answered by a coin.
    lapse: float

    def __call__(self, evidence: ArrayLike) -> np.ndarray:
        """Return the probability of the answer that positive evidence speaks for."""
        share = norm.cdf((np.asarray(evidence, float) - self.bias) / self.threshold)
        return self.lapse / 2 + (1 - self.lapse) * share


def psychometric_curve(evidence: ArrayLike, answered: ArrayLike) -> pd.DataFrame:
    """Return how often an answer was given at each level of evidence.

    Parameters
    ----------
    evidence : array of shape (n_trials,)
        Signed: positive where it speaks for the answer.
    answered : array of shape (n_trials,)
        1 where the answer was given, 0 where the other was, or its probability; NaN where neither.

    Returns
    -------
    DataFrame
        Columns ``evidence, n, share, low, high``, one row for each level; the limits are Wilson's
        95 % interval of a share (Wilson 1927, JASA 22:209-212).

    Raises
    ------
    DataError
        If lengths differ, there is no trial, or a value is no share.

    Examples
    --------
    >>> psychometric_curve([-0.5, 0.5, 0.5], [0, 1, 1])[["evidence", "n", "share"]]
       evidence  n  share
    0      -0.5  1    0.0
    1       0.5  2    1.0
    """
    evidence, answered = _trials(evidence, answered)
    table = pd.DataFrame({"evidence": evidence, "share": answered})
    curve = table.groupby("evidence")["share"].agg(["size", "mean"]).reset_index()
    curve.columns = ["evidence", "n", "share"]
    n, p, z = curve["n"], curve["share"], norm.ppf(0.975)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return curve.assign(low=middle - reach, high=middle + reach)


def fit_psychometric(evidence: ArrayLike, answered: ArrayLike) -> Psychometric:
    """Fit a cumulative normal with lapses by maximum likelihood.

    Parameters
    ----------
    evidence, answered
        As for :func:`psychometric_curve`.

    Returns
    -------
    Psychometric

    Raises
    ------
    DataError
        As :func:`psychometric_curve`, or if all trials have the same evidence.

    References
    ----------
    Wichmann and Hill 2001, Perception and Psychophysics 63:1293-1313 (why lapses are fitted).

    Examples
    --------
    >>> x = np.repeat(np.linspace(-1, 1, 9), 100)
    >>> fit_psychometric(x, Psychometric(0.1, 0.3, 0.04)(x)).threshold.round(2)
    np.float64(0.3)
    """
    evidence, answered = _trials(evidence, answered)
    spread = float(np.ptp(evidence))
    if spread == 0:
        raise DataError(f"all trials have evidence {evidence[0]:g}; a curve needs two levels")

    def surprise(free: np.ndarray) -> float:
        p = Psychometric(free[0], np.exp(free[1]), free[2])(evidence).clip(1e-9, 1 - 1e-9)
        return float(-(answered * np.log(p) + (1 - answered) * np.log1p(-p)).sum())

    low, high = evidence.min(), evidence.max()
    bounds = [(low, high), (np.log(spread / 1e3), np.log(spread * 1e2)), (0.0, LARGEST_LAPSE)]
    starts = [(0.0, np.log(spread * s), 0.02) for s in (0.05, 0.2, 1.0)]
    starts = [(float(np.clip(b, low, high)), t, lapse) for b, t, lapse in starts]
    fits = [minimize(surprise, start, bounds=bounds, method="L-BFGS-B") for start in starts]
    best = min(fits, key=lambda fit: fit.fun).x
    return Psychometric(float(best[0]), np.exp(best[1]), float(best[2]))


def _trials(evidence: ArrayLike, answered: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return evidence and answers of the trials that have one."""
    evidence, answered = np.asarray(evidence, float), np.asarray(answered, float)
    if evidence.ndim != 1 or evidence.shape != answered.shape:
        raise DataError(
            f"evidence {evidence.shape} and answers {answered.shape} must be one number a trial"
        )
    made = ~np.isnan(answered)
    evidence, answered = evidence[made], answered[made]
    if not len(answered):
        raise DataError("no trial has an answer")
    if ((answered < 0) | (answered > 1)).any():
        raise DataError("answers are 0, 1 or probabilities; make them so")
    return evidence, answered
