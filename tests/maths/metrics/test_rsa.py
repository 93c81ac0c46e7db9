"""Dissimilarities against their definitions, scipy, and what is known of their expectation."""

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.maths.metrics.rsa import compare_dissimilarities, dissimilarity, dissimilarity_ceiling

RNG = np.random.default_rng(3)
PATTERNS = RNG.normal(size=(4, 5, 30))  # runs, conditions, units
PAIRS = [(i, j) for i in range(5) for j in range(i + 1, 5)]


def test_distances_follow_their_definition() -> None:
    mean = PATTERNS.mean(0)
    correlated = [1 - pearsonr(mean[i], mean[j]).statistic for i, j in PAIRS]
    np.testing.assert_allclose(dissimilarity(PATTERNS), correlated)
    squared = [((mean[i] - mean[j]) ** 2).mean() for i, j in PAIRS]
    np.testing.assert_allclose(dissimilarity(mean, "euclidean"), squared)
    crossed = [
        np.mean(
            [
                (PATTERNS[a, i] - PATTERNS[a, j]) @ (PATTERNS[b, i] - PATTERNS[b, j]) / 30
                for a in range(4)
                for b in range(4)
                if a != b
            ]
        )
        for i, j in PAIRS
    ]
    np.testing.assert_allclose(dissimilarity(PATTERNS, "crossvalidated"), crossed)


def test_noise_adds_nothing_to_crossvalidated_distances() -> None:
    noise = np.random.default_rng(0).normal(size=(6, 4, 3000))
    assert abs(dissimilarity(noise, "crossvalidated").mean()) < 0.02
    assert dissimilarity(noise, "euclidean").mean() == pytest.approx(2 / 6, rel=0.05)


def test_similarities_are_scipys() -> None:
    one, other = RNG.normal(size=(2, 10))
    assert compare_dissimilarities(one, other) == pytest.approx(spearmanr(one, other).statistic)
    found = compare_dissimilarities(one, other, "pearson")
    assert found == pytest.approx(pearsonr(one, other).statistic)
    found = compare_dissimilarities(one, other, "kendall")
    assert found == pytest.approx(kendalltau(one, other).statistic)
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert compare_dissimilarities(one, other, "cosine") == pytest.approx(cosine)
    assert np.isnan(compare_dissimilarities(one, np.ones(10), "pearson"))


def test_taus_of_ties_count_all_pairs() -> None:
    """Tau-a is concordant minus discordant pairs over all pairs."""
    one, other = np.array([0, 0, 1, 1, 2.0]), np.array([1, 2, 2, 3, 0.0])
    signs = [np.sign(one[i] - one[j]) * np.sign(other[i] - other[j]) for i, j in PAIRS]
    assert compare_dissimilarities(one, other, "kendall") == pytest.approx(np.mean(signs))


def test_the_truth_lies_between_the_ceilings() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(45)
    subjects = [truth + 0.3 * rng.normal(size=45) for _ in range(12)]
    for similarity in ("spearman", "pearson", "cosine"):
        low, high = dissimilarity_ceiling(subjects, similarity)
        mean = np.mean([compare_dissimilarities(truth, s, similarity) for s in subjects])
        assert low < high and low - 0.02 < mean < high + 0.02


@pytest.mark.parametrize(
    ("patterns", "distance", "error", "message"),
    [
        (PATTERNS[0, :1], "correlation", DataError, "two conditions"),
        (np.full((3, 4), np.nan), "euclidean", DataError, "missing"),
        (np.ones((3, 4)), "correlation", DataError, "flat"),
        (PATTERNS[0], "crossvalidated", DataError, "two runs"),
        (PATTERNS[0], "cosine", UsageError, "unknown distance"),
    ],
)
def test_patterns_without_distances_are_refused(patterns, distance, error, message) -> None:
    with pytest.raises(error, match=message):
        dissimilarity(patterns, distance)


def test_other_pairs_are_refused() -> None:
    with pytest.raises(DataError, match="same pairs"):
        compare_dissimilarities(np.ones(3), np.ones(6))
    with pytest.raises(UsageError, match="unknown similarity"):
        compare_dissimilarities(np.ones(3), np.ones(3), "r2")  # pyright: ignore
    with pytest.raises(DataError, match="two subjects"):
        dissimilarity_ceiling([np.ones(3)])
