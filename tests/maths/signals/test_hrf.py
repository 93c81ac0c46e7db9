"""Hemodynamic functions against nilearn and scipy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from nilearn.glm.first_level import (
    glover_dispersion_derivative,
    glover_hrf,
    glover_time_derivative,
    spm_dispersion_derivative,
    spm_hrf,
    spm_time_derivative,
)
from scipy import stats

from drmbids.maths.signals.hrf import (
    DOUBLE_GAMMA,
    double_gamma,
    double_gamma_derivatives,
    gamma_density,
    lag_matrix,
    smooth_basis,
    tent_basis,
)


def response(lag: np.ndarray, shape: str, **changes: float) -> np.ndarray:
    values = {**DOUBLE_GAMMA[shape], **changes}
    constants = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    return double_gamma(torch.as_tensor(lag), **constants).numpy()


@pytest.mark.parametrize(("shape", "scale"), [(6.0, 1.0), (1.5, 0.4), (30.0, 2.0)])
def test_gamma_density_equals_scipy(shape: float, scale: float) -> None:
    lag = np.linspace(-5, 40, 200)
    got = gamma_density(
        torch.as_tensor(lag),
        torch.tensor(shape, dtype=torch.float64),
        torch.tensor(scale, dtype=torch.float64),
    )
    np.testing.assert_allclose(got, stats.gamma.pdf(lag, shape, scale=scale), atol=1e-12)


@pytest.mark.parametrize(("shape", "reference"), [("spm", spm_hrf), ("glover", glover_hrf)])
@pytest.mark.parametrize("oversampling", [10, 50])
def test_double_gamma_equals_nilearn_less_its_shift(
    shape: str, reference: Callable[..., np.ndarray], oversampling: int
) -> None:
    # nilearn samples linspace(0, 32), one fine bin late, with a ratio of 0.167 for SPM
    wanted = reference(1.0, oversampling=oversampling, time_length=32.0)
    lag = np.linspace(0, 32.0, len(wanted)) - 1.0 / oversampling
    got = response(lag, shape, **({"ratio": 0.167} if shape == "spm" else {}))
    np.testing.assert_allclose(got / got.sum(), wanted, atol=1e-9)


@pytest.mark.parametrize(("shape", "reference"), [("spm", spm_hrf), ("glover", glover_hrf)])
def test_double_gamma_is_the_limit_of_nilearn(
    shape: str, reference: Callable[..., np.ndarray]
) -> None:
    errors = []
    for oversampling in (10, 100, 1000):
        wanted = reference(1.0, oversampling=oversampling, time_length=32.0) * oversampling
        lag = np.linspace(0, 32.0, len(wanted))
        errors.append(np.abs(response(lag, shape) - wanted).max() / wanted.max())
    assert errors[2] < 2e-3  # what is left is the ratio of 1/6 and the area beyond 32 s
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("shape", DOUBLE_GAMMA)
def test_area_is_one(shape: str) -> None:
    lag = np.arange(0, 80, 0.001)
    assert response(lag, shape).sum() * 0.001 == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "references"),
    [
        ("spm", (spm_time_derivative, spm_dispersion_derivative)),
        ("glover", (glover_time_derivative, glover_dispersion_derivative)),
    ],
)
def test_derivatives_equal_those_of_nilearn(
    shape: str, references: tuple[Callable[..., np.ndarray], ...]
) -> None:
    # nilearn takes differences over 0.1 s and 0.01, and the dispersion with the other sign
    constants = {k: torch.tensor(v, dtype=torch.float64) for k, v in DOUBLE_GAMMA[shape].items()}
    for k, reference in enumerate(references):
        wanted = reference(1.0, oversampling=100, time_length=32.0) * (-1) ** k
        lag = torch.linspace(0, 32.0, len(wanted), dtype=torch.float64) - 0.01
        got = double_gamma_derivatives(lag, **constants)[k].numpy()
        assert np.corrcoef(got, wanted)[0, 1] > 0.998
        assert got @ wanted / (wanted @ wanted) == pytest.approx(100, rel=0.03)


@pytest.mark.parametrize("shape", DOUBLE_GAMMA)
def test_derivatives_equal_differences(shape: str) -> None:
    constants = {k: torch.tensor(v, dtype=torch.float64) for k, v in DOUBLE_GAMMA[shape].items()}
    lag, step = np.linspace(-2, 32, 300), 1e-4
    in_lag, in_dispersion = double_gamma_derivatives(torch.as_tensor(lag), **constants)
    wanted = (response(lag + step, shape) - response(lag - step, shape)) / (2 * step)
    np.testing.assert_allclose(in_lag, wanted, atol=1e-8)
    wider, sharper = (
        response(lag, shape, dispersion=DOUBLE_GAMMA[shape]["dispersion"] + sign * step)
        for sign in (1, -1)
    )
    np.testing.assert_allclose(in_dispersion, (wider - sharper) / (2 * step), atol=1e-8)


def test_tents() -> None:
    tents = tent_basis(torch.tensor([0.0, 1.0, 2.0, 3.0, 9.0]), step=2.0, n_basis=2)
    np.testing.assert_allclose(tents, [[0, 0], [0.25, 0], [0.5, 0], [0.25, 0.25], [0, 0]])


def test_smooth_basis_tiles_its_length() -> None:
    length = 20.0
    lag = torch.linspace(-2, 22, 4801, dtype=torch.float64)
    basis = smooth_basis(lag, 8, length)
    assert basis.shape == (4801, 8) and (basis >= 0).all()
    assert not basis[(lag < 0) | (lag > length)].any()
    peaks = lag[basis.argmax(0)]
    assert (peaks.diff() > 0).all() and (peaks.diff().diff() > -0.02).all()
    torch.testing.assert_close(basis.amax(0), torch.ones(8, dtype=torch.float64), atol=1e-3, rtol=0)
    # raised cosines two spacings wide on either side add up to a constant between the outer ones
    inner = (lag > peaks[1]) & (lag < peaks[-2])
    torch.testing.assert_close(
        basis[inner].sum(1), torch.full((int(inner.sum()),), 2.0, dtype=torch.float64)
    )
    edges = basis[(lag > 0) & (lag < 0.01)]
    assert edges.max() < 0.01  # continuous at its start


def test_smooth_basis_does_not_depend_on_the_type() -> None:
    lag = torch.linspace(0, 20, 50, dtype=torch.float64)
    single = smooth_basis(lag.float(), 6, 20.0)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), smooth_basis(lag, 6, 20.0), atol=1e-5, rtol=0)


def test_lag_matrix() -> None:
    lags = lag_matrix(torch.tensor([0.0, 1.25]), n_past=2, n_ticks=3, resolution=0.5)
    assert lags.dtype == torch.float64
    np.testing.assert_allclose(lags, [[0.75, 0.25, -0.25, -0.75, -1.25],
                                      [2.0, 1.5, 1.0, 0.5, 0.0]])  # fmt: skip
