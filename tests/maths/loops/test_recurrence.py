"""The graph-free recurrence against a loop that autograd sees, and against finite differences."""

import pytest
import torch
from torch import Tensor

from drmbids.brain.populations.base import NONLINEARITIES
from drmbids.maths.loops.cells import Gated, Rate
from drmbids.maths.loops.recurrence import (
    Arc,
    Member,
    delayed_recurrence,
    gated_recurrence,
    loop_recurrence,
)


def tick_by_tick(
    past: Tensor, drive: Tensor, weight: Tensor, phi, dynamics: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    ticks, (approach, late) = list(past), dynamics
    for now in drive:
        seen = torch.cat(ticks[-len(past) :], dim=-1)
        end = (1 - approach) * state + approach * phi(now + seen @ weight.T)
        ticks.append((1 - late) * state + late * end)
        state = end
    return torch.stack(ticks[len(past) :]), state


def run(past: Tensor, drive: Tensor, weight: Tensor, dynamics: Tensor, state: Tensor):
    """Return what is tested for tanh units, the differentiable arguments alone."""
    return delayed_recurrence(past, drive, weight, torch.tanh, dynamics, state)


def draw(depth: int, batch: int, leaky: bool) -> list[Tensor]:
    torch.manual_seed(0)
    n = 3
    parts = [
        torch.randn(depth, batch, n),
        torch.randn(7, batch, n),
        torch.randn(n, depth * n) / 3,
        torch.rand(2, n) * 0.9 if leaky else torch.ones(2, n),
        torch.randn(batch, n),
    ]
    return [part.double().requires_grad_() for part in parts]


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize(("depth", "batch"), [(1, 1), (4, 1), (1, 3), (5, 2)])
@pytest.mark.parametrize("name", ["tanh", "softplus", "linear"])
def test_equals_the_loop(name: str, depth: int, batch: int, leaky: bool) -> None:
    parts, phi = draw(depth, batch, leaky), NONLINEARITIES[name]
    scale = [torch.randn(7, batch, 3).double(), torch.randn(batch, 3).double()]
    past, drive, weight, dynamics, state = parts
    one = delayed_recurrence(past, drive, weight, phi, dynamics, state)
    other = tick_by_tick(past, drive, weight, phi, dynamics, state)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(sum((y * s).sum() for y, s in zip(ys, scale, strict=True)), parts)
        for ys in (one, other)
    ]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


def test_units_without_memory_need_no_dynamics() -> None:
    past, drive, weight, ones, state = draw(3, 2, leaky=False)
    (one, none), (other, _) = (
        delayed_recurrence(past, drive, weight, torch.tanh, *more) for more in ((), (ones, state))
    )
    torch.testing.assert_close(one, other)
    assert none is None
    wanted, scale = [past, drive, weight], torch.randn_like(one)
    gradients = [torch.autograd.grad((y * scale).sum(), wanted) for y in (one, other)]
    torch.testing.assert_close(gradients[0], gradients[1])


def test_gradient_by_finite_differences() -> None:
    parts = draw(2, 2, leaky=True)
    assert torch.autograd.gradcheck(run, parts)


def test_a_window_in_two_pieces_is_the_window() -> None:
    past, drive, weight, dynamics, state = draw(4, 2, leaky=True)
    whole, end = run(past, drive, weight, dynamics, state)
    first, between = run(past, drive[:3], weight, dynamics, state)
    kept = torch.cat((past, first))[-4:]
    second, last = run(kept, drive[3:], weight, dynamics, between)
    torch.testing.assert_close(torch.cat((first, second)), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(last, end, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("leaky", [False, True])
@pytest.mark.parametrize("shared", [(), (0,), (1,), (2,), (3,), (4,), (0, 1), (0, 2, 3)])
def test_many_models_equal_one_after_another(shared: tuple[int, ...], leaky: bool) -> None:
    """Under vmap, each argument with an axis of models or shared by all of them."""
    torch.manual_seed(1)
    n_models, each = 3, draw(3, 2, leaky)
    parts = [
        part if k in shared else (part + 0.1 * torch.rand(n_models, *part.shape)).detach()
        for k, part in enumerate(each)
    ]
    parts = [part.detach().clamp(max=0.95).requires_grad_() for part in parts]
    axes = tuple(None if k in shared else 0 for k in range(len(parts)))
    scale = torch.randn(n_models, 7, 2, 3, dtype=torch.float64)
    together, ends = torch.vmap(run, in_dims=axes)(*parts)
    alone, last = zip(
        *(run(*(p if k in shared else p[m] for k, p in enumerate(parts))) for m in range(n_models)),
        strict=True,
    )
    torch.testing.assert_close(together, torch.stack(alone), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ends, torch.stack(last), rtol=1e-12, atol=1e-12)
    wanted = torch.autograd.grad((torch.stack(alone) * scale).sum(), parts)
    got = torch.autograd.grad((together * scale).sum(), parts)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 3])
def test_gated_units_equal_those_of_torch(batch: int) -> None:
    torch.manual_seed(0)
    gru = torch.nn.GRU(4, 3).double()
    x = torch.randn(9, batch, 4, dtype=torch.float64, requires_grad=True)
    past = torch.randn(1, batch, 3, dtype=torch.float64, requires_grad=True)
    b = gru.bias_hh_l0
    drive = torch.nn.functional.linear(x, gru.weight_ih_l0, gru.bias_ih_l0)
    drive = drive + torch.cat((b[:6], torch.zeros(3)))
    one, other = gated_recurrence(past, drive, gru.weight_hh_l0.roll(3, 0), b[6:]), gru(x, past)[0]
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    scale, wanted = torch.randn_like(one), [x, past, *gru.parameters()]
    gradients = [torch.autograd.grad((y * scale).sum(), wanted) for y in (one, other)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rows", [3, 4])
def test_gated_gradient_by_finite_differences(rows: int) -> None:
    """With feedback from three ticks, into the candidate too where there are four rows."""
    torch.manual_seed(0)
    shapes = [(3, 2, 2), (5, 2, 6), (rows * 2, 3 * 2), (2,)]
    parts = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(gated_recurrence, parts)


def test_loop_by_finite_differences() -> None:
    """A leaky and a gated member in blocks of two ticks that do not divide the window."""
    torch.manual_seed(0)
    shapes = [(4, 2, 2), (5, 2, 2), (2, 2), (1, 2, 3), (5, 2, 9), (9, 3), (3,), (2, 3), (9, 2)]
    parts = [torch.randn(s, dtype=torch.float64) for s in (*shapes, (2, 2))]
    parts[2] = torch.rand(2, 2, dtype=torch.float64)

    def loop(*p: Tensor) -> list[Tensor]:
        leaky = Member(Rate(torch.tanh), p[0], p[1], None, p[2], None, p[9])
        members = [leaky, Member(Gated(), *p[3:7])]
        arcs = [Arc(0, 1, 1, p[7]), Arc(1, 0, 4, p[8])]
        turns = [(1, 2), (0, 2), (1, 2), (0, 2), (1, 1), (0, 1)]
        (one, end), (other, none) = loop_recurrence(members, arcs, turns)
        assert none is None
        return [one, end, other]

    assert torch.autograd.gradcheck(loop, [part.requires_grad_() for part in parts])
