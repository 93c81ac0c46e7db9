"""Priors of physical parameters: part of the objective, and outvoted by enough data."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.nodes import log_prior
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.fit.maps.passes import gather_targets
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, train_together

TRUTH, PRIOR = 2.0, (5.0, 0.5)
RunsOf = Callable[..., list[Run]]
NetOf = Callable[..., DRMNet]


def one_unit(tau: float, prior: tuple[float, float] | None) -> DRMNet:
    """Return a net whose time constant is all that is trained."""
    population = Leaky(1, 1, tau=tau, nonlinearity="linear")
    for parameter in (population.weight, population.bias):
        parameter.requires_grad_(False)
    with torch.no_grad():
        population.weight.fill_(1.0)
    population.set_prior("tau", *(prior or (None, None)))
    readout = BOLD([1], [20], hrf=DoubleGamma(trainable=False), nuisance=Nuisance("none"))
    return DRMNet([population], ws=[DRMConnection()], Wp=[[None]], readout=readout, resolution=0.5)


def data_of(n_volumes: int, noise: float) -> DRMIterator:
    """Return two runs of 20 independent voxels that a unit of the true time constant drives."""
    make, times = np.random.default_rng(0), 2.0 * np.arange(n_volumes)
    fine = 0.5 * (np.arange(4 * n_volumes) + 0.5)
    runs = []
    for _ in range(2):
        shown = Stream(
            np.repeat(make.random((n_volumes // 4, 1)) < 0.4, 16, 0)[: len(fine)] * 1.0, fine
        )
        blank = Run({"A": Stream(np.zeros((n_volumes, 20)), times)}, {"s": shown}, tr=2.0)
        net = one_unit(TRUTH, None)
        net.readout.weights[0].data.fill_(1.0)
        signal = DRM(net).forward(iterate([blank]))[0][0]
        measured = signal / signal.std() + noise * make.standard_normal(signal.shape)
        runs.append(Run({"A": Stream(measured, times)}, {"s": shown}, tr=2.0))
    return iterate(runs)


def iterate(runs: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance("none"))


@pytest.mark.parametrize(
    ("n_volumes", "noise", "prior", "expected", "within"),
    [
        (200, 0.5, None, TRUTH, 0.3),
        (200, 0.5, PRIOR, TRUTH, 0.3),  # the data know
        (16, 30.0, PRIOR, PRIOR[0], 0.3),  # the data know nothing
    ],
)
def test_weak_data_leave_the_prior_and_strong_data_move_it(
    n_volumes: int, noise: float, prior: tuple[float, float] | None, expected: float, within: float
) -> None:
    net = one_unit(3.5, prior)
    DRM(net, learning_rate=0.1, alphas=1e-3).estimate(data_of(n_volumes, noise), n_epochs=60)
    assert abs(net.populations[0].value("tau").item() - expected) < within


def test_without_a_prior_weak_data_run_off() -> None:
    net = one_unit(3.5, None)
    DRM(net, learning_rate=0.1, alphas=1e-3).estimate(data_of(16, 30.0), n_epochs=60)
    assert abs(net.populations[0].value("tau").item() - PRIOR[0]) > 0.6


def test_the_prior_has_its_share_of_the_objective(runs_of: RunsOf, net_of: NetOf) -> None:
    data, net = DRMIterator.from_runs(runs_of(), 0.5), net_of()
    without = copy.deepcopy(net)
    for name in net.readout.hrf.parameter_specs:
        without.readout.hrf.set_prior(name, None, None)
    net.populations[0].set_prior("tau", 1.0, 0.5)
    net.readout.hrf.set_prior("delay", 7.0, 0.5)
    assert log_prior(without) is None
    trainees = [DRM(n, learning_rate=0.0).trainee(data) for n in (net, without)]
    assert trainees[1].add_prior(0.7, backward=True) == 0.0
    net.zero_grad()
    added = trainees[0].add_prior(0.7, backward=True)
    n = gather_targets(data, data.n_runs).n_independent()
    prior = log_prior(net)
    assert prior is not None
    assert added == pytest.approx(-2 * 0.7 / n * prior.item(), rel=1e-12)
    hrf = net.readout.hrf
    free = hrf.free_delay
    slope = free.grad.item()
    with torch.no_grad():
        free += 1e-6
        above = trainees[0].add_prior(0.7, backward=False)
        free -= 2e-6
        below = trainees[0].add_prior(0.7, backward=False)
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)


def test_voxels_that_measure_the_same_count_once() -> None:
    make, times = np.random.default_rng(0), 2.0 * np.arange(400)
    own = make.standard_normal((400, 6))

    def count(values: np.ndarray) -> float:
        runs = [Run({"A": Stream(values, times)}, {"s": Stream(own[:, :1], times)}, tr=2.0)]
        data = DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance("none"))
        return gather_targets(data, 1).n_independent()

    assert count(own) == pytest.approx(400 * 6, rel=0.05)
    assert count(np.repeat(own, 10, axis=1)) == pytest.approx(count(own), rel=1e-9)
    holes = own.copy()
    holes[:100] = math.nan
    assert count(holes) == pytest.approx(300 * 6, rel=0.05)


def test_side_by_side_as_one_at_a_time(runs_of: RunsOf, net_of: NetOf) -> None:
    data = DRMIterator.from_runs(runs_of(), 0.5)
    models = [DRM(net_of(seed=k), learning_rate=0.1) for k in range(3)]
    assert log_prior(models[0].net) is not None
    alone = [copy.deepcopy(m) for m in models]
    for model in alone:
        model.estimate(data, n_epochs=3)
    train_together([Fit(m, data, n_epochs=3) for m in models])
    for one, other in zip(alone, models, strict=True):
        for name, value in other.net.state_dict().items():
            torch.testing.assert_close(value, one.net.state_dict()[name], rtol=1e-6, atol=1e-6)
