"""NegativeBinomial is scipy's, tends to a Poisson, and finds the dispersion of counts."""

import numpy as np
import pytest
import torch
from scipy import stats

from drmbids.brain.losses.negative_binomial import NegativeBinomial
from drmbids.brain.losses.poisson import Poisson
from drmbids.data.tools.exceptions import DataError, ModelError


def counts_of(mean: np.ndarray, dispersion: np.ndarray | float, seed: int = 0) -> torch.Tensor:
    size = 1 / np.asarray(dispersion)
    drawn = np.random.default_rng(seed).negative_binomial(size, size / (size + mean))
    return torch.as_tensor(drawn, dtype=torch.float64)


@pytest.mark.parametrize("dispersion", [1e-3, 0.5, 4.0])
def test_it_is_the_log_likelihood(dispersion: float) -> None:
    log_mean = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    mean = log_mean.exp().numpy()
    counts, size = counts_of(mean, dispersion), 1 / dispersion
    wanted = -stats.nbinom.logpmf(counts.numpy(), size, size / (size + mean)).mean()
    loss = NegativeBinomial(dispersion=dispersion).double()
    assert loss(log_mean, counts).item() == pytest.approx(wanted, rel=1e-5)  # built in float32
    in_hertz = NegativeBinomial(dispersion=dispersion, bin_width=0.1).double()
    rate = log_mean - np.log(0.1)
    assert in_hertz(rate, counts).item() == pytest.approx(wanted, rel=1e-5)


def test_without_dispersion_it_is_a_poisson() -> None:
    log_mean = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    counts = torch.poisson(log_mean.exp(), generator=torch.Generator().manual_seed(1))
    narrow = NegativeBinomial(dispersion=2e-6)(log_mean, counts)
    torch.testing.assert_close(narrow, Poisson()(log_mean, counts), rtol=1e-5, atol=0)


def test_training_finds_the_dispersion_of_each_target() -> None:
    truth = np.array([0.1, 0.4, 1.5])
    mean = np.exp(np.random.default_rng(1).normal(1.5, 0.5, (4000, 1, 3)))
    counts, log_mean = counts_of(mean, truth), torch.as_tensor(mean).log()
    loss = NegativeBinomial.for_targets(3)
    optimizer = torch.optim.LBFGS(loss.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(log_mean, counts)
        value.backward()
        return value

    optimizer.step(closure)
    np.testing.assert_allclose(loss.value("dispersion").detach().numpy(), truth, rtol=0.15)


def test_a_dispersion_that_is_not_trained() -> None:
    assert not any(p.requires_grad for p in NegativeBinomial(trainable=False).parameters())


def test_faulty_options() -> None:
    for options in ({"n_targets": 0}, {"dispersion": 0.0}, {"bin_width": -1.0}):
        with pytest.raises(ModelError, match="must be positive"):
            NegativeBinomial(**options)
    with pytest.raises(DataError, match="from 0 on"):
        NegativeBinomial().check_target(torch.tensor([[-1.0]]))
