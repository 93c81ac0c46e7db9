"""Recurrences whose weights change from tick to tick."""

import pytest
import torch
from torch import Tensor

from drmbids.maths.loops.cells import Rate
from drmbids.maths.loops.loop_plan import Arc, Member
from drmbids.maths.loops.recurrence import delayed_recurrence, gated_recurrence, loop_recurrence

N_TICKS, BATCH, N, DEPTH, N_FACTORS = 7, 2, 3, 2, 3


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def bilinear(
    past: Tensor, drive: Tensor, weight: Tensor, dynamics: Tensor, state: Tensor, by: Tensor
) -> Tensor:
    """Return ``A x + sum_k u_k B_k x`` tick by tick, as it is written."""
    series, (approach, late) = list(past), dynamics
    for u, factors in zip(drive, by, strict=True):
        z = u
        for k, group in enumerate(weight.split(DEPTH * N, dim=1)):
            for d in range(1, DEPTH + 1):
                one = group[:, (DEPTH - d) * N : (DEPTH - d + 1) * N]
                z = z + factors[:, k : k + 1] * (series[-d] @ one.T)
        end = (1 - approach) * state + approach * torch.tanh(z)
        series.append((1 - late) * state + late * end)
        state = end
    return torch.stack(series[len(past) :])


@pytest.fixture
def parts() -> list[Tensor]:
    torch.manual_seed(0)
    dynamics = torch.rand(2, N, dtype=torch.float64, requires_grad=True)
    by = draw(N_TICKS, BATCH, N_FACTORS)
    weight = draw(N, N_FACTORS * DEPTH * N)
    past, drive = draw(DEPTH, BATCH, N), draw(N_TICKS, BATCH, N)
    return [past, drive, weight, dynamics, draw(BATCH, N), by]


def recurrence(
    past: Tensor, drive: Tensor, weight: Tensor, dynamics: Tensor, state: Tensor, by: Tensor | None
) -> Tensor:
    return delayed_recurrence(past, drive, weight, torch.tanh, dynamics, state, by)[0]


def test_it_is_the_bilinear_form(parts: list[Tensor]) -> None:
    got, wanted = recurrence(*parts), bilinear(*parts)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    scale = torch.randn_like(got)
    found, expected = (torch.autograd.grad((y * scale).sum(), parts) for y in (got, wanted))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_factors_of_one_change_nothing(parts: list[Tensor]) -> None:
    past, drive, weight, dynamics, state, by = parts
    rest = (past, drive, weight[:, : DEPTH * N], dynamics, state)
    torch.testing.assert_close(
        recurrence(*rest, torch.ones_like(by[..., :1])), recurrence(*rest, None)
    )


def test_gradients_of_gated_units() -> None:
    torch.manual_seed(1)
    by, weight = draw(4, 2, 2), draw(8, 2 * 2 * 2)
    parts = (draw(2, 2, 2), draw(4, 2, 6), weight, draw(2), by)
    assert torch.autograd.gradcheck(gated_recurrence, parts)


@pytest.mark.parametrize("width", [1, N])
def test_gradients_of_factors_of_connections(width: int) -> None:
    torch.manual_seed(2)

    def loop(past: Tensor, drive: Tensor, weight: Tensor, by: Tensor) -> Tensor:
        unit = Member(Rate(torch.tanh), past, drive)
        arcs = [Arc(1, 0, 1, weight, by), Arc(0, 1, 2, weight)]
        turns = [(member, 1) for _ in range(5) for member in (0, 1)]
        return torch.cat([y for y, _ in loop_recurrence([unit, unit], arcs, turns)], -1)

    parts = (draw(2, 2, N), draw(5, 2, N), draw(N, N), draw(5, 2, width))
    assert torch.autograd.gradcheck(loop, parts)
