"""The likelihood of cross-spectra is least at the truth, and its information bounds errors."""

import numpy as np
import pytest
import torch

from drmbids.fit.rest.whittle import (
    band_connectivity,
    information,
    normalised,
    root_of,
    statistics_error,
    whittle,
    whittle_of,
)

F = torch.tensor([0.01, 0.02, 0.03], dtype=torch.float64)


@pytest.fixture
def spectra() -> torch.Tensor:
    make = torch.Generator().manual_seed(0)
    mixed = torch.randn(3, 4, 4, dtype=torch.complex128, generator=make)
    return mixed @ mixed.mH


def test_the_likelihood_is_that_of_complex_gaussians(spectra: torch.Tensor) -> None:
    other = spectra.flip(0)
    terms = [
        np.linalg.slogdet(m)[1] + np.trace(np.linalg.solve(m, p)).real
        for m, p in zip(spectra.numpy(), other.numpy(), strict=True)
    ]
    assert whittle(spectra, other).item() == pytest.approx(np.mean(terms) / 4)
    assert whittle(spectra, spectra) < whittle(1.1 * spectra, spectra)
    assert whittle(spectra, spectra) < whittle(other, spectra)


def test_information_is_the_curvature_of_the_likelihood(spectra: torch.Tensor) -> None:
    """Expected second derivatives, at the truth, by finite differences."""
    slope = torch.eye(4, dtype=torch.complex128).expand(3, 4, 4)
    n, step = 50.0, 1e-4
    found = information(spectra, [slope, spectra], n)
    values = [3 * 4 * n * whittle(spectra + k * step * slope, spectra).item() for k in (-1, 0, 1)]
    assert found[0, 0].item() == pytest.approx(
        (values[0] - 2 * values[1] + values[2]) / step**2, rel=1e-3
    )
    assert found[1, 1].item() == pytest.approx(3 * 4 * n)  # of a common scale


def test_connectivity_and_lags_follow_from_phase() -> None:
    delay = 5.0
    turned = torch.exp(2j * torch.pi * F * delay)
    spectra = torch.ones(3, 2, 2, dtype=torch.complex128)
    spectra[:, 0, 1], spectra[:, 1, 0] = turned, turned.conj()  # 1 lags 0
    assert band_connectivity(spectra, F, delay)[0, 1].item() == pytest.approx(1.0)
    assert band_connectivity(spectra, F, -delay)[1, 0].item() == pytest.approx(1.0)
    wanted = np.cos(2 * np.pi * F.numpy() * delay).mean()
    assert band_connectivity(9 * spectra, F)[0, 1].item() == pytest.approx(wanted)
    assert normalised(9 * spectra)[:, 1, 1].real.sum().item() == pytest.approx(1.0)


def test_errors_of_statistics_are_weighed(spectra: torch.Tensor) -> None:
    other = spectra.flip(0)

    def error(**weights: float) -> float:
        return statistics_error(other, spectra, F, weights, (2.0, 4.0)).item()

    parts = [error(fc=1.0), error(lagged_fc=1.0), error(spectra=1.0)]
    assert min(parts) >= 0 and parts[2] > 0
    both = error(fc=2.0, lagged_fc=1.0, spectra=0.5)
    assert both == pytest.approx(2 * parts[0] + parts[1] + parts[2] / 2)
    assert statistics_error(3 * spectra, spectra, F, {"fc": 1.0, "spectra": 1.0}, ()).item() < 1e-20


def test_the_root_of_measured_spectra_changes_no_likelihood() -> None:
    make = torch.Generator().manual_seed(3)
    parts = torch.randn(2, 5, 3, dtype=torch.complex128, generator=make)  # three segments
    measured = parts @ parts.mH
    assert root_of(measured).shape == (2, 5, 3)
    torch.testing.assert_close(root_of(measured) @ root_of(measured).mH, measured)
    model = (measured + torch.eye(5)).requires_grad_()
    for found in (whittle(model, measured), whittle_of(measured)(model)):
        wanted = torch.linalg.slogdet(model).logabsdet.sum()
        wanted = wanted + torch.linalg.solve(model, measured).diagonal(dim1=1, dim2=2).real.sum()
        torch.testing.assert_close(found, wanted / 10)
        slopes = (torch.autograd.grad(x, model, retain_graph=True)[0] for x in (found, wanted / 10))
        one, other = ((g + g.mH) / 2 for g in slopes)
        torch.testing.assert_close(one, other)
