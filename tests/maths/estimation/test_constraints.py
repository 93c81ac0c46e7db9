"""Constraints: there and back, within limits, whatever the numbers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.constraints import Constraint

NUMBERS = st.floats(-1e3, 1e3)


@given(value=NUMBERS)
def test_no_limit_changes_nothing(value: float) -> None:
    free = torch.tensor(value, dtype=torch.float64)
    assert Constraint().forward(Constraint().inverse(free)) == value


@given(lower=NUMBERS, distance=st.floats(1e-3, 1e3))
def test_lower_limit_there_and_back(lower: float, distance: float) -> None:
    constraint, value = Constraint(lower), torch.tensor(lower + distance, dtype=torch.float64)
    back = constraint.forward(constraint.inverse(value))
    assert back.item() == pytest.approx(value.item(), rel=1e-9, abs=1e-9)


@given(lower=NUMBERS, width=st.floats(1e-2, 1e3), part=st.floats(1e-3, 1 - 1e-3))
def test_both_limits_there_and_back(lower: float, width: float, part: float) -> None:
    constraint = Constraint(lower, lower + width)
    value = torch.tensor(lower + part * width, dtype=torch.float64)
    back = constraint.forward(constraint.inverse(value))
    assert back.item() == pytest.approx(value.item(), rel=1e-9, abs=1e-9)


@given(free=st.floats(-500, 500), lower=st.floats(-10, 10), width=st.floats(0.1, 10))
def test_no_free_number_leaves_the_limits(free: float, lower: float, width: float) -> None:
    x = torch.tensor(free, dtype=torch.float64, requires_grad=True)
    value = Constraint(lower, lower + width).forward(x)
    assert lower <= value.item() <= lower + width + 1e-12
    assert math.isfinite(torch.autograd.grad(value, x)[0].item())
    assert Constraint(lower).forward(x).item() >= lower


@pytest.mark.parametrize("value", [0.0, 2.0, -1.0, 3.0, float("nan")])
def test_values_on_or_beyond_a_limit_are_refused(value: float) -> None:
    with pytest.raises(UsageError, match=r"must lie between 0(\.0)? and 2"):
        Constraint(0.0, 2.0).inverse(torch.tensor([1.0, value]))


@pytest.mark.parametrize("limits", [(None, 1.0), (1.0, 1.0), (2.0, 1.0)])
def test_faulty_limits(limits: tuple[float | None, float]) -> None:
    with pytest.raises(UsageError, match="limit"):
        Constraint(*limits)
