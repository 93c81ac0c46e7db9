"""The curvature is the Hessian of the objective with its maps at their optimum."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.utils import vector_to_parameters

from drmbids import DRMNet, Run, Stream, simulate_runs
from drmbids.compare.inference.curvature import curvature
from drmbids.compare.inference.intervals import training_data
from drmbids.compare.inference.quantities import moved_by_training
from drmbids.compare.inference.slopes import copies_at, free_numbers, in_double, side_by_side
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.fit.maps.passes import by_region, gather_targets

ALPHA, STEP = 1e-2, 1e-3


def objective(net: DRMNet, data: DRMIterator, clean: Sequence[np.ndarray]) -> float:
    """Return the objective target by target, with plain least squares and no shared code."""
    (features,) = side_by_side([net], data)
    targets = gather_targets(data, data.n_runs)
    y = [t.numpy().astype(float) for t in targets.get("response")]
    scales = [s.numpy() for s in by_region(targets.target_scale(), net.readout.n_targets)]
    confounds = [c.numpy().astype(float) for c in targets.get("confounds")]
    shared = [c - b @ (b.T @ c) for c, b in zip(confounds, clean, strict=True)]
    total, first = 0.0, 0
    for runs, scale in zip(features, scales, strict=True):
        x = [f.numpy() for f in runs]
        rest = [a - b @ (b.T @ a) for a, b in zip(x, clean, strict=True)]
        spread = np.sqrt(sum((a**2).sum(0) for a in rest) / sum(map(len, x)))
        for v, size in enumerate(scale):
            parts, wanted = [], []
            for a, t, b in zip(x, y, clean, strict=True):
                there = ~np.isnan(t[:, first + v])
                out = np.linalg.qr(b[there])[0]
                z, w = a[there] / spread, t[there, first + v]
                parts.append(z - out @ (out.T @ z))
                wanted.append(w - out @ (out.T @ w))
            z, w = np.concatenate(parts), np.concatenate(wanted)
            if net.readout.n_confounds:
                out = np.linalg.qr(np.concatenate(shared))[0]
                z, w = z - out @ (out.T @ z), w - out @ (out.T @ w)
            lost = sum(b.shape[1] for b in clean) + net.readout.n_confounds
            strength = ALPHA * (len(w) - lost)
            u = np.linalg.solve(z.T @ z + strength * np.eye(z.shape[1]), z.T @ w)
            total += (((w - z @ u) ** 2).sum() + strength * u @ u) / size**2
        first += len(scale)
    return total


def naive(
    net: DRMNet, data: DRMIterator, with_hessian: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and Hessian by finite differences of the objective."""
    basis = [b.numpy().astype(float) for b in gather_targets(data, data.n_runs).get("nuisance")]
    here = free_numbers(net)
    (other,) = copies_at(net, [here])

    def at(*moves: torch.Tensor) -> float:
        with torch.no_grad():
            vector_to_parameters(here + sum(moves), moved_by_training(other))
        return objective(other, data, basis)

    steps = list(STEP * torch.eye(len(here), dtype=torch.float64))
    gradient = np.array([(at(a) - at(-a)) / (2 * STEP) for a in steps])
    if not with_hessian:
        return gradient, np.empty(0)
    hessian = np.zeros((len(here), len(here)))
    for i, a in enumerate(steps):
        for j, b in enumerate(steps[: i + 1]):
            bend = at(a, b) - at(a, -b) - at(-a, b) + at(-a, -b)
            hessian[i, j] = hessian[j, i] = bend / (4 * STEP**2)
    return gradient, hessian


def with_gap(runs: Sequence[Run]) -> list[Run]:
    """Return runs with volumes missing, some in all targets and some in one."""
    values = np.array(runs[0].responses["V1"].values)
    values[10:14], values[20, 2] = np.nan, np.nan
    responses = {**runs[0].responses, "V1": Stream(values, runs[0].responses["V1"].times)}
    return [replace(runs[0], responses=responses), *runs[1:]]


def test_without_noise_it_is_the_hessian(make) -> None:
    net, shown = make(2, 60.0)
    runs = simulate_runs(net, shown, noise=0.0)
    net = in_double(net)
    data = training_data(net, with_gap(runs))
    found = curvature(net, data, ALPHA)
    gradient, hessian = naive(net, data, with_hessian=True)
    largest = np.abs(hessian).max()
    # what is left out is of the order of the penalty
    np.testing.assert_allclose(2 * found.hessian.numpy(), hessian, atol=0.03 * largest)
    np.testing.assert_allclose(-2 * found.slope.numpy(), gradient, atol=1e-4 * largest)


@pytest.mark.parametrize("confounds", ["per_run", "shared"])
def test_with_noise_the_slope_is_the_gradient(make, confounds: str) -> None:
    net, shown = make(2, 60.0, confounds=confounds)
    weights = np.random.default_rng(0).normal(size=(2, 16))
    runs = simulate_runs(net, shown, snr=0.5, confound_weights=weights)
    net = in_double(net)
    found = curvature(net, training_data(net, runs), ALPHA)
    gradient = naive(net, training_data(net, runs))[0]
    np.testing.assert_allclose(
        -2 * found.slope.numpy(), gradient, atol=1e-4 * np.abs(gradient).max()
    )


def test_noise_alone_has_no_curvature_on_average(make) -> None:
    """Maps that were fitted to noise must not count as signal: seen for the time constant."""
    net, shown = make(2, 80.0)
    with torch.no_grad():
        for weights in net.readout.weights:
            weights.zero_()
    wide = in_double(net)
    moved = moved_by_training(wide)
    names = [p is wide.populations[1].free_tau for p in moved]
    k = sum(p.numel() for p in moved[: names.index(True)])
    drawn = []
    for seed in range(12):
        runs = simulate_runs(net, shown, noise=1.0, autocorrelation=0.0, random_state=seed)
        drawn.append(float(curvature(wide, training_data(wide, runs), 1e-4).hessian[k, k]))
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / np.sqrt(12)
