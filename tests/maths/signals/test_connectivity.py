"""Connectivity against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.signals.connectivity import (
    connectivity_dynamics,
    fisher_z,
    functional_connectivity,
    lagged_connectivity,
    quantile_distance,
    region_pairs,
    windowed_connectivity,
)


@pytest.fixture
def series() -> torch.Tensor:
    make = torch.Generator().manual_seed(0)
    return torch.randn(200, 2, 6, dtype=torch.float64, generator=make).cumsum(0)


def test_static_connectivity_is_numpys(series: torch.Tensor) -> None:
    got = functional_connectivity(series)
    for batch in range(2):
        np.testing.assert_allclose(got[batch], np.corrcoef(series[:, batch].T), atol=1e-12)


def test_gradients(series: torch.Tensor) -> None:
    short = series[:12, :, :3].requires_grad_()
    there = torch.rand(short.shape) > 0.2
    torch.autograd.gradcheck(lambda x: lagged_connectivity(x, (0, 2), there), (short,))


def test_windows_and_their_dynamics(series: torch.Tensor) -> None:
    windowed = windowed_connectivity(series, 60, 20)
    assert windowed.shape == (8, 2, 6, 6)
    part = np.corrcoef(series[40:100, 1].T)
    np.testing.assert_allclose(windowed[2, 1], part, atol=1e-12)
    upper = np.triu_indices(6, 1)
    rows = [w.numpy()[upper] for w in windowed[:, 0]]
    np.testing.assert_allclose(connectivity_dynamics(windowed)[0], np.corrcoef(rows), atol=1e-12)


def test_quantile_distance_is_the_wasserstein_distance(series: torch.Tensor) -> None:
    a, b = series[:, 0, 0], series[:, 1, 3]
    wanted = wasserstein_distance(a.numpy(), b.numpy())
    assert quantile_distance(a, b).item() == pytest.approx(wanted)
    # a sample of another size of the same distribution: near to the exact distance
    fewer = quantile_distance(a, b[::2]).item()
    assert fewer == pytest.approx(wasserstein_distance(a.numpy(), b[::2].numpy()), rel=0.05)


def test_fisher_z_and_pairs() -> None:
    r = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    assert fisher_z(region_pairs(r)).tolist() == pytest.approx([np.arctanh(0.5)])
    assert torch.isfinite(fisher_z(r)).all()


@pytest.mark.parametrize("lags", [(), (-1,), (200,)])
def test_impossible_lags_are_refused(series: torch.Tensor, lags: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="lags must be"):
        lagged_connectivity(series, lags)


def test_impossible_windows_are_refused(series: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="windows of 300 samples"):
        windowed_connectivity(series, 300, 1)
