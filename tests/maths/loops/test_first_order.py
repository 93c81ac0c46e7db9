"""Weights of first-order equations against arithmetic of fifty digits."""

from decimal import Decimal, localcontext

import pytest
import torch

from drmbids.maths.loops.first_order import FEW, follow, tick_weights


def exact(ticks: float) -> tuple[float, float]:
    with localcontext() as context:
        context.prec = 50
        x = Decimal(ticks)
        approach = 1 - (-x).exp()
        return float(approach), float(1 / approach - 1 / x)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 3e-15), (torch.float32, 2e-6)], ids=str
)
@pytest.mark.parametrize("ticks", [1e-6, 1e-3, 0.1, 0.99 * FEW, 1.01 * FEW, 1.0, 30.0, 1e4])
def test_weights_of_short_and_long_ticks(
    ticks: float, dtype: torch.dtype, tolerance: float
) -> None:
    x = torch.tensor([ticks], dtype=dtype)
    wanted = torch.tensor(exact(x.item()), dtype=dtype).unsqueeze(1)
    torch.testing.assert_close(tick_weights(x), wanted, rtol=tolerance, atol=0.0)


def test_gradients_are_finite_and_right_on_both_sides_of_the_series() -> None:
    x = torch.tensor([1e-4, 0.2, 0.29, 0.31, 5.0, 80.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(tick_weights, x)
    tiny = torch.tensor([1e-30, 1e30], requires_grad=True)
    (slope,) = torch.autograd.grad(tick_weights(tiny).sum(), tiny)
    torch.testing.assert_close(slope, torch.tensor([1 + 1 / 12, 0.0]))


def test_a_block_in_pieces_is_the_block() -> None:
    torch.manual_seed(0)
    target, ticks = torch.randn(9, 2, 3).double(), torch.tensor([0.01, 1.0, 40.0]).double()
    whole, end = follow(target, ticks, torch.randn(2, 3, generator=torch.Generator()).double())
    start = torch.randn(2, 3, generator=torch.Generator()).double()
    first, between = follow(target[:4], ticks, start)
    second, last = follow(target[4:], ticks, between)
    torch.testing.assert_close(torch.cat((first, second)), whole)
    torch.testing.assert_close(last, end)
