"""Measures of how alike two connectivities are."""

import numpy as np
import pytest

from drmbids.maths.metrics.connectivity import (
    connectivity_correlation,
    connectivity_rmse,
    dynamics_distance,
)


@pytest.fixture
def matrices() -> np.ndarray:
    return np.random.default_rng(0).random((2, 5, 5))


def test_only_pairs_above_the_diagonal_that_both_have_are_compared(matrices: np.ndarray) -> None:
    a, b = matrices
    upper = np.triu_indices(5, 1)
    assert connectivity_correlation(a, b) == pytest.approx(np.corrcoef(a[upper], b[upper])[0, 1])
    wanted = np.sqrt(np.mean((a[upper] - b[upper]) ** 2))
    assert connectivity_rmse(a, b) == pytest.approx(wanted)
    holed = a.copy()
    holed[0, 1], holed[3, 0] = np.nan, np.nan
    x, y = a[upper][1:], b[upper][1:]
    assert connectivity_correlation(holed, b) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert np.isnan(connectivity_correlation(np.ones((5, 5)), b))


def test_distance_of_dynamics_is_one_without_overlap(matrices: np.ndarray) -> None:
    a, _ = matrices
    assert dynamics_distance(a, a) == 0
    assert dynamics_distance(a, a + 1) == 1
