"""Weights averaged by evidence: against the dense normal model, finite differences, and a null."""

import numpy as np
import pytest
import torch
from scipy.linalg import cho_factor, cho_solve

from drmbids.maths.estimation.evidence import average, gains, learn_prior
from drmbids.maths.estimation.ridge import Products, products

N, N_FEATURES, N_TARGETS = 30, 4, 3


@pytest.fixture
def data() -> tuple[torch.Tensor, torch.Tensor]:
    make = torch.Generator().manual_seed(0)
    x = torch.randn(N, N_FEATURES, generator=make, dtype=torch.float64)
    y = x @ torch.randn(N_FEATURES, N_TARGETS, generator=make, dtype=torch.float64)
    return x, y + torch.randn(y.shape, generator=make, dtype=torch.float64)


@pytest.fixture
def roots() -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(1)
    return [torch.randn(N_FEATURES, k, generator=make, dtype=torch.float64) for k in (4, 2)]


def dense(x: np.ndarray, y: np.ndarray, root: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log evidence, up to a constant, and weights, from the covariance of all samples.

    Jeffreys' prior of the variance of the noise is integrated out: a multivariate t of the samples.
    """
    factor = cho_factor(np.eye(len(y)) + x @ root @ root.T @ x.T, lower=True)
    solved = cho_solve(factor, y)
    log = -np.log(np.diag(factor[0])).sum() - len(y) / 2 * np.log(y @ solved)
    return log, root @ root.T @ x.T @ solved


def test_gains_are_those_of_the_dense_model(data, roots):
    x, y = data
    variances = torch.tensor([0.1, 3.0], dtype=torch.float64)
    found = gains(products(x, y, 0.0), roots, variances).unflatten(0, (2, 2))
    for k, root in enumerate(roots):
        for j, variance in enumerate(variances.tolist()):
            for v in range(N_TARGETS):
                target = y[:, v].numpy()
                with_weights = dense(x.numpy(), target, variance**0.5 * root.numpy())[0]
                alone = dense(x.numpy(), target, 0 * root.numpy())[0]
                assert found[k, j, v].item() == pytest.approx(with_weights - alone, abs=1e-9)


def test_averages_are_those_of_the_dense_model(data, roots):
    x, y = data
    prior = torch.tensor([0.3, 0.7], dtype=torch.float64)
    found = average(products(x, y, 0.0), roots, prior)
    for v in range(N_TARGETS):
        parts = [dense(x.numpy(), y[:, v].numpy(), root.numpy()) for root in roots]
        joint = np.log(prior.numpy()) + [log for log, _ in parts]
        shares = np.exp(joint - joint.max()) / np.exp(joint - joint.max()).sum()
        weights = sum(s * w for s, (_, w) in zip(shares, parts, strict=True))
        np.testing.assert_allclose(found.shares[:, v], shares, atol=1e-10)
        np.testing.assert_allclose(found.weights[:, v], weights, atol=1e-10)


def test_slopes_are_those_of_the_gains(data, roots):
    x, y = data
    prior, direction = torch.tensor([0.3, 0.7], dtype=torch.float64), torch.ones_like(x)
    direction[::2, 1] = -0.5
    found = average(products(x, y, 0.0), roots, prior)
    # X'X and X'Y move with X
    slope = (2 * x @ found.slope_xx + y @ found.slope_xy.mT) * direction
    step = 1e-5
    ends = [
        average(products(x + sign * step * direction, y, 0.0), roots, prior).gain.sum()
        for sign in (1, -1)
    ]
    assert slope.sum().item() == pytest.approx(((ends[0] - ends[1]) / (2 * step)).item(), rel=1e-6)


def test_prior_follows_what_serves_most_targets():
    gain = torch.zeros(2, 50, dtype=torch.float64)
    gain[1, :40] = 10.0
    prior = learn_prior(gain, torch.tensor([0.5, 0.5], dtype=torch.float64))
    assert prior.sum().item() == pytest.approx(1.0)
    assert prior[1] > 0.95
    # one target that is sure of nothing leaves the prior as it was
    unsure = learn_prior(torch.zeros(2, 1).double(), torch.tensor([0.9, 0.1]).double())
    np.testing.assert_allclose(unsure, [0.9, 0.1])


def test_noise_alone_gets_hardly_any_weight():
    make = torch.Generator().manual_seed(3)
    x = torch.randn(100, 10, generator=make, dtype=torch.float64) / 10
    y = torch.randn(100, 200, generator=make, dtype=torch.float64)
    total, root = products(x, y, 0.0), torch.eye(10, dtype=torch.float64)
    variances = torch.tensor([0.03, 1.0, 30.0], dtype=torch.float64)
    base = torch.full((3,), 1 / 3, dtype=torch.float64)
    prior = learn_prior(gains(total, [root], variances), base)
    found = average(total, [root * v**0.5 for v in variances.tolist()], prior)
    assert prior[0] > 0.9
    least_squares = torch.linalg.lstsq(x, y).solution
    assert (x @ found.weights).square().sum() < 0.01 * (x @ least_squares).square().sum()


def test_targets_that_never_vary_have_no_weight():
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    n = torch.tensor(20.0, dtype=torch.float64)
    total = Products(x.mT @ x, torch.zeros(2, 1).double(), torch.zeros(1).double(), n)
    found = average(total, [torch.eye(2).double()], torch.ones(1).double())
    assert not found.weights.any()
    assert all(torch.isfinite(part).all() for part in found)
