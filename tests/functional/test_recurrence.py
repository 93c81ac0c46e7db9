"""The graph-free recurrence against a loop that autograd sees, and against finite differences."""

import pytest
import torch
from torch import Tensor

from drmbids.functional.recurrence import delayed_recurrence
from drmbids.populations.base import NONLINEARITIES


def tick_by_tick(past: Tensor, drive: Tensor, weight: Tensor, decay: Tensor, phi) -> Tensor:
    ticks = list(past)
    for now in drive:
        seen = torch.cat(ticks[-len(past) :], dim=-1)
        ticks.append(decay * ticks[-1] + (1 - decay) * phi(now + seen @ weight.T))
    return torch.stack(ticks[len(past) :])


def draw(depth: int, batch: int, leaky: bool) -> list[Tensor]:
    torch.manual_seed(0)
    n = 3
    parts = [
        torch.randn(depth, batch, n),
        torch.randn(7, batch, n),
        torch.randn(n, depth * n) / 3,
        torch.rand(n) * 0.9 if leaky else torch.zeros(n),
    ]
    return [part.double().requires_grad_() for part in parts]


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize(("depth", "batch"), [(1, 1), (4, 1), (1, 3), (5, 2)])
@pytest.mark.parametrize("name", ["tanh", "softplus", "linear"])
def test_equals_the_loop(name: str, depth: int, batch: int, leaky: bool) -> None:
    parts, phi = draw(depth, batch, leaky), NONLINEARITIES[name]
    weights = torch.randn(7, batch, 3, dtype=torch.float64)
    one, other = delayed_recurrence(*parts, phi), tick_by_tick(*parts, phi)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    wanted = parts if leaky else parts[:3]
    gradients = [torch.autograd.grad((y * weights).sum(), wanted) for y in (one, other)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


def test_gradient_by_finite_differences() -> None:
    parts = draw(2, 2, leaky=True)
    assert torch.autograd.gradcheck(lambda *p: delayed_recurrence(*p, torch.tanh), parts)


def test_a_window_in_two_pieces_is_the_window() -> None:
    past, drive, weight, decay = draw(4, 2, leaky=True)
    whole = delayed_recurrence(past, drive, weight, decay, torch.tanh)
    first = delayed_recurrence(past, drive[:3], weight, decay, torch.tanh)
    kept = torch.cat((past, first))[-4:]
    second = delayed_recurrence(kept, drive[3:], weight, decay, torch.tanh)
    torch.testing.assert_close(torch.cat((first, second)), whole, rtol=1e-12, atol=1e-12)
