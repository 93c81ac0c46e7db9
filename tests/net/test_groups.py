"""Loops of rate populations stacked into one recurrence equal the same loops in blocks."""

import random

import pytest
import torch

from drmbids.connections.base import DRMConnection
from drmbids.net.net import DRMNet
from drmbids.populations.additive import Additive
from drmbids.populations.gru import GRU
from drmbids.populations.leaky import Leaky
from drmbids.readouts.bold import BOLD


def random_brain(seed: int, n: int = 6, kind: type | None = None, **options) -> DRMNet:
    """Return a brain of many short loops: what is stacked."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    units = [draw.randint(1, 3) for _ in range(n)]
    to_from = [
        [(i != j and draw.random() < 0.7) or (i + 1) % n == j for j in range(n)] for i in range(n)
    ]
    shown = [draw.random() < 0.5 for _ in range(n)]
    populations = []
    for i in range(n):
        width = 2 * shown[i] + sum(u for u, there in zip(units, to_from[i], strict=True) if there)
        made = kind or (Leaky if draw.random() < 0.5 else Additive)
        populations.append(made(units[i], width, **options))
    return DRMNet(
        populations,
        [[DRMConnection(0.1 * draw.randint(0, 2)) if s else None] for s in shown],
        [[DRMConnection(0.1 * draw.randint(1, 3)) if x else None for x in row] for row in to_from],
        BOLD(units, [2], sources=[list(range(n))]),
        resolution=0.1,
        stimuli={"s": 2},
    ).double()


def run(net: DRMNet, windows: tuple[int, ...], grouped: bool) -> tuple[torch.Tensor, list]:
    """Return activity, and the gradient of a random sum of it, window after window."""
    torch.manual_seed(0)
    kept, net.groups = net.groups, net.groups if grouped else {}
    net.zero_grad()
    stimulus = torch.randn(sum(windows), 2, 2, dtype=torch.float64)
    carry, parts, at = net.initial_carry(2), [], 0
    for n in windows:
        activity, _, carry = net.run([stimulus[at : at + n]], carry)
        parts.append(torch.cat(activity, -1))
        at += n
    activity = torch.cat(parts)
    (activity * torch.randn_like(activity)).sum().backward()
    net.groups = kept
    return activity.detach(), [None if p.grad is None else p.grad.clone() for p in net.parameters()]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("nonlinearity", ["tanh", "softplus"])
def test_stacked_equals_blocks(seed: int, nonlinearity: str) -> None:
    net = random_brain(seed, nonlinearity=nonlinearity)
    assert net.groups, "the brain was to be stacked"
    assert "one recurrence" in net.schedule()
    stacked, gradients = run(net, (40,), grouped=True)
    blocks, expected = run(net, (40,), grouped=False)
    torch.testing.assert_close(stacked, blocks, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradients, expected, rtol=1e-9, atol=1e-11)
    cut, in_pieces = run(net, (7, 1, 20, 12), grouped=True)
    torch.testing.assert_close(cut, blocks, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(in_pieces, expected, rtol=1e-9, atol=1e-11)


class Loud(Leaky):
    """A leaky population with a ``forward`` of its own."""

    def forward(self, inputs, state):
        activity, state = super().forward(inputs, state)
        return 2 * activity, state


def test_what_is_no_rate_unit_is_not_stacked() -> None:
    assert not random_brain(0, kind=GRU).groups
    assert not random_brain(0, kind=Loud).groups


class Doubling(DRMConnection):
    """A connection with a ``forward`` of its own."""

    def forward(self, activity):
        return 2 * activity


def test_a_connection_of_its_own_kind_is_called() -> None:
    def brain(first: DRMConnection, scale: float) -> DRMNet:
        torch.manual_seed(0)
        net = DRMNet(
            [Leaky(1, 2), Leaky(1, 1)],
            [DRMConnection(), None],
            [[None, first], [DRMConnection(0.1), None]],
            BOLD([1, 1], [1, 1]),
        )
        with torch.no_grad():
            net.populations[0].weight.copy_(torch.tensor([[1.0, 0.3 * scale]]))
        return net

    own, plain = brain(Doubling(0.1), 1.0), brain(DRMConnection(0.1), 2.0)
    assert not own.groups and plain.groups
    stimulus = [torch.rand(20, 1, 1)]
    for one, other in zip(
        own.run(stimulus, own.initial_carry(1))[0],
        plain.run(stimulus, plain.initial_carry(1))[0],
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_long_blocks_are_not_stacked() -> None:
    brain = DRMNet(
        [Leaky(1, 2), Leaky(1, 1)],
        [DRMConnection(), None],
        [[None, DRMConnection(2.0)], [DRMConnection(0.5), None]],
        BOLD([1, 1], [1, 1]),
    )
    assert not brain.groups and "blocks of 25 ticks" in brain.schedule()
