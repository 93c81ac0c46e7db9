"""DRMLoss is the mean squared error where nothing is missing."""

import torch
from torch import nn

from drmbids.brain.losses.base import DRMLoss


def test_all_present_equals_the_mean_squared_error() -> None:
    prediction, target = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    torch.testing.assert_close(DRMLoss()(prediction, target), nn.MSELoss()(prediction, target))


def test_missing_elements_do_not_dilute_the_rest() -> None:
    prediction, target = torch.zeros(4, 1, 2), torch.full((4, 1, 2), 3.0)
    target[1:] = torch.nan
    assert DRMLoss()(prediction, target).item() == 9.0
