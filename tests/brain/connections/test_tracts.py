"""Tracts: one delay for each pair of units."""

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.data.tools.exceptions import ModelError, UsageError

RESOLUTION = 0.001


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def brain(n_to: int = 4, n_from: int = 5, **options: Any) -> tuple[Tracts, Tensor, Tensor]:
    """Return tracts, a third of them missing, with their weights and lengths."""
    make = torch.Generator().manual_seed(0)
    weights = torch.randn(n_to, n_from, generator=make)
    weights[torch.rand(n_to, n_from, generator=make) < 0.35] = 0.0
    weights[1] = 0.0  # a unit that hears nobody
    lengths = 10 + 40 * torch.rand(n_to, n_from, generator=make)
    tracts = Tracts(weights, lengths, options.pop("velocity", 3.0), **options)
    tracts.set_resolution(RESOLUTION)
    return tracts, weights, lengths


def wanted(sent: Tensor, weights: Tensor, ticks: Tensor, longest: int, n_ticks: int) -> Tensor:
    """Return the sum over pairs, tick by tick, each read by interpolation."""
    out = torch.zeros(n_ticks, sent.shape[1], len(weights))
    for t in range(n_ticks):
        for to, source in weights.nonzero().tolist():
            before, late = divmod(ticks[to, source].item(), 1.0)
            row = t + longest - int(before)
            x = (1 - late) * sent[row, :, source]
            x = x + (late * sent[row - 1, :, source] if late else 0.0)
            out[t, :, to] += weights[to, source] * x
    return out


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("limits", [{}, {"velocity_min": 2.0, "velocity_max": 4.5}])
def test_each_pair_has_its_delay(interpolation: Any, limits: dict) -> None:
    tracts, weights, lengths = brain(interpolation=interpolation, strength=0.7, **limits)
    sent = torch.randn(7 + tracts.longest_ticks - tracts.shortest_ticks, 2, 5)
    ticks = lengths / 3.0 * 1e-3 / RESOLUTION
    if interpolation == "nearest":
        ticks = ticks.round()
    there = ticks[weights != 0]
    assert tracts.shortest_ticks <= there.min() and there.max() <= tracts.longest_ticks
    expected = 0.7 * wanted(sent, weights, ticks, tracts.longest_ticks, 7)
    torch.testing.assert_close(tracts.arrive(sent), expected, rtol=1e-9, atol=1e-9)
    assert tracts.delay == pytest.approx(1e-3 * lengths[weights != 0].mean().item() / 3.0)


@pytest.mark.parametrize("width", [0.0, 0.3])
def test_taps_say_what_is_read(width: float) -> None:
    interpolation = "linear" if width else "nearest"
    limits = {"velocity_min": 2.0, "velocity_max": 4.5}
    tracts, weights, _ = brain(interpolation=interpolation, **limits)
    tracts.width = width
    ticks, sources, factors = tracts.taps()
    sent = torch.randn(1 + tracts.longest_ticks - tracts.shortest_ticks, 1, 5)
    rows = tracts.longest_ticks - ticks
    by_hand = (factors * sent[rows, 0, sources]).sum(-1)
    torch.testing.assert_close(tracts.arrive(sent)[0, 0], by_hand)
    if not width:
        assert int((factors != 0).sum()) == int((weights != 0).sum())


def test_missing_tracts_cost_nothing() -> None:
    weights = torch.zeros(50, 50)
    weights[torch.arange(50), (torch.arange(50) + 1) % 50] = 1.0
    tracts = Tracts(weights, torch.full((50, 50), 30.0), 3.0, interpolation="nearest")
    assert tracts.taps()[0].shape == (50, 1)


def test_wide_kernels_are_wide_in_proportion_to_the_range_of_each_delay() -> None:
    tracts = Tracts([[1.0, 0.0], [0.0, 1.0]], [[20.0, 0.0], [0.0, 40.0]], 2.0, 1.0, 4.0,
                    trainable=("velocity",))  # fmt: skip
    tracts.set_resolution(RESOLUTION)
    tracts.width = 1 / 3  # ranges are 5 to 20 and 10 to 40 ticks: 5 and 10 ticks wide
    assert (tracts.shortest_ticks, tracts.longest_ticks) == (5, 40)
    past = torch.zeros(40 - 5 + 1 + 60, 1, 2)
    past[50] = 1.0
    arrived = tracts.arrive(past)[:, 0]  # tick 0 is row 40: the pulse left at tick 10
    for unit, (delay, width) in enumerate([(10, 5), (20, 10)]):
        away = (torch.arange(61) - 10 - delay).abs()
        torch.testing.assert_close(arrived[:, unit], (1 - away / width).clamp(min=0) / width)


class Arriving(torch.nn.Module):
    """What arrives through a connection, as a function of its parameters."""

    def __init__(self, connection: Tracts) -> None:
        super().__init__()
        self.connection = connection

    def forward(self, sent: Tensor) -> Tensor:
        return self.connection.arrive(sent)


def arrive(tracts: Tracts, sent: Tensor, values: dict[str, Tensor]) -> Tensor:
    given = {f"connection.{name}": value for name, value in values.items()}
    return torch.func.functional_call(Arriving(tracts), given, (sent,))


@pytest.mark.parametrize("batch", [1, 3])
def test_gradients_by_finite_differences(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drmbids.maths.loops.taps.CHUNK", 40)  # more than one chunk
    tracts, _, _ = brain(velocity_min=2.0, velocity_max=4.5,
                         trainable=("velocity", "strength", "weights"))  # fmt: skip
    sent = torch.randn(5 + tracts.longest_ticks - tracts.shortest_ticks, batch, 5)
    start = {name: p.detach().clone() for name, p in tracts.named_parameters()}
    assert list(start) == ["pair_weights", "free_velocity", "free_strength"]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return arrive(tracts, x, dict(zip(start, values, strict=True)))

    assert torch.autograd.gradcheck(run, [v.requires_grad_() for v in (sent, *start.values())])


def test_many_velocities_at_once() -> None:
    tracts, _, _ = brain(velocity_min=1.0, velocity_max=5.0, trainable=("velocity",))
    sent = torch.randn(6 + tracts.longest_ticks - tracts.shortest_ticks, 2, 5)
    free = torch.randn(3).requires_grad_()

    def run(value: Tensor) -> Tensor:
        return arrive(tracts, sent, {"free_velocity": value})

    at_once, one_by_one = torch.vmap(run)(free), torch.stack([run(v) for v in free])
    torch.testing.assert_close(at_once, one_by_one)
    torch.testing.assert_close(
        torch.autograd.grad(at_once.square().sum(), free),
        torch.autograd.grad(one_by_one.square().sum(), free),
    )


PAIR = {"weights": [[0.0, 1.0]], "lengths": [[0.0, 30.0]], "velocity": 3.0}
LIMITS = {"velocity_min": 1.0, "velocity_max": 6.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [[0.0, 1.0], [1.0, 0.0]]}, r"one shape, got (2, 2) and (1, 2)"),
        ({"weights": [0.0, 1.0]}, "one shape, got (2,) and (1, 2)"),
        ({"weights": [[0.0, 0.0]]}, "no tract has a weight"),
        ({"weights": [[0.0, math.nan]]}, "tract 1 -> 0: weight nan and length 30 mm"),
        ({"lengths": [[0.0, -3.0]]}, "tract 1 -> 0: weight 1 and length -3 mm"),
        ({"lengths": [[0.0, math.inf]]}, "both must be finite"),
        ({"velocity": 0.0}, "got 0 m/s, limits 0 and inf"),
        ({"velocity": math.nan}, "a velocity must be positive"),
        ({**LIMITS, "velocity": 0.5}, "got 0.5 m/s, limits 1 and 6"),
        ({**LIMITS, "velocity": 6.0}, "got 6 m/s, limits 1 and 6"),
        ({**LIMITS, "velocity_min": 0.0}, "limits 0 and 6"),
        ({"velocity_min": 1.0}, "state both velocity_min and velocity_max, or none"),
        ({"trainable": ("velocity",)}, "a trained velocity needs velocity_min, velocity_max"),
        ({**LIMITS, "trainable": ("velocity",), "interpolation": "nearest"}, "'linear'"),
        ({"trainable": "velocity"}, "trainable must be a collection of velocity, strength"),
        ({"trainable": ("speed",)}, "got ('speed',)"),
        ({"interpolation": "cubic"}, "interpolation must be linear or nearest, got 'cubic'"),
    ],
)
def test_tracts_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        Tracts(**{**PAIR, **changes})


def test_lengths_of_missing_tracts_are_not_looked_at() -> None:
    tracts = Tracts(**{**PAIR, "lengths": [[math.nan, 30.0]]})
    tracts.set_resolution(RESOLUTION)
    assert (tracts.shortest_ticks, tracts.longest_ticks) == (10, 10)


def test_a_velocity_is_set_within_stated_limits_only() -> None:
    limited = Tracts(**PAIR, **LIMITS)
    limited.set_value("velocity", 5.0)
    assert limited.value("velocity").item() == pytest.approx(5.0)
    with pytest.raises(UsageError, match="7 must lie between 1 and 6"):
        limited.set_value("velocity", 7.0)
    fixed = Tracts(**PAIR)
    with pytest.raises(UsageError, match="state velocity_min and velocity_max"):
        fixed.set_value("velocity", 5.0)
    fixed.set_value("strength", -2.0)
    assert fixed.value("strength").item() == -2.0


def test_tracts_from_another_number_of_units() -> None:
    with pytest.raises(ModelError, match="tracts from 2 units, the source has 3"):
        DRMNet(
            [Leaky(3, 1 + 1)],
            [DRMConnection()],
            [[Tracts(**PAIR)]],
            BOLD([3], [1]),
            resolution=RESOLUTION,
            stimuli={"s": 1},
        )


def test_tracts_shorter_than_a_tick_cannot_close_a_loop() -> None:
    with pytest.raises(ModelError, match="without delay form a loop: P0 -> P0"):
        DRMNet(
            [Leaky(1, 1 + 1)],
            [DRMConnection()],
            [[Tracts([[1.0]], [[2.0]], 3.0)]],
            BOLD([1], [1]),
            resolution=RESOLUTION,
            stimuli={"s": 1},
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_delays_of_whole_ticks_are_read_whatever_the_rounding(dtype: torch.dtype) -> None:
    lengths = torch.arange(1.0, 60.0).view(1, -1)  # every length a whole number of ticks
    for velocity in (1.0, 0.7, 3.0):
        tracts = Tracts(torch.ones_like(lengths), lengths * velocity, velocity).to(dtype)
        tracts.set_resolution(RESOLUTION)
        assert (tracts.shortest_ticks, tracts.longest_ticks) == (1, 59)
        line = torch.arange(60.0, dtype=dtype).view(-1, 1, 1).expand(-1, 1, 59)
        wanted = (59 + torch.arange(2, dtype=dtype) - 30) * 59
        torch.testing.assert_close(tracts.arrive(line).flatten(), wanted, rtol=1e-5, atol=0)
