"""Shares of two predictions whose weighted mean serves held-out data best (stacking).

Of a weighted mean with weights of 0 to 1 that sum to 1 (Breiman 1996, Machine Learning 24:49-64),
one weight is free for each target: the share of the second prediction. Where there are few data, a
weight for each target would follow their noise. So shares of targets shrink to that of all targets
together, by as much as predicts each part of the data best from the others.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: How far shares of targets shrink to that of all: information in the mean share, in units of what
#: a target has on average. Without limit all targets have the same.
SHRINKAGES = (np.inf, 5.0, 1.0, 0.2, 0.0)


class Held(NamedTuple):
    """Held-out series of one run, and two predictions of it, without drift and confounds.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN where it is missing.
    first, second : array of shape (n_measured, n_targets)
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts.
    """

    measured: np.ndarray
    first: np.ndarray
    second: np.ndarray
    weights: np.ndarray | None = None


def shares_of_second(parts: Sequence[Sequence[Held]]) -> np.ndarray:
    """Return the share of the second prediction that serves each target best.

    Parameters
    ----------
    parts : sequence of sequence of Held
        Runs or blocks that were left out together, as predicted from the others.

    Returns
    -------
    array of shape (n_targets,)
        From 0 to 1; 0 where predictions are the same.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth, first, second = rng.normal(size=(3, 4, 200, 2))  # 4 parts
    >>> second[..., 0] = 0.0
    >>> seen = 0.2 * first + 0.8 * second
    >>> parts = [[Held(*series)] for series in zip(seen + 0.1 * truth, first, second)]
    >>> shares_of_second(parts).round(1)
    array([0.8, 0.8])
    """
    sums = np.array([np.sum([_sums(held) for held in part], axis=0) for part in parts])
    # targets count by what varies of them, whatever their units
    power = sums[:, 2].sum(0)
    along, size = np.moveaxis(sums[:, :2] / np.where(power > 0, power, 1), 1, 0)
    errors = []
    for shrinkage in SHRINKAGES:
        shares = [
            _shares(along.sum(0) - a, size.sum(0) - s, shrinkage)
            for a, s in zip(along, size, strict=True)
        ]
        errors.append(
            sum((w * w * s - 2 * w * a).sum() for w, a, s in zip(shares, along, size, strict=True))
        )
    return _shares(along.sum(0), size.sum(0), SHRINKAGES[int(np.argmin(errors))])


def _sums(held: Held) -> np.ndarray:
    """Return of each target: error of the first along the difference, its square, and power."""
    there = np.isfinite(held.measured)
    weights = there * (1.0 if held.weights is None else held.weights)
    total = np.maximum(weights.sum(0), np.finfo(float).tiny)

    def centred(values: np.ndarray) -> np.ndarray:
        values = np.where(there, values, 0.0)
        return values - (weights * values).sum(0) / total

    measured, first = centred(held.measured), centred(held.first)
    difference = centred(held.second) - first
    return np.array(
        [
            (weights * difference * (measured - first)).sum(0),
            (weights * difference**2).sum(0),
            (weights * measured**2).sum(0),
        ]
    )


def _shares(along: np.ndarray, size: np.ndarray, shrinkage: float) -> np.ndarray:
    """Return shares by least squares, shrunken to that of all targets."""
    mean = np.clip(along.sum() / size.sum(), 0, 1) if size.sum() > 0 else 0.0
    if np.isinf(shrinkage):
        return np.full(len(along), mean)
    known = shrinkage * size.mean()
    return np.clip((along + known * mean) / np.where(size + known > 0, size + known, 1), 0, 1)
