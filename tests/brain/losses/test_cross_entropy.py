"""CrossEntropy is torch's where every class was on offer."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from drmbids.brain.losses.cross_entropy import CrossEntropy

NAN = torch.nan


@pytest.fixture
def log_odds() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 4, dtype=torch.float64, generator=generator)


def test_all_present_equals_the_cross_entropy_of_torch(log_odds: torch.Tensor) -> None:
    chosen = torch.arange(18).reshape(6, 3) % 4
    target = torch.eye(4, dtype=torch.float64)[chosen]
    expected = cross_entropy(log_odds.flatten(0, 1), chosen.flatten())
    torch.testing.assert_close(CrossEntropy()(log_odds, target), expected)


def test_a_class_that_was_not_on_offer_is_out_of_the_sum() -> None:
    log_odds = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    target = torch.tensor([[1.0, 0.0, NAN]], dtype=torch.float64)
    expected = torch.log(1 + torch.exp(torch.tensor(1.0, dtype=torch.float64)))
    torch.testing.assert_close(CrossEntropy()(log_odds, target), expected)
    alone = torch.tensor([[NAN, NAN, 1.0]], dtype=torch.float64)
    assert CrossEntropy()(log_odds, alone).item() == 0.0


def test_windows_have_their_share_in_the_loss_of_a_run(log_odds: torch.Tensor) -> None:
    """As training adds windows up: each by the share of the elements that it has."""
    target = torch.eye(4, dtype=torch.float64)[torch.arange(18).reshape(6, 3) % 4].clone()
    target[1], target[2, :, 3], target[5, 0] = NAN, NAN, NAN
    loss, n = CrossEntropy(), (~target.isnan()).sum()
    parts = [
        (~target[rows].isnan()).sum() / n * loss(log_odds[rows], target[rows])
        for rows in (slice(2), slice(2, 3), slice(3, None))
    ]
    torch.testing.assert_close(sum(parts), loss(log_odds, target))


def test_expected_are_probabilities(log_odds: torch.Tensor) -> None:
    torch.testing.assert_close(CrossEntropy().expected(log_odds), log_odds.softmax(-1))
