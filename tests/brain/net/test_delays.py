"""Nets with delays that are learned: schedule, tables, and delays recovered from wrong starts."""

import pytest
import torch
from torch import Tensor

from drmbids.brain.connections.annealing import anneal_delays, set_delay_width
from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.testing.reference import naive_activity
from drmbids.data.tools.exceptions import ModelError

RESOLUTION = 0.05
FORWARD, FEEDBACK = 0.43, 0.92  # seconds


def two_areas(forward: float, feedback: float, silent: bool = False) -> DRMNet:
    """Return two areas that drive each other, the delays between them learned.

    Parameters
    ----------
    forward, feedback : float
        Delays in seconds.
    silent : bool
        Whether the feedback has no weight.
    """
    back = 0.0 if silent else 0.6
    V1 = Leaky(2, 2 + 2, tau=0.1, nonlinearity="tanh")
    V2 = Leaky(2, 2, tau=0.1, nonlinearity="tanh")
    with torch.no_grad():
        V1.weight.copy_(torch.tensor([[1.0, 0.0, back, 0.0], [0.0, 1.0, 0.0, -back]]))
        V2.weight.copy_(torch.tensor([[1.0, 0.3], [-0.3, 1.0]]))
    limits = {"delay_min": 0.2, "delay_max": 1.6}
    net = DRMNet(
        {"V1": V1, "V2": V2},
        [DRMConnection(), None],
        [[None, LearnedDelay(feedback, **limits)], [LearnedDelay(forward, **limits), None]],
        BOLD([2, 2], [1, 1]),
        resolution=RESOLUTION,
        stimuli={"s": 2},
    )
    net.populations.requires_grad_(False)
    return net


def delays(net: DRMNet) -> dict[tuple[str, str], float]:
    return {(r["source"], r["target"]): r["delay_s"] for r in net.connection_rows()}


def activity(net: DRMNet, stimulus: Tensor) -> Tensor:
    return torch.cat(net.run([stimulus], net.initial_carry(stimulus.shape[1]))[0], -1)


def test_limits_and_not_delays_make_the_schedule() -> None:
    texts = {two_areas(f, b).schedule() for f, b in [(0.25, 1.5), (1.5, 0.25)]}
    assert texts == {
        "stage 1: loop of V1, V2 in blocks of 8 ticks (0.4 s), limited by V1 -> V2 -> V1; "
        "by autograd: V2 -> V1 is LearnedDelay, V1 -> V2 is LearnedDelay"
    }


def test_tables_show_delays_as_they_are_now() -> None:
    net = two_areas(FORWARD, FEEDBACK)
    assert delays(net) == {
        ("s", "V1"): 0.0,
        ("V1", "V2"): pytest.approx(FORWARD),
        ("V2", "V1"): pytest.approx(FEEDBACK),
    }
    net.connections[1].set_value("delay", 1.1)
    assert delays(net)["V2", "V1"] == pytest.approx(1.1)
    rows = {r["node"]: r for r in net.parameter_rows() if r["parameter"] == "delay"}
    assert rows["V2 -> V1"]["value"] == pytest.approx(1.1)
    assert {r["unit"] for r in rows.values() if r["node"] != "readout"} == {"s"}


def test_weights_of_units_behind_tracts_are_not_told() -> None:
    tracts = Tracts([[0.0, 1.0], [1.0, 0.0]], [[0.0, 300.0], [400.0, 0.0]], 3.0)
    net = DRMNet({"brain": Leaky(2, 1 + 2)}, [DRMConnection()], [[tracts]], BOLD([2], [1]),
                 resolution=0.05, stimuli={"s": 1})  # fmt: skip
    rows = net.connection_rows()
    assert rows[1]["weight_mean"] != rows[1]["weight_mean"]
    weights = net.population_list[0].input_weights()
    assert rows[0]["weight_mean"] == pytest.approx(weights[:, 0].mean().item())
    assert [r["through"] for r in rows] == ["none", "Tracts"]
    assert rows[1]["delay_s"] == pytest.approx(0.35 / 3.0)


def test_a_limit_below_a_tick_cannot_close_a_loop() -> None:
    with pytest.raises(ModelError, match="without delay form a loop: P0 -> P0"):
        DRMNet([Leaky(1, 1 + 1)], [DRMConnection()], [[LearnedDelay(0.2, 0.04, 0.5)]],
               BOLD([1], [1]), resolution=0.05, stimuli={"s": 1})  # fmt: skip


@pytest.mark.parametrize("width", [0.0, 0.4])
@pytest.mark.parametrize("length", [1, 3, 31])
def test_windows_shorter_than_the_longest_delay(length: int, width: float) -> None:
    net = two_areas(FORWARD, FEEDBACK).double()
    set_delay_width(net, width)
    stimulus = torch.randn(50, 2, 2, dtype=torch.float64)
    carry, parts = net.initial_carry(2), []
    for shown in stimulus.split(length):
        seen, _, carry = net.run([shown], carry)
        parts.append(torch.cat(seen, -1))
    joined = torch.cat(parts)
    torch.testing.assert_close(joined, activity(net, stimulus), rtol=1e-10, atol=1e-12)
    if width == 0.0:
        naive = torch.cat(naive_activity(net, [stimulus]), -1)
        torch.testing.assert_close(joined, naive, rtol=1e-10, atol=1e-12)


def fit(net: DRMNet, anneal: bool, n_epochs: int = 120) -> dict[tuple[str, str], float]:
    """Train delays on the activity of the true net, and return them."""
    stimulus = torch.randn(150, 1, 2, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        target = activity(two_areas(FORWARD, FEEDBACK), stimulus)
    optimizer = torch.optim.Adam([p for p in net.connections.parameters()], lr=0.08)
    for epoch in range(n_epochs):
        if anneal and anneal_delays(net, epoch, n_epochs):
            optimizer.state.clear()
        optimizer.zero_grad()
        (activity(net, stimulus) - target).square().mean().backward()
        optimizer.step()
    return delays(net)


def test_delays_are_recovered_from_a_wrong_start() -> None:
    found = fit(two_areas(1.4, 1.4), anneal=True)
    assert found["V1", "V2"] == pytest.approx(FORWARD, rel=0.01)
    assert found["V2", "V1"] == pytest.approx(FEEDBACK, rel=0.01)


def test_without_wide_kernels_they_are_not() -> None:
    found = fit(two_areas(1.4, 1.4), anneal=False)
    assert abs(found["V1", "V2"] - FORWARD) > 0.3 and abs(found["V2", "V1"] - FEEDBACK) > 0.3


def test_a_delay_without_influence_stays_where_it_was() -> None:
    net = two_areas(0.8, 1.23, silent=True)
    found = fit(net, anneal=True, n_epochs=5)
    assert found["V2", "V1"] == pytest.approx(1.23, abs=1e-6)
    assert net.connections[1].free_delay.grad.item() == 0.0
    assert abs(found["V1", "V2"] - 0.8) > 0.01
