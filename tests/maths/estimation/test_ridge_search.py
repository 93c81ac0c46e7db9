"""Ridge with penalties and weightings chosen on left-out runs, against himalaya."""

import numpy as np
import pytest
import torch
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV, solve_group_ridge_random_search
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit

from drmbids.maths.estimation import ridge_search
from drmbids.maths.estimation.ridge import products, run_errors
from drmbids.maths.estimation.ridge_search import kernel_errors, search_ridge, solve_kernel_ridge

ALPHAS = np.logspace(-1, 4, 8)
LENGTHS = (18, 25, 21, 16)
FOLDS = np.repeat(np.arange(len(LENGTHS)), LENGTHS)


def problem(n_features: int, n_targets: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Return features and targets of all runs; targets differ in how noisy they are."""
    make = np.random.default_rng(0)
    x = make.standard_normal((len(FOLDS), n_features)) * np.logspace(-0.5, 0.5, n_features)
    y = x @ make.standard_normal((n_features, n_targets))
    return x, y + make.standard_normal(y.shape) * np.logspace(-1, 2.5, n_targets)


def runs_of(x: np.ndarray, y: np.ndarray) -> list[ridge_search.CleanRun]:
    parts = (torch.as_tensor(a).split(LENGTHS) for a in (x, y))
    return [(a, b, 0.0) for a, b in zip(*parts, strict=True)]


def ones(n_features: int) -> torch.Tensor:
    return torch.ones(1, n_features, dtype=torch.float64)


def total_error(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return minus the squared error summed over samples, as runs of any length add up in ours.

    himalaya adds up means over folds instead.
    """
    return -((measured - predicted) ** 2).sum(-2)


@pytest.mark.parametrize("n_features", [12, 60, 200])
def test_few_and_many_features_equal_himalaya(n_features: int) -> None:
    x, y = problem(n_features)
    fit = search_ridge(runs_of(x, y), torch.as_tensor(ALPHAS), ones(n_features))
    if n_features < len(x):
        peer = RidgeCV(
            ALPHAS,
            fit_intercept=False,
            cv=PredefinedSplit(FOLDS),
            solver_params={"score_func": total_error},
        )
        wanted = peer.fit(x, y).coef_
    else:
        peer = KernelRidgeCV(
            ALPHAS, cv=PredefinedSplit(FOLDS), solver_params={"score_func": total_error}
        )
        wanted = peer.fit(x, y).get_primal_coef(x)
    np.testing.assert_allclose(fit.alpha, peer.best_alphas_)
    assert len(set(fit.alpha.tolist())) > 3  # the problem does ask for different penalties
    np.testing.assert_allclose(fit.weights, wanted, rtol=1e-5, atol=1e-7)
    assert not fit.choice.any()


@pytest.mark.parametrize("n_features", [12, 60, 200])
def test_kernels_and_products_give_the_same_errors(n_features: int) -> None:
    x, y = problem(n_features)
    runs, alphas = runs_of(x, y), torch.as_tensor(ALPHAS)
    by_kernel = kernel_errors([a for a, _, _ in runs], [b for _, b, _ in runs], alphas)
    by_products = run_errors([products(*run) for run in runs], alphas)
    torch.testing.assert_close(by_kernel, by_products, rtol=1e-8, atol=0.0)


def test_kernel_errors_by_hand() -> None:
    x, y = problem(40)
    runs = runs_of(x, y)
    got = kernel_errors([a for a, _, _ in runs], [b for _, b, _ in runs], torch.as_tensor(ALPHAS))
    for alpha, errors in zip(ALPHAS, got, strict=True):
        wanted = np.zeros(y.shape[1])
        for k in range(len(LENGTHS)):
            model = Ridge(alpha=alpha, fit_intercept=False, solver="svd")
            model.fit(x[k != FOLDS], y[k != FOLDS])
            wanted += ((y[k == FOLDS] - model.predict(x[k == FOLDS])) ** 2).sum(0)
        np.testing.assert_allclose(errors, wanted, rtol=1e-8)


@pytest.mark.parametrize("n_features", [20, 150])
def test_kernel_weights_equal_scikit_learn(n_features: int) -> None:
    x, y = problem(n_features, 3)
    wanted = Ridge(alpha=2.0, fit_intercept=False, solver="svd").fit(x, y).coef_.T
    alpha = torch.full((3,), 2.0, dtype=torch.float64)
    got = solve_kernel_ridge(torch.as_tensor(x), torch.as_tensor(y), alpha)
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n_features", [30, 150])
def test_bands_equal_himalaya(n_features: int) -> None:
    x, y = problem(n_features)
    y[:, ::2] -= (x[:, :10] @ np.ones((10, 1))) * 20  # targets that need the first band most
    shares = np.random.default_rng(1).dirichlet([1.0, 1.0], 6)
    deltas, wanted, _ = solve_group_ridge_random_search(
        [x[:, :10], x[:, 10:]],
        y,
        n_iter=shares,
        alphas=ALPHAS,
        cv=PredefinedSplit(FOLDS),
        score_func=total_error,
        return_weights=True,
        progress_bar=False,
        warn=False,
    )
    scales = np.repeat(np.sqrt(shares), [10, n_features - 10], axis=1)
    fit = search_ridge(runs_of(x, y), torch.as_tensor(ALPHAS), torch.as_tensor(scales))
    assert len(set(fit.choice.tolist())) > 2
    penalties = fit.alpha.numpy() / shares[fit.choice].T
    np.testing.assert_allclose(penalties, np.exp(-deltas), rtol=1e-6)
    np.testing.assert_allclose(fit.weights, wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n_features", [30, 150])
def test_the_best_set_of_features_is_found_for_each_target(n_features: int) -> None:
    make, half = np.random.default_rng(0), n_features // 2
    x = make.standard_normal((len(FOLDS), n_features))
    weights = np.zeros((n_features, 10))
    weights[:5, :5] = 1.0
    weights[half : half + 5, 5:] = 1.0
    y = x @ weights + 0.5 * make.standard_normal((len(x), 10))
    sets = torch.zeros(2, n_features, dtype=torch.float64)
    sets[0, :half] = sets[1, half:] = 1.0
    fit = search_ridge(runs_of(x, y), torch.as_tensor(ALPHAS), sets)
    assert fit.choice.tolist() == [0] * 5 + [1] * 5
    assert not fit.weights[half:, :5].any() and not fit.weights[:half, 5:].any()
    noise = search_ridge(
        runs_of(x, make.standard_normal((len(x), 200))), torch.as_tensor(ALPHAS), sets
    )
    assert 0.3 < noise.choice.double().mean() < 0.7  # the null: neither set is preferred


def test_a_single_penalty_is_used_as_it_is() -> None:
    x, y = problem(12)
    fit = search_ridge(runs_of(x, y), torch.tensor([7.0], dtype=torch.float64), ones(12))
    wanted = Ridge(alpha=7.0, fit_intercept=False, solver="svd").fit(x, y).coef_.T
    np.testing.assert_allclose(fit.weights, wanted, rtol=1e-6, atol=1e-8)


def test_kernels_serve_where_samples_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []

    def spy(*arguments: object) -> torch.Tensor:
        called.append(True)
        return kernel_errors(*arguments)

    monkeypatch.setattr(ridge_search, "kernel_errors", spy)
    for n_features, by_kernel in ((30, False), (60, True)):
        x, y = problem(n_features, 2)
        called.clear()
        search_ridge(runs_of(x, y), torch.as_tensor(ALPHAS), ones(n_features))
        assert bool(called) is by_kernel
