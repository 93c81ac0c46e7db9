"""Spectra against scipy."""

import numpy as np
import pytest
import torch
from scipy.signal import csd, welch

from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.signals.spectra import cross_spectra, hann_leakage, power_spectra, segments


@pytest.fixture
def series() -> torch.Tensor:
    make = torch.Generator().manual_seed(0)
    white = torch.randn(1000, 2, 3, dtype=torch.float64, generator=make)
    return white + 2 * white.roll(3, 0).roll(1, 2)


def test_spectra_are_scipys(series: torch.Tensor) -> None:
    parts = segments(series, 0.5, 100)
    options = {"fs": 2.0, "window": "hann", "nperseg": 100, "return_onesided": False}
    options["detrend"] = "constant"
    power, cross = power_spectra(parts), cross_spectra(parts)
    for batch in range(2):
        values = series[:, batch].numpy().T
        _, wanted = welch(values, **options)
        np.testing.assert_allclose(power[:-1, batch].T, wanted[:, :50], rtol=1e-9)
        _, wanted = csd(values[:, None], values[None], **options)
        # scipy conjugates the first series
        got = cross[:-1, batch].permute(1, 2, 0).conj()
        np.testing.assert_allclose(got.resolve_conj(), wanted[..., :50], rtol=1e-7, atol=1e-12)


def test_the_phase_is_positive_where_the_second_lags() -> None:
    x = torch.randn(4000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    both = torch.stack((x, x.roll(2)), -1).unsqueeze(1)
    parts = segments(both, 0.01, 200)
    phase = cross_spectra(parts, 5.0, 5.0)[0, 0, 0, 1].angle()
    assert phase.item() == pytest.approx(2 * np.pi * 5 * 0.02, rel=0.05)


def test_missing_samples_leave_the_power_where_it_was(series: torch.Tensor) -> None:
    there = torch.rand(series.shape, generator=torch.Generator().manual_seed(0)) > 0.2
    whole, partly = (power_spectra(segments(series, 0.5, 50, t)) for t in (None, there))
    assert partly.mean().item() == pytest.approx(whole.mean().item(), rel=0.05)
    moved = torch.where(there, series, 1e6)
    torch.testing.assert_close(power_spectra(segments(moved, 0.5, 50, there)), partly)


def test_a_series_without_samples_has_no_power_and_no_gradient(series: torch.Tensor) -> None:
    there = torch.ones_like(series, dtype=torch.bool)
    there[:, 0, 1] = False
    free = series.clone().requires_grad_()
    power = power_spectra(segments(free, 0.5, 50, there))
    assert not power[:, 0, 1].any()
    power.sum().backward()
    assert torch.isfinite(free.grad).all() and not free.grad[:, 0, 1].any()


def test_leakage_is_that_of_the_window() -> None:
    n = 64
    taper = torch.hann_window(n, dtype=torch.float64)
    spectrum = torch.fft.fft(taper, 8 * n).abs().square() / n**2
    offsets = torch.arange(0, 5 * 8, dtype=torch.float64) / 8
    np.testing.assert_allclose(hann_leakage(offsets), spectrum[: len(offsets)], atol=1e-3)


@pytest.mark.parametrize("length", [2, 51, 2000])
def test_impossible_segments_are_refused(series: torch.Tensor, length: int) -> None:
    with pytest.raises(UsageError, match="segments must be"):
        segments(series, 0.5, length)
