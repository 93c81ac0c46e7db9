"""Log-likelihood against scipy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from drmbids.data.runs.nuisance import project_out
from drmbids.maths.metrics.likelihood import autoregressive_error, log_likelihood, squared_error
from drmbids.maths.metrics.whitening import samples_since_gap, whiten


def test_it_is_the_density_of_independent_gaussians():
    rng = np.random.default_rng(0)
    measured, predicted, variance = *rng.normal(size=(2, 20, 3)), np.array([0.5, 1.0, 4.0])
    measured[3:6, 1] = np.nan
    logs = norm.logpdf(measured, predicted, np.sqrt(variance))
    np.testing.assert_allclose(log_likelihood(measured, predicted, variance), np.nansum(logs, 0))


def test_nuisance_leaves_the_density_in_the_space_that_remains():
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(12, 3)))[0]
    rest = np.linalg.svd(basis, full_matrices=True)[0][:, 3:]
    measured, predicted = rng.normal(size=(2, 12, 1))
    expected = multivariate_normal.logpdf(
        rest.T @ measured[:, 0], rest.T @ predicted[:, 0], 2.0 * np.eye(9)
    )
    clean = project_out(basis, measured), project_out(basis, predicted)
    assert log_likelihood(*clean, np.array([2.0]), rank=3)[0] == pytest.approx(expected)


def test_autocorrelated_errors_have_the_density_of_what_the_nuisance_leaves():
    rng = np.random.default_rng(3)
    times = 2.0 * np.delete(np.arange(16), 9)  # with a gap
    basis = np.linalg.qr(np.vander(times, 3))[0]
    rest, rho = rng.normal(size=(15, 2)), np.array([[0.5, 0.2], [-0.3, 0.0]])
    rest[4, 1] = np.nan
    found = autoregressive_error(rest, basis, times, 2.0, rho).log_likelihood(np.array([2.0, 0.5]))
    for k, variance in enumerate((2.0, 0.5)):
        rows = np.isfinite(rest[:, k])
        white = whiten(np.eye(rows.sum()), samples_since_gap(times[rows], 2.0), rho[k])
        covariance = variance * np.linalg.inv(white.T @ white)
        contrasts = np.linalg.svd(basis[rows], full_matrices=True)[0][:, 3:]
        expected = multivariate_normal.logpdf(
            contrasts.T @ rest[rows, k], cov=contrasts.T @ covariance @ contrasts
        )
        assert found[k] == pytest.approx(expected)


def test_weights_count_like_copies():
    measured, predicted = np.random.default_rng(4).normal(size=(2, 20, 1))
    twice = np.repeat(measured, 2, 0), np.repeat(predicted, 2, 0)
    found = log_likelihood(measured, predicted, np.ones(1), weights=np.full((20, 1), 2.0))
    np.testing.assert_allclose(found, log_likelihood(*twice, np.ones(1)))


def test_the_true_variance_is_the_most_probable():
    measured = np.random.default_rng(2).normal(size=(500, 1))
    error, freedom, _ = squared_error(measured, np.zeros((500, 1)), 0)
    best, others = error / freedom, (0.5, 0.9, 1.1, 2.0)
    top = log_likelihood(measured, np.zeros((500, 1)), best)
    assert all(log_likelihood(measured, 0 * measured, best * k) < top for k in others)


def test_without_variance_or_elements_there_is_none():
    measured = np.array([[1.0, 1.0, np.nan], [2.0, 1.0, np.nan]])
    found = log_likelihood(measured, np.zeros((2, 3)), np.array([0.0, np.nan, 1.0]))
    assert np.isnan(found).all()
    assert squared_error(measured, np.zeros((2, 3)), 5)[1].tolist() == [0, 0, 0]
