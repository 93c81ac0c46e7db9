"""Sums over autocorrelated series: t statistics hold their level where plain ones do not."""

import numpy as np
import pytest
from scipy.stats import t

from drmbids.brain.simulation.noise import autoregression
from drmbids.compare.inference.long_run import covariance_of_sum

N, N_SERIES, LEVEL = 150, 1000, 0.05


@pytest.mark.parametrize("autocorrelation", [0.0, 0.5])
def test_level_is_held(autocorrelation: float) -> None:
    rng = np.random.default_rng(0)
    series = autoregression(rng, (N, N_SERIES), autocorrelation)
    found = [covariance_of_sum(column[:, None]) for column in series.T]
    error = np.sqrt([covariance[0, 0] for covariance, _ in found])
    beyond = np.abs(series.sum(0) / error) > t.ppf(1 - LEVEL / 2, found[0][1])
    # 0.05 by 1000 has a standard error of 0.007; a little too many are known for this estimator
    assert 0.03 < beyond.mean() < 0.08
    if autocorrelation:
        plain = np.abs(series.sum(0) / np.sqrt((series**2).sum(0))) > 1.98
        assert plain.mean() > 0.15


def test_covariance_is_symmetric_and_blind_to_means() -> None:
    series = np.random.default_rng(0).normal(size=(60, 3))
    covariance, degrees = covariance_of_sum(series)
    assert degrees == round(0.4 * 60 ** (2 / 3))
    np.testing.assert_allclose(covariance, covariance.T)
    np.testing.assert_allclose(covariance, covariance_of_sum(series + 5.0)[0])
