"""Weights of connections: structure, signs and what is refused."""

import re
from typing import Any

import pytest
import torch

from drmbids.brain.connections.weights import Dense, Diagonal, LowRank, Weights
from drmbids.data.tools.exceptions import ModelError, UsageError


def test_given_weights_are_kept_and_those_of_zero_stay_zero() -> None:
    weights = Dense(3, 2, values=[[1.0, 0.0, -2.0], [0.0, 1.0, 0.0]])
    weights.matrix().sum().backward()
    assert weights.weight.grad.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert not Dense(3, 2, trainable=False).weight.requires_grad


def test_a_pattern_is_that_of_the_seed() -> None:
    torch.manual_seed(0)
    one, same, other = (Dense(40, 50, density=0.2, seed=s).there for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.float().mean().item() == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("weights", [Dense(3, 2), LowRank(3, 2, rank=2), Diagonal(3, 3)])
def test_signs_are_held_unit_by_unit(weights: Weights) -> None:
    weights.hold_signs(torch.tensor([1.0, -1.0, 1.0]))
    with torch.no_grad():
        for parameter in weights.parameters():
            parameter.normal_()
    matrix = weights.matrix()
    assert (matrix * torch.tensor([1.0, -1.0, 1.0]) >= 0).all() and (matrix[:, 1] < 0).any()


def test_low_rank_matrices_have_the_rank() -> None:
    for sign in ("free", "positive"):
        assert torch.linalg.matrix_rank(LowRank(6, 5, rank=2, sign=sign).matrix()) == 2


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (Dense, {"sign": "up"}, ModelError, "sign must be free, positive or negative, got 'up'"),
        (Dense, {"n_to": 0}, UsageError, "weights need units, got n_from=3, n_to=0"),
        (Dense, {"density": 0.0}, UsageError, "density must be above 0 and at most 1, got 0.0"),
        (Dense, {"values": [[1.0]]}, UsageError, "of 2 x 3 finite numbers, got shape (1, 1)"),
        (Diagonal, {}, UsageError, "keep the number of units, got 3 -> 2"),
        (LowRank, {"rank": 3}, UsageError, "rank must be from 1 to 2 for 3 -> 2 units, got 3"),
    ],
)
def test_faulty_arguments(kind: Any, options: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        kind(**{"n_from": 3, "n_to": 2, **options})
