"""Solved maps against scikit-learn's ridge with the nuisance of each run as free regressors."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit
from torch import Tensor

from drmbids.core.nuisance import Nuisance
from drmbids.training.maps import Series, nuisance_fit, solve_confounds, solve_region

LENGTHS = (30, 22, 41)
N_FEATURES, N_TARGETS = 4, 5


def orthonormal(design: np.ndarray) -> np.ndarray:
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    return u[:, s > 1e-9 * s[0]]


def problem(
    missing: str = "", spikes: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return features, targets and orthonormal nuisance of three runs."""
    make = np.random.default_rng(1)
    x, y, basis = [], [], []
    weights = make.standard_normal((N_FEATURES, N_TARGETS))
    for n in LENGTHS:
        features = make.standard_normal((n, N_FEATURES)) * [1.0, 10.0, 0.1, 1.0] + 2.0
        target = features @ weights + 5 * make.standard_normal((n, N_TARGETS)) + 7.0
        columns = [np.linspace(-1, 1, n)[:, None] ** np.arange(3), make.standard_normal((n, 1))]
        if spikes:
            columns.append(np.eye(n)[:, [5]])
        if missing == "volumes":
            target[[5, 6, 7]] = np.nan
        if missing == "elements":
            target[make.random(target.shape) < 0.1] = np.nan
        x.append(features)
        y.append(target)
        basis.append(orthonormal(np.concatenate(columns, axis=1)))
    return x, y, basis


def residuals(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]


def reference(
    x: list[np.ndarray], y: list[np.ndarray], basis: list[np.ndarray], alpha: float, target: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and prediction at all rows, by Ridge on standardised features.

    The nuisance enters as further regressors, a block for each run, scaled up so that the penalty
    on them vanishes.
    """
    clean = [residuals(a, b) for a, b in zip(x, basis, strict=True)]
    spread = np.sqrt(np.mean(np.concatenate(clean) ** 2, axis=0))
    blocks = np.zeros((sum(LENGTHS), sum(b.shape[1] for b in basis)))
    row = column = lost = 0
    rows_there = np.isfinite(np.concatenate(y)[:, target])
    for b in basis:
        blocks[row : row + len(b), column : column + b.shape[1]] = b
        lost += np.linalg.matrix_rank(b[rows_there[row : row + len(b)]], tol=1e-8)
        row, column = row + len(b), column + b.shape[1]
    design = np.concatenate([np.concatenate(x) / spread, 1e7 * blocks], axis=1)
    measured = np.concatenate(y)[:, target]
    n = rows_there.sum() - lost
    model = Ridge(alpha=alpha * n, fit_intercept=False, solver="svd")
    model.fit(design[rows_there], measured[rows_there])
    return model.coef_[:N_FEATURES] / spread, design @ model.coef_


def tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [torch.as_tensor(a) for a in arrays]


@pytest.mark.parametrize("alpha", [1e-4, 0.3, 10.0])
@pytest.mark.parametrize(
    ("missing", "spikes"),
    [("", False), ("volumes", False), ("elements", False), ("volumes", True)],
)
def test_maps_equal_ridge_with_free_nuisance(missing: str, spikes: bool, alpha: float) -> None:
    x, y, basis = problem(missing, spikes)
    maps = solve_region(
        tensors(x),
        [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)],
        torch.tensor([alpha]),
        torch.ones(N_TARGETS),
    )
    for target in range(N_TARGETS):
        weights, fitted = reference(x, y, basis, alpha, target)
        np.testing.assert_allclose(maps.weights[:, target], weights, rtol=1e-5, atol=1e-7)
        got = [
            (a @ maps.weights.numpy() + maps.bias.numpy() + o.numpy())[:, target]
            for a, o in zip(x, maps.offsets, strict=True)
        ]
        there = np.isfinite(np.concatenate(y)[:, target])
        np.testing.assert_allclose(np.concatenate(got)[there], fitted[there], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(maps.alpha, alpha)


@pytest.mark.parametrize("n_delays", [8, 40])
def test_delayed_stimuli_are_solved_as_himalaya_does(n_delays: int) -> None:
    """Without dynamics, a solved readout of delayed stimuli is the usual encoding model."""
    make, n_stimuli = np.random.default_rng(0), 4
    x, y, basis = [], [], []
    weights = (
        make.standard_normal((n_delays, n_stimuli, 20)) / np.arange(1, n_delays + 1)[:, None, None]
    )
    for n in (50, 50, 50):  # of equal length: himalaya takes the mean of folds
        shown = np.concatenate(
            [np.zeros((n_delays, n_stimuli)), make.standard_normal((n, n_stimuli))]
        )
        delayed = np.stack([shown[n_delays - d : n_delays - d + n] for d in range(n_delays)], 1)
        target = np.einsum("tds,dsv->tv", delayed, weights)
        target += np.logspace(-1, 1.5, 20) * make.standard_normal((n, 20))
        x.append(delayed.reshape(n, -1))
        y.append(target)
        basis.append(orthonormal(np.linspace(-1, 1, n)[:, None] ** np.arange(3)))
    alphas = np.logspace(-3, 2, 6)
    series = [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)]
    maps = solve_region(tensors(x), series, torch.as_tensor(alphas), torch.ones(20))
    clean_x, clean_y = (
        np.concatenate([residuals(a, b) for a, b in zip(part, basis, strict=True)])
        for part in (x, y)
    )
    spread, n_free = np.sqrt(np.mean(clean_x**2, axis=0)), 150 - 9
    folds = PredefinedSplit(np.repeat([0, 1, 2], 50))
    if n_delays * n_stimuli < 150:
        peer = RidgeCV(alphas * n_free, fit_intercept=False, cv=folds)
        wanted = peer.fit(clean_x / spread, clean_y).coef_
    else:
        peer = KernelRidgeCV(alphas * n_free, cv=folds)
        wanted = peer.fit(clean_x / spread, clean_y).get_primal_coef(clean_x / spread)
    np.testing.assert_allclose(maps.alpha, peer.best_alphas_ / n_free)
    assert len(set(maps.alpha.tolist())) > 2
    np.testing.assert_allclose(maps.weights, wanted / spread[:, None], rtol=1e-5, atol=1e-6)


def test_penalty_does_not_depend_on_the_scale_of_activity() -> None:
    x, y, basis = problem()
    series = [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)]
    alphas, ones = torch.logspace(-3, 1, 5), torch.ones(N_TARGETS)
    maps = solve_region(tensors(x), series, alphas, ones)
    scaled = solve_region([1e3 * a for a in tensors(x)], series, alphas, ones)
    torch.testing.assert_close(scaled.alpha, maps.alpha)
    torch.testing.assert_close(1e3 * scaled.weights, maps.weights)
    torch.testing.assert_close(1e6 * scaled.penalty, maps.penalty)


def test_silent_units_and_unmeasured_targets_get_no_weight() -> None:
    x, y, basis = problem()
    for a, t in zip(x, y, strict=True):
        a[:, 1] = 0.0
        t[:, 2] = np.nan
    series = [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)]
    maps = solve_region(tensors(x), series, torch.tensor([0.1, 1.0]), torch.ones(N_TARGETS))
    assert not maps.weights[1].any() and not maps.weights[:, 2].any()
    assert maps.weights[[0, 2, 3]][:, [0, 1, 3, 4]].all()
    assert all(torch.isfinite(part).all() for part in (maps.weights, maps.bias, maps.penalty))
    assert all(torch.isfinite(offset).all() for offset in maps.offsets)


@pytest.mark.parametrize("jitter", [0.0, 1e-8])
def test_a_unit_that_never_varies_gets_no_weight(jitter: float) -> None:
    """What rounding leaves of constant activity is no feature: it would get an endless weight."""
    x, y, basis = problem()
    make = np.random.default_rng(2)
    for a in x:
        a[:, 1:] = 0.3 * (1 + jitter * make.standard_normal(a[:, 1:].shape))
    series = [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)]
    for features in (tensors(x), [a[:, 1:] for a in tensors(x)]):  # beside one that varies, or not
        maps = solve_region(features, series, torch.tensor([0.1, 1.0]), torch.ones(N_TARGETS))
        assert not maps.weights[-3:].any() and not maps.penalty[-3:].any()


def test_a_run_without_measurements_changes_nothing() -> None:
    x, y, basis = problem()
    y[1][:] = np.nan
    series = [Series(*pair) for pair in zip(tensors(y), tensors(basis), strict=True)]
    alone = [0, 2]
    grid, ones = torch.tensor([1e-6]), torch.ones(N_TARGETS)
    maps = solve_region(tensors(x), series, grid, ones)
    fewer = solve_region([tensors(x)[k] for k in alone], [series[k] for k in alone], grid, ones)
    torch.testing.assert_close(maps.weights, fewer.weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("missing", ["", "volumes", "elements"])
def test_shared_confounds_equal_least_squares(missing: str) -> None:
    confounds, rest, basis = problem(missing)
    got = solve_confounds(tensors(confounds), tensors(rest), tensors(basis))
    for target in range(N_TARGETS):
        weights, _ = reference(confounds, rest, basis, 1e-12, target)
        np.testing.assert_allclose(got[:, target], weights, rtol=1e-5, atol=1e-6)


def test_confounds_that_the_nuisance_explains_get_no_weight() -> None:
    confounds, rest, basis = problem()
    basis = [orthonormal(np.hstack([b, c[:, 1:]])) for b, c in zip(basis, confounds, strict=True)]
    got = solve_confounds(tensors(confounds), tensors(rest), tensors(basis))
    assert not got[1:].any()
    alone = solve_confounds([c[:, :1] for c in tensors(confounds)], tensors(rest), tensors(basis))
    torch.testing.assert_close(got[:1], alone)
    assert alone.any()


def test_nuisance_fit_leaves_out_missing_rows() -> None:
    _, y, basis = problem("elements")
    got = nuisance_fit(torch.as_tensor(y[0]), torch.as_tensor(basis[0])).numpy()
    for k in range(N_TARGETS):
        there = np.isfinite(y[0][:, k])
        fit = np.linalg.lstsq(basis[0][there], y[0][there, k], rcond=None)[0]
        np.testing.assert_allclose(got[:, k], basis[0] @ fit, atol=1e-9)


def test_a_default_net_is_solved_as_ridge_on_its_features(
    runs_of: Callable, net_of: Callable
) -> None:
    from drmbids.iterators.iterator import DRMIterator
    from drmbids.training.drm import DRM

    runs, net = runs_of(), net_of()
    data = DRMIterator.from_runs(runs, net.resolution, nuisance=Nuisance(order=1))
    DRM(net, alphas=0.01).estimate(data, n_epochs=0)
    for item in data:
        _, seen, _ = net.run(item["stimulus"], net.initial_carry(len(runs)))
        features = net.readout.features(seen, item["times"])
    for region, (x, weights) in enumerate(zip(features, net.readout.weights, strict=True)):
        columns = slice(0, 3) if region == 0 else slice(3, 7)
        clean_x, clean_y = [], []
        for k, basis in enumerate(item["nuisance"]):
            clean_x.append(residuals(x[:, k].detach().numpy(), basis.numpy()))
            clean_y.append(residuals(item["response"][:, k, columns].numpy(), basis.numpy()))
        joined = np.concatenate(clean_x)
        spread = np.sqrt(np.mean(joined**2, axis=0))
        model = Ridge(alpha=0.01 * (len(joined) - 2 * len(runs)), fit_intercept=False)
        model.fit(joined / spread, np.concatenate(clean_y))
        np.testing.assert_allclose(weights.detach(), (model.coef_ / spread).T, rtol=1e-8)
