"""A loss of whole runs is a function of the moments of all of them."""

import pytest
import torch
from torch import Tensor

from drmbids.brain.losses.summary import SummaryLoss


class Pooled(SummaryLoss):
    """The mean of all elements of all runs."""

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        there = (~target.isnan()).double()
        return ((prediction.double() * there).sum((0, 2)), there.sum((0, 2)))

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        return moments[0].sum() / moments[1].sum()


def test_forward_is_of_whole_runs_in_the_type_of_the_prediction() -> None:
    prediction, target = torch.rand(2, 5, 3, 2)
    value = Pooled()(prediction, target)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(prediction.mean().item(), rel=1e-6)
    assert Pooled().limits(target[:, :1]) == (1.0, 0.0)


def test_both_methods_are_needed() -> None:
    with pytest.raises(TypeError, match="from_moments"):
        type("Half", (SummaryLoss,), {"moments": Pooled.moments})()
