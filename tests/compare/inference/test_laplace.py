"""Laplace intervals hold the truth as often as they say; those for independent noise do not."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.stats import binom, norm, t

from drmbids import DRMNet, DRMRegressor, Run
from drmbids.compare.inference.curvature import curvature
from drmbids.compare.inference.intervals import training_data
from drmbids.compare.inference.laplace import laplace, solve_flat, with_priors
from drmbids.compare.inference.quantities import Quantities
from drmbids.compare.inference.slopes import differences, in_double
from drmbids.data.tools.exceptions import DataError


def deviations(true: DRMNet, fits: Sequence[DRMRegressor]) -> np.ndarray:
    """Return estimates less truth without limits, shape (n_fits, n_quantities)."""
    quantities = Quantities(true)
    found = np.array([quantities.free(in_double(fit.net_)) for fit in fits])
    return found - quantities.free(in_double(true))


def test_coverage(
    true: DRMNet, data: Sequence[Sequence[Run]], fits: Sequence[DRMRegressor]
) -> None:
    quantities = Quantities(true)
    pairs = list(zip(fits, data, strict=True))
    spreads = [laplace(f.net_, training_data(f.net_, runs), quantities, 1e-3) for f, runs in pairs]
    error, away = np.array([s.error for s in spreads]), deviations(true, fits)
    held = np.abs(away) <= t.ppf(0.975, spreads[0].degrees) * error
    assert held.sum() >= binom.ppf(0.001, held.size, 0.95)
    # and no wider than they need be
    assert np.all(np.median(error, 0) < 1.6 * away.std(0))


def test_the_null_that_noise_is_independent_makes_intervals_too_narrow(
    true: DRMNet, data: Sequence[Sequence[Run]], fits: Sequence[DRMRegressor]
) -> None:
    quantities, errors = Quantities(true), []
    some = slice(12)
    for fit, runs in zip(fits[some], data[some], strict=True):
        net = in_double(fit.net_)
        around = curvature(net, training_data(net, runs), 1e-3)
        towards = differences(net, lambda n: torch.as_tensor(quantities.free(n))).numpy()
        steps, _ = solve_flat(around.hessian.numpy(), towards)
        variance = min(row["train_loss"] for row in fit.history_)
        errors.append(np.sqrt(variance * np.diag(towards.T @ steps)))
    held = np.abs(deviations(true, fits[some])) <= norm.ppf(0.975) * np.array(errors)
    assert held.sum() < binom.ppf(0.001, held.size, 0.95)


def test_what_data_cannot_tell_is_unknown_unless_there_is_a_prior(
    data: Sequence[Sequence[Run]], fits: Sequence[DRMRegressor]
) -> None:
    net = in_double(fits[0].net_)
    with torch.no_grad():
        net.populations[1].weight.zero_()  # V2 is silent: nothing hangs on its time constant
        net.populations[1].bias.zero_()
    items = training_data(net, data[0])
    assert np.isinf(laplace(net, items, Quantities(net)).error).tolist() == [False, True]
    value = net.populations[1].value("tau").item()
    net.populations[1].set_prior("tau", value + 0.5, 0.2)
    spread = laplace(net, items, Quantities(net))
    # the free number is a logarithm
    assert spread.error[1] == pytest.approx(0.2 / value, rel=1e-3)
    assert spread.left[1] == pytest.approx(0.5 / value, rel=1e-3)


def test_a_prior_is_weighed_against_data_by_precision(fits: Sequence[DRMRegressor]) -> None:
    net = in_double(fits[0].net_)
    quantities, value = Quantities(net), net.populations[0].value("tau").item()
    net.populations[0].set_prior("tau", value, 0.3 * value)
    covariance = np.array([[0.16, 0.1], [0.1, 0.25]])
    left, found = with_priors(np.array([0.25, 0.0]), covariance, net, quantities)
    assert found[0, 0] == pytest.approx(1 / (1 / 0.16 + 1 / 0.09))
    assert left[0] == pytest.approx(0.25 / 0.16 * found[0, 0], rel=1e-6)
    # what goes with the parameter is better known too
    assert found[1, 1] == pytest.approx(0.25 - 0.1**2 / (0.16 + 0.09))


def test_directions_without_curvature_are_left_out() -> None:
    hessian = np.diag([4.0, 0.0, 1.0])
    towards = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    steps, known = solve_flat(hessian, towards)
    np.testing.assert_allclose(steps, [[0.25, 0.0], [0.0, 0.0], [1.0, 1.0]], atol=1e-12)
    assert known.tolist() == [True, False]


def test_few_volumes_are_refused(make) -> None:
    net, runs = make(1, 60.0)
    with pytest.raises(DataError, match="40 are needed"):
        laplace(net, training_data(net, runs), Quantities(net))
