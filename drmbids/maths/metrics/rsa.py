"""Representational dissimilarity: which conditions a population, or a region, tells apart."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, rankdata

from drmbids.data.tools.exceptions import DataError, UsageError

#: How far two patterns are from each other.
Distance = Literal["correlation", "euclidean", "crossvalidated"]
#: How alike two matrices of such distances are.
Similarity = Literal["spearman", "pearson", "cosine", "kendall"]


def dissimilarity(patterns: np.ndarray, distance: Distance = "correlation") -> np.ndarray:
    """Return the dissimilarities of all pairs of conditions.

    Parameters
    ----------
    patterns : array of shape (n_conditions, n_units) or (n_runs, n_conditions, n_units)
        With several runs their mean is taken, but for the cross-validated distance, which needs
        them.
    distance : {"correlation", "euclidean", "crossvalidated"}
        1 - r; mean squared difference over units; or the product of the differences in two runs,
        averaged over pairs of runs, whose expectation is zero where conditions do not differ (noise
        does not add to it, and it can be negative).

    Returns
    -------
    array of shape (n_conditions * (n_conditions - 1) / 2,)
        In the order of :func:`scipy.spatial.distance.squareform`, which makes a matrix of it.

    Raises
    ------
    UsageError
        If the distance is unknown.
    DataError
        If shapes do not fit, a number is missing, or there are too few conditions or runs.

    References
    ----------
    Kriegeskorte, Mur and Bandettini 2008, Frontiers in Systems Neuroscience 2:4; Walther et al.
    2016, NeuroImage 137:188-200 (cross-validated distances, equation 6).

    Examples
    --------
    >>> dissimilarity(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]])).round(3)
    array([2., 0., 2.])
    """
    if distance not in get_args(Distance):
        raise UsageError(f"unknown distance {distance!r}; choose one of: {get_args(Distance)}")
    patterns = np.asarray(patterns, dtype=float)
    runs = patterns[None] if patterns.ndim == 2 else patterns
    if runs.ndim != 3 or runs.shape[1] < 2:
        raise DataError(
            f"patterns of two conditions or more are needed, got shape {patterns.shape}"
        )
    if not np.isfinite(runs).all():
        raise DataError("a pattern has missing numbers; take the units or conditions out")
    if distance == "crossvalidated":
        return _crossvalidated(runs)
    mean, n_units = runs.mean(0), runs.shape[2]
    if distance == "euclidean":
        return pdist(mean, "sqeuclidean") / n_units
    flat = np.flatnonzero(np.ptp(mean, axis=1) <= 1e-12 * np.abs(mean).max())
    if flat.size:
        raise DataError(
            f"the pattern of condition {flat[0]} is flat, which has no correlation; "
            "take a euclidean distance"
        )
    return pdist(mean, "correlation")


def _crossvalidated(runs: np.ndarray) -> np.ndarray:
    n_runs, n_conditions, n_units = runs.shape
    if n_runs < 2:
        raise DataError("a cross-validated distance needs the patterns of two runs or more")
    first, second = np.triu_indices(n_conditions, 1)
    difference = runs[:, first] - runs[:, second]
    total, own = difference.sum(0), (difference**2).sum((0, 2))
    return ((total**2).sum(1) - own) / (n_runs * (n_runs - 1) * n_units)


def compare_dissimilarities(
    one: np.ndarray, other: np.ndarray, similarity: Similarity = "spearman"
) -> float:
    """Return how alike two sets of dissimilarities are.

    Parameters
    ----------
    one, other : array of shape (n_pairs,)
        From :func:`dissimilarity`.
    similarity : {"spearman", "pearson", "cosine", "kendall"}
        Kendall's tau-a suits models that predict ties (Nili et al. 2014, PLoS Computational Biology
        10:e1003553).

    Returns
    -------
    float
        From -1 to 1; NaN where one of them is constant.

    Raises
    ------
    UsageError
        If the similarity is unknown.
    DataError
        If lengths differ or are below 2.

    Examples
    --------
    >>> round(compare_dissimilarities(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])), 6)
    1.0
    """
    if similarity not in get_args(Similarity):
        raise UsageError(
            f"unknown similarity {similarity!r}; choose one of: {get_args(Similarity)}"
        )
    one, other = np.asarray(one, float), np.asarray(other, float)
    if one.shape != other.shape or one.ndim != 1 or len(one) < 2:
        raise DataError(
            f"dissimilarities of the same pairs are needed, got {one.shape} and {other.shape}"
        )
    if similarity == "kendall":
        return _tau_a(one, other)
    if similarity == "spearman":
        one, other = rankdata(one), rankdata(other)
    if similarity != "cosine":
        one, other = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    tiny = 1e-12 * max(1.0, float(np.abs(one).max()), float(np.abs(other).max())) ** 2
    return float(one @ other / size) if size > tiny else float("nan")


def _tau_a(one: np.ndarray, other: np.ndarray) -> float:
    """Return Kendall's tau-a: tau-b with ties counted in the number of pairs."""
    pairs = len(one) * (len(one) - 1) / 2
    untied = [pairs - sum(n * (n - 1) / 2 for n in _counts(x)) for x in (one, other)]
    if not all(untied):
        return float("nan")
    return float(kendalltau(one, other).statistic * np.sqrt(untied[0] * untied[1]) / pairs)


def _counts(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_counts=True)[1]


def dissimilarity_ceiling(
    subjects: Sequence[np.ndarray], similarity: Similarity = "spearman"
) -> tuple[float, float]:
    """Return between which similarities the true model would lie.

    Parameters
    ----------
    subjects : sequence of array of shape (n_pairs,)
        Dissimilarities of two subjects (or runs) or more.
    similarity : {"spearman", "pearson", "cosine", "kendall"}
        As for :func:`compare_dissimilarities`.

    Returns
    -------
    lower, upper : float
        Mean similarity of each with the mean of the others, and with the mean of all (Nili et al.
        2014).

    Raises
    ------
    DataError
        If there are fewer than two.

    Examples
    --------
    >>> noisy = [np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])]
    >>> dissimilarity_ceiling(noisy, "pearson")[0].__round__(2)
    0.5
    """
    if len(subjects) < 2:
        raise DataError("a ceiling needs two subjects or more")
    scaled = np.array([_scaled(np.asarray(s, float), similarity) for s in subjects])
    total = scaled.sum(0)
    lower = [compare_dissimilarities(s, total - s, similarity) for s in scaled]
    upper = [compare_dissimilarities(s, total, similarity) for s in scaled]
    return float(np.mean(lower)), float(np.mean(upper))


def _scaled(values: np.ndarray, similarity: Similarity) -> np.ndarray:
    """Return dissimilarities so that their mean is the best of all for the similarity."""
    if similarity in ("spearman", "kendall"):
        return rankdata(values)
    centred = values - values.mean() if similarity == "pearson" else values
    return centred / np.linalg.norm(centred)
