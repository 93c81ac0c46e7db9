"""Many models at once against one after another."""

from collections.abc import Callable, Sequence

import torch

from benchmarks.engine import N_STIMULI, WINDOW_S, measured_times, two_areas
from benchmarks.rows import Row, compare
from drmbids import DRMNet
from drmbids.fit.training.runners import Alone, Runner, SideBySide

N_MODELS, AT_ONCE, N_WINDOWS = 128, 64, 4


def epoch(runner: Runner, n_models: int) -> None:
    """Run forward and backward over windows of 50 s, the squared features as the loss."""
    torch.manual_seed(1)
    shown = torch.randn(N_WINDOWS, round(WINDOW_S / 0.1), 1, N_STIMULI)
    times = measured_times(WINDOW_S)
    runner.begin()
    carry = runner.initial_carry(1)
    for window in shown:
        item = {"stimulus": [window], "times": times}
        features, carry = runner.window([item] * n_models, carry)
        torch.stack([x.square().sum() for each in features for x in each]).sum().backward()
        carry = carry.detach()
    runner.end()


def one_by_one(nets: Sequence[DRMNet]) -> None:
    """Run every net alone."""
    for net in nets:
        epoch(Alone(net), 1)


def at_once(nets: Sequence[DRMNet]) -> None:
    """Run the nets side by side, some at a time: more of them than fit the cache gain nothing."""
    for first in range(0, len(nets), AT_ONCE):
        some = nets[first : first + AT_ONCE]
        epoch(SideBySide(some), len(some))


def many_models() -> list[Row]:
    """Return the time of 128 models of W1, each with weights of its own, over one at a time."""
    torch.set_num_threads(1)
    nets = [two_areas() for _ in range(N_MODELS)]
    with torch.no_grad():
        for parameter in (p for net in nets for p in net.parameters()):
            parameter.add_(0.01 * torch.randn_like(parameter))
    ours, theirs = compare(lambda: at_once(nets), lambda: one_by_one(nets))
    detail = f"{ours:.2f} s against {theirs:.2f} s for {N_MODELS} models, {AT_ONCE} at once"
    figure = "time over one at a time"
    rows = [Row("W1-models", "engine", figure, ours / theirs, 0.25, True, detail)]
    for net in nets:
        net.groups = {}
    ours, theirs = compare(lambda: at_once(nets), lambda: one_by_one(nets))
    detail = f"{ours:.2f} s against {theirs:.2f} s, both by autograd through every block"
    return [*rows, Row("W1-models", "autograd blocks", figure, ours / theirs, 0.25, True, detail)]


ROWS: dict[str, Callable[[], list[Row]]] = {"W1-models": many_models}
