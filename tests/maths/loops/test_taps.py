"""Reading the past between ticks, through kernels, and pair by pair."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drmbids.maths.loops.taps import interpolation_taps, read_taps, sum_pairs, wide_kernel

positions = st.floats(2.0, 9.0)


@settings(deadline=None)
@given(delay=positions)
def test_interpolation_reads_the_two_ticks_around_a_delay(delay: float) -> None:
    ticks, shares = interpolation_taps(torch.tensor(delay, dtype=torch.float64), 2, 9)
    assert shares.sum().item() == pytest.approx(1.0)
    assert (ticks * shares).sum().item() == pytest.approx(delay)
    assert int(ticks.max()) <= 9 and int(ticks[1] - ticks[0]) in (0, 1)


@settings(deadline=None)
@given(delay=positions, width=st.floats(0.0, 20.0))
def test_a_kernel_is_a_triangle_cut_off_at_the_limits(delay: float, width: float) -> None:
    centre, half = (torch.tensor(x, dtype=torch.float64) for x in (delay, width))
    kernel = wide_kernel(centre, half, 2, 9)
    heights = [max(0.0, 1 - abs(k - delay) / max(width, 1.0)) for k in range(9, 1, -1)]
    expected = torch.tensor(heights, dtype=torch.float64) / sum(heights)
    torch.testing.assert_close(kernel, expected)
    if width <= 1:
        ticks, shares = interpolation_taps(centre, 2, 9)
        narrow = torch.zeros(8, dtype=torch.float64).index_add(0, 9 - ticks, shares)
        torch.testing.assert_close(kernel, narrow, rtol=0, atol=1e-9)


def test_taps_are_copies_that_start_where_the_index_says() -> None:
    sent = torch.randn(9, 2, 3, dtype=torch.float64)
    weights = torch.tensor([0.5, -2.0], dtype=torch.float64)
    got = read_taps(sent, torch.tensor([[3], [0]]) + torch.arange(6), weights)
    torch.testing.assert_close(got, 0.5 * sent[3:] - 2.0 * sent[:6])


@pytest.mark.parametrize("chunk", [1, 7, 2**22])
@pytest.mark.parametrize("trained", [True, False])
def test_pairs_equal_plain_indexing(
    chunk: int, trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drmbids.maths.loops.taps.CHUNK", chunk)
    torch.manual_seed(0)
    n_ticks, n_before, batch, n = 5, 4, 2, 3
    sent = torch.randn(n_ticks + n_before, batch, n, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(4, 6, dtype=torch.float64, requires_grad=trained)
    rows, units = torch.randint(0, n_before + 1, (4, 6)), torch.randint(0, n, (4, 6))
    got = sum_pairs(sent, rows * n + units, weights, n_ticks)
    ticks = torch.arange(n_ticks)[:, None, None]
    wanted = (sent[rows + ticks, :, units] * weights[:, :, None]).sum(2).transpose(1, 2)
    torch.testing.assert_close(got, wanted)
    back = torch.randn_like(wanted)
    inputs = [sent, weights] if trained else [sent]
    torch.testing.assert_close(
        torch.autograd.grad(got, inputs, back), torch.autograd.grad(wanted, inputs, back)
    )


def test_pairs_can_be_differentiated_once_only() -> None:
    sent = torch.randn(3, 1, 2, requires_grad=True)
    out = sum_pairs(sent, torch.tensor([[0]]), torch.ones(1, 1), 2)
    (grad,) = torch.autograd.grad(out.square().sum(), sent, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()
