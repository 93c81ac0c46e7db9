"""Connections: seconds to ticks, weights at the source."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.data.tools.exceptions import ModelError, UsageError


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"delay": 3, "weights": 3}, r"weights=3 is not a module .* a delay in seconds and no num"),
        ({"weights": torch.ones(20, 20)}, "weights=Tensor is not a module"),
        ({"delay": "0.1"}, "delay is a number of seconds, got '0.1'"),
        ({"delay": nn.Linear(1, 1)}, "delay is a number of seconds, got Linear"),
        ({"gates": 2}, "gates=2 is not a list of Gate"),
        ({"synapse": nn.Linear(2, 2)}, "synapse=Linear.* is not a Synapse"),
        ({"plasticity": True}, "plasticity=True is not a Synapse"),
    ],
)
def test_arguments_of_another_kind_are_refused_in_one_line(
    arguments: dict[str, Any], message: str
) -> None:
    """Such as numbers of units, which layers of other libraries take."""
    with pytest.raises(UsageError, match=message) as caught:
        DRMConnection(**arguments)
    assert "\n" not in str(caught.value)
    if "weights" in arguments:
        with pytest.raises(UsageError, match=message):
            LearnedDelay(0.2, 0.1, 0.3, weights=arguments["weights"])


@pytest.mark.parametrize("delay", [np.float32(0.5), np.array(0.5), torch.tensor(0.5), 1])
def test_a_delay_of_any_kind_of_number(delay: Any) -> None:
    assert DRMConnection(delay).delay == float(delay)
