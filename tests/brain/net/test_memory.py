"""What a window keeps for its backward pass is gone with it: memory does not grow with a run."""

from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.gru import GRU
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD


class Saved:
    """Counts the bytes that graphs hold at the moment."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def pack(self, tensor: Tensor) -> "Held":
        return Held(self, tensor)

    def unpack(self, held: "Held") -> Tensor:
        return held.tensor


class Held:
    def __init__(self, saved: Saved, tensor: Tensor):
        # detached: what an operation keeps of its own output would hold the operation
        self.saved, self.tensor = saved, tensor.detach()
        self.size = tensor.untyped_storage().nbytes()
        saved.n_bytes += self.size

    def __del__(self) -> None:
        self.saved.n_bytes -= self.size


def held_after(kind: Any, n_windows: int, detached: bool) -> int:
    """Return the bytes that are held after so many windows of a run."""
    torch.manual_seed(0)
    net = DRMNet(
        [kind(3, 2 + 3), kind(3, 3)],
        [DRMConnection(0.1), None],
        [[None, DRMConnection(0.5)], [DRMConnection(0.1), None]],
        BOLD([3, 3], [2, 2]),
        resolution=0.1,
    )
    carry, times = net.initial_carry(1), torch.tensor([1.0, 3.0], dtype=torch.float64)
    saved = Saved()
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, saved.unpack):
        for _ in range(n_windows):
            prediction, _, carry = net.window([torch.randn(40, 1, 2)], times, None, carry)
            carry = carry.detach() if detached else carry
    assert prediction.requires_grad
    return saved.n_bytes


@pytest.mark.parametrize("kind", [Additive, Leaky, GRU])
def test_a_longer_run_holds_no_more(kind: Any) -> None:
    window = 40 * 6 * 8  # bytes of the activity
    one = held_after(kind, 2, detached=True)
    assert one > window
    assert held_after(kind, 20, detached=True) == one
    # what detaching prevents
    assert held_after(kind, 20, detached=False) > one + 18 * window
