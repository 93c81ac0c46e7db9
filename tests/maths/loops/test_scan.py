"""The scan against a loop."""

import pytest
import torch

from drmbids.maths.loops.scan import leaky_scan


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 100])
def test_scan_equals_a_loop(length: int) -> None:
    make = torch.Generator().manual_seed(length)
    decay = torch.tensor([0.0, 0.5, 0.99, 1.0], dtype=torch.float64, requires_grad=True)
    drive = torch.randn(length, 2, 4, generator=make, dtype=torch.float64, requires_grad=True)
    start = torch.randn(2, 4, generator=make, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(length, 2, 4, generator=make, dtype=torch.float64)
    state, ticks = start, []
    for now in drive:
        state = decay * state + now
        ticks.append(state)
    wanted, got = torch.stack(ticks), leaky_scan(decay, drive, start)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    ends = (decay, drive, start)
    torch.testing.assert_close(
        torch.autograd.grad((got * weights).sum(), ends),
        torch.autograd.grad((wanted * weights).sum(), ends),
        rtol=1e-11,
        atol=1e-11,
    )


def test_scan_stays_accurate_in_single_precision() -> None:
    decay, drive = torch.tensor([0.999]), torch.ones(5000, 1, 1)
    got = leaky_scan(decay, drive, torch.zeros(1, 1))[-1].item()
    exact = (1 - float(decay) ** 5000) / (1 - float(decay))
    assert got == pytest.approx(exact, rel=1e-4)
