"""A window on another device than the CPU waits for nothing from the CPU, so it can be captured."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.connections.learned_delay import LearnedDelay
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.balloon import Balloon
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.choice import Choice
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.gru import GRUReadout
from drmbids.brain.readouts.hemodynamics import DoubleGamma, SmoothHRF
from drmbids.brain.readouts.library import LibraryHRF

# "meta" tensors have a device of their own and no numbers: asking for one is an error.
DEVICE = "meta"
# What gives numbers to the host, or has a shape that depends on numbers.
ASKS = ("_local_scalar_dense", "nonzero", "_unique2", "masked_select")


class HostTraffic(TorchDispatchMode):
    """Keeps the operations that a device would have to wait for the host in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor)]
        # a number of the host without dimension goes along as an argument of the kernel
        mixed = {x.device.type for x in tensors if x.ndim} == {"cpu", DEVICE}
        if mixed or any(name in str(func) for name in ASKS):
            self.found.append(str(func))
        return result


def traffic(net: DRMNet, n_ticks: int = 30) -> list[str]:
    """Return the host's part in the second of two equal windows."""
    net.to(DEVICE)
    times = torch.tensor([0.5, 1.1, 2.9])
    stimulus = [torch.zeros(n_ticks, 2, len(c), device=DEVICE) for c in net.stimuli.values()]
    for _ in range(2):
        with HostTraffic() as seen:
            _, activity, _ = net.run(stimulus, net.initial_carry(2))
            features = net.readout.features(activity, times)
            torch.autograd.backward(sum(x.sum() for x in features))
    assert all(x.device.type == DEVICE for x in features)
    return seen.found


def pair(
    population: type, readout: Callable[..., Any] = BOLD, delay: type = DRMConnection
) -> DRMNet:
    arguments = (0.5, 0.1, 1.0) if delay is LearnedDelay else (0.5,)
    return DRMNet(
        [population(4, 2 + 3), population(3, 4)],
        [DRMConnection(0.1), None],
        [[None, delay(*arguments)], [DRMConnection(0.3), None]],
        readout([4, 3], [10, 20]),
    )


@pytest.mark.parametrize("population", [Additive, Leaky, GRU])
@pytest.mark.parametrize("delay", [DRMConnection, LearnedDelay])
def test_loops(population: type, delay: type) -> None:
    assert traffic(pair(population, delay=delay)) == []


@pytest.mark.parametrize(
    "readout",
    [
        *[
            lambda n, m, hrf=hrf: BOLD(n, m, hrf=hrf())
            for hrf in (DoubleGamma, SmoothHRF, LibraryHRF, FIR)
        ],
        partial(Balloon, length=4.0),
        GRUReadout,
        Choice,
    ],
    ids=["double gamma", "smooth", "library", "fir", "balloon", "gru", "choice"],
)
def test_readouts(readout: Callable[..., Any]) -> None:
    assert traffic(pair(Leaky, readout)) == []


def test_random_nets(draw_net: Callable[[int], DRMNet]) -> None:
    for seed in range(3):
        assert traffic(draw_net(seed)) == [], f"net {seed}"


def test_the_watch_sees_numbers_and_copies() -> None:
    with HostTraffic() as seen:
        torch.zeros(3).to(DEVICE)
        torch.unique(torch.zeros(3))
    assert [name.split(".")[1] for name in seen.found] == ["_to_copy", "_unique2"]
