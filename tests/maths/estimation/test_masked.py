"""Errors over the elements that are there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drmbids.maths.estimation.masked import masked_mean, masked_squared_error, split_missing


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_masked_error_is_that_of_the_elements_there(seed: int, share: float) -> None:
    make = np.random.default_rng(seed)
    target, prediction = make.standard_normal((2, 6, 2, 3))
    target[make.random(target.shape) < share] = np.nan
    there = np.isfinite(target)
    wanted = np.mean((prediction[there] - target[there]) ** 2) if there.any() else 0.0
    values = torch.as_tensor(prediction).requires_grad_()
    got = masked_squared_error(values, torch.as_tensor(target))
    assert got.item() == pytest.approx(wanted, rel=1e-12)
    (gradient,) = torch.autograd.grad(got, values)
    assert not gradient[torch.as_tensor(~there)].any()
    np.testing.assert_allclose(
        gradient[torch.as_tensor(there)], 2 * (prediction - target)[there] / max(there.sum(), 1)
    )


def test_only_nan_is_missing() -> None:
    filled, present = split_missing(torch.tensor([1.0, float("nan"), float("inf")]))
    assert filled.tolist() == [1.0, 0.0, float("inf")]
    assert present.tolist() == [True, False, True]


def test_mean_of_nothing_is_zero() -> None:
    assert masked_mean(torch.ones(3), torch.zeros(3, dtype=torch.bool)) == 0
