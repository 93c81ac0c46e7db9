"""Ridge from sums of products against himalaya and scikit-learn."""

import numpy as np
import pytest
import torch
from himalaya.ridge import RidgeCV
from sklearn import linear_model
from sklearn.model_selection import PredefinedSplit

from drmbids.maths.estimation.ridge import (
    Products,
    generalised_errors,
    held_out_errors,
    orthonormal,
    products,
    residualise,
    run_errors,
    solve_ridge,
    sum_products,
)

ALPHAS = np.logspace(-2, 4, 9)
N_RUNS, N_ROWS, N_FEATURES, N_TARGETS = 4, 25, 12, 30


def problem(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return features and targets of all runs; targets differ in how noisy they are."""
    make = np.random.default_rng(seed)
    x = make.standard_normal((N_RUNS * N_ROWS, N_FEATURES)) @ make.standard_normal(
        (N_FEATURES, N_FEATURES)
    )
    y = x @ make.standard_normal((N_FEATURES, N_TARGETS))
    return x, y + make.standard_normal(y.shape) * np.logspace(-1, 2.5, N_TARGETS)


def products_of(x: np.ndarray, y: np.ndarray, removed: int = 0) -> Products:
    return products(torch.as_tensor(x), torch.as_tensor(y), removed)


def products_of_runs(x: np.ndarray, y: np.ndarray) -> list[Products]:
    pairs = zip(np.split(x, N_RUNS), np.split(y, N_RUNS), strict=True)
    return [products_of(*pair) for pair in pairs]


def test_leaving_runs_out_equals_himalaya() -> None:
    x, y = problem()
    folds = PredefinedSplit(np.repeat(np.arange(N_RUNS), N_ROWS))
    reference = RidgeCV(alphas=ALPHAS, fit_intercept=False, cv=folds).fit(x, y)
    runs = products_of_runs(x, y)
    chosen = torch.as_tensor(ALPHAS)[run_errors(runs, torch.as_tensor(ALPHAS)).argmin(0)]
    np.testing.assert_allclose(chosen, reference.best_alphas_)
    assert len(set(chosen.tolist())) > 3  # the problem does ask for different penalties
    weights = solve_ridge(sum_products(runs), chosen)
    np.testing.assert_allclose(weights, reference.coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
def test_solution_equals_scikit_learn(alpha: float) -> None:
    x, y = problem()
    reference = linear_model.Ridge(alpha=alpha, fit_intercept=False, solver="svd").fit(x, y)
    got = solve_ridge(products_of(x, y), torch.full((N_TARGETS,), alpha, dtype=torch.float64))
    np.testing.assert_allclose(got, reference.coef_.T, rtol=1e-7, atol=1e-10)


def test_more_features_than_samples() -> None:
    make = np.random.default_rng(1)
    x, y = make.standard_normal((20, 50)), make.standard_normal((20, 3))
    reference = linear_model.Ridge(alpha=2.0, fit_intercept=False, solver="svd").fit(x, y)
    got = solve_ridge(products_of(x, y), torch.full((3,), 2.0, dtype=torch.float64))
    np.testing.assert_allclose(got, reference.coef_.T, rtol=1e-7, atol=1e-9)


def test_held_out_errors_by_hand() -> None:
    x, y = problem()
    train, test = slice(0, 75), slice(75, None)
    got = held_out_errors(
        products_of(x[train], y[train]), products_of(x[test], y[test]), torch.as_tensor(ALPHAS)
    )
    for alpha, errors in zip(ALPHAS, got, strict=True):
        model = linear_model.Ridge(alpha=alpha, fit_intercept=False, solver="svd")
        rest = y[test] - model.fit(x[train], y[train]).predict(x[test])
        np.testing.assert_allclose(errors, (rest**2).sum(0), rtol=1e-7)


def test_generalised_criterion_by_hand() -> None:
    """Kim and Gu 2004: ||(I - A) y||^2 / tr(I - 1.4 A)^2, with an intercept besides."""
    x, y = problem()
    n = len(x)
    ones = np.full((n, 1), n**-0.5)
    centre = np.eye(n) - ones @ ones.T
    got = generalised_errors(products_of(centre @ x, centre @ y, 1), torch.as_tensor(ALPHAS))
    for alpha, errors in zip(ALPHAS, got, strict=True):
        seen = centre @ x
        hat = seen @ np.linalg.solve(seen.T @ seen + alpha * np.eye(N_FEATURES), seen.T)
        rest = y - (hat + ones @ ones.T) @ y
        wanted = (rest**2).sum(0) / (n - 1 - 1.4 * np.trace(hat)) ** 2
        np.testing.assert_allclose(errors, wanted, rtol=1e-8)


def test_a_penalty_at_which_features_explain_any_series_is_not_chosen() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 60)), rng.standard_normal((30, 3))
    errors = generalised_errors(products_of(x, y, 0), torch.tensor([1e-6, 1e-2, 1e4]).double())
    assert errors[:2].isinf().all()
    assert errors[2].isfinite().all()


def test_one_run_chooses_nearly_as_leaving_samples_out_does() -> None:
    x, y = problem()
    chosen = ALPHAS[run_errors([products_of(x, y)], torch.as_tensor(ALPHAS)).argmin(0)]
    reference = linear_model.RidgeCV(
        alphas=ALPHAS, fit_intercept=False, alpha_per_target=True
    ).fit(x, y)  # fmt: skip
    steps = np.log(chosen / reference.alpha_) / np.log(ALPHAS[1] / ALPHAS[0])
    # freedom costs more than in leaving samples out, so penalties are larger where they differ
    assert np.median(steps) == 0 and steps.min() >= -0.001 and steps.max() <= 4.001


def test_taking_columns_out_first_equals_fitting_them_unpenalised() -> None:
    """Frisch-Waugh-Lovell, for the intercept that scikit-learn does not penalise."""
    x, y = problem()
    ones = torch.full((len(x), 1), len(x) ** -0.5, dtype=torch.float64)
    clean = [residualise(ones, torch.as_tensor(a)) for a in (x + 3.0, y + 5.0)]
    got = solve_ridge(products(*clean, 1), torch.full((N_TARGETS,), 4.0, dtype=torch.float64))
    reference = linear_model.Ridge(alpha=4.0, solver="svd").fit(x + 3.0, y + 5.0)
    np.testing.assert_allclose(got, reference.coef_.T, rtol=1e-7, atol=1e-9)


def test_products_of_runs_add_up() -> None:
    x, y = problem()
    runs, whole = products_of_runs(x, y), products_of(x, y)
    for got, wanted in zip(sum_products(runs), whole, strict=True):
        torch.testing.assert_close(got, wanted)
    for got, wanted in zip(whole - runs[0], sum_products(runs[1:]), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_orthonormal_basis_of_what_is_left() -> None:
    full = torch.linalg.qr(torch.cat([torch.ones(9, 1), torch.eye(9)[:, 3:4]], 1).double())[0]
    keep = torch.arange(9) != 3
    left = orthonormal(full[keep])  # the spike is gone with its row
    assert left.shape == (8, 1)
    torch.testing.assert_close(left.abs(), torch.full((8, 1), 8**-0.5, dtype=torch.float64))
