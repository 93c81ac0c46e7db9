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

from drmbids.data.runs.nuisance import Nuisance
from drmbids.fit.maps import targets as targets_module
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.ridge import RegionMaps, solve_region
from drmbids.fit.maps.targets import RegionTargets, Series, nuisance_fit

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


def targets_of(y: list[np.ndarray], *others: list[np.ndarray]) -> RegionTargets:
    """Return targets in units of their own, with nuisance and, it may be, shared confounds."""
    columns = zip(*(tensors(part) for part in (y, *others)), strict=True)
    return RegionTargets([Series(*run) for run in columns], torch.ones(y[0].shape[1]))


def fitted_by(
    maps: RegionMaps, x: list[np.ndarray], y: list[np.ndarray], basis: list[np.ndarray]
) -> Tensor:
    """Return what maps and the nuisance of each run make of the features, at all rows."""
    parts = []
    for a, t, b in zip(tensors(x), tensors(y), tensors(basis), strict=True):
        seen = a @ maps.weights
        parts.append(seen + nuisance_fit(t - seen, b))
    return torch.cat(parts)


@pytest.mark.parametrize("alpha", [1e-4, 0.3, 10.0])
@pytest.mark.parametrize(
    ("missing", "spikes"),
    [("", False), ("volumes", False), ("elements", False), ("volumes", True)],
)
def test_maps_equal_ridge_with_free_nuisance(missing: str, spikes: bool, alpha: float) -> None:
    x, y, basis = problem(missing, spikes)
    maps = solve_region(tensors(x), targets_of(y, basis), torch.tensor([alpha]))
    got = fitted_by(maps, x, y, basis)
    for target in range(N_TARGETS):
        weights, fitted = reference(x, y, basis, alpha, target)
        np.testing.assert_allclose(maps.weights[:, target], weights, rtol=1e-5, atol=1e-7)
        there = np.isfinite(np.concatenate(y)[:, target])
        np.testing.assert_allclose(got[there, target], fitted[there], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(maps.alpha, alpha)
    clean = torch.cat([torch.as_tensor(residuals(*pair)) for pair in zip(x, basis, strict=True)])
    if not missing:  # the objective, written out
        n_free = sum(LENGTHS) - sum(b.shape[1] for b in basis)
        shrunk = clean.square().mean(0)[:, None] * maps.weights**2
        left = (torch.as_tensor(np.concatenate(y)) - got).square()
        wanted = left.sum() + alpha * n_free * shrunk.sum()
        torch.testing.assert_close(torch.cat(maps.errors).sum(), wanted)


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
    maps = solve_region(tensors(x), targets_of(y, basis), torch.as_tensor(alphas))
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
    targets, alphas = targets_of(y, basis), torch.logspace(-3, 1, 5)
    maps = solve_region(tensors(x), targets, alphas)
    scaled = solve_region([1e3 * a for a in tensors(x)], targets, alphas)
    torch.testing.assert_close(scaled.alpha, maps.alpha)
    torch.testing.assert_close(1e3 * scaled.weights, maps.weights)
    torch.testing.assert_close(scaled.errors, maps.errors)
    torch.testing.assert_close([1e3 * part for part in scaled.slopes], maps.slopes)


def test_silent_units_and_unmeasured_targets_get_no_weight() -> None:
    x, y, basis = problem()
    for a, t in zip(x, y, strict=True):
        a[:, 1] = 0.0
        t[:, 2] = np.nan
    maps = solve_region(tensors(x), targets_of(y, basis), torch.tensor([0.1, 1.0]))
    assert not maps.weights[1].any() and not maps.weights[:, 2].any()
    assert maps.weights[[0, 2, 3]][:, [0, 1, 3, 4]].all()
    found = (maps.weights, maps.bias, *maps.errors, *maps.slopes)
    assert all(torch.isfinite(part).all() for part in found)
    assert not any(slope[:, 1].any() for slope in maps.slopes)


@pytest.mark.parametrize("jitter", [0.0, 1e-8])
def test_a_unit_that_never_varies_gets_no_weight(jitter: float) -> None:
    """What rounding leaves of constant activity is no feature: it would get an endless weight."""
    x, y, basis = problem()
    make = np.random.default_rng(2)
    for a in x:
        a[:, 1:] = 0.3 * (1 + jitter * make.standard_normal(a[:, 1:].shape))
    targets = targets_of(y, basis)
    for features in (tensors(x), [a[:, 1:] for a in tensors(x)]):  # beside one that varies, or not
        maps = solve_region(features, targets, torch.tensor([0.1, 1.0]))
        assert not maps.weights[-3:].any()
        assert not any(slope[:, -3:].any() for slope in maps.slopes)


def test_a_run_without_measurements_changes_nothing() -> None:
    x, y, basis = problem()
    y[1][:] = np.nan
    grid, (x0, y0, b0) = torch.tensor([1e-6]), (part[::2] for part in (x, y, basis))
    maps = solve_region(tensors(x), targets_of(y, basis), grid)
    fewer = solve_region(tensors(x0), targets_of(y0, b0), grid)
    torch.testing.assert_close(maps.weights, fewer.weights, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("missing", ["", "volumes", "elements"])
def test_shared_confounds_are_fitted_with_the_maps_and_without_penalty(missing: str) -> None:
    """Of a ridge on both, with a penalty of almost nothing on the confounds."""
    x, y, basis = problem(missing)
    make = np.random.default_rng(3)
    confounds = [a[:, :2] + make.standard_normal((len(a), 2)) for a in x]
    y = [t + c @ make.standard_normal((2, N_TARGETS)) for t, c in zip(y, confounds, strict=True)]
    targets = targets_of(y, basis, confounds)
    maps = solve_region(tensors(x), targets, torch.tensor([0.3]))
    both = [np.concatenate(pair, 1) for pair in zip(x, confounds, strict=True)]
    factors = torch.tensor([[1.0] * N_FEATURES + [1e5] * 2], dtype=torch.float64)
    # two degrees of freedom less: the penalty is in units of those that are left
    n_there = torch.as_tensor(np.isfinite(np.concatenate(y)).sum(0))
    for target in range(N_TARGETS):
        own = [t[:, [target]] for t in y]
        lost = sum(np.linalg.matrix_rank(b[np.isfinite(t[:, 0])], tol=1e-8)
                   for b, t in zip(basis, own, strict=True))  # fmt: skip
        n_free = float(n_there[target]) - lost
        alpha = torch.tensor([0.3 * (n_free - 2) / n_free], dtype=torch.float64)
        wanted = solve_region(tensors(both), targets_of(own, basis), alpha, factors)
        got = torch.cat([maps.weights, maps.confound_weights])[:, [target]]
        torch.testing.assert_close(got, wanted.weights, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(maps.bias[[target]], wanted.bias, rtol=1e-5, atol=1e-5)


def test_confounds_that_the_nuisance_explains_get_no_weight() -> None:
    x, y, basis = problem()
    confounds = [np.random.default_rng(4).standard_normal((len(a), 3)) for a in x]
    basis = [orthonormal(np.hstack([b, c[:, 1:]])) for b, c in zip(basis, confounds, strict=True)]
    grid = torch.tensor([0.1])
    got = solve_region(tensors(x), targets_of(y, basis, confounds), grid)
    assert not got.confound_weights[1:].any()
    only = [c[:, :1] for c in confounds]
    alone = solve_region(tensors(x), targets_of(y, basis, only), grid)
    torch.testing.assert_close(got.confound_weights[:1], alone.confound_weights)
    assert alone.confound_weights.all()


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
    from drmbids.data.iterators.iterator import DRMIterator
    from drmbids.fit.training.drm import DRM

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


def test_targets_that_never_vary_are_left_at_their_mean() -> None:
    """Also in float32, where taking out the nuisance leaves rounding of a large mean."""
    x, y, basis = problem()
    for t in y:
        t[:, 1] = 8000.0
    y, basis = ([part.astype(np.float32) for part in parts] for parts in (y, basis))
    data = RunData(len(y))
    for k, (t, b) in enumerate(zip(tensors(y), tensors(basis), strict=True)):
        data.add({"runs": (k,), "nuisance": [b]}, response=t[:, None])
    scale = data.target_scale()
    assert scale[1] == 1.0 and (scale[[0, 2, 3, 4]] > 1.0).all()
    maps = solve_region(tensors(x), targets_of(y, basis), torch.tensor([1e-4, 0.1]))
    assert maps.bias[1] == pytest.approx(8000.0)
    predicted = torch.cat([a @ maps.weights for a in tensors(x)])
    assert predicted[:, 1].std() < 1e-6 * 8000 < predicted[:, 0].std()


@pytest.mark.parametrize("n_features", [3, 120])
@pytest.mark.parametrize("lengths", [(30, 22, 41), (60,)])
def test_more_features_than_samples_and_twice_the_same_feature(
    n_features: int, lengths: tuple[int, ...]
) -> None:
    """The objective is at its minimum: no change of any weight lowers it."""
    make = np.random.default_rng(6)
    x = [make.standard_normal((n, n_features)) for n in lengths]
    x = [np.concatenate([a, a[:, :1]], 1) for a in x]
    y = [a[:, :2] + make.standard_normal((len(a), 2)) for a in x]
    basis = [np.full((n, 1), n**-0.5) for n in lengths]
    maps = solve_region(tensors(x), targets_of(y, basis), torch.tensor([1e-3, 0.1, 1.0]))
    torch.testing.assert_close(maps.weights[0], maps.weights[-1], rtol=1e-6, atol=1e-9)
    clean, left = (np.concatenate([residuals(a, b) for a, b in zip(part, basis, strict=True)])
                   for part in (x, y))  # fmt: skip
    rest = left - clean @ maps.weights.numpy()
    n_free = len(clean) - len(lengths)
    pull = maps.alpha.numpy() * n_free * np.mean(clean**2, 0)[:, None] * maps.weights.numpy()
    np.testing.assert_allclose(clean.T @ rest, pull, atol=1e-6)


def test_a_block_of_targets_gets_what_all_get(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, basis = problem("elements")
    grid, bands = torch.tensor([1e-3, 0.1, 1.0]), torch.ones(2, N_FEATURES)
    bands[1, 2:] = 0.1
    whole = solve_region(tensors(x), targets_of(y, basis), grid, bands)
    monkeypatch.setattr(targets_module, "TARGETS_AT_ONCE", 2)
    found = solve_region(tensors(x), targets_of(y, basis), grid, bands)
    for name in ("weights", "bias", "alpha", "errors", "slopes"):
        torch.testing.assert_close(getattr(found, name), getattr(whole, name))


def test_a_weighting_that_is_kept_is_that_of_the_search() -> None:
    x, y, basis = problem()
    targets, grid = targets_of(y, basis), torch.tensor([1e-3, 0.1, 1.0])
    bands = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0.1, 0.1], [0.1, 0.1, 1, 1]])
    found = solve_region(tensors(x), targets, grid, bands)
    again = solve_region(tensors(x), targets, grid, bands, found.weighting)
    torch.testing.assert_close(again.weights, found.weights)
    torch.testing.assert_close(again.slopes, found.slopes)
    other = solve_region(tensors(x), targets, grid, bands, (found.weighting + 1) % 3)
    assert not torch.allclose(other.weights, found.weights)
