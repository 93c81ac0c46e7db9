"""Hemodynamic responses: shapes, limits, area."""

import pytest
import torch

from drmbids.brain.readouts.hemodynamics import (
    DOUBLE_GAMMA_LIMITS,
    DoubleGamma,
    SmoothHRF,
    memory_ticks,
)
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.signals.hrf import DOUBLE_GAMMA

LAG = torch.arange(0.0, 32.0, 0.01)


def test_peaks_are_where_the_papers_have_them() -> None:
    spm, glover = (DoubleGamma(shape)(LAG)[0, 0].detach() for shape in ("spm", "glover"))
    assert LAG[spm.argmax()] == pytest.approx(5.0, abs=0.02)
    assert LAG[spm.argmin()] == pytest.approx(15.75, abs=0.03)
    assert float(spm.min() / spm.max()) == pytest.approx(-0.089, abs=0.002)
    assert LAG[glover.argmax()] == pytest.approx(5.0, abs=0.03)
    assert LAG[glover.argmin()] == pytest.approx(12.27, abs=0.03)
    assert float(glover.min() / glover.max()) == pytest.approx(-0.262, abs=0.002)


@pytest.mark.parametrize("shape", DOUBLE_GAMMA)
def test_double_gamma_starts_within_its_limits_and_says_so(shape: str) -> None:
    hrf = DoubleGamma(shape, n_regions=2)
    rows = hrf.parameter_rows()
    assert len(rows) == 2 * len(DOUBLE_GAMMA_LIMITS)
    for row in rows:
        lower, upper = DOUBLE_GAMMA_LIMITS[row["parameter"]]
        assert lower < row["value"] < upper
        assert row["value"] == pytest.approx(DOUBLE_GAMMA[shape][row["parameter"]], rel=1e-5)
        assert row["trainable"] and row["source"]
        assert row["unit"] == ("1" if row["parameter"] == "ratio" else "s")


def test_parameters_keep_to_their_limits() -> None:
    hrf = DoubleGamma()
    with pytest.raises(UsageError, match=r"must lie between 3 and 12"):
        hrf.set_value("delay", 13.0)
    with torch.no_grad():
        hrf.free_delay.fill_(50.0)
    assert hrf.value("delay").item() <= 12.0
    assert torch.isfinite(hrf(LAG)).all()


def test_a_fixed_response_does_not_train() -> None:
    hrf = DoubleGamma("glover", trainable=False)
    assert not any(p.requires_grad for p in hrf.parameters())
    assert not any(r["trainable"] for r in hrf.parameter_rows())


def test_regions_are_independent() -> None:
    hrf = DoubleGamma(n_regions=2)
    before = hrf(LAG)[:, 0].detach()
    hrf.set_value("delay", torch.tensor([6.0, 4.0]))
    after = hrf(LAG)[:, 0]
    torch.testing.assert_close(after[0], before[0])
    assert LAG[after[1].argmax()] < 4.0


@pytest.mark.parametrize(
    ("derivatives", "n"), [("none", 1), ("time", 2), ("time_and_dispersion", 3)]
)
def test_derivatives_are_basis_functions_beside_the_response(derivatives: str, n: int) -> None:
    hrf = DoubleGamma(n_regions=2, derivatives=derivatives)
    got = hrf(LAG)
    assert got.shape == (2, n, len(LAG)) and hrf.features_per_unit == n
    torch.testing.assert_close(got[:, :1], DoubleGamma(n_regions=2)(LAG))
    if n > 1:  # a little of the derivative moves the response to earlier times
        moved = got[0, 0] + 0.2 * got[0, 1]
        torch.testing.assert_close(moved[100:-20], got[0, 0, 120:], atol=2e-3, rtol=0)


@pytest.mark.parametrize("n_basis", [6, 10, 15])
def test_smooth_response_starts_as_the_spm_response(n_basis: int) -> None:
    got, wanted = SmoothHRF(n_basis=n_basis)(LAG)[0, 0], DoubleGamma("spm")(LAG)[0, 0]
    got = got * (got @ wanted) / (got @ got)
    assert (got - wanted).norm() / wanted.norm() < 0.15


def test_smooth_response_keeps_its_area_whatever_the_coefficients() -> None:
    hrf = SmoothHRF(n_regions=3)
    with torch.no_grad():
        hrf.coefficients.normal_().mul_(torch.tensor([[1.0], [50.0], [0.01]]))
    area = hrf(LAG)[:, 0].abs().sum(1) * 0.01
    torch.testing.assert_close(area, torch.ones(3), rtol=1e-2, atol=0)


@pytest.mark.parametrize(
    ("length", "resolution", "ticks"), [(32.0, 0.1, 320), (1.0, 0.3, 4), (32.0, 32.0, 1)]
)
def test_memory_in_ticks(length: float, resolution: float, ticks: int) -> None:
    assert memory_ticks(length, resolution) == ticks


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="unknown double gamma 'fsl'; choose one of: spm, glover"):
        DoubleGamma("fsl")
    with pytest.raises(ModelError, match="unknown derivatives 'dispersion'; choose one of: none,"):
        DoubleGamma(derivatives="dispersion")
    with pytest.raises(ModelError, match="n_regions >= 1 and length > 0"):
        DoubleGamma(n_regions=0)
    with pytest.raises(ModelError, match="n_regions >= 1 and length > 0"):
        SmoothHRF(length=0.0)
    with pytest.raises(ModelError, match="at least 3 basis functions"):
        SmoothHRF(n_basis=2)
