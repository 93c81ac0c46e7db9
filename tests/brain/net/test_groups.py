"""Loops that run without a graph, in blocks or stacked, equal the loop over ticks."""

import random

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net import grouping
from drmbids.brain.net.groups import Stack
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.testing.reference import naive_activity

KINDS = {"rates": [Additive, Leaky], "gated": [GRU], "mixed": [Additive, Leaky, GRU]}


def plain_net(seed: int, kinds: str, ring: bool, n: int = 5, shortest: int = 0) -> DRMNet:
    """Return a net whose connections only delay; ``ring`` makes all of it one loop."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    units = [draw.randint(1, 4) for _ in range(n)]
    rank = draw.sample(range(n), n)

    def connect(to: int, source: int) -> DRMConnection | None:
        forward = rank[source] < rank[to]
        on_ring = ring and (to + 1) % n == source
        if not on_ring and draw.random() > (0.35 if ring or forward else 0.0):
            return None
        ticks = draw.randint(max(shortest, 0 if forward else 1), 4)
        return DRMConnection(0.1 * ticks)

    from_others = [[connect(to, source) for source in range(n)] for to in range(n)]
    shown = [
        draw.random() < 0.5 or not any(row) or (not ring and rank[to] == 0)
        for to, row in enumerate(from_others)
    ]
    populations: list[DRMPopulation] = []
    for to, row in enumerate(from_others):
        width = 2 * shown[to] + sum(u for u, c in zip(units, row, strict=True) if c)
        kind = draw.choice(KINDS[kinds])
        options = {} if kind is GRU else {"nonlinearity": "tanh"}
        populations.append(kind(units[to], width, **options))
        for p in populations[-1].parameters():
            p.data.add_(0.3 * torch.randn_like(p))
    return DRMNet(
        populations,
        [[DRMConnection(0.1 * draw.randint(0, 2)) if s else None] for s in shown],
        from_others,
        BOLD(units, [2], sources=[list(range(n))]),
        resolution=0.1,
        stimuli={"s": 2},
    )


def activity_of(net: DRMNet, stimulus: Tensor, windows: tuple[int, ...]) -> Tensor:
    """Return activity, window after window, all populations side by side."""
    carry, parts = net.initial_carry(stimulus.shape[1]), []
    for part in stimulus.split(windows):
        activity, _, carry = net.run([part], carry)
        parts.append(torch.cat(activity, -1))
    return torch.cat(parts)


def gradients(net: DRMNet, activity: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    trained = list(net.populations.parameters())
    total = (activity * torch.randn_like(activity)).sum()
    found = torch.autograd.grad(total, trained, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(trained, found, strict=True)]


@pytest.fixture(params=["stacked", "blocks"])
def manner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make stacking always or never pay."""
    time = -1e9 if request.param == "stacked" else float("inf")
    monkeypatch.setattr(grouping, "STACK_TICK", dict.fromkeys(grouping.STACK_TICK, time))
    return request.param


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("ring", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_groups_equal_the_step_loop(seed: int, ring: bool, kinds: str, manner: str) -> None:
    shortest = int(manner == "stacked" and seed % 2 == 0)
    net = plain_net(seed, kinds, ring, shortest=shortest)
    if ring:
        (group,) = net.groups.values()
        stacked = manner == "stacked" and kinds != "mixed" and shortest > 0
        assert isinstance(group, Stack) or not stacked
        assert not isinstance(group, Stack) or manner == "stacked"
    batch = 1 + seed % 3
    stimulus = torch.randn(23, batch, 2)
    wanted = torch.cat(naive_activity(net, [stimulus]), -1)
    expected = gradients(net, wanted)
    for windows in ((23,), (7, 1, 12, 3)):
        got = activity_of(net, stimulus, windows)
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(gradients(net, got), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("shared", [False, True])
def test_many_models_equal_one_after_another(kinds: str, shared: bool, manner: str) -> None:
    """Nets under vmap, autograd outside, stimuli shared or not; loops, chains, and alone."""
    for ring in (True, False):
        net = plain_net(3, kinds, ring)
        own = dict(net.populations.named_parameters())
        stacked = {
            f"populations.{name}": torch.stack([p, p + 0.1, p - 0.05]).detach().requires_grad_()
            for name, p in own.items()
        }
        stimulus = torch.randn(3, 19, 2, 2)

        def one(parameters: dict[str, Tensor], shown: Tensor, net: DRMNet = net) -> Tensor:
            return functional_call(Run(net), {f"net.{k}": v for k, v in parameters.items()}, shown)

        axes = (0, None if shared else 0)
        together = torch.vmap(one, in_dims=axes)(stacked, stimulus[0] if shared else stimulus)
        alone = torch.stack(
            [
                one({k: v[m] for k, v in stacked.items()}, stimulus[0 if shared else m])
                for m in range(3)
            ]
        )
        torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)
        scale = torch.randn_like(alone)
        wanted, got = (
            torch.autograd.grad((y * scale).sum(), list(stacked.values()), allow_unused=True)
            for y in (alone, together)
        )
        for a, b in zip(got, wanted, strict=True):
            torch.testing.assert_close(
                torch.zeros(()) if a is None else a, torch.zeros(()) if b is None else b,
                rtol=1e-9, atol=1e-10,
            )  # fmt: skip


class Run(torch.nn.Module):
    """What ``functional_call`` asks for: the activity of a net in two windows."""

    def __init__(self, net: DRMNet):
        super().__init__()
        self.net = net

    def forward(self, stimulus: Tensor) -> Tensor:
        return activity_of(self.net, stimulus, (12, 7))


class Loud(Leaky):
    """A leaky population with a ``forward`` of its own."""

    def forward(self, inputs, state):
        activity, state = super().forward(inputs, state)
        return 2 * activity, state


class Doubling(DRMConnection):
    """A connection with a ``forward`` of its own."""

    def forward(self, activity):
        return 2 * activity


def pair(kind: type[DRMPopulation], back: DRMConnection, units: int = 1) -> DRMNet:
    """Return two populations in a loop."""
    torch.manual_seed(0)
    return DRMNet(
        [kind(units, 1 + units), kind(units, units)],
        [DRMConnection(), None],
        [[None, back], [DRMConnection(0.5), None]],
        BOLD([units, units], [1, 1]),
        resolution=0.1,
    )


def test_units_of_another_form_run_as_themselves() -> None:
    net = pair(Loud, DRMConnection(0.1))
    assert not net.groups
    stimulus = torch.rand(20, 1, 1)
    wanted = torch.cat(naive_activity(net, [stimulus]), -1)
    torch.testing.assert_close(activity_of(net, stimulus, (20,)), wanted)


def test_a_connection_of_its_own_kind_is_called() -> None:
    own, plain = pair(Leaky, Doubling(0.1)), pair(Leaky, DRMConnection(0.1))
    with torch.no_grad():
        own.populations[0].weight.copy_(torch.tensor([[1.0, 0.3]]))
        plain.populations[0].weight.copy_(torch.tensor([[1.0, 0.6]]))
    assert not own.groups and plain.groups
    stimulus = torch.rand(20, 1, 1)
    torch.testing.assert_close(
        activity_of(own, stimulus, (20,)), activity_of(plain, stimulus, (20,))
    )


def test_what_is_stacked() -> None:
    """Loops of few units that remember; not those of units without memory, nor of many units."""
    assert "as one recurrence" in pair(Leaky, DRMConnection(0.1)).schedule()
    for kind, units in ((Additive, 1), (Leaky, 128)):
        net = pair(kind, DRMConnection(0.1), units)
        assert net.groups
        assert "in blocks of 6 ticks" in net.schedule()


@pytest.mark.parametrize(("units", "joined"), [(4, True), (128, False)])
def test_gated_populations_in_a_row(units: int, joined: bool) -> None:
    net = DRMNet(
        [GRU(units, 1), GRU(units, units), GRU(units, units)],
        [DRMConnection(), None, None],
        [[None] * 3, [DRMConnection(0.1), None, None], [None, DRMConnection(0.2), None]],
        BOLD([units] * 3, [1] * 3),
    )
    lines = net.schedule().splitlines()
    if joined:
        assert lines == ["stage 1: P0, P1, P2 as one recurrence, tick by tick"]
    else:
        assert len(lines) == 3 and not net.groups
