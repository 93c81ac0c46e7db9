"""Connections that stimuli and populations modulate: equal to a loop over ticks, and refusals."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.gate import Gate
from drmbids.brain.net import grouping
from drmbids.brain.net.groups import Group, Stack
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.testing.reference import naive_activity
from drmbids.data.tools.exceptions import ModelError
from drmbids.fit.training.alike import same_structure

KINDS: dict[str, list[Callable[..., DRMPopulation]]] = {
    "rates": [lambda u, w: Additive(u, w, "tanh"), lambda u, w: Leaky(u, w, nonlinearity="tanh")],
    "gru": [GRU],
    "mixed": [lambda u, w: Leaky(u, w, nonlinearity="sigmoid"), GRU],
}


def ring(seed: int, kinds: str, by_member: bool = False, shortest: int = 1) -> DRMNet:
    """Return a loop of four populations, its connections gated, and one before the loop.

    The stimulus and the population before modulate; ``by_member`` adds a member of the loop.
    """
    draw = random.Random(seed)
    torch.manual_seed(seed)
    units = [draw.randint(1, 3) for _ in range(5)]  # the last one is outside the loop

    def connection(width: int, ticks: int) -> DRMConnection:
        delays = [0.1 * draw.randint(0, 3) for _ in range(3)]
        alone = draw.choice([1, width])
        gates = [
            Gate(
                "s", [["b"], ["c", "a"], ["a", "b", "c"]][draw.randint(0, 2)], alone, 0.7, delays[0]
            ),
            Gate("before", units[4], draw.choice([1, width]), -0.4, delays[1]),
        ]
        if by_member:
            gates.append(Gate("P1", units[1], alone, 0.5, delays[2] + 0.1))
        return DRMConnection(0.1 * ticks, gates=draw.sample(gates, draw.randint(0, len(gates))))

    Wp: list[list[DRMConnection | None]] = [[None] * 5 for _ in range(5)]
    for to in range(4):
        for source in range(4):
            if source == (to + 1) % 4 or draw.random() < 0.3:
                ticks = draw.randint(max(shortest, to <= source), 3)
                Wp[to][source] = connection(units[source], ticks)
    kept = Wp[0][1]
    assert kept is not None
    kept.gates.append(Gate("s", 3, gain=0.2))
    populations: dict[str, DRMPopulation] = {}
    for to, row in enumerate(Wp):
        width = 3 + sum(u for u, c in zip(units, row, strict=True) if c)
        name = "before" if to == 4 else f"P{to}"
        populations[name] = draw.choice(KINDS[kinds])(units[to], width)
        for p in populations[name].parameters():
            p.data.add_(0.3 * torch.randn_like(p))
    ws = [[DRMConnection(0.1 * draw.randint(0, 2))] for _ in units]
    ws[1][0].gates.append(Gate("before", units[4], 3, 0.3))
    readout = BOLD(units, [2], sources=[list(range(5))])
    return DRMNet(populations, ws, Wp, readout, 0.1, stimuli={"s": ["a", "b", "c"]})


class Run(torch.nn.Module):
    """A net, run in two windows."""

    def __init__(self, net: DRMNet):
        super().__init__()
        self.net = net

    def forward(self, stimulus: Tensor, cut: int = 12) -> Tensor:
        carry, parts = self.net.initial_carry(stimulus.shape[1]), []
        for part in (stimulus[:cut], stimulus[cut:]):
            activity, _, carry = self.net.run([part], carry)
            parts.append(torch.cat(activity, -1))
        return torch.cat(parts)


def gradients(net: DRMNet, activity: Tensor, *inputs: Tensor) -> list[Tensor]:
    torch.manual_seed(1)
    trained = [*net.populations.parameters(), *net.connections.parameters(), *inputs]
    total = (activity * torch.randn_like(activity)).sum()
    return list(torch.autograd.grad(total, trained))


@pytest.fixture(params=["stacked", "blocks"])
def manner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make stacking always or never pay."""
    time = -1e9 if request.param == "stacked" else float("inf")
    monkeypatch.setattr(grouping, "STACK_TICK", dict.fromkeys(grouping.STACK_TICK, time))
    return request.param


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_gated_loops_equal_the_step_loop(seed: int, kinds: str, manner: str) -> None:
    net = ring(seed, kinds, shortest=int(manner == "stacked"))
    group = net.groups[max(net.groups, key=len)]
    assert type(group) is (Stack if manner == "stacked" and kinds != "mixed" else Group)
    stimulus = torch.randn(19, 1 + seed % 3, 3, requires_grad=True)
    wanted = torch.cat(naive_activity(net, [stimulus]), -1)
    expected = gradients(net, wanted, stimulus)
    for cut in (1, 12):
        got = Run(net)(stimulus, cut)
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
        found = gradients(net, got, stimulus)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_a_member_of_the_loop_may_modulate(seed: int, kinds: str) -> None:
    net = ring(seed, kinds, by_member=True)
    assert not any(len(members) > 1 for members in net.groups)
    stimulus = torch.randn(19, 2, 3)
    wanted = torch.cat(naive_activity(net, [stimulus]), -1)
    got = Run(net)(stimulus)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradients(net, got), gradients(net, wanted), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kinds", KINDS)
def test_many_models_equal_one_after_another(kinds: str, manner: str) -> None:
    net = ring(5, kinds)
    own = {k: p for k, p in net.named_parameters() if not k.startswith("readout")}
    stacked = {
        f"net.{k}": torch.stack([p, p + 0.1, p - 0.05]).detach().requires_grad_()
        for k, p in own.items()
    }
    stimulus = torch.randn(19, 2, 3)

    def one(parameters: dict[str, Tensor]) -> Tensor:
        return functional_call(Run(net), parameters, stimulus)

    together = torch.vmap(one)(stacked)
    alone = torch.stack([one({k: v[m] for k, v in stacked.items()}) for m in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)
    scale = torch.randn_like(alone)
    wanted, got = (
        torch.autograd.grad((y * scale).sum(), list(stacked.values())) for y in (alone, together)
    )
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def gated_pair(*gates: Gate, delay: float = 0.1, stimuli: dict | None = None) -> DRMNet:
    """Return V1 -> V2, gated, with a stimulus of two columns."""
    return DRMNet(
        {"V1": Additive(2, 2, "linear"), "V2": Additive(2, 2, "linear")},
        [DRMConnection(), None],
        [[None, None], [DRMConnection(delay, gates=gates), None]],
        BOLD([2, 2], [1, 1]),
        stimuli=stimuli or {"task": ["cue", "attention"]},
    )


def test_gain_is_a_share_of_the_connection() -> None:
    net = gated_pair(Gate("task", ["attention"], gain=0.5, delay=0.2))
    for population in net.population_list:
        with torch.no_grad():
            population.weight.copy_(torch.eye(2))
    shown = torch.tensor([[1.0, 0.0], [1.0, 3.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    (_, arrived), _, _ = net.run([shown.unsqueeze(1)], net.initial_carry(1))
    assert arrived[:, 0, 0].tolist() == [0.0, 1.0, 1.0, 2.5, 1.0]
    (row,) = net.parameter_rows()[-1:]
    assert (row["node"], row["parameter"], row["value"]) == ("V1 -> V2", "gates.0.gain", 0.5)
    assert "task (attention)" in row["meaning"]


def test_modulators_count_in_the_schedule() -> None:
    """V2 modulates what it hears, so it is a loop of one, as long as the gate's delay."""
    assert gated_pair(Gate("V2", 2, delay=0.3)).schedule().splitlines()[1] == (
        "stage 2: loop of V2 in blocks of 3 ticks (0.3 s), limited by V2 -> V2"
    )
    with pytest.raises(ModelError, match="without delay form a loop: V2 -> V2"):
        gated_pair(Gate("V2", 2))


def test_a_stimulus_may_do_nothing_but_modulate() -> None:
    net = DRMNet(
        [Additive(1, 2)],
        [[DRMConnection(gates=[Gate("mood", 1, gain=2.0)]), None]],
        [[None]],
        BOLD([1], [1]),
        stimuli={"task": 2, "mood": 1},
    )
    shown = [torch.ones(3, 1, 2), torch.ones(3, 1, 1)]
    with torch.no_grad():
        net.population_list[0].weight.fill_(1.0)
    (activity,), _, _ = net.run(shown, net.initial_carry(1))
    assert activity.flatten().tolist() == [6.0, 6.0, 6.0]


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (Gate("taks", 2), "V1 -> V2: gate by unknown 'taks'; choose one of: task, V1, V2"),
        (Gate("task", ["attend"]), "gate by task names attend; its columns are cue, attention"),
        (Gate("task", 3), "gate by task takes 3 modulators, it has 2"),
        (Gate("V1", ["a"]), "gate by V1 names a, units of a population have no names"),
        (Gate("task", 2, n_units=3), "gate by task has gains for 3 units, 2 arrive"),
        (Gate("task", 2, delay=0.05), "0.05 s is no multiple"),
    ],
)
def test_what_does_not_fit_is_refused(gate: Gate, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        gated_pair(gate)


def test_a_gate_is_used_once_and_is_a_gate() -> None:
    gate = Gate("task", 2)
    with pytest.raises(ModelError, match="the same Gate object is used twice"):
        gated_pair(gate, gate)
    with pytest.raises(ModelError, match="DRMConnection is not a Gate"):
        gated_pair(DRMConnection())  # type: ignore[arg-type]


def test_nets_gated_by_other_columns_are_not_alike() -> None:
    one, same = (gated_pair(Gate("task", ["cue"])) for _ in range(2))
    assert same_structure(one, same)
    assert not same_structure(one, gated_pair(Gate("task", ["attention"])))
    assert not same_structure(one, gated_pair())
