"""Connections: seconds to ticks, weights at the source."""

import pytest
import torch
from torch import nn

from drmbids.connections.base import DRMConnection
from drmbids.core.exceptions import ModelError


@pytest.mark.parametrize(
    ("delay", "resolution", "ticks"),
    [(0.0, 0.1, 0), (0.3, 0.1, 3), (0.7, 0.7, 1), (1e3, 0.1, 10**4)],
)
def test_delay_in_ticks(delay: float, resolution: float, ticks: int) -> None:
    connection = DRMConnection(delay)
    connection.set_resolution(resolution)
    assert connection.shortest_ticks == connection.longest_ticks == ticks


def test_delay_that_is_no_multiple_is_refused_with_its_neighbours() -> None:
    connection = DRMConnection(0.25)
    with pytest.raises(ModelError, match=r"0.25 s is no multiple .* use 0.2 s or 0.3 s"):
        connection.shortest_ticks


def test_weights_are_applied_at_the_source() -> None:
    weights = nn.Linear(3, 2)
    x = torch.randn(4, 1, 3)
    torch.testing.assert_close(DRMConnection(0.1, weights)(x), weights(x))
    assert DRMConnection()(x) is x
