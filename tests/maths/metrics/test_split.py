"""The product measure against himalaya."""

import numpy as np
import pytest
from himalaya.scoring import r2_score_split

from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.scores import r2
from drmbids.maths.metrics.split import split_r2


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(3, 50, 4)) + rng.normal(size=(50, 4))
    parts -= parts.mean(1, keepdims=True)
    measured = parts.sum(0) + 2 * rng.normal(size=(50, 4))
    return measured - measured.mean(0), parts


def test_it_is_that_of_himalaya(case):
    measured, parts = case
    np.testing.assert_allclose(split_r2(measured, parts), r2_score_split(measured, parts))


def test_parts_add_up_to_the_r2_of_their_sum_also_with_gaps(case):
    measured, parts = case
    measured = measured.copy()
    measured[5:20, 2] = np.nan
    found = split_r2(measured, parts).sum(0)
    rows = np.isfinite(measured[:, 2])
    np.testing.assert_allclose(found[[0, 1, 3]], r2(measured, parts.sum(0))[[0, 1, 3]])
    y = measured[rows, 2] - measured[rows, 2].mean()
    error = ((y - parts.sum(0)[rows, 2]) ** 2).sum()
    assert found[2] == pytest.approx(1 - error / (y**2).sum())


def test_a_constant_series_has_none_and_shapes_must_agree(case):
    _, parts = case
    assert np.isnan(split_r2(np.ones((50, 4)), parts)).all()
    with pytest.raises(DataError, match="n_parts, n_measured, n_targets"):
        split_r2(np.ones((50, 3)), parts)
