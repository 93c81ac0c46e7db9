"""The engine against a loop over ticks, on random graphs."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.net import DRMNet

N_TICKS, BATCH = 31, 2
# Fewer ticks than a block, no multiple of one, the whole run.
WINDOWS = (1, 7, N_TICKS)


def data(net: DRMNet, seed: int) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return stimuli, irregular times and targets with missing elements."""
    make = torch.Generator().manual_seed(seed)
    stimulus = [torch.randn(N_TICKS, BATCH, len(c), generator=make) for c in net.stimuli.values()]
    times = torch.rand(8, generator=make).sort().values * N_TICKS * net.resolution
    times = (times * 1e4).floor() / 1e4  # BOLD rounds lags to 1e-7 s: nothing to round here
    target = torch.randn(8, BATCH, sum(net.readout.n_targets), generator=make)
    target[torch.rand(target.shape, generator=make) < 0.2] = torch.nan
    return stimulus, times, target


def windows(
    stimulus: list[Tensor], times: Tensor, length: int, resolution: float
) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Yield stimuli and times of consecutive windows."""
    for start in range(0, N_TICKS, length):
        stop = min(start + length, N_TICKS)
        rows = (times >= start * resolution) & (times < stop * resolution)
        yield [s[start:stop] for s in stimulus], times[rows] - start * resolution


def close(got: Any, wanted: Any) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def gradients(net: DRMNet, loss: Tensor) -> dict[str, Tensor]:
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    got = torch.autograd.grad(loss, list(trained.values()), allow_unused=True, retain_graph=True)
    return {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(trained.items(), got, strict=True)
    }


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_equal_the_step_loop(
    seed: int, draw_net: Callable[[int], DRMNet], naive: Callable
) -> None:
    net = draw_net(seed)
    stimulus, times, target = data(net, seed)
    wanted_activity, wanted = naive(net, stimulus, times)
    wanted_loss = DRMLoss()(wanted, target)
    wanted_gradients = gradients(net, wanted_loss)
    assert max(g.norm() for g in wanted_gradients.values()) > 1e-6
    for length in WINDOWS[seed % 4 > 0 :]:  # windows of one tick are slow: for every fourth net
        carry, predictions, parts = net.initial_carry(BATCH), [], []
        for shown, due in windows(stimulus, times, length, net.resolution):
            prediction, activity, carry = net.window(shown, due, None, carry)
            predictions.append(prediction)
            parts.append(activity)
        joined = [torch.cat(series) for series in zip(*parts, strict=True)]
        prediction = torch.cat(predictions)
        loss = DRMLoss()(prediction, target)
        close(joined, wanted_activity)
        close(prediction, wanted)
        close(loss, wanted_loss)
        close(gradients(net, loss), wanted_gradients)


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_windows_change_nothing(seed: int, draw_net: Callable[[int], DRMNet]) -> None:
    net = draw_net(seed)
    stimulus, times, _ = data(net, seed)
    whole, _, last = net.window(stimulus, times, None, net.initial_carry(BATCH))
    for length in (1, 2, 7, 30):
        carry, parts = net.initial_carry(BATCH), []
        for shown, due in windows(stimulus, times, length, net.resolution):
            prediction, _, carry = net.window(shown, due, None, carry)
            parts.append(prediction)
        close(torch.cat(parts), whole)
        close(carry.activity, last.activity)
        torch.testing.assert_close(carry.stimuli, last.stimuli, rtol=0, atol=0)


def items(net: DRMNet, seed: int, length: int) -> list[dict]:
    stimulus, times, _ = data(net, seed)
    return [
        {"stimulus": s, "times": t, "first": k == 0}
        for k, (s, t) in enumerate(windows(stimulus, times, length, net.resolution))
    ]


def test_forward_remembers_and_reset_forgets(draw_net: Callable[[int], DRMNet]) -> None:
    net = draw_net(3)
    stream = items(net, 3, 10)
    first = [net(item) for item in stream]
    again = [net(item) for item in stream]  # an item that starts a run resets
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    middle = {**stream[1], "first": False}
    net.reset()
    silent = net(middle)
    assert not torch.allclose(silent, first[1])
    net.reset()
    torch.testing.assert_close(net(middle), silent, rtol=0, atol=0)


def test_detach_cuts_the_graph_and_keeps_the_numbers(draw_net: Callable[[int], DRMNet]) -> None:
    net = draw_net(5)
    one, two, *_ = items(net, 5, 10)
    net(one)
    attached = net(two)
    net(one)
    net.detach_()
    detached = net(two)
    torch.testing.assert_close(detached, attached, rtol=0, atol=0)
    shown = one["stimulus"][0].requires_grad_()
    net(one)
    assert torch.autograd.grad(net(two).sum(), shown)[0].any()
    net(one)
    net.detach_()
    (gradient,) = torch.autograd.grad(net(two).sum(), shown, allow_unused=True)
    assert gradient is None


@pytest.mark.parametrize("copied", ["deepcopy", "pickle", "state_dict"])
def test_copies_in_the_middle_of_a_run(copied: str, draw_net: Callable[[int], DRMNet]) -> None:
    net, other = draw_net(7), draw_net(7)
    stream = items(net, 7, 10)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.05)
    net(stream[0])
    net(stream[1]).sum().backward()
    if copied == "deepcopy":
        other = copy.deepcopy(net)
    elif copied == "pickle":
        other = pickle.loads(pickle.dumps(net))
    else:
        other.load_state_dict(net.state_dict())
    net.reset()  # a copy starts at the beginning of a run, as the original does now
    torch.testing.assert_close(
        [other(item) for item in stream], [net(item) for item in stream], rtol=0, atol=0
    )
    assert other.schedule() == net.schedule()
    mine = {id(p) for p in net.parameters()}
    assert not mine & {id(p) for p in other.parameters()}
    inside = {id(c) for c in other.connections}
    assert all(id(a.connection) in inside for line in other.afferents for a in line)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_equals_cpu(draw_net: Callable[[int], DRMNet]) -> None:
    net = draw_net(11)
    stimulus, times, _ = data(net, 11)
    wanted, _, _ = net.window(stimulus, times, None, net.initial_carry(BATCH))
    net.cuda()
    shown = [s.cuda() for s in stimulus]
    got, _, _ = net.window(shown, times.cuda(), None, net.initial_carry(BATCH))
    torch.testing.assert_close(got.cpu(), wanted, rtol=1e-8, atol=1e-8)
