"""Scores of cross-validations without an effect, drawn number by number, beside the spread."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from drmbids.compare.statistics.reciprocal import ranks_of, spread_of, training_pairs

PLACES = np.array([1.0, 1.645, 2.5])
LEAVE_ONE_OUT = {n: ~np.eye(n, dtype=bool) for n in (2, 3, 6)}


def drawn(trained: np.ndarray, sizes: np.ndarray, rank: int, n: int = 40_000) -> np.ndarray:
    """Return quantiles of the mean r of features and noise in as many dimensions, fit by fit."""
    rng, scores = np.random.default_rng(1), []
    for _ in range(n // 1000):
        z = rng.normal(size=(1000, len(sizes), rank)) * np.sqrt(sizes)[:, None]
        fits = np.einsum("ij,njk->nik", trained, z)
        r = (z[:, : len(trained)] * fits).sum(2) / np.linalg.norm(fits, axis=2)
        scores.append((r / sizes[: len(trained)]).mean(1))
    moved = np.sqrt((1 / sizes[: len(trained)]).sum()) / len(trained)
    return np.quantile(np.concatenate(scores) / moved, norm.cdf(PLACES))


@pytest.mark.parametrize("rank", [1, 4, 20])
@pytest.mark.parametrize("n_runs", [2, 3, 6])
def test_it_is_the_spread_of_scores_that_are_drawn(n_runs: int, rank: int) -> None:
    trained, sizes = LEAVE_ONE_OUT[n_runs], np.linspace(60, 100, n_runs)
    found = spread_of(trained, sizes, np.full(n_runs, 1 / n_runs), rank)(PLACES)
    np.testing.assert_allclose(found, drawn(trained, sizes, rank), atol=0.09)


def test_one_feature_has_twice_the_probability_of_a_normal_variable_in_its_upper_tail() -> None:
    found = spread_of(LEAVE_ONE_OUT[6], np.full(6, 90), np.full(6, 1 / 6), 1.0)
    far = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_allclose(found(far), norm.isf(norm.sf(far) / 2), rtol=0.03)


def test_many_features_have_twice_the_variance_and_unknown_ones_too() -> None:
    trained, sizes, weights = LEAVE_ONE_OUT[3], np.full(3, 50), np.full(3, 1 / 3)
    found = spread_of(trained, sizes, weights, np.inf)(PLACES)
    np.testing.assert_allclose(found, np.sqrt(2) * PLACES)
    np.testing.assert_allclose(spread_of(trained, sizes, weights, 2000)(PLACES), found, atol=0.05)


def test_folds_that_no_run_enters_in_both_roles_need_nothing() -> None:
    rows = [("1", "a", "train", 80), ("1", "b", "test", 70)]
    rows += [("2", "a", "train", 80), ("2", "b", "train", 70), ("2", "c", "test", 60)]
    folds = pd.DataFrame(rows, columns=["fold", "run", "part", "n_measured"])
    trained, sizes = training_pairs(folds, ["b", "c"])
    assert trained.tolist() == [[False, False, True], [True, False, True]]
    assert sizes.tolist() == [70, 60, 80]
    one = spread_of(trained, sizes, np.full(2, 0.5), 3)
    np.testing.assert_array_equal(one(PLACES), PLACES)


def test_more_targets_than_features_show_how_many_there_are() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 8))
    series = [np.column_stack([predicted[:, :6], predicted[:, 6:]])]
    regions = ["V1"] * 6 + ["V2"] * 2
    assert ranks_of({}, regions, series).tolist() == [3.0] * 6 + [np.inf] * 2
    assert ranks_of({"V2": 5.0, "V1": 2.0}, regions, series).tolist() == [2.0] * 6 + [5.0] * 2
    silent = [np.zeros((50, 8)), np.full((50, 8), np.nan)]
    assert ranks_of({"V1": 4.0}, regions, silent).tolist() == [4.0] * 6 + [np.inf] * 2
