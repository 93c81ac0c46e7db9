"""Connections that remember: nets of them equal the loop over ticks, however a run is cut."""

import copy

import pytest
import torch
from torch import Tensor

from drmbids import BOLD, Additive, DRMConnection, DRMNet, Gate, Leaky, LearnedDelay, Tracts
from drmbids.brain.connections.plasticity import TsodyksMarkram
from drmbids.brain.connections.synapse import (
    AlphaSynapse,
    DoubleExponentialSynapse,
    ExponentialSynapse,
)
from drmbids.brain.connections.weights import Dense, LowRank
from drmbids.brain.testing.reference import naive_activity
from drmbids.fit.training.runners import SideBySide


def brain(seed: int = 0) -> DRMNet:
    """Return a net with a loop, whose connections have all that there is."""
    torch.manual_seed(seed)
    depressing = TsodyksMarkram(0.5, 0.4, 0.3, rate=5.0)
    return DRMNet(
        {"A": Leaky(3, 2 + 2 + 3, tau=0.3), "B": Leaky(2, 4 + 2), "C": Additive(2, 3)},
        ws=[DRMConnection(0.1, synapse=ExponentialSynapse(0.2)), DRMConnection(), None],
        Wp=[
            [
                Tracts([[0.0, 1.0, 0.5], [0.3, 0.0, 0.0], [1.0, 1.0, 0.0]],
                       [[0.0, 150.0, 250.0], [320.0, 0.0, 0.0], [120.0, 180.0, 0.0]], 1.0,
                       synapse=AlphaSynapse(0.15)),
                LearnedDelay(0.33, 0.2, 0.5, plasticity=TsodyksMarkram(0.3, 0.2)),
                None,
            ],
            [
                DRMConnection(0.3, Dense(3, 4), [Gate("s", ["x"], gain=0.4)], depressing,
                              DoubleExponentialSynapse(0.1, 0.3), dale=0.5),
                None,
                None,
            ],
            [DRMConnection(0.2, LowRank(3, 3, rank=2), synapse=AlphaSynapse(0.2)), None, None],
        ],
        readout=BOLD([3, 2, 2], [2]),
        stimuli={"s": ("x", "y")},
    ).double()  # fmt: skip


def stimulus(n_ticks: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_ticks, 2, 2, generator=generator, dtype=torch.float64)


def results(net: DRMNet, activity: list[Tensor]) -> list[Tensor]:
    net.zero_grad()
    sum(a.square().sum() for a in activity).backward()
    return [*activity, *(p.grad for p in net.parameters() if p.grad is not None)]


def test_activity_and_gradients_are_those_of_the_loop_over_ticks() -> None:
    net = brain()
    got = results(net, net.run([stimulus()], net.initial_carry(2))[0])
    plain = copy.deepcopy(net)
    wanted = results(plain, naive_activity(plain, [stimulus()]))
    assert len(got) == len(wanted) > 25
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("lengths", [[1] * 30, [7, 1, 11, 11], [29, 1]])
def test_windows_are_the_whole_run(lengths: list[int]) -> None:
    net = brain()
    with torch.no_grad():
        whole, _, end = net.run([stimulus()], net.initial_carry(2))
        carry, parts = net.initial_carry(2), []
        for piece in stimulus().split(lengths):
            now, _, carry = net.run([piece], carry)
            parts.append(torch.cat(now, -1))
    torch.testing.assert_close(torch.cat(parts), torch.cat(whole, -1), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(carry.connections, end.connections, rtol=1e-10, atol=1e-12)


def test_many_models_side_by_side_are_one_by_one() -> None:
    nets = [brain(0), brain(1)]
    runner = SideBySide(nets)
    runner.begin()
    item = {"stimulus": [stimulus()], "times": torch.tensor([0.5, 2.0])}
    features, carry = runner.window([item, item], runner.initial_carry(2))
    for k, net in enumerate(nets):
        _, seen, alone = net.run(item["stimulus"], net.initial_carry(2))
        for got, wanted in zip(features[k], net.readout.features(seen, item["times"]), strict=True):
            torch.testing.assert_close(got, wanted)
        torch.testing.assert_close(carry.connections[0][1][k], alone.connections[0][1])


def test_the_schedule_says_why_a_loop_runs_by_autograd() -> None:
    text = brain().schedule()
    assert "by autograd: A -> A is Tracts, B -> A is LearnedDelay, A -> B has weights" in text
    plain = DRMNet(
        [Leaky(1, 2), Leaky(1, 1)], [DRMConnection(), None],
        [[None, DRMConnection(0.2)], [DRMConnection(0.2), None]], BOLD([1, 1], [1]),
    )  # fmt: skip
    assert "autograd" not in plain.schedule()


def test_a_net_that_was_copied_in_the_middle_of_a_run_starts_anew() -> None:
    net = brain()
    item = {"stimulus": [stimulus(8)], "times": torch.tensor([0.5])}
    first = net(item)
    net.detach_()
    net(item)
    torch.testing.assert_close(copy.deepcopy(net)(item), first)


def test_tables_say_what_connections_are_made_of() -> None:
    net = brain()
    rows = {(r["source"], r["target"]): r for r in net.connection_rows()}
    assert rows["A", "B"]["through"] == (
        "Dense, TsodyksMarkram, DoubleExponentialSynapse, Dale: 0.5"
    )
    assert rows["A", "B"]["gated_by"] == "s (x)" and rows["s", "A"]["gated_by"] == "none"
    assert rows["A", "A"]["through"] == "Tracts, AlphaSynapse"
    connection = net.afferents[1][-1].connection
    wanted = net.population_list[1].input_weights()[:, 2:] @ connection.weights.matrix()
    assert rows["A", "B"]["weight_norm"] == pytest.approx(wanted.norm().item())
