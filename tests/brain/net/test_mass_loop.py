"""A whole brain as one compiled loop, against the loop over ticks and against itself in blocks."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids import BOLD, DoubleGamma, DRMConnection, DRMNet, Hopf, ReducedWongWang, Tracts
from drmbids.brain.net.carry import Carry
from drmbids.brain.net.mass_loop import MassLoop
from drmbids.brain.testing.reference import naive_activity

WEIGHTS = [[0.0, 0.8, 0.3], [0.5, 0.0, 0.0], [0.2, 0.6, 0.0]]
LENGTHS = [[0.0, 14.0, 8.0], [26.0, 0.0, 0.0], [11.0, 17.0, 0.0]]


def brain(compiled: bool = True, kind: Any = Hopf, **options: Any) -> DRMNet:
    """Return three regions that hear each other 2 to 9 ticks late, with a stimulus and noise."""
    torch.manual_seed(0)
    n_noise = 3 * len(kind.variables)
    masses = kind(
        3, 2 + n_noise + 3, coupled=True, noisy=True, compiled=compiled, trainable=("sigma",)
    )
    given = {"interpolation": "linear", "velocity_min": 3.0, "velocity_max": 4.0, **options}
    tracts = Tracts(WEIGHTS, LENGTHS, 3.3, strength=0.7, **given)
    return DRMNet(
        {"brain": masses},
        ws=[[DRMConnection(0.001), DRMConnection(0.0)]],
        Wp=[[tracts]],
        readout=BOLD([3], [3], hrf=DoubleGamma(length=0.02)),
        resolution=0.001,
        stimuli={"light": 2, "noise": n_noise},
    ).double()


def stimuli(net: DRMNet, n_ticks: int = 40, batch: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [
        torch.randn(n_ticks, batch, len(c), generator=generator, dtype=torch.float64)
        for c in net.stimuli.values()
    ]


TRAINED = {"trainable": ("velocity", "strength", "weights")}


def results(net: DRMNet, run: Any) -> list[Tensor]:
    shown = [s.requires_grad_() for s in stimuli(net)]
    activity = run(net, shown)[0]
    activity.square().sum().backward()
    return [
        activity,
        *(s.grad for s in shown),
        *(p.grad for p in net.parameters() if p.grad is not None),
    ]


def engine(net: DRMNet, shown: list[Tensor]) -> list[Tensor]:
    return net.run(shown, net.initial_carry(2))[0]


@pytest.mark.parametrize("kind", [Hopf, ReducedWongWang])
def test_activity_and_gradients_are_those_of_the_loop_over_ticks(kind: Any) -> None:
    net = brain(kind=kind, **TRAINED)
    plain = brain(compiled=False, kind=kind, **TRAINED)
    plain.load_state_dict(net.state_dict())
    assert isinstance(net.groups[0,], MassLoop) and not plain.groups
    got, wanted = results(net, engine), results(plain, naive_activity)
    blocks = results(copy.deepcopy(plain), engine)
    assert len(got) == len(wanted) == 3 + 5  # input weights, sigma; weights, velocity, strength
    for a, b, c in zip(got, wanted, blocks, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(a, c, rtol=1e-9, atol=1e-11)


def test_windows_are_the_whole_run() -> None:
    net = brain(interpolation="nearest", velocity_min=None, velocity_max=None)
    shown = stimuli(net)
    with torch.no_grad():
        whole = engine(net, shown)[0]
        carry, parts = net.initial_carry(2), []
        for pieces in zip(*(s.split(13) for s in shown), strict=True):
            activity, _, carry = net.run(pieces, carry)
            parts.append(activity[0])
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-12, atol=1e-14)


def test_gradients_flow_through_the_carry() -> None:
    net = brain(**TRAINED)
    shown = stimuli(net)
    ends = []
    for lengths in ([40], [13, 13, 14]):
        net.zero_grad()
        carry: Carry = net.initial_carry(2)
        for pieces in zip(*(s.split(lengths) for s in shown), strict=True):
            activity, _, carry = net.run(pieces, carry)
        activity[0][-1].sum().backward()
        ends.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_other_wirings_run_in_blocks() -> None:
    masses = Hopf(2, 2 + 1, coupled=False, compiled=True)
    net = DRMNet(
        [masses], [DRMConnection(0.0)], [[DRMConnection(0.2)]], BOLD([2], [1]), resolution=0.1
    )
    assert not net.groups
    activity = net.run([torch.ones(7, 1, 1)], net.initial_carry(1))[0][0]
    torch.testing.assert_close(activity, naive_activity(net, [torch.ones(7, 1, 1)])[0])


@pytest.mark.parametrize("truth", [0.9, 0.0])
def test_the_coupling_is_recovered_and_none_where_there_is_none(truth: float) -> None:
    net = brain(trainable=("strength",))
    shown, tracts = stimuli(net, 300, 1), net.connections[-1]
    carry = net.initial_carry(1)
    tracts.set_value("strength", truth)
    with torch.no_grad():
        wanted = net.run(shown, carry)[0][0]
    tracts.set_value("strength", 0.4)
    optimiser = torch.optim.Adam([tracts.free_strength], 0.05)
    for _ in range(100):
        optimiser.zero_grad()
        error = net.run(shown, carry)[0][0] - wanted
        error.square().mean().backward()
        optimiser.step()
    assert tracts.value("strength").item() == pytest.approx(truth, abs=0.02)
