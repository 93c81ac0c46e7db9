"""How many operations a tick costs: a gate against slower code that no timer's noise reaches."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.readouts.bold import BOLD

N_TICKS = 500
# Counted with torch 2.13 on the CPU; lower it when the engine gets better.
OPERATIONS = 1067


@pytest.fixture(autouse=True)
def float32() -> Iterator[None]:
    torch.set_default_dtype(torch.float32)
    yield


class Counter(TorchDispatchMode):
    """Counts the operations that compute something: all that do not only make a view."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        returns = func._schema.returns
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in returns)
        self.count += not view
        return func(*args, **(kwargs or {}))


def test_operations_per_tick_do_not_rise() -> None:
    torch.manual_seed(0)
    net = DRMNet(
        [Additive(64, 10 + 64), Additive(64, 64)],
        ws=[DRMConnection(0.0), None],
        Wp=[[None, DRMConnection(0.5)], [DRMConnection(0.1), None]],
        readout=BOLD([64, 64], [100, 100]),
        resolution=0.1,
    )
    stimulus, times = torch.randn(N_TICKS, 1, 10), torch.arange(0.0, 50.0, 2.0)
    target = torch.randn(25, 1, 200)
    with Counter() as counter:
        prediction, _, _ = net.window([stimulus], times.double(), None, net.initial_carry(1))
        DRMLoss()(prediction, target).backward()
    assert counter.count <= 1.05 * OPERATIONS, f"{counter.count / N_TICKS:.2f} a tick"
    assert counter.count >= 0.8 * OPERATIONS, "far fewer operations: lower OPERATIONS"
