"""Moments added up over windows are those of the run; correlations are those of pandas."""

import numpy as np
import pandas as pd
import pytest
import torch

from drmbids.maths.signals.moments import (
    add_window,
    begin_moments,
    correlations,
    covariances,
    series_moments,
)


@pytest.fixture
def run() -> tuple[torch.Tensor, torch.Tensor]:
    """Return a run of a large baseline with missing samples, and which samples are there."""
    make = np.random.default_rng(0)
    values = make.standard_normal((400, 2, 5)).cumsum(0) + 1000.0
    there = make.random(values.shape) > 0.1
    return torch.tensor(values), torch.tensor(there)


@pytest.mark.parametrize("length", [7, 100, 400])
def test_windows_add_up_to_the_run(run: tuple[torch.Tensor, torch.Tensor], length: int) -> None:
    series, there = run
    lags = (0, 1, 9)
    wanted = correlations(series_moments(series, there, lags))
    moments = begin_moments(series[:length], there[:length], lags)
    for window, seen in zip(series.split(length), there.split(length), strict=True):
        moments = add_window(moments, window, seen)
    np.testing.assert_allclose(correlations(moments), wanted, atol=1e-10)


def test_correlations_are_those_of_pandas(run: tuple[torch.Tensor, torch.Tensor]) -> None:
    series, there = run
    got = correlations(series_moments(series, there, (0, 3)))
    for batch in range(2):
        table = pd.DataFrame(series[:, batch].numpy()).where(there[:, batch].numpy())
        np.testing.assert_allclose(got[0, batch], table.corr(), atol=1e-10)
        later = table.shift(-3)
        lagged = [[table[i].corr(later[j]) for j in table] for i in table]
        np.testing.assert_allclose(got[1, batch], lagged, atol=1e-10)


def test_covariances_are_those_of_numpy(run: tuple[torch.Tensor, torch.Tensor]) -> None:
    series, there = run
    got = covariances(series_moments(series, torch.ones_like(there)))[0, 1]
    np.testing.assert_allclose(got, np.cov(series[:, 1].numpy().T, bias=True), rtol=1e-9)


def test_what_does_not_vary_has_no_correlation_and_no_gradient() -> None:
    series = torch.randn(30, 1, 3, dtype=torch.float64)
    series[..., 1] = 1000.1
    series.requires_grad_()
    there = torch.ones(30, 1, 3, dtype=torch.bool)
    there[:, 0, 2] = torch.arange(30) < 1
    r = correlations(series_moments(series, there))[0, 0]
    assert r[0, 0].item() == pytest.approx(1.0) and not r[1].any() and not r[2].any()
    (gradient,) = torch.autograd.grad(r.square().sum(), series)
    assert torch.isfinite(gradient).all()
