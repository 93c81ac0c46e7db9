"""Learned delays: interpolation, gradient, limits, widths."""

import math

import pytest
import torch

from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.data.tools.exceptions import UsageError


def connection(delay: float, low: float, high: float, resolution: float = 0.1) -> LearnedDelay:
    made = LearnedDelay(delay, low, high).double()
    made.set_resolution(resolution)
    made.set_value("delay", delay)  # again, now in double precision
    return made


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0.1, 0.5, (1, 5)), (0.3, 0.7, (3, 7)), (0.0, 0.01, (0, 1)),
                               (0.15, 0.35, (1, 4)), (0.31, 0.39, (3, 4))]
)  # fmt: skip
def test_limits_bound_what_is_read(low: float, high: float, ticks: tuple[int, int]) -> None:
    made = connection((low + high) / 2, low, high)
    assert (made.shortest_ticks, made.longest_ticks) == ticks


@pytest.mark.parametrize("delay", [0.1001, 0.2, 0.25, 0.31, 0.4999])
def test_a_straight_line_is_read_between_ticks(delay: float) -> None:
    made = connection(delay, 0.1, 0.5)
    line = torch.arange(20, dtype=torch.float64).view(-1, 1, 1)
    now = torch.arange(16, dtype=torch.float64) + 5  # ticks at which it arrives
    arrived = made.arrive(line).flatten()
    torch.testing.assert_close(arrived, now - delay / 0.1, rtol=0, atol=1e-9)
    assert made.delay == pytest.approx(delay, rel=1e-12)


@pytest.mark.parametrize("position", [2.5, 3.25, 3.0])
def test_gradient_of_a_sine_is_its_closed_form(position: float) -> None:
    # Between ticks i and i + 1 the slope of the interpolated sine is that of the sine in the middle
    # of them, times sin(h) / h with h half a tick of phase.
    resolution, omega = 0.05, 2 * math.pi * 1.7
    made = connection(position * resolution, 0.05, 0.3, resolution)
    wave = torch.sin(omega * resolution * torch.arange(200, dtype=torch.float64)).view(-1, 1, 1)
    weights = torch.randn(195, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (weights * made.arrive(wave).flatten()).sum().backward()
    half = omega * resolution / 2
    before = math.floor(made.delay / resolution)
    middle = resolution * (torch.arange(195, dtype=torch.float64) + 6 - before - 0.5)
    by_delay = -(weights * omega * torch.cos(omega * middle)).sum() * math.sin(half) / half
    share = torch.sigmoid(made.free_delay.detach())
    by_free = by_delay * (0.3 - 0.05) * share * (1 - share)
    torch.testing.assert_close(made.free_delay.grad, by_free, rtol=1e-9, atol=0)


def test_a_wide_kernel_is_centred_and_reaches_as_far_as_it_is_wide() -> None:
    made = connection(0.5, 0.1, 0.9)  # 5 ticks of 1 to 9
    pulse = torch.zeros(17, 1, 1, dtype=torch.float64)
    pulse[8] = 1.0
    made.width = 0.25  # of 8 ticks: 2
    arrived = made.arrive(pulse).flatten()  # the pulse is in the middle of the past of tick 4
    torch.testing.assert_close(
        arrived, torch.tensor([0, 0, 0, 0.25, 0.5, 0.25, 0, 0, 0]).double(), rtol=0, atol=1e-9
    )
    made.width = 1e-9  # no narrower than interpolation
    narrow = made.arrive(pulse)
    made.width = 0.0
    torch.testing.assert_close(narrow, made.arrive(pulse), rtol=0, atol=1e-9)


def test_a_kernel_that_passes_a_limit_is_cut_off_and_still_sums_to_1() -> None:
    made = connection(0.15, 0.1, 0.9)
    made.width = 0.5
    ones = torch.ones(12, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(made.arrive(ones), ones[:4], rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    "wrong",
    [(0.1, 0.1, 0.5), (0.5, 0.1, 0.5), (0.05, 0.1, 0.5), (0.3, -0.1, 0.5), (0.3, 0.1, math.inf),
     (math.nan, 0.1, 0.5), (0.3, 0.5, 0.1)],
)  # fmt: skip
def test_delays_and_limits_that_do_not_fit(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="needs 0 <= delay_min < delay < delay_max"):
        LearnedDelay(*wrong)


def test_a_delay_is_not_set_beyond_its_limits() -> None:
    with pytest.raises(UsageError, match=r"0\.6 must lie between 0\.1 and 0\.5"):
        LearnedDelay(0.2, 0.1, 0.5).set_value("delay", 0.6)


def test_a_delay_that_is_held() -> None:
    held = LearnedDelay(0.2, 0.1, 0.5, trainable=False)
    assert not held.learns_delay and LearnedDelay(0.2, 0.1, 0.5).learns_delay
    assert not any(p.requires_grad for p in held.parameters())
