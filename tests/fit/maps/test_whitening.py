"""Whitening against the covariance of an autoregression, with gaps."""

import numpy as np
import torch

from drmbids.fit.maps.whitening import Whitening, autocorrelation


def covariance(places: np.ndarray, rho: float) -> np.ndarray:
    """Return the covariance of stationary noise of variance 1 at some volumes."""
    return rho ** np.abs(places[:, None] - places)


def test_noise_becomes_independent_across_gaps():
    there = torch.tensor([0, 1, 1, 0, 0, 1, 1, 1, 0, 1]).bool()
    places, rho = np.flatnonzero(there), 0.6
    whiten = Whitening(there, rho)(torch.eye(len(places), dtype=torch.float64)).numpy()
    identity = whiten @ covariance(places, rho) @ whiten.T
    np.testing.assert_allclose(identity, np.eye(len(places)), atol=1e-12)


def test_back_is_the_transpose():
    there, eye = torch.tensor([1, 1, 0, 1]).bool(), torch.eye(3, dtype=torch.float64)
    whitening = Whitening(there, 0.4)
    np.testing.assert_allclose(whitening.back(eye), whitening(eye).mT)


def test_autocorrelation_is_found_beside_gaps():
    make, rho, n = np.random.default_rng(0), 0.5, 4000
    noise = np.zeros((n, 5))
    for t in range(1, n):
        noise[t] = rho * noise[t - 1] + make.standard_normal(5)
    there = torch.from_numpy(make.random(n) < 0.8)
    found = autocorrelation([torch.from_numpy(noise)[there]], [there])
    assert abs(found - rho) < 0.03
