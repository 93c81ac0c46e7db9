"""Measured elements that do not count alike, against scikit-learn and finite differences."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from drmbids.brain.losses.base import DRMLoss
from drmbids.brain.net.net import DRMNet
from drmbids.compare.inference.curvature import curvature
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.weights import with_weights
from drmbids.fit.maps.passes import gather_targets
from drmbids.fit.maps.ridge import solve_region
from drmbids.fit.maps.targets import RegionTargets, Series
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.loop import run_epoch
from drmbids.fit.training.runners import Alone

RunsOf, NetOf = Callable[..., list[Run]], Callable[..., DRMNet]
RNG = np.random.default_rng


def iterate(runs: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1))


def weighted(runs: Sequence[Run], wide: bool, seed: int = 3) -> list[Run]:
    make, weights = RNG(seed), []
    for run in runs:
        n_targets = sum(s.values.shape[1] for s in run.responses.values())
        n = len(run.measured_times())
        weights.append(make.uniform(0.2, 3.0, (n, n_targets) if wide else n))
    return with_weights(runs, weights)


def objective(net: DRMNet, data: DRMIterator, **options: object) -> float:
    model = DRM(net, **{"alphas": 0.1, **options})
    (loss,) = run_epoch([model.trainee(data)], Alone(net), None, backward=True)
    return loss


@pytest.mark.parametrize("width", [1, 4])
def test_maps_are_those_of_weighted_ridge(width: int) -> None:
    make = RNG(0)
    x, weight = (
        make.normal(size=(80, 5)) * [1.0, 10.0, 0.1, 1.0, 2.0],
        make.exponential(size=(80, width)),
    )
    y = x @ make.normal(size=(5, 4)) + 3.0 * make.normal(size=(80, 4)) + 7.0
    y[make.random(y.shape) < 0.05] = np.nan
    constant = np.full((80, 1), 80**-0.5)
    series = Series(*(torch.as_tensor(a) for a in (y, constant)), None, torch.as_tensor(weight))
    targets = RegionTargets([series], torch.ones(4, dtype=torch.float64))
    alpha = torch.tensor([0.3], dtype=torch.float64)
    maps = solve_region([torch.as_tensor(x)], targets, alpha)
    spread = (x - x.mean(0)).std(0)
    for k in range(4):
        rows, w = np.isfinite(y[:, k]), np.broadcast_to(weight, y.shape)[:, k]
        model = Ridge(alpha=0.3 * (rows.sum() - 1) * w[rows].mean(), solver="cholesky")
        model.fit(x[rows] / spread, y[rows, k], sample_weight=w[rows])
        np.testing.assert_allclose(maps.weights[:, k], model.coef_ / spread, rtol=1e-8)
        np.testing.assert_allclose(maps.bias[k], model.intercept_, rtol=1e-8)
        # what the maps were solved for: the weighted squares and the penalty
        left = (w[rows] * (y[rows, k] - model.predict(x[rows] / spread)) ** 2).sum()
        series_k = replace(series, target=series.target[:, [k]], weight=torch.tensor(w)[:, None])
        own = solve_region(
            [torch.as_tensor(x)], RegionTargets([series_k], torch.ones(1).double()), alpha
        )
        total = left + model.alpha * (model.coef_**2).sum()
        np.testing.assert_allclose(float(torch.cat(own.errors).sum()), total, rtol=1e-8)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("missing", "lengths", "n_confounds"),
    [("", (24, 24), 0), ("both", (24, 17), 0), ("elements", (24, 17), 2)],
)
def test_the_gradient_is_that_of_finite_differences(
    runs_of: RunsOf, net_of: NetOf, missing: str, lengths: tuple, n_confounds: int, wide: bool
) -> None:
    runs = weighted(runs_of(lengths, missing, n_confounds), wide)
    net, data = net_of(n_confounds), iterate(runs)
    objective(net, data)
    moved = [*net.populations.parameters(), *net.connections.parameters()]
    gradients = [(p, p.grad.clone()) for p in moved if p.grad is not None]
    step = 1e-5
    for p, found in gradients:
        ends, direction = [], torch.randn_like(p)
        for sign in (1, -1):
            with torch.no_grad():
                p.add_(direction, alpha=sign * step)
            ends.append(objective(net, data))
            with torch.no_grad():
                p.sub_(direction, alpha=sign * step)
        wanted = (ends[0] - ends[1]) / (2 * step)
        assert float((found * direction).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-8)
    assert len(gradients) >= 3


def test_weights_of_one_change_nothing(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of(missing="both")
    ones = with_weights(runs, [np.full(len(r.measured_times()), 7.0) for r in runs])
    results = []
    for some in (runs, ones):
        net = net_of()
        loss = objective(net, iterate(some))
        results.append(
            (loss, [p.grad.clone() for p in net.populations.parameters()], net.state_dict())
        )
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-9)


def test_an_element_of_weight_zero_is_missing(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = runs_of()
    masks = [(RNG(k).random((24, 7)) > 0.2).astype(float) for k in range(3)]
    zero = with_weights(runs, masks)
    missing = [
        replace(
            run,
            responses={
                name: replace(s, values=np.where(m > 0, s.values, np.nan), weights=None)
                for (name, s), m in zip(run.responses.items(), np.split(mask, [3], 1), strict=True)
            },
        )
        for run, mask in zip(runs, masks, strict=True)
    ]
    losses = [objective(net_of(), iterate(some)) for some in (zero, missing)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_validation_counts_by_weights(runs_of: RunsOf, net_of: NetOf) -> None:
    runs = weighted(runs_of(), wide=True)
    model, val = DRM(net_of(), alphas=0.1), iterate(runs[2:])
    _, (found, _) = model.estimate(iterate(runs[:2]), val, n_epochs=1)
    model = DRM(net_of(), alphas=0.1)
    model.estimate(iterate(runs[:2]), n_epochs=0)
    predicted = model.forward(val)[0][0]
    targets = gather_targets(val, 1)
    (weight,) = targets.get("weight")
    scale = gather_targets(iterate(runs[:2]), 2).target_scale().numpy()
    total = 0.0
    for k, w in enumerate(weight.numpy().T):
        root = np.sqrt(w)[:, None]
        basis = np.linalg.qr(root * Nuisance(order=1).drifts(np.arange(24.0)))[0]
        rest = root[:, 0] * (targets.get("response")[0].numpy()[:, k] - predicted[:, k])
        total += ((rest - basis @ (basis.T @ rest)) ** 2).sum() / scale[k] ** 2
    assert found == pytest.approx(total / weight.sum().item(), rel=1e-9)


def test_a_loss_that_is_not_solved_counts_by_weights(runs_of: RunsOf, net_of: NetOf) -> None:
    runs, net = weighted(runs_of(missing="both"), wide=True), net_of()
    data = iterate(runs)
    found = objective(net, data, solve=False)
    (item,) = data
    predicted = torch.stack([torch.as_tensor(r) for r in DRM(net).forward(data)[0]], 1)
    there = ~item["response"].isnan()
    squares = item["weight"] * (predicted - item["response"].nan_to_num()) ** 2
    wanted = (squares * there).sum() / (item["weight"] * there).sum()
    assert found == pytest.approx(wanted.item(), rel=1e-9)
    lone = DRMLoss()(predicted, item["response"], item["weight"])
    torch.testing.assert_close(lone, wanted)


def test_the_curvature_knows_of_weights(runs_of: RunsOf, net_of: NetOf) -> None:
    """Its slope is the gradient of the objective that was trained."""
    runs, net = weighted(runs_of((40, 40)), wide=True), net_of()
    data = iterate(runs)
    found = curvature(net, data, 0.1)
    loss_gradient = []
    objective(net, data)
    for p in [p for p in net.parameters() if p.grad is not None]:
        loss_gradient.append(p.grad.reshape(-1))
    count = gather_targets(data, 2)
    n = sum(int((~y.isnan()).sum()) for y in count.get("response"))
    wanted = n * torch.cat(loss_gradient)
    torch.testing.assert_close(
        -2 * found.slope, wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item()
    )
