"""Poisson is the likelihood that torch.distributions and scipy give."""

import pytest
import torch
from scipy import stats

from drmbids.brain.losses.poisson import Poisson
from drmbids.data.tools.exceptions import DataError, ModelError


@pytest.fixture
def log_rates() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 4, dtype=torch.float64, generator=generator)


def test_it_is_the_log_likelihood(log_rates: torch.Tensor) -> None:
    counts = torch.poisson(log_rates.exp(), generator=torch.Generator().manual_seed(1))
    wanted = -torch.distributions.Poisson(log_rates.exp()).log_prob(counts).mean()
    torch.testing.assert_close(Poisson()(log_rates, counts), wanted)
    again = -stats.poisson.logpmf(counts.numpy(), log_rates.exp().numpy()).mean()
    assert Poisson()(log_rates, counts).item() == pytest.approx(again, rel=1e-12)


def test_rates_in_hertz(log_rates: torch.Tensor) -> None:
    counts = torch.poisson(log_rates.exp() * 0.02, generator=torch.Generator().manual_seed(1))
    wanted = -stats.poisson.logpmf(counts.numpy(), 0.02 * log_rates.exp().numpy()).mean()
    loss = Poisson(bin_width=0.02)
    assert loss(log_rates, counts).item() == pytest.approx(wanted, rel=1e-12)
    torch.testing.assert_close(loss.expected(log_rates), 0.02 * log_rates.exp())
    torch.testing.assert_close(loss.predicting(loss.expected(log_rates)), log_rates)


def test_limits_are_those_of_a_constant_rate_and_of_the_counts(log_rates: torch.Tensor) -> None:
    counts = torch.poisson(log_rates.exp(), generator=torch.Generator().manual_seed(1))[:, 0]
    counts[:, 3] = 0.0  # a silent target
    counts[2, 1] = torch.nan
    null, least = Poisson().limits(counts[:, None])
    there, mean = ~counts.isnan().numpy(), counts.nanmean(0).expand_as(counts).numpy()
    assert null == pytest.approx(-stats.poisson.logpmf(counts, mean)[there].mean(), rel=1e-9)
    assert least == pytest.approx(-stats.poisson.logpmf(counts, counts)[there].mean(), rel=1e-9)


def test_limits_count_elements_by_their_weights(log_rates: torch.Tensor) -> None:
    """A count of weight 2 is one measured twice."""
    counts = torch.poisson(log_rates.exp(), generator=torch.Generator().manual_seed(1))
    weights = torch.ones_like(counts)
    weights[:3] = 2.0
    twice = torch.cat([counts, counts[:3]])
    assert Poisson().limits(counts, weights) == pytest.approx(Poisson().limits(twice), rel=1e-9)


@pytest.mark.parametrize("wrong", [-1.0, float("inf")])
def test_what_is_no_count_is_refused(wrong: float) -> None:
    target = torch.tensor([[1.0, torch.nan], [wrong, 0.0]])
    with pytest.raises(DataError, match=f"from 0 on, found {wrong:g}"):
        Poisson().check_target(target)
    Poisson().check_target(target[:1])


@pytest.mark.parametrize("width", [0.0, -1.0, float("nan")])
def test_faulty_widths(width: float) -> None:
    with pytest.raises(ModelError, match="bin_width must be positive"):
        Poisson(width)
