"""Losses of whole runs: windows give the loss, and the gradient, of the runs in one piece."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from drmbids.brain.losses.connectivity import Connectivity
from drmbids.brain.losses.correlation import Correlation
from drmbids.brain.losses.lagged_connectivity import LaggedConnectivity
from drmbids.brain.losses.negative_binomial import NegativeBinomial
from drmbids.brain.losses.poisson import Poisson
from drmbids.brain.losses.resting_state import RestingState
from drmbids.brain.losses.summary import SummaryLoss
from drmbids.brain.losses.weighted import WeightedSum
from drmbids.brain.net.net import DRMNet
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.loop import run_epoch
from drmbids.fit.training.runners import Alone
from drmbids.maths.estimation.masked import split_missing

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]


class Power(SummaryLoss):
    """The power of the first frequencies of each run, which has to know where a sample is."""

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        filled, there = split_missing(target.double())
        samples = torch.arange(start, start + len(target), dtype=torch.float64)
        angles = 2 * torch.pi * samples[:, None] * torch.tensor([0.03, 0.07])
        parts = []
        for series in (prediction.double() * there, filled):
            for wave in (angles.cos(), angles.sin()):
                parts.append(torch.einsum("tf,tbn->bfn", wave, series))
        return (*parts, there.sum(0).double())

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        c, s, c_target, s_target, n = moments
        assert len(n) > 1  # all runs at once
        power = (c**2 + s**2 - c_target**2 - s_target**2) / n.clamp(min=1)[:, None]
        return (1 + power.square().sum()).log()


def whole_loss(net: DRMNet, runs: list[Run]) -> tuple[float, dict[str, Tensor]]:
    """Return loss and gradient without anything of training: one run after the other, in full."""
    net.zero_grad()
    loss, moments = Power(), []
    for run in runs:
        (item,) = iterate([run])
        moments.append(loss.moments(net(item), item["response"]))
        net.reset()
    value = loss.from_moments(tuple(torch.cat(part) for part in zip(*moments, strict=True)))
    value.backward()
    gradients = {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}
    return value.item(), gradients


def iterate(runs: list[Run], window: int | None = None) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, window=window, nuisance=Nuisance(order=1))


def moved_net(net_of: NetOf) -> DRMNet:
    net = net_of()
    with torch.no_grad():
        for p in net.readout.linear_parameters():
            p.add_(0.3 * torch.randn_like(p))
    return net


@pytest.mark.parametrize(("window", "cutoff"), [(None, None), (None, 500), (7, 1000), (10, 72)])
def test_windows_equal_whole_runs(
    window: int | None, cutoff: int | None, runs_of: RunsOf, net_of: NetOf
) -> None:
    runs, net = runs_of((24, 17, 24), "both"), moved_net(net_of)
    wanted, gradients = whole_loss(net, runs)
    trainee = DRM(net, loss=Power()).trainee(iterate(runs, window))
    (loss,) = run_epoch([trainee], Alone(net), cutoff, backward=True)
    assert loss == pytest.approx(wanted, rel=1e-12)
    assert len(gradients) >= 8
    for name, p in net.named_parameters():
        if name in gradients:
            torch.testing.assert_close(p.grad, gradients[name], rtol=1e-8, atol=1e-10)


def test_a_short_cutoff_truncates_the_gradient_and_not_the_loss(
    runs_of: RunsOf, net_of: NetOf
) -> None:
    runs, net = runs_of((24, 17)), moved_net(net_of)
    wanted, gradients = whole_loss(net, runs)
    trainee = DRM(net, loss=Power()).trainee(iterate(runs, 12))
    (loss,) = run_epoch([trainee], Alone(net), 12, backward=True)
    assert loss == pytest.approx(wanted, rel=1e-12)
    # maps do not go through time: nothing of theirs is cut off
    for name in ("readout.weights.0", "readout.bias"):
        torch.testing.assert_close(net.get_parameter(name).grad, gradients[name])
    recurrent = net.get_parameter("populations.0.weight").grad
    assert not torch.allclose(recurrent, gradients["populations.0.weight"], rtol=1e-3)


def test_it_is_trained_and_validated(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, options = runs_of((24, 17, 24), "elements"), {"learning_rate": 0.1}
    model = DRM(moved_net(net_of), loss=Power(), **options)
    train, val = model.estimate(iterate(runs), iterate(runs, 10), n_epochs=8)
    assert val == pytest.approx(train, rel=1e-9)
    assert train[-1] < train[0] - 0.05


def test_losses_of_both_kinds_and_with_parameters_are_mixed(runs_of: RunsOf, net_of: NetOf) -> None:
    """A weighted sum: what the first pass is for, what it is not for, and a dispersion."""
    loss = WeightedSum([NegativeBinomial(7), Correlation()], [1.0, 0.5])
    runs = [
        replace(run, responses={
            name: Stream(np.round(s.values.clip(min=0)), s.times)
            for name, s in run.responses.items()
        })
        for run in runs_of((24, 24, 24), "elements")
    ]  # fmt: skip
    model = DRM(moved_net(net_of), loss=loss, learning_rate=0.05)
    (item,) = iterate(runs)
    wanted = loss(model.net(item), item["response"]).item()
    model.net.reset()
    states = []
    model.callbacks = (lambda _: states.append(loss.losses[0].value("dispersion").tolist()),)
    train, val = model.estimate(iterate(runs, 10), iterate(runs), n_epochs=4)
    assert train[0] == pytest.approx(wanted, rel=1e-10)
    assert val == pytest.approx(train, rel=1e-9)
    assert train[-1] < train[0]
    # the dispersion of the best epoch is kept, as the net is
    kept = loss.losses[0].value("dispersion").tolist()
    assert kept in [[0.5] * 7, *states] and kept != [0.5] * 7
    again = loss(model.net(item), item["response"]).item()
    assert again == pytest.approx(min(train), rel=1e-9)


def test_targets_that_a_loss_refuses_are_found_before_training(
    runs_of: RunsOf, net_of: NetOf
) -> None:
    with pytest.raises(DataError, match="counts must be numbers from 0 on"):
        DRM(net_of(), loss=Poisson()).estimate(iterate([centred(run) for run in runs_of()]))


def centred(run: Run) -> Run:
    responses = {n: Stream(s.values - 3.0, s.times) for n, s in run.responses.items()}
    return replace(run, responses=responses)


@pytest.mark.parametrize("loss", [Connectivity, LaggedConnectivity, RestingState, Correlation])
def test_maps_that_are_zero_learn(loss: type[SummaryLoss], runs_of: RunsOf, net_of: NetOf) -> None:
    """Statistics of a constant prediction have no slope: training must not stay there."""
    net = net_of()
    assert not any(bool(w.any()) for w in net.readout.weights)
    data = DRMIterator.from_runs(runs_of((80, 80)), net.resolution)
    losses, _ = DRM(net, loss=loss(), learning_rate=0.05).estimate(data, n_epochs=6)
    assert min(losses) < losses[0] - 1e-3


def test_validation_counts_elements_by_their_weights(runs_of: RunsOf, net_of: NetOf) -> None:
    """With the same runs, training and validation have one loss, whatever the weights are."""
    runs = runs_of((30, 30))
    weights = np.where(np.arange(30) % 3 == 0, 5.0, 0.1)
    heavy = with_weights(runs, {run.label: weights for run in runs})
    for some in (runs, heavy):
        net = net_of()
        data = DRMIterator.from_runs(some, net.resolution)
        drm = DRM(net, solve=False)
        drm.estimate(data, data, n_epochs=2)
        for row in drm.history:
            assert row["val_loss"] == pytest.approx(row["train_loss"], rel=1e-5)
