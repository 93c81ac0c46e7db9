"""A weighted sum is the sum of its losses, each times its weight."""

import pytest
import torch

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.losses.correlation import Correlation
from drmbids.brain.losses.poisson import Poisson
from drmbids.brain.losses.weighted import WeightedSum
from drmbids.data.tools.exceptions import DataError, ModelError


def test_sums_within_sums() -> None:
    prediction, target = torch.rand(2, 9, 2, 3, dtype=torch.float64)
    inner = WeightedSum([Poisson(), Correlation()], [2.0, 0.5])
    loss = WeightedSum([DRMLoss(), inner], [1.0, 3.0])
    wanted = (
        DRMLoss()(prediction, target)
        + 6.0 * Poisson()(prediction, target)
        + 1.5 * Correlation()(prediction, target)
    )
    torch.testing.assert_close(loss(prediction, target), wanted)
    assert [weight for weight, _ in loss.terms()] == [1.0, 6.0, 1.5]
    limits = [part.limits(target)[0] for part in (DRMLoss(), Poisson())]
    assert loss.limits(target)[0] == pytest.approx(limits[0] + 6 * limits[1] + 1.5)


def test_every_loss_may_refuse_a_target() -> None:
    with pytest.raises(DataError, match="from 0 on"):
        WeightedSum([DRMLoss(), Poisson()]).check_target(torch.tensor([[-1.0]]))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], []])
def test_faulty_weights(weights: list[float]) -> None:
    with pytest.raises(ModelError, match="a weight of 0 or more for each loss"):
        WeightedSum([DRMLoss(), Poisson()], weights)
