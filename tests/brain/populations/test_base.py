"""Populations that users write: blocks or single ticks, and the nodes they stand on."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.brain.populations.base import StepPopulation
from drmbids.data.tools.exceptions import ModelError
from drmbids.testing import check_population


class Adapting(StepPopulation):
    """Units that tire: activity less a trace of its own past.

    Examples
    --------
    >>> Adapting(2, 3).n_units
    2
    """

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.map = nn.Linear(n_inputs, n_units)
        self.add_parameter("strength", 0.5, lower=0.0, upper=1.0, meaning="share of the trace")

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        zero = self.map.weight.new_zeros(batch, self.n_units)
        return zero, zero

    def step(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        trace, last = state
        trace = 0.8 * trace + 0.2 * last
        activity = (
            torch.tanh(self.map(torch.cat(tuple(inputs), -1))) - self.value("strength") * trace
        )
        return activity, (trace, activity)


def test_a_population_written_tick_by_tick_keeps_the_contract() -> None:
    check_population(Adapting)


def test_named_parameters() -> None:
    node = Adapting(2, 3)
    assert node.parameter_rows() == [
        {
            "parameter": "strength", "index": 0, "value": pytest.approx(0.5), "unit": "1",
            "trainable": True, "meaning": "share of the trace", "source": "",
            "prior_mean": pytest.approx(math.nan, nan_ok=True),
            "prior_sd": pytest.approx(math.nan, nan_ok=True),
        }
    ]  # fmt: skip
    node.set_value("strength", 0.25)
    assert node.value("strength").item() == pytest.approx(0.25)
    assert list(node.parameter_specs) == ["strength"]
    with pytest.raises(ModelError, match="Adapting: parameter 'strength' is there already"):
        node.add_parameter("strength", 0.1)


def test_parameters_of_parts_are_named_by_their_path() -> None:
    whole = DRMNode()
    whole.part = Adapting(1, 1)
    whole.add_parameter("gain", torch.tensor([1.0, 2.0]), unit="Hz", trainable=False)
    rows = whole.parameter_rows()
    assert [(r["parameter"], r["index"]) for r in rows] == [
        ("gain", 0), ("gain", 1), ("part.strength", 0),
    ]  # fmt: skip
    assert not whole.free_gain.requires_grad
    whole.set_resolution(0.02)
    assert whole.part.resolution == 0.02 and DRMNode.resolution == 0.1
