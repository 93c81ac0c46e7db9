"""How much of a measured series any model could predict: what repeats of a stimulus share."""

from collections.abc import Iterator
from itertools import combinations
from math import comb

import numpy as np

from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.scores import centred, correlation, ratio

# With more ways than this to halve the repeats, as many are drawn at random.
MAX_SPLITS = 100


def signal_power(repeats: np.ndarray) -> np.ndarray:
    """Return the variance over time of what all repeats share, free of the bias of noise.

    With ``N`` repeats ``y_n`` whose noise is independent,
    ``(Var(sum_n y_n) - sum_n Var(y_n)) / (N (N - 1))``.

    Parameters
    ----------
    repeats : array of shape (n_repeats, n_measured, n_targets)
        Responses to one stimulus, nuisance taken out. An element that is NaN in one repeat is
        left out of all, for its own target.

    Returns
    -------
    array of shape (n_targets,)
        Square of the unit of the responses; below zero where noise alone was measured and chance
        had it so. NaN where fewer than two elements are in all repeats.

    Raises
    ------
    DataError
        If the shape is wrong or there is one repeat only.

    References
    ----------
    Sahani and Linden 2003, Advances in Neural Information Processing Systems 15:125-132.
    Schoppe et al. 2016, Frontiers in Computational Neuroscience 10:10.

    Examples
    --------
    >>> signal_power(np.array([[[0.0], [2.0]], [[2.0], [4.0]]]))
    array([2.])
    """
    return _powers(repeats)[0]


def explainable_variance(repeats: np.ndarray) -> np.ndarray:
    """Return the share of the variance of one repeat that its stimulus explains.

    :func:`signal_power` over the mean variance of a repeat, which is
    ``ev - (1 - ev) / (N - 1)`` with ``ev`` the variance of the mean of ``N`` repeats over the mean
    of their variances. It is the largest R2, and its root the largest r, that a model can expect
    on a single repeat.

    Parameters
    ----------
    repeats : array of shape (n_repeats, n_measured, n_targets)
        As in :func:`signal_power`.

    Returns
    -------
    array of shape (n_targets,)
        1 at most, around 0 without signal; NaN where nothing varies.

    Raises
    ------
    DataError
        If the shape is wrong or there is one repeat only.

    References
    ----------
    Schoppe et al. 2016, Frontiers in Computational Neuroscience 10:10.

    Examples
    --------
    >>> signal = np.array([[0.0], [1.0], [3.0]])
    >>> explainable_variance(np.array([signal, signal + 5.0]))
    array([1.])
    """
    return ratio(*_powers(repeats)[:2])


def normalised_correlation(repeats: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return r of prediction and signal, as if the repeats had no noise (CCnorm).

    ``Cov(x, y) / sqrt(Var(x) signal_power)`` with prediction ``x`` and ``y`` the mean of the
    repeats.

    Parameters
    ----------
    repeats : array of shape (n_repeats, n_measured, n_targets)
        As in :func:`signal_power`.
    predicted : array of shape (n_measured, n_targets)
        Made without sight of any of the repeats.

    Returns
    -------
    array of shape (n_targets,)
        1 for a perfect model on average, a little above or below by chance. NaN where the signal
        power is not positive, or the prediction is constant.

    Raises
    ------
    DataError
        If a shape is wrong or there is one repeat only.

    References
    ----------
    Schoppe et al. 2016, Frontiers in Computational Neuroscience 10:10.

    Examples
    --------
    >>> signal = np.array([[0.0], [1.0], [3.0]])
    >>> normalised_correlation(np.array([signal, signal + 5.0]), 2 * signal).round(6)
    array([1.])
    """
    signal, _, mean, there = _powers(repeats)
    if np.shape(predicted) != mean.shape:
        raise DataError(f"predicted {np.shape(predicted)} must be as a repeat, {mean.shape}")
    x, y = centred(predicted, there), centred(mean, there)
    count = there.sum(0) - 1.0
    covariance = ratio((x * y).sum(0), count)
    power = np.where(signal > 0, signal, 0.0) * ratio((x**2).sum(0), count)
    return ratio(covariance, np.sqrt(power))


def split_half(repeats: np.ndarray, random_state: int = 0) -> np.ndarray:
    """Return the reliability of the mean of all repeats, from the correlation of their halves.

    The correlation ``r`` of the means of two groups of ``m`` repeats, averaged over the ways to
    form these, is stepped up to all ``N`` repeats (Spearman and Brown):
    ``k r / (1 + (k - 1) r)``, ``k = N / m``. With an odd ``N`` each split leaves one repeat out.

    Parameters
    ----------
    repeats : array of shape (n_repeats, n_measured, n_targets)
        As in :func:`signal_power`.
    random_state : int
        Seed of the splits, where there are more than 100.

    Returns
    -------
    array of shape (n_targets,)
        Largest R2 that a model can expect on the mean of the repeats. An ``r`` that is not positive
        is returned as it is; NaN where a half is constant.

    Raises
    ------
    DataError
        If the shape is wrong or there is one repeat only.

    References
    ----------
    Spearman 1910, British Journal of Psychology 3:271-295; Brown 1910, 3:296-322.

    Examples
    --------
    >>> signal = np.array([[0.0], [1.0], [3.0]])
    >>> split_half(np.array([signal, 2 * signal])).round(6)
    array([1.])
    """
    _powers(repeats)  # raises where the shape is wrong
    repeats = np.where(np.isfinite(repeats).all(0), repeats, np.nan)
    r = np.mean(
        [
            correlation(repeats[list(one)].mean(0), repeats[list(other)].mean(0))
            for one, other in _halves(len(repeats), np.random.default_rng(random_state))
        ],
        axis=0,
    )
    k = len(repeats) / (len(repeats) // 2)
    return np.where(r > 0, k * r / (1 + (k - 1) * np.maximum(r, 0)), r)


def _powers(repeats: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return signal power, mean variance of a repeat, mean repeat, and which elements count."""
    if np.ndim(repeats) != 3 or len(repeats) < 2:
        raise DataError(
            f"repeats {np.shape(repeats)} must be (n_repeats, n_measured, n_targets), two or more"
        )
    n, there = len(repeats), np.isfinite(repeats).all(0)
    count = there.sum(0) - 1.0
    mean = np.where(there, repeats, 0.0).mean(0)
    of_mean = ratio((centred(mean, there) ** 2).sum(0), count)
    total = np.mean([ratio((centred(one, there) ** 2).sum(0), count) for one in repeats], axis=0)
    return (n * of_mean - total) / (n - 1), total, mean, there


def _halves(n: int, rng: np.random.Generator) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield pairs of groups of ``n // 2`` of ``n`` repeats: all pairs, or some at random."""
    m = n // 2
    if comb(n, m) * comb(n - m, m) // 2 > MAX_SPLITS:
        for _ in range(MAX_SPLITS):
            order = tuple(int(k) for k in rng.permutation(n))
            yield order[:m], order[m : 2 * m]
        return
    for one in combinations(range(n), m):
        for other in combinations([k for k in range(n) if k not in one], m):
            if one < other:
                yield one, other
